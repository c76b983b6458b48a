"""Sizes, steps and CFG scale for a checkpoint, from its name, where the user left them blank.

No WebUI reports the family of a checkpoint, but file names usually contain it. Sizes are those that
the families were trained on; steps and CFG of few-step models are those of their model cards.
"""

import re
from dataclasses import dataclass

from sdwebui.images.sizes import completed, to_step
from sdwebui.parameter_types import AspectRatio, ModelFamily

Sizes = dict[AspectRatio, tuple[int, int]]


def _with_portraits(landscape: dict[AspectRatio, tuple[int, int]]) -> Sizes:
    """Return sizes with those of the portrait formats added."""
    flipped: dict[AspectRatio, AspectRatio] = {"4:3": "3:4", "3:2": "2:3", "16:9": "9:16"}
    portraits = {
        flipped[ratio]: size[::-1] for ratio, size in landscape.items() if ratio in flipped
    }
    return {**landscape, **portraits}


SIZES_512 = _with_portraits(
    {"1:1": (512, 512), "4:3": (640, 480), "3:2": (768, 512), "16:9": (896, 504)}
)
SIZES_768 = _with_portraits(
    {"1:1": (768, 768), "4:3": (896, 672), "3:2": (960, 640), "16:9": (1024, 576)}
)
SIZES_1024 = _with_portraits(
    {"1:1": (1024, 1024), "4:3": (1152, 896), "3:2": (1216, 832), "16:9": (1344, 768)}
)


@dataclass(frozen=True, slots=True)
class Preset:
    """Settings for a family of checkpoints.

    Attributes:
        family: Its name.
        sizes: Width and height in pixels for each aspect ratio.
        steps: Sampling steps.
        cfg_scale: How strongly the prompt counts; 1 switches guidance off.
    """

    family: str
    sizes: Sizes
    steps: int = 20
    cfg_scale: float = 7.0


_PRESETS: dict[ModelFamily, Preset] = {
    "flux": Preset("Flux", SIZES_1024, cfg_scale=1.0),
    "zimage": Preset("Z-Image", SIZES_1024, 28, 4.0),
    "qwen": Preset("Qwen-Image", SIZES_1024, cfg_scale=2.5),
    "sd3": Preset("SD 3", SIZES_1024, 28, 4.5),
    "sdxl": Preset("SDXL", SIZES_1024),
    "sd2": Preset("SD 2", SIZES_768),
    "sd15": Preset("SD 1.5", SIZES_512),
}
_NAMES: tuple[tuple[str, ModelFamily], ...] = (
    (r"flux|chroma", "flux"),
    (r"z[-_ ]?image", "zimage"),
    (r"qwen", "qwen"),
    (r"sd[-_ ]?3|stable[-_ ]diffusion[-_ ]?3", "sd3"),
    (
        r"xl(?![a-z]{2})|pony|illustrious|noob|animagine|juggernaut|kolors|cascade|hidream|lumina"
        r"|auraflow|pixart",
        "sdxl",
    ),
    (r"768|v2[-_.]1(?!.*512)|sd[-_ ]?2", "sd2"),
)

# Steps and CFG of distilled models; the name may give the steps itself ("4step", "8-steps").
_DISTILLED = (
    (r"schnell", 4, 1.0),
    (r"z[-_ ]?image.*turbo", 9, 1.0),
    (r"turbo", 4, 1.0),
    (r"lightning", 6, 1.5),
    (r"(?<![a-z])hyper(?![a-z])|hyper[-_ ]?sd", 8, 1.5),
    (r"(?<![a-z])lcm(?![a-z])", 6, 1.5),
    (r"(?<![a-z])dmd2?(?![a-z])", 6, 1.0),
)


def preset_for(checkpoint: str, family: ModelFamily = "auto") -> Preset:
    """Return the preset for a checkpoint.

    Args:
        checkpoint: Its name, which also shows whether it is a distilled model.
        family: Its family; "auto" takes it from the name, SD 1.5 if the name shows none.
    """
    name = checkpoint.lower()
    if family == "auto":
        family = next((known for pattern, known in _NAMES if re.search(pattern, name)), "sd15")
    preset = _PRESETS[family]
    # SDXL Turbo and SD Turbo are trained at 512; a community "turbo" of SDXL at 1024.
    sizes = SIZES_512 if re.search(r"sd[-_ ]?(xl)?[-_ ]turbo", name) else preset.sizes
    for pattern, steps, cfg_scale in _DISTILLED:
        if re.search(pattern, name):
            named = re.search(r"(\d{1,2})[-_ ]?steps?", name)
            few_steps = int(named[1]) if named and int(named[1]) > 0 else steps
            return Preset(preset.family, sizes, few_steps, min(cfg_scale, preset.cfg_scale))
    return Preset(preset.family, sizes, preset.steps, preset.cfg_scale)


def size_for(
    preset: Preset, aspect_ratio: AspectRatio, width: int | None, height: int | None
) -> tuple[int, int]:
    """Return width and height in pixels, multiples of 8 from 64 to 4096.

    A missing side follows from the other one and the aspect ratio; without both it is the size of
    the family.
    """
    if width is None and height is None:
        return preset.sizes[aspect_ratio]
    width, height = completed(aspect_ratio, width, height)
    return to_step(width), to_step(height)
