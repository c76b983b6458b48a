"""One generation of a WebUI: what was asked, what comes of it, and the drawing."""

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from PIL import Image, ImageChops, ImageFilter, ImageOps

from devkit.simulator import painter
from devkit.simulator.inventory import Checkpoint, Lora
from devkit.simulator.jobs import Job

LORA_TAG = re.compile(r"<(?:lora|lyco):([^:>]+)(?::([^>]*))?>")
SEEDS = ("seed", "subseed")
NUMBER = re.compile(r"-?\d+(\.\d*)?|-?\.\d+")


@dataclass
class Generation:
    """A job's facts, filled in while it is prepared and done.

    Attributes:
        values: The request's fields with their defaults.
        notes: What the infotext reports beside the common fields; None is left out.
        guides: Images that ControlNet steers by.
        maps: Detect maps that follow the images.
    """

    kind: str
    values: dict[str, Any]
    job: Job
    model: Checkpoint
    sources: list[Image.Image]
    mask: Image.Image | None
    prompt: str = ""
    negative_prompt: str = ""
    seeds: list[int] = field(default_factory=list)
    subseeds: list[int] = field(default_factory=list)
    sampler: str = ""
    scheduler: str | None = None
    size: tuple[int, int] = (512, 512)
    final_size: tuple[int, int] | None = None
    notes: dict[str, Any] = field(default_factory=dict)
    guides: list[Image.Image] = field(default_factory=list)
    images: list[Image.Image] = field(default_factory=list)
    maps: list[Image.Image] = field(default_factory=list)

    def count(self) -> None:
        """Choose the seeds of all images: counted up, unless only the variation changes."""
        batches, size = self.values["n_iter"], self.values["batch_size"]
        self.job.batches = batches
        steady = bool(self.values["subseed_strength"])
        chance, numbers = random.getrandbits(32), range(batches * size)
        first, other = (chance if self.values[one] == -1 else self.values[one] for one in SEEDS)
        self.seeds = [first if steady else first + number for number in numbers]
        self.subseeds = [other + number for number in numbers]

    def apply_styles(self, styles: list[dict[str, Any]]) -> None:
        """Put the texts of known styles into the prompts; unknown ones do nothing."""
        by_name = {style["name"]: style for style in styles}
        self.prompt, self.negative_prompt = self.values["prompt"], self.values["negative_prompt"]
        for style in (by_name[name] for name in self.values["styles"] or () if name in by_name):
            self.prompt = _styled(self.prompt, style["prompt"])
            self.negative_prompt = _styled(self.negative_prompt, style["negative_prompt"])

    def fit_sources(self, blur: float, mode: int = 0) -> None:
        """Bring source images and mask to the size asked for: stretched, cropped or padded."""
        fit = {1: ImageOps.fit, 2: ImageOps.pad}.get(mode, Image.Image.resize)
        self.sources = [fit(image.convert("RGB"), self.size) for image in self.sources]
        if self.mask is None:
            return
        # Of RGBA the alpha channel counts, else the luminance; white may change.
        alpha = self.mask.mode == "RGBA"
        grey = fit(self.mask.getchannel("A") if alpha else self.mask.convert("L"), self.size)
        if self.values["inpainting_mask_invert"]:
            grey = ImageChops.invert(grey)
        self.mask = grey.filter(ImageFilter.GaussianBlur(blur)) if blur else grey

    def draw(self, index: int, share: float) -> Image.Image:
        """Return image number ``index``; ``share`` is how much was done when interrupted."""
        size = self.final_size if self.final_size and share == 1.0 else self.size
        seed, prompt = self.seeds[index], self.prompt
        if self.values["subseed_strength"]:
            prompt += f" {self.subseeds[index]}"
        image = painter.paint(prompt, seed, self.model.file, *size)
        if self.sources:
            source = self.sources[min(index, len(self.sources) - 1)]
            image = painter.derived(source, image, self.strength, self.mask)
        for guide in self.guides:
            lines = painter.edges(guide.resize(size))
            image = ImageChops.screen(image, lines.point(lambda value: value // 2))
        return image if share == 1.0 else painter.half_done(image, share, seed)

    @property
    def strength(self) -> float:
        """The denoising strength of img2img."""
        given = self.values["denoising_strength"]
        return 0.75 if given is None else given


def lora_hashes(prompt: str, loras: list[Lora]) -> dict[str, str]:
    """Return the hashes of the LoRAs that a prompt's tags load, by the name the tag uses.

    Name or alias, not the path; a weight that is no number switches the tag off (A1111,
    recordings txt2img-lora-*).
    """
    return {
        name: lora.hash
        for name, weight in LORA_TAG.findall(prompt)
        if not weight or NUMBER.fullmatch(weight.split(":")[0])
        for lora in loras
        if name in (lora.name, lora.alias)
    }


def whole_blocks(width: float, height: float) -> tuple[int, int]:
    """Return a size rounded down, as latents are made of whole blocks (100 becomes 96)."""
    return int(width) // 8 * 8, int(height) // 8 * 8


def joined(pairs: Mapping[str, Any]) -> str:
    """Return pairs as one value of an infotext."""
    return ", ".join(f"{key}: {value}" for key, value in pairs.items())


def _styled(text: str, addition: str) -> str:
    """Return a prompt with a style's text: around it where it has ``{prompt}``, else behind."""
    if "{prompt}" in addition:
        return addition.replace("{prompt}", text)
    return ", ".join(filter(None, (text, addition)))
