"""Blank sizes, steps and CFG follow the family that a checkpoint's name shows."""

import pytest

from sdwebui.images.sizes import size_notes, to_step
from sdwebui.parameters import AspectRatio, ModelFamily
from sdwebui.planning.presets import preset_for, size_for


@pytest.mark.parametrize(
    ("name", "family", "size", "steps", "cfg_scale"),
    [
        ("v1-5-pruned-emaonly", "SD 1.5", (512, 512), 20, 7.0),
        ("dreamshaper_8", "SD 1.5", (512, 512), 20, 7.0),
        ("pixelart", "SD 1.5", (512, 512), 20, 7.0),
        ("v2-1_768-ema-pruned", "SD 2", (768, 768), 20, 7.0),
        ("sd_xl_base_1.0", "SDXL", (1024, 1024), 20, 7.0),
        ("juggernautXL_v9", "SDXL", (1024, 1024), 20, 7.0),
        ("ponyDiffusionV6XL", "SDXL", (1024, 1024), 20, 7.0),
        ("dreamshaperXL_lightningDPMSDE", "SDXL", (1024, 1024), 6, 1.5),
        ("sdxl_lightning_4step", "SDXL", (1024, 1024), 4, 1.5),
        ("sdxl_lightning_8-steps", "SDXL", (1024, 1024), 8, 1.5),
        ("sd_xl_turbo_1.0", "SDXL", (512, 512), 4, 1.0),
        ("dreamshaper_8LCM", "SD 1.5", (512, 512), 6, 1.5),
        ("photon_lcm", "SD 1.5", (512, 512), 6, 1.5),
        ("sd3.5_large", "SD 3", (1024, 1024), 28, 4.5),
        ("sd3.5_large_turbo", "SD 3", (1024, 1024), 4, 1.0),
        ("flux1-dev-bnb-nf4", "Flux", (1024, 1024), 20, 1.0),
        ("flux1-schnell-fp8", "Flux", (1024, 1024), 4, 1.0),
        ("z_image_turbo_bf16", "Z-Image", (1024, 1024), 9, 1.0),
        ("z_image_bf16", "Z-Image", (1024, 1024), 28, 4.0),
        ("hyperRealism_v3", "SD 1.5", (512, 512), 20, 7.0),
        ("juggernautXL_hyper", "SDXL", (1024, 1024), 8, 1.5),
        ("sd15_hyper-sd", "SD 1.5", (512, 512), 8, 1.5),
        ("", "SD 1.5", (512, 512), 20, 7.0),
    ],
)
def test_the_family_follows_from_the_name(
    name: str, family: str, size: tuple[int, int], steps: int, cfg_scale: float
) -> None:
    preset = preset_for(name)
    assert (preset.family, preset.steps, preset.cfg_scale) == (family, steps, cfg_scale)
    assert size_for(preset, "1:1", None, None) == size


@pytest.mark.parametrize(
    ("name", "given", "family", "size", "steps", "cfg_scale"),
    [
        ("mymix", "sdxl", "SDXL", (1024, 1024), 20, 7.0),
        ("mymix", "sd15", "SD 1.5", (512, 512), 20, 7.0),
        ("mymix", "sd2", "SD 2", (768, 768), 20, 7.0),
        ("mymix", "sd3", "SD 3", (1024, 1024), 28, 4.5),
        ("mymix", "flux", "Flux", (1024, 1024), 20, 1.0),
        ("mymix", "qwen", "Qwen-Image", (1024, 1024), 20, 2.5),
        ("mymix", "zimage", "Z-Image", (1024, 1024), 28, 4.0),
        ("mymix", "auto", "SD 1.5", (512, 512), 20, 7.0),
        ("", "sdxl", "SDXL", (1024, 1024), 20, 7.0),
        # A given family wins over the one in the name.
        ("sd_xl_base_1.0", "sd15", "SD 1.5", (512, 512), 20, 7.0),
        # The name still shows a distilled model and its number of steps.
        ("mymix_lightning", "sdxl", "SDXL", (1024, 1024), 6, 1.5),
        ("mymix_8step_lightning", "sdxl", "SDXL", (1024, 1024), 8, 1.5),
        ("mymix_schnell", "flux", "Flux", (1024, 1024), 4, 1.0),
    ],
)
def test_a_given_family_is_used_whatever_the_name_is(
    name: str,
    given: ModelFamily,
    family: str,
    size: tuple[int, int],
    steps: int,
    cfg_scale: float,
) -> None:
    preset = preset_for(name, given)
    assert (preset.family, preset.steps, preset.cfg_scale) == (family, steps, cfg_scale)
    assert size_for(preset, "1:1", None, None) == size


@pytest.mark.parametrize("name", ["v1-5", "v2-1_768", "sd_xl_base_1.0"])
@pytest.mark.parametrize("ratio", ["1:1", "4:3", "3:4", "3:2", "2:3", "16:9", "9:16"])
def test_every_aspect_ratio_has_a_size_of_about_the_same_area(
    name: str, ratio: AspectRatio
) -> None:
    preset = preset_for(name)
    width, height = size_for(preset, ratio, None, None)
    wide, high = map(int, ratio.split(":"))
    square = size_for(preset, "1:1", None, None)[0] ** 2
    assert width % 8 == height % 8 == 0
    assert width / height == pytest.approx(wide / high, rel=0.06)
    assert 0.8 < width * height / square < 1.8


def test_a_side_that_was_rounded_is_reported() -> None:
    assert size_notes((700, 304), (704, 304)) == ("width 700 became 704, a multiple of 8.",)
    assert size_notes((None, None), (512, 512)) == ()


def test_a_side_that_the_aspect_ratio_makes_too_long_or_short_is_reported() -> None:
    assert size_notes((2400, None), (2400, 4096), "9:16") == (
        "height became 4096 instead of the 4267 of 9:16: sides are of 64 to 4096 pixels.",
    )
    assert size_notes((64, None), (64, 64), "16:9") == (
        "height became 64 instead of the 36 of 16:9: sides are of 64 to 4096 pixels.",
    )
    assert size_notes((1280, None), (1280, 720), "16:9") == ()
    assert size_notes((None, None), (1344, 768), "16:9") == ()


def test_given_sides_are_used_and_a_missing_one_follows() -> None:
    preset = preset_for("v1-5")
    assert size_for(preset, "1:1", 700, 300) == (704, 304)
    assert size_for(preset, "16:9", 1280, None) == (1280, 720)
    assert size_for(preset, "16:9", None, 720) == (1280, 720)


@pytest.mark.parametrize(
    ("side", "made"), [(100, 104), (99, 96), (512, 512), (10, 64), (9000, 4096)]
)
def test_sides_become_multiples_of_eight(side: int, made: int) -> None:
    assert to_step(side) == made
