"""sd_outpaint: room beside an image painted full."""

from collections.abc import Callable

import pytest
from PIL import Image

from devkit.files import FileServer
from devkit.host import PluginError, ToolResult
from devkit.simulator import Simulator
from tests.e2e.conftest import generations
from tests.e2e.images import opened, plain, same

Invoke = Callable[..., ToolResult]


def test_the_image_stays_and_gets_room(invoke: Invoke, sim: Simulator, files: FileServer) -> None:
    requested = {
        "image": files.add(plain(), "in.png"),
        "prompt": "a cat",
        "expand_right": 64,
        "expand_top": "64",
        "steps": 2,
        "seed": 3,
    }
    result = invoke(sim, "sd_outpaint", requested)
    made = opened(result)
    assert made.size == (192, 192)
    before = Image.new("RGB", (192, 192), "navy")
    assert same(made, before, (0, 112, 80, 192))
    assert not same(made, before, (140, 0, 192, 50))
    assert [file.filename for file in result.files] == ["outpaint-3.png"]
    (one,) = generations(sim)
    assert one["body"]["denoising_strength"] == 0.8
    assert one["body"]["inpaint_full_res"] is False


def test_without_a_side_it_asks_for_one(invoke: Invoke, sim: Simulator, files: FileServer) -> None:
    requested = {"image": files.add(plain(), "in.png"), "prompt": "a", "expand_left": 0}
    with pytest.raises(PluginError, match="Say how many pixels to add: expand_left"):
        invoke(sim, "sd_outpaint", requested)
    assert generations(sim) == []
