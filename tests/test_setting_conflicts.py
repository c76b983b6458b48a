"""The fields of the form win over ``more_settings``; settings without effect are reported."""

from typing import Any

import pytest

from sdwebui.errors import InvalidInput
from sdwebui.parameters import Generation, Img2Img, Inpaint, Outpaint, Size, Txt2Img
from tests.settings import completed_with, refusal, sent

# Fields of the form


@pytest.mark.parametrize(
    ("kind", "name", "value", "text"),
    [
        (Txt2Img, "prompt", "a dog", "Prompt: a cat"),
        (Txt2Img, "negative_prompt", "fog", "Negative prompt: rain"),
        (Txt2Img, "seed", 0, "Seed: 6"),
        (Txt2Img, "model", "a", "Model: b"),
        (Txt2Img, "size", "512x512", "Size: 640x480"),
        (Txt2Img, "sampler", "Euler", "Sampler: Euler a"),
        (Txt2Img, "steps", 9, "Steps: 30"),
        (Txt2Img, "cfg_scale", 0, "CFG scale: 5"),
        (Txt2Img, "face_detailer", "a", "ADetailer model: b"),
        (Txt2Img, "vae", "a", "VAE: b"),
        (Txt2Img, "clip_skip", 1, "Clip skip: 2"),
        (Txt2Img, "lora", "a:0.5", "LoRA: b"),
        (Txt2Img, "model_family", "sdxl", "Model family: Flux"),
        (Img2Img, "denoising_strength", 0, "Denoising strength: 0.5"),
        (Img2Img, "resize_mode", "fill", "Resize mode: Just resize"),
        (Inpaint, "mask_blur", 0, "Mask blur: 9"),
        (Inpaint, "inpaint_area", "whole", "Inpaint area: Only masked"),
        (Inpaint, "masked_content", "noise", "Masked content: fill"),
        (Outpaint, "mask_blur", 0, "Mask blur: 9"),
    ],
)
def test_a_field_of_the_form_wins(kind: type[Generation], name: str, value: Any, text: str) -> None:
    form = kind.build({name: value})
    assert getattr(completed_with(text, kind, **{name: value}), name) == getattr(form, name)
    # The text is used if the field is blank.
    assert getattr(completed_with(text, kind), name) not in {getattr(form, name), None, ""}


def test_each_part_of_a_hires_fix_wins_for_itself() -> None:
    text = "Hires upscale: 3, Hires upscaler: Latent, Hires steps: 9, Denoising strength: 0.3"
    hires = completed_with(text, Txt2Img, hires_fix="2, 0.4").hires_fix
    assert hires
    assert (hires.scale, hires.denoising_strength) == (2, 0.4)
    assert (hires.upscaler, hires.steps) == ("Latent", 9)


@pytest.mark.parametrize("off", ["off", "0", False])
def test_a_hires_fix_that_the_form_switches_off_stays_off(off: Any) -> None:
    assert completed_with("Hires upscale: 3, Hires upscaler: Latent", Txt2Img).hires_fix
    text = "a cat\nSteps: 20, Seed: 5, Hires upscale: 3, Hires upscaler: Latent"
    assert completed_with(text, Txt2Img, hires_fix=off).hires_fix is None


def test_no_hires_fix_in_the_form_needs_no_note() -> None:
    requested = completed_with("Hires upscale: 2, Hires steps: 5", Txt2Img, hires_fix="off")
    assert (requested.hires_fix, requested.notes) == (None, ())


def test_a_model_of_the_form_wins_over_a_hash() -> None:
    requested = completed_with("Model: b, Model hash: 879db523c3", Txt2Img, model="a")
    assert (requested.model, requested.model_hash) == ("a", None)


@pytest.mark.parametrize(
    ("name", "value"),
    [("seed", -1), ("image_count", 1), ("model_family", "auto"), ("model", "auto")],
)
def test_a_default_of_the_form_does_not_win(name: str, value: Any) -> None:
    requested = completed_with("Seed: 6, Model family: Flux, Model: b", Txt2Img, **{name: value})
    assert (requested.seed, requested.model_family, requested.model) == (6, "flux", "b")


def test_the_forms_sampler_replaces_the_schedule_type_too() -> None:
    requested = completed_with(
        "Sampler: DPM++ 2M, Schedule type: Karras", Txt2Img, sampler="Euler a"
    )
    assert (requested.sampler, requested.scheduler) == ("Euler a", None)


@pytest.mark.parametrize("kind", [Img2Img, Inpaint])
def test_the_size_of_another_image_is_not_used(kind: type[Generation]) -> None:
    text = "a cat\nSteps: 3, Sampler: Euler a, Size: 64x64"
    assert completed_with(text, kind).size is None
    assert completed_with("Size: 128x128", kind).size == Size(width=128, height=128)


def test_an_outpainted_image_has_the_size_that_it_grows_to() -> None:
    requested = completed_with("Size: 128x128", Outpaint)
    assert requested.size is None
    assert "Size" in requested.notes[0]
    with pytest.raises(InvalidInput, match=r"^There is no parameter size\.$"):
        Outpaint.read({"size": "128x128"})


def test_an_infotext_of_an_image_job_needs_no_note() -> None:
    text = "a cat\nSteps: 20, Sampler: Euler a, Seed: 5, Size: 64x64, Denoising strength: 0.5"
    requested = completed_with(text, Txt2Img)
    assert (requested.hires_fix, requested.notes) == (None, ())


# Settings without effect


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Mask blur: 4", Txt2Img),
        ("Resize mode: Crop and resize", Txt2Img),
        ("ControlNet 0: Module: canny", Txt2Img),
        ("Pixel Perfect: True", Txt2Img),
        ("Hires upscale: 2", Img2Img),
        ("Mask mode: Inpaint masked", Img2Img),
    ],
)
def test_a_setting_of_another_tool_is_left_out_with_a_note(
    text: str, kind: type[Generation]
) -> None:
    key = text.partition(":")[0]
    assert completed_with(text, kind).notes == (
        f"more_settings: left out, since this tool does not use it: {key}.",
    )


@pytest.mark.parametrize(
    "text",
    ["Denoising strength: 0.4", "Hires steps: 5", "Hires prompt: x", "Refiner switch at: 0.6",
     "Variation seed: 9", "ADetailer prompt: x", "Width: 512", "Hires fix: 1.5", "Batch size: 2"],
)  # fmt: skip
def test_a_setting_without_effect_is_reported(text: str) -> None:
    try:
        plan, body = sent(text, prompt="a cat")
    except InvalidInput as error:
        assert text.partition(":")[0] in str(error)
    else:
        assert plan.notes or body != sent("", prompt="a cat")[1]


def test_a_message_about_a_descriptive_key_names_what_to_write() -> None:
    (note,) = completed_with("Batch size: 4", Txt2Img).notes
    assert "Batch size (write image_count)" in note
    assert "field of its own: write it into image_count" in refusal("Image count: 4")
