"""Unknown keys and wrong values of ``more_settings`` are refused with their name."""

import re

import pytest

from sdwebui.errors import InvalidInput
from sdwebui.parameters import Generation, Inpaint
from sdwebui.planning.more_settings import read_settings
from tests.settings import AREA, FIELDS, GENERATING, refusal, sent


@pytest.mark.parametrize(
    ("text", "near"),
    [
        ("Clip skipp: 2", "Clip skip"),
        ("Clipskip 2: 2", "Clip skip"),
        ("Stylez: a", "Styles"),
        ("Hires upsclaer: Latent", "Hires upscaler"),
        ("Refiner switch: 0.5", "Refiner switch at"),
        ("Clip skip: 2, Tilling: True", "Tiling"),
        ("Denoise strength: 0.5", "Denoising strength"),
        ("ADetailr prompt: a", "ADetailer prompt"),
        ("Controlnet 2: Module: canny", "ControlNet 0"),
        ("Pixel perfekt: True", "Pixel Perfect"),
    ],
)
def test_an_unknown_key_is_refused_with_the_nearest(text: str, near: str) -> None:
    reported = refusal(text)
    key = text.rpartition(", ")[2].partition(":")[0]
    assert reported.startswith(
        f"more_settings: {key!r} is no setting that is known here. Did you mean"
    )
    assert near in reported.partition("Did you mean")[2].partition("?")[0]
    assert reported.endswith(
        "Write the names that PNG info shows, or the request's own fields as JSON."
    )


def test_every_unknown_key_is_named_and_a_long_one_shortened() -> None:
    reported = refusal("Clip skip: 2, Foo: 1, Bar: 2")
    assert "'Foo' is no setting" in reported
    assert "Nor is 'Bar'." in reported
    assert len(refusal(f"{'x' * 500}: 1, Clip skip: 2")) < 300


@pytest.mark.parametrize("text", ["just words", "a cat, dog: 3", "[1]", "50", ": 3", "🐈"])
def test_a_text_without_settings_is_refused(text: str) -> None:
    reported = refusal(text)
    assert reported.startswith(
        "more_settings: write settings as PNG info shows them, such as Clip skip"
    )
    assert reported.endswith(f"(got {text!r}).")


@pytest.mark.parametrize(
    ("text", "reported"),
    [
        ("Steps: 500", "more_settings: Steps must be at most 150 (got 500)."),
        ("Steps: 0", "more_settings: Steps must be at least 1 (got 0)."),
        ("steps: 500", "more_settings: Steps must be at most 150 (got 500)."),
        ("Steps: many", "more_settings: Steps: 'many' cannot be read."),
        ("CFG scale: 31", "more_settings: CFG scale must be at most 30 (got 31.0)."),
        ("CFG scale: nan", "more_settings: CFG scale: 'nan' cannot be read."),
        ("Clip skip: two", "more_settings: Clip skip: 'two' cannot be read."),
        ("Clip skip: 13", "more_settings: Clip skip must be at most 12 (got 13)."),
        ("Seed: -2", "more_settings: Seed must be at least -1 (got -2)."),
        ("Size: large", "more_settings: Size: write width x height, such as 832x1216 (got"),
        ("Size: 10x512", "more_settings: Size: width must be at least 64 (got 10)."),
        ("Hires resize: 512x9999", "more_settings: Hires resize: height must be at most 4096"),
        ("Hires upscale: 9", "more_settings: Hires upscale must be at most 4 (got 9.0)."),
        ("Tiling: maybe", "more_settings: Tiling must be true or false (got 'maybe')."),
        ("Face restoration: x", "more_settings: Face restoration must be one of 'CodeFormer' or"),
        ("Variation seed strength: 2", "more_settings: Variation seed strength must be at most 1"),
        ("Model family: x", "more_settings: Model family must be one of 'auto', 'sd15'"),
        ("LoRA: detail:heavy", "more_settings: LoRA: write it as name:weight"),
        ("LoRA: detail:11", "more_settings: LoRA: a weight must be at most 10 (got 11.0)."),
        ("Eta: much", "more_settings: Eta: 'much' cannot be read."),
        ("ENSD: 1.5", "more_settings: ENSD: '1.5' cannot be read."),
        ("Pad conds: maybe", "more_settings: Pad conds: 'maybe' cannot be read."),
        ("Seed resize from: big", "more_settings: Seed resize from: 'big' cannot be read."),
        ("Sigma churn: inf", "more_settings: Sigma churn: 'inf' cannot be read."),
        (f"a cat\n{FIELDS.replace('20', '500')}", "more_settings: Steps must be at most 150"),
    ],
)  # fmt: skip
def test_a_wrong_value_names_the_key(text: str, reported: str) -> None:
    assert refusal(text).startswith(reported)


@pytest.mark.parametrize(
    ("text", "reported"),
    [
        ("Mask blur: 99", "more_settings: Mask blur must be at most 64 (got 99)."),
        ("Mask mode: both", "more_settings: Mask mode must be one of 'masked' or 'not_masked'"),
        ("Inpaint area: all", "more_settings: Inpaint area must be one of 'whole' or"),
        ("Resize mode: big", "more_settings: Resize mode must be one of 'stretch', 'crop'"),
        (
            "Denoising strength: 2",
            "more_settings: Denoising strength must be at most 1 (got 2.0)",
        ),
    ],
)
def test_a_wrong_value_of_an_image_job_names_the_key(text: str, reported: str) -> None:
    assert refusal(text, Inpaint, **AREA).startswith(reported)


@pytest.mark.parametrize("model", GENERATING.values())
def test_a_message_about_a_field_that_the_form_lacks_names_a_key(
    model: type[Generation],
) -> None:
    absent = sorted(model.model_fields.keys() - {*model.LLM, *model.SETTINGS})
    assert absent
    for name in absent:
        with pytest.raises(InvalidInput) as caught:
            model.read({name: "1"})
        hint = re.search(r"write (.+?): … in more_settings", str(caught.value))
        known = hint is None or "is no setting" not in _reported(f"{hint[1]}: 1", model)
        assert known, caught.value


def _reported(text: str, kind: type[Generation]) -> str:
    """Return the message about a text, or its unknown keys."""
    try:
        return " ".join(read_settings(text, kind).unknown)
    except InvalidInput as error:
        return str(error)


def test_an_unknown_model_of_generation_data_is_reported_as_such() -> None:
    with pytest.raises(InvalidInput, match="The generation data name it; what you choose in model"):
        sent("Model: nowhere, Seed: 1", prompt="a cat")
