"""sd_controlnet: images guided by another one."""

from collections.abc import Callable
from typing import Any

import pytest

from devkit.files import FileServer
from devkit.host import PluginError, PluginHost, ToolResult
from devkit.simulator import Simulator
from tests.e2e.conftest import PROVIDER, credentials, generations, names
from tests.e2e.images import plain

Invoke = Callable[..., ToolResult]
Simulators = Callable[[str], Simulator]


@pytest.mark.parametrize("family", ["a1111", "a1111-1.6", "forge"])
def test_it_guides_without_detect_maps(
    plugin: PluginHost, simulators: Simulators, files: FileServer, family: str
) -> None:
    sim = simulators(family)
    access = credentials(sim)
    model = names(plugin, access, "controlnet_models")[0]
    requested = {
        "prompt": "a cat",
        "size": "64x64",
        "steps": 2,
        "control_image": files.add(plain(colour="white"), "lines.png"),
        "control_model": model.partition(" [")[0],
        "control_module": "canny",
        "control_weight": 0.7,
        "control_end": 0.6,
        "control_mode": "control",
        "more_settings": "Pixel Perfect: True",
    }
    result = plugin.invoke(PROVIDER, "sd_controlnet", access, requested)
    assert [file.filename.partition("-")[0] for file in result.files] == ["controlnet"]
    assert result.variables["warnings"] == []
    (one,) = generations(sim)
    (unit,) = one["body"]["alwayson_scripts"]["ControlNet"]["args"]
    assert unit["model"] == model
    assert unit["save_detected_map"] is False
    assert unit["control_mode"] == "ControlNet is more important"
    assert (unit["enabled"], unit["weight"], unit["guidance_end"]) == (True, 0.7, 0.6)
    assert unit["pixel_perfect"] is True


@pytest.mark.parametrize(
    ("module", "model"), [("depth_midas", "f1p_sd15_depth"), ("openpose_full", "p_sd15_openpose")]
)
def test_a_preprocessor_alone_finds_its_model(
    invoke: Invoke, sim: Simulator, files: FileServer, module: str, model: str
) -> None:
    image = files.add(plain(), "a.png")
    requested = {"prompt": "a", "size": "64x64", "steps": 1, "control_image": image}
    result = invoke(sim, "sd_controlnet", {**requested, "control_module": module})
    (one,) = generations(sim)
    (unit,) = one["body"]["alwayson_scripts"]["ControlNet"]["args"]
    assert unit["model"].startswith(f"control_v11{model}")
    assert result.variables["warnings"] == []


def test_a_second_unit_stands_in_more_settings(
    plugin: PluginHost, sim: Simulator, files: FileServer
) -> None:
    access = credentials(sim)
    first, second = names(plugin, access, "controlnet_models")[:2]
    requested = {
        "prompt": "a cat",
        "size": "64x64",
        "steps": 2,
        "control_image": files.add(plain(colour="white"), "lines.png"),
        "control_image_2": files.add(plain(colour="black"), "depth.png"),
        "control_model": first,
        "more_settings": f'ControlNet 1: "Module: depth_midas, Model: {second}, Weight: 0.5"',
    }
    result = plugin.invoke(PROVIDER, "sd_controlnet", access, requested)
    assert result.variables["warnings"] == []
    (one,) = generations(sim)
    units = one["body"]["alwayson_scripts"]["ControlNet"]["args"]
    assert [(unit["model"], unit["weight"]) for unit in units] == [(first, 1.0), (second, 0.5)]


@pytest.mark.parametrize("family", ["sdnext", "sdcpp", "koboldcpp"])
def test_a_server_without_it(
    invoke: Invoke, simulators: Simulators, files: FileServer, family: str
) -> None:
    image = files.add(plain(), "a.png")
    with pytest.raises(PluginError, match="has no ControlNet that its API could use"):
        invoke(simulators(family), "sd_controlnet", {"prompt": "a", "control_image": image})


@pytest.mark.parametrize(
    ("changes", "reported"),
    [
        ({"control_model": "nope"}, "no ControlNet model 'nope'"),
        ({"control_module": "nope"}, "no ControlNet preprocessor 'nope'"),
        ({}, "control_module and control_model: say how the control image guides"),
        ({"control_weight": 3}, "control_weight must be at most 2"),
    ],
)
def test_mistakes_are_found_before(
    invoke: Invoke,
    simulators: Simulators,
    files: FileServer,
    changes: dict[str, Any],
    reported: str,
) -> None:
    """Forge would take every one of them without a word."""
    sim = simulators("forge")
    image = files.add(plain(), "a.png")
    with pytest.raises(PluginError, match=reported):
        invoke(sim, "sd_controlnet", {"prompt": "a", "control_image": image, **changes})
    assert generations(sim) == []


def test_a_missing_extension_is_said(invoke: Invoke, files: FileServer) -> None:
    requested = {"prompt": "a", "control_image": files.add(plain(), "a.png"), "control_model": "x"}
    with Simulator(family="a1111") as bare:
        with pytest.raises(PluginError, match="lacks the extension ControlNet"):
            invoke(bare, "sd_controlnet", requested)
        assert generations(bare) == []
