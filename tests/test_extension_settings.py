"""Settings of ControlNet and ADetailer reach the units of these extensions."""

from typing import Any

import pytest

from sdwebui.errors import InvalidInput
from sdwebui.parameters import ControlNet
from tests.settings import IMAGE, completed_with, holds, refusal, sent

UNIT = (
    "Module: canny, Model: control_v11p_sd15_canny [d14c016b], Weight: 0.8, "
    "Resize Mode: Resize and Fill, Processor Res: 768, Threshold A: 100, Threshold B: 200.5, "
    "Guidance Start: 0.1, Guidance End: 0.9, Pixel Perfect: False, "
    "Control Mode: ControlNet is more important"
)


UNIT_SENT = {
    "module": "canny", "model": "control_v11p_sd15_canny [d14c016b]", "weight": 0.8,
    "resize_mode": "Resize and Fill", "processor_res": 768, "threshold_a": 100.0,
    "threshold_b": 200.5, "guidance_start": 0.1, "guidance_end": 0.9, "pixel_perfect": False,
    "control_mode": "ControlNet is more important",
}  # fmt: skip


def units(text: str, **form: Any) -> list[dict[str, Any]]:
    """Return the ControlNet units that are sent."""
    plan, body = sent(text, ControlNet, prompt="a cat", **form)
    assert plan.notes == ()
    found: list[dict[str, Any]] = body["alwayson_scripts"]["ControlNet"]["args"]
    return found


@pytest.mark.parametrize(
    "text",
    [
        f'ControlNet 0: "{UNIT}"',
        f"ControlNet 0: {UNIT}",
        f"controlnet 0: {UNIT.lower()}",
        f'Clip skip: 2, ControlNet 0: "{UNIT}", Steps: 20',
        f"Clip skip: 2, ControlNet 0: {UNIT}, Steps: 20",
        f"ControlNet 0: {UNIT}\nSteps: 20".replace(", ", "\n"),
        "Preprocessor: canny, ControlNet model: control_v11p_sd15_canny [d14c016b], "
        "Control weight: 0.8, Starting control step: 0.1, Ending control step: 0.9, "
        "Control mode: ControlNet is more important, Pixel perfect: False, Processor res: 768, "
        "Threshold A: 100, Threshold B: 200.5, ControlNet 0: Resize Mode: Resize and Fill",
    ],
)
def test_a_control_unit_is_quoted_or_not(text: str) -> None:
    (unit,) = units(text)
    assert holds(unit, UNIT_SENT)


def test_what_follows_a_unit_is_not_part_of_it() -> None:
    text = f"ControlNet 0: {UNIT}, Model: dreamshaper_8"
    # "Model" is also a key of the unit, so it ends the unit only behind another key.
    requested = completed_with(
        f"ControlNet 0: {UNIT}, Clip skip: 2, Model: dreamshaper_8", ControlNet
    )
    assert (requested.clip_skip, requested.model) == (2, "dreamshaper_8")
    assert completed_with(text, ControlNet).controlnet_0.module == "canny"


def test_a_second_unit_belongs_to_the_second_image() -> None:
    text = 'ControlNet 1: "Module: depth_midas, Weight: 0.5, Guidance End: 0.8"'
    first, second = units(text, control_module="canny", control_image_2=IMAGE)
    assert (first["module"], first["weight"], first["guidance_end"]) == ("canny", 1.0, 1.0)
    assert (second["module"], second["weight"], second["guidance_end"]) == ("depth_midas", 0.5, 0.8)
    assert (first["image"], second["image"]) == ("one", "two")


def test_a_second_unit_without_a_second_image_is_reported() -> None:
    text = 'ControlNet 1: "Module: depth_midas"'
    try:
        plan, _ = sent(text, ControlNet, prompt="a cat", control_module="canny")
    except InvalidInput as error:
        assert "control_image_2" in str(error)
    else:
        assert "control_image_2" in " ".join(plan.notes)


@pytest.mark.parametrize(
    ("setting", "sent_as"),
    [
        ("Control Mode: Balanced", {"control_mode": "Balanced"}),
        (
            "Control Mode: My prompt is more important",
            {"control_mode": "My prompt is more important"},
        ),
        (
            "Control Mode: ControlNet is more important",
            {"control_mode": "ControlNet is more important"},
        ),
        ("Resize Mode: Just Resize", {"resize_mode": "Just Resize"}),
        ("Resize Mode: Crop and Resize", {"resize_mode": "Crop and Resize"}),
        ("Resize Mode: Resize and Fill", {"resize_mode": "Resize and Fill"}),
        # As Forge writes them (recordings txt2img-controlnet-*).
        ("Control Mode: ControlMode.BALANCED", {"control_mode": "Balanced"}),
        ("Control Mode: ControlMode.PROMPT", {"control_mode": "My prompt is more important"}),
        ("Control Mode: ControlMode.CONTROL", {"control_mode": "ControlNet is more important"}),
        ("Resize Mode: ResizeMode.RESIZE", {"resize_mode": "Just Resize"}),
        ("Resize Mode: ResizeMode.INNER_FIT", {"resize_mode": "Crop and Resize"}),
        ("Resize Mode: ResizeMode.OUTER_FIT", {"resize_mode": "Resize and Fill"}),
    ],
)
def test_options_of_a_unit_are_named_as_each_family_writes_them(
    setting: str, sent_as: dict[str, str]
) -> None:
    (unit,) = units(f'ControlNet 0: "Module: canny, {setting}"')
    assert holds(unit, sent_as)


def test_values_that_a_preprocessor_does_not_have_are_not_sent() -> None:
    (unit,) = units("ControlNet 0: Module: canny, Processor Res: -1, Threshold A: -1")
    assert not {"processor_res", "threshold_a"} & unit.keys()


@pytest.mark.parametrize(
    ("text", "reported"),
    [
        ("ControlNet 0: Module: canny, Weight: heavy", ("ControlNet 0", "must be a number")),
        ("ControlNet 0: Module: canny, Weight: 3", ("ControlNet 0", "must be at most 2 (got 3)")),
        ("ControlNet 1: Guidance End: 2", ("ControlNet 1", "must be at most 1 (got 2)")),
        ("Pixel Perfect: maybe", ("Pixel Perfect", "must be true or false (got 'maybe')")),
        ("Control mode: both", ("Control mode", "must be one of")),
    ],
)
def test_a_wrong_value_of_a_unit_names_it(text: str, reported: tuple[str, ...]) -> None:
    message = refusal(text, ControlNet)
    assert message.startswith("more_settings: ")
    for part in reported:
        assert part in message


def test_an_unknown_key_of_a_unit_is_refused() -> None:
    assert "'Wieght'" in refusal('ControlNet 0: "Module: canny, Wieght: 0.5"', ControlNet)


DETAILERS = (
    'ADetailer model: face_yolov8n.pt, ADetailer prompt: "a face, smiling", ADetailer negative '
    "prompt: blurry, ADetailer confidence: 0.3, ADetailer dilate erode: 4, ADetailer mask blur: 4, "
    "ADetailer denoising strength: 0.4, ADetailer inpaint only masked: True, ADetailer inpaint "
    "padding: 32, ADetailer use inpaint width height: False, ADetailer steps: 28, "
    "ADetailer model 2nd: hand_yolov8n, ADetailer confidence 2nd: 0.5, ADetailer version: 24.11.1"
)


def test_settings_of_adetailer_reach_each_of_its_units() -> None:
    _, body = sent(DETAILERS, prompt="a cat")
    on, skip, first, second = body["alwayson_scripts"]["ADetailer"]["args"]
    assert (on, skip) == (True, False)
    assert first == {
        "ad_model": "face_yolov8n.pt", "ad_prompt": "a face, smiling",
        "ad_negative_prompt": "blurry", "ad_confidence": 0.3, "ad_dilate_erode": 4,
        "ad_mask_blur": 4, "ad_denoising_strength": 0.4, "ad_inpaint_only_masked": True,
        "ad_inpaint_only_masked_padding": 32, "ad_use_inpaint_width_height": False,
        "ad_steps": 28, "ad_use_steps": True,
    }  # fmt: skip
    assert second == {"ad_model": "hand_yolov8n.pt", "ad_confidence": 0.5}


def test_a_face_detailer_of_the_form_takes_its_settings_from_the_text() -> None:
    text = "ADetailer prompt: smiling, ADetailer model 2nd: hand_yolov8n.pt"
    _, body = sent(text, prompt="a cat", face_detailer="face_yolov8n.pt")
    assert body["alwayson_scripts"]["ADetailer"]["args"][2:] == [
        {"ad_model": "face_yolov8n.pt", "ad_prompt": "smiling"},
        {"ad_model": "hand_yolov8n.pt"},
    ]


def test_a_second_detailer_stays_the_second() -> None:
    text = "ADetailer model 2nd: hand_yolov8n.pt, ADetailer prompt 2nd: hands"
    _, body = sent(text, prompt="a cat", face_detailer="face_yolov8n.pt")
    first, second = body["alwayson_scripts"]["ADetailer"]["args"][2:]
    assert first == {"ad_model": "face_yolov8n.pt"}
    assert (second["ad_model"], second["ad_prompt"]) == ("hand_yolov8n.pt", "hands")


def test_numbers_for_adetailer_keep_their_type() -> None:
    text = (
        "ADetailer model: face_yolov8n.pt, ADetailer confidence: 1.0, ADetailer steps: 7, "
        "ADetailer prompt: 7 cats"
    )
    _, body = sent(text, prompt="a cat")
    unit = body["alwayson_scripts"]["ADetailer"]["args"][2]
    assert (unit["ad_confidence"], unit["ad_steps"]) == (1.0, 7)
    assert (type(unit["ad_confidence"]), type(unit["ad_steps"])) == (float, int)
    assert unit["ad_prompt"] == "7 cats"


def test_an_unknown_key_of_adetailer_is_refused() -> None:
    assert "'ADetailer confidense'" in refusal("ADetailer confidense: 0.3")
