"""sd_caption, sd_png_info and sd_list_resources: what tools tell instead of making images."""

from collections.abc import Callable

import pytest

from devkit.files import FileServer
from devkit.host import PluginError, ToolResult
from devkit.simulator import Simulator
from tests.e2e.images import plain

Invoke = Callable[..., ToolResult]
Simulators = Callable[[str], Simulator]


@pytest.mark.parametrize("method", ["clip", "deepbooru"])
@pytest.mark.parametrize("family", ["a1111", "a1111-1.6", "forge", "sdnext"])
def test_captions(
    invoke: Invoke, simulators: Simulators, files: FileServer, family: str, method: str
) -> None:
    file = files.add(plain(), "a.png")
    result = invoke(simulators(family), "sd_caption", {"image": file, "method": method})
    assert result.text == result.variables["caption"] != ""


def test_sdcpp_has_no_captions(invoke: Invoke, simulators: Simulators, files: FileServer) -> None:
    with pytest.raises(PluginError, match="cannot put images into words"):
        invoke(simulators("sdcpp"), "sd_caption", {"image": files.add(plain(), "a.png")})


def test_koboldcpp_without_a_vision_model_says_so(
    invoke: Invoke, simulators: Simulators, files: FileServer
) -> None:
    with pytest.raises(PluginError, match=r"No Vision model loaded.*--mmproj"):
        invoke(simulators("koboldcpp"), "sd_caption", {"image": files.add(plain(), "a.png")})


@pytest.mark.parametrize("output_format", ["png", "jpeg", "webp"])
def test_png_info_reads_every_format_without_the_server(
    invoke: Invoke, sim: Simulator, files: FileServer, output_format: str
) -> None:
    requested = {"prompt": "a cat, <lora:add_detail:0.5>", "negative_prompt": "dog", "seed": 11}
    requested |= {"size": "64x72", "steps": 3, "output_format": output_format}
    (file,) = invoke(sim, "sd_txt2img", requested).files
    sim.reset()
    result = invoke(sim, "sd_png_info", {"image": files.add(file.data, file.filename)})
    told = result.variables
    assert told["prompt"].startswith("a cat")
    assert told["negative_prompt"] == "dog"
    assert (told["seed"], told["steps"], told["width"], told["height"]) == (11, 3, 64, 72)
    assert told["loras"] == ["add_detail:0.5"]
    assert told["model"]
    assert told["parameters"] == result.text
    assert sim.journal() == []


def test_png_info_says_when_there_is_nothing(
    invoke: Invoke, sim: Simulator, files: FileServer
) -> None:
    result = invoke(sim, "sd_png_info", {"image": files.add(plain(), "a.png")})
    assert result.text.startswith("The image holds no generation parameters")
    assert result.variables["parameters"] == ""
    assert result.variables["warnings"] == [result.text]


def test_list_resources_is_short_and_filtered(invoke: Invoke, sim: Simulator) -> None:
    result = invoke(sim, "sd_list_resources", {})
    assert result.text.startswith("models:\n- ")
    assert len(result.variables["names"]) <= 50
    filtered = invoke(sim, "sd_list_resources", {"kind": "samplers", "filter": "EULER"})
    assert filtered.variables["names"] == ["Euler a", "Euler"]
    assert filtered.variables["total"] == 2


def test_list_resources_shows_fifty_rows_at_most(invoke: Invoke, sim: Simulator) -> None:
    sim.configure(models=[f"model-{number:03}.safetensors" for number in range(120)])
    result = invoke(sim, "sd_list_resources", {"kind": "models"})
    assert len(result.variables["names"]) == 50
    assert result.variables["total"] == 120
    assert result.text.endswith("… and 70 more; narrow the filter, or name one kind.")
