"""sd_inpaint: a part repainted, marked by a mask, an area or transparency."""

from collections.abc import Callable

import pytest
from PIL import Image, ImageDraw

from devkit.files import FileServer
from devkit.host import PluginError, ToolResult
from devkit.simulator import Simulator
from tests.e2e.conftest import generations
from tests.e2e.images import opened, plain, png, same

Invoke = Callable[..., ToolResult]
Simulators = Callable[[str], Simulator]
BEFORE = Image.new("RGB", (128, 128), "navy")


def test_a_mask_keeps_what_is_black(invoke: Invoke, sim: Simulator, files: FileServer) -> None:
    mask = Image.new("L", (128, 128))
    ImageDraw.Draw(mask).rectangle((64, 0, 127, 127), fill=255)
    requested = {
        "image": files.add(plain(), "in.png"),
        "mask": files.add(png(mask), "mask.png"),
        "prompt": "a cat",
        "steps": 2,
        "seed": 3,
        "mask_blur": 0,
    }
    result = invoke(sim, "sd_inpaint", requested)
    made = opened(result)
    assert same(made, BEFORE, (0, 0, 60, 128))
    assert not same(made, BEFORE, (68, 0, 128, 128))
    assert [file.filename for file in result.files] == ["inpaint-3.png"]


def test_an_area_in_percent_is_a_mask(invoke: Invoke, sim: Simulator, files: FileServer) -> None:
    requested = {
        "image": files.add(plain(), "in.png"),
        "prompt": "a cat",
        "steps": 2,
        "mask_blur": 0,
    }
    made = opened(invoke(sim, "sd_inpaint", {**requested, "mask_area": "0, 0, 100%, 50%"}))
    assert not same(made, BEFORE, (0, 0, 128, 60))
    assert same(made, BEFORE, (0, 68, 128, 128))


def test_transparent_pixels_are_a_mask(invoke: Invoke, sim: Simulator, files: FileServer) -> None:
    image = Image.new("RGBA", (128, 128), "navy")
    image.paste((0, 0, 0, 0), (64, 0, 128, 128))
    invoke(sim, "sd_inpaint", {"image": files.add(png(image), "in.png"), "prompt": "a", "steps": 2})
    (one,) = generations(sim)
    assert one["body"]["mask"]


@pytest.mark.parametrize(
    ("area", "reported"),
    [
        (None, "mask is missing: hand over a mask"),
        ("0, 0, 100", "mask_area: write left, top, right, bottom in percent"),
        ("0, 50, 100, 40", "mask_area: left must be less than right and top less than bottom"),
    ],
)
def test_what_marks_nothing_costs_nothing(
    invoke: Invoke, sim: Simulator, files: FileServer, area: str | None, reported: str
) -> None:
    requested = {"image": files.add(plain(), "in.png"), "prompt": "a", "mask_area": area}
    with pytest.raises(PluginError, match=reported):
        invoke(sim, "sd_inpaint", requested)
    assert generations(sim) == []


@pytest.mark.parametrize("family", ["sdcpp", "koboldcpp"])
def test_settings_that_a_server_does_not_know_are_told(
    invoke: Invoke, simulators: Simulators, files: FileServer, family: str
) -> None:
    requested = {
        "image": files.add(plain(), "in.png"),
        "mask": files.add(plain(colour="white"), "mask.png"),
        "prompt": "a cat",
        "steps": 2,
        "mask_blur": 8,
        "masked_content": "noise",
    }
    result = invoke(simulators(family), "sd_inpaint", requested)
    title = {"sdcpp": "stable-diffusion.cpp", "koboldcpp": "KoboldCpp"}[family]
    assert result.variables["warnings"] == [
        f"{title} knows no mask_blur, so it was left out.",
        f"{title} knows no masked_content, so it was left out.",
    ]
