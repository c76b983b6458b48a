"""ControlNet units have a preprocessor and a model that the server has, or are refused."""

from typing import Any

import pytest

from sdwebui.client import WebUI
from sdwebui.errors import ExtensionMissing, InvalidInput, Unsupported
from sdwebui.parameters import ControlNet
from tests.plans import LARGE
from tests.webui import CONTROLNET, URL, webui


def units(
    images: int = 1, changes: dict[str, Any] | None = None, family: str = "a1111", **requested: Any
) -> list[dict[str, Any]]:
    """Return the ControlNet units that are sent."""
    with webui(family, **{**CONTROLNET, **(changes or {})}):
        call = WebUI(URL).call()
        given = ControlNet.build({"prompt": "a cat", **requested})
        plan = call.planner.controlnet(given, ["one", "two"][:images])
        body = call.dialect.body(plan)
    found: list[dict[str, Any]] = body["alwayson_scripts"]["ControlNet"]["args"]
    return found


CANNY, CANNY_XL = CONTROLNET["/controlnet/model_list"]["model_list"][:2]


def test_a_control_unit_is_sent_as_every_family_reads_it() -> None:
    sent = units(control_module="Canny", control_model="control_v11p_sd15_canny")
    assert sent == [
        {
            "enabled": True,
            "image": "one",
            "module": "canny",
            "model": CANNY,
            "weight": 1.0,
            "guidance_start": 0.0,
            "guidance_end": 1.0,
            "control_mode": "Balanced",
            "resize_mode": "Crop and Resize",
            "pixel_perfect": True,
            "save_detected_map": False,
        }
    ]


@pytest.mark.parametrize(
    ("requested", "sent"),
    [
        ({"control_weight": 0.5}, {"weight": 0.5}),
        ({"control_end": 0.5}, {"guidance_end": 0.5}),
        ({"control_mode": "control"}, {"control_mode": "ControlNet is more important"}),
        ({"control_mode": "prompt"}, {"control_mode": "My prompt is more important"}),
        ({"controlnet_0": {"weight": 0.4}}, {"weight": 0.4}),
        ({"controlnet_0": {"weight": 0.4}, "control_weight": 0.5}, {"weight": 0.5}),
        (
            {"controlnet_0": {"start": 0.2, "end": 0.8}},
            {"guidance_start": 0.2, "guidance_end": 0.8},
        ),
        ({"controlnet_0": {"module": "depth_midas"}}, {"module": "canny"}),
        ({"controlnet_0": {"resize_mode": "fill"}}, {"resize_mode": "Resize and Fill"}),
        ({"controlnet_0": {"pixel_perfect": False}}, {"pixel_perfect": False}),
        (
            {"controlnet_0": {"threshold_a": 0, "threshold_b": 9}},
            {"threshold_a": 0, "threshold_b": 9},
        ),
        ({"controlnet_0": {"processor_res": 768}}, {"processor_res": 768}),
    ],
)
def test_settings_of_the_form_beat_those_of_a_text(
    requested: dict[str, Any], sent: dict[str, Any]
) -> None:
    (unit,) = units(control_module="canny", **requested)
    assert sent.items() <= unit.items()


@pytest.mark.parametrize(
    ("module", "model"),
    [
        ("canny", CANNY),
        ("dw_openpose_full", "control_v11p_sd15_openpose [cab727d4]"),
        ("depth_midas", "control_v11f1p_sd15_depth [cfd03158]"),
        ("reference_only", "None"),
    ],
)
def test_a_control_model_is_found_that_fits_the_preprocessor(module: str, model: str) -> None:
    (unit,) = units(control_module=module)
    assert (unit["module"], unit["model"]) == (module, model)


def test_a_control_model_needs_no_preprocessor() -> None:
    (unit,) = units(control_model=CANNY_XL)
    assert (unit["module"], unit["model"]) == ("none", CANNY_XL)


@pytest.mark.parametrize(
    ("changes", "requested"),
    [
        (LARGE, {}),
        ({}, {"model": "sd_xl_base_1.0"}),
        ({}, {"model_family": "sdxl"}),
    ],
)
def test_the_control_model_fits_the_model_that_makes_the_image(
    changes: dict[str, Any], requested: dict[str, Any]
) -> None:
    assert units(changes=changes, control_module="canny", **requested)[0]["model"] == CANNY_XL


def test_the_loaded_family_does_not_matter_when_another_is_requested() -> None:
    (unit,) = units(changes=LARGE, control_module="canny", model="dreamshaper_8")
    assert unit["model"] == CANNY


def test_a_second_control_image_is_a_second_unit() -> None:
    second = {"module": "depth_midas", "weight": 0.5}
    first, other = units(2, control_module="canny", controlnet_1=second)
    assert (first["image"], other["image"]) == ("one", "two")
    assert (other["module"], other["weight"]) == ("depth_midas", 0.5)
    assert other["model"].startswith("control_v11f1p_sd15_depth")


@pytest.mark.parametrize(
    ("images", "requested", "reported"),
    [
        (1, {}, "^control_module and control_model: say how the control image guides"),
        (
            1,
            {"control_module": "mediapipe_face"},
            "no ControlNet model of this server fits the preprocessor 'mediapipe_face'. Name one",
        ),
        (1, {"control_module": "cany"}, "no ControlNet preprocessor 'cany'. Did you mean 'canny'"),
        (
            1,
            {"control_model": "v11p_sd15_cany"},
            "no ControlNet model .* Did you mean 'control_v11p",
        ),
        (2, {"control_module": "canny"}, "^ControlNet 1: say how the control image guides"),
        (
            2,
            {"control_module": "canny", "controlnet_1": {"module": "mediapipe_face"}},
            "^ControlNet 1: no ControlNet model of this server fits",
        ),
    ],
)
def test_an_impossible_control_unit_is_refused(
    images: int, requested: dict[str, Any], reported: str
) -> None:
    with pytest.raises(InvalidInput, match=reported):
        units(images, **requested)


def test_controlnet_needs_its_extension() -> None:
    with pytest.raises(ExtensionMissing, match="Install sd-webui-controlnet"):
        units(changes=dict.fromkeys(CONTROLNET), control_module="canny")


@pytest.mark.parametrize("family", ["sdnext", "sdcpp", "koboldcpp"])
def test_a_family_without_controlnet_says_so(family: str) -> None:
    with pytest.raises(Unsupported, match="has no ControlNet that its API could use"):
        units(family=family, control_module="canny")
