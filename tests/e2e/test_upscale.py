"""sd_upscale: images enlarged, or why they cannot be."""

import io
from collections.abc import Callable
from typing import Any

import pytest
from PIL import Image

from devkit.files import FileServer
from devkit.host import PluginError, ToolResult
from devkit.simulator import Simulator
from tests.e2e.images import opened, plain

Invoke = Callable[..., ToolResult]
Simulators = Callable[[str], Simulator]


def test_several_are_enlarged(invoke: Invoke, sim: Simulator, files: FileServer) -> None:
    images = [files.add(plain((64, 64)), "a.png"), files.add(plain((96, 64)), "b.png")]
    result = invoke(sim, "sd_upscale", {"images": images, "scale": 2, "upscaler": "lanczos"})
    sizes = [Image.open(io.BytesIO(file.data)).size for file in result.files]
    assert sizes == [(128, 128), (192, 128)]
    assert [file.filename for file in result.files] == ["upscale-1.png", "upscale-2.png"]
    assert result.jsons[0]["upscaler"] == "Lanczos"
    assert result.text == "2 enlarged with Lanczos: 128×128, 192×128."


@pytest.mark.parametrize(("size", "made"), [("256x", (256, 128)), ("x64", (128, 64))])
def test_one_side_is_enough(
    invoke: Invoke, sim: Simulator, files: FileServer, size: str, made: tuple[int, int]
) -> None:
    requested = {"images": files.add(plain((64, 32)), "a.png"), "size": size, "upscaler": "Lanczos"}
    assert opened(invoke(sim, "sd_upscale", requested)).size == made


@pytest.mark.parametrize(
    ("requested", "reported"),
    [
        ({"upscaler": "nope"}, "no upscaler 'nope'"),
        ({"scale": 9}, "scale must be at most 8"),
        ({"scale": 8}, "Dify takes 30 MB a file. Ask for a scale of at most"),
        ({"scale": 8}, "or set output_format to jpeg or webp"),
    ],
)
def test_what_cannot_be_enlarged_is_said_before(
    invoke: Invoke, sim: Simulator, files: FileServer, requested: dict[str, Any], reported: str
) -> None:
    file = files.add(plain((1024, 1024)), "a.png")
    with pytest.raises(PluginError, match=reported):
        invoke(sim, "sd_upscale", {"images": file, **requested})
    assert not [one for one in sim.journal() if "extra-single" in one["path"]]


@pytest.mark.parametrize(
    ("family", "reported"),
    [
        ("sdcpp", "stable-diffusion.cpp cannot enlarge images"),
        ("koboldcpp", "KoboldCpp cannot enlarge images"),
    ],
)
def test_a_server_without_upscalers_says_so(
    invoke: Invoke, simulators: Simulators, files: FileServer, family: str, reported: str
) -> None:
    with pytest.raises(PluginError, match=reported):
        invoke(simulators(family), "sd_upscale", {"images": files.add(plain(), "a.png")})


@pytest.mark.parametrize("family", ["a1111", "a1111-1.6", "forge"])
def test_a_server_enlarges(
    invoke: Invoke, simulators: Simulators, files: FileServer, family: str
) -> None:
    file = files.add(plain((64, 64)), "a.png")
    result = invoke(simulators(family), "sd_upscale", {"images": file, "scale": 1.5})
    assert opened(result).size == (96, 96)
    assert result.variables["warnings"] == []


def test_sdnext_says_that_it_failed_to_enlarge(
    invoke: Invoke, simulators: Simulators, files: FileServer
) -> None:
    """The version recorded fails at its own answer (extra-single-image-lanczos-x2)."""
    with pytest.raises(PluginError, match="failed at upscale \\(500\\)"):
        invoke(simulators("sdnext"), "sd_upscale", {"images": files.add(plain(), "a.png")})
