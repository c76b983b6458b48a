"""Parameters are checked before anything is sent, in every form that Dify gives them."""

from typing import Any

import pytest

from devkit.forms.build import MODELS
from sdwebui.errors import ImageMissing, InvalidInput
from sdwebui.images.files import ImageFile
from sdwebui.parameters import (
    Caption,
    ControlNet,
    Generation,
    Img2Img,
    Inpaint,
    ListResources,
    Outpaint,
    Parameters,
    PngInfo,
    Txt2Img,
    Upscale,
)

GENERATING = {
    tool: model
    for tool, model in MODELS.items()
    if issubclass(model, Generation) and "more_settings" in model.SETTINGS
}
WITH_IMAGE = [model for model in MODELS.values() if model.IMAGE]


@pytest.mark.parametrize("unset", [None, "", "None"])
def test_an_unset_value_has_several_spellings(unset: Any) -> None:
    requested = Txt2Img.read(
        {"prompt": "a", "sampler": unset, "steps": unset, "image_count": unset}
    )
    assert (requested.sampler, requested.steps, requested.image_count) == (None, None, 1)


@pytest.mark.parametrize("blank", [" ", "\n"])
@pytest.mark.parametrize(
    ("model", "name"),
    [
        *((Txt2Img, name) for name in ("sampler", "size", "hires_fix", "face_detailer", "vae")),
        (Inpaint, "mask_area"),
        (ControlNet, "control_model"),
        (Upscale, "upscaler"),
    ],
)
def test_a_text_of_blanks_is_unset(model: type[Parameters], name: str, blank: str) -> None:
    given: dict[str, Any] = {model.IMAGE: ImageFile(b"")} if model.IMAGE else {}
    assert not getattr(model.read({**given, name: blank}), name)


def test_a_prompt_may_be_the_word_none() -> None:
    assert Txt2Img.read({"prompt": "None"}).prompt == "None"


@pytest.mark.parametrize("unset", [None, ""])
def test_no_prompt_is_no_error_yet(unset: Any) -> None:
    # Pasted generation data may hold one.
    assert Txt2Img.read({"prompt": unset}).prompt == ""


@pytest.mark.parametrize(
    "word",
    ["default", "Default", " auto ", "automatic", "current", "loaded", "none", "null", "string",
     "undefined", '"default"', "<string>"],
)  # fmt: skip
def test_an_agents_word_for_no_particular_model_is_unset(word: str) -> None:
    assert Txt2Img.read({"model": word}).model is None


@pytest.mark.parametrize("name", ["automatic_v2", "default model", "nonesuch", "1"])
def test_a_model_whose_name_begins_like_such_a_word_is_kept(name: str) -> None:
    assert Txt2Img.read({"model": name}).model == name


def test_numbers_and_switches_may_be_text() -> None:
    requested = Txt2Img.read({"steps": "20.0", "cfg_scale": "5", "seed": "-1", "image_count": "2"})
    assert (requested.steps, requested.cfg_scale, requested.seed, requested.image_count) == (
        20,
        5.0,
        -1,
        2,
    )
    assert Txt2Img.build({"tiling": "0"}).tiling is False
    assert Txt2Img.build({"tiling": "True"}).tiling is True


@pytest.mark.parametrize("name", ["prompt", "sampler", "vae", "model", "face_detailer"])
def test_a_number_may_stand_for_a_text(name: str) -> None:
    # A variable of type number in a text field.
    assert getattr(Txt2Img.read({name: 1234}), name) == "1234"


@pytest.mark.parametrize(
    ("given", "reported"),
    [
        ({"steps": 0}, "steps must be at least 1 (got 0)."),
        ({"steps": 151}, "steps must be at most 150 (got 151)."),
        ({"steps": "many"}, "steps must be a whole number (got 'many')."),
        ({"steps": 2.5}, "steps must be a whole number (got 2.5)."),
        ({"steps": "0x10"}, "steps must be a whole number (got '0x10')."),
        ({"cfg_scale": 31}, "cfg_scale must be at most 30 (got 31)."),
        ({"cfg_scale": "nan"}, "cfg_scale must be at most 30 (got 'nan')."),
        ({"cfg_scale": "-1"}, "cfg_scale must be at least 0 (got -1)."),
        ({"cfg_scale": "x" * 100}, f"cfg_scale must be a number (got {'x' * 60!r})."),
        ({"size": "63x512"}, "size: width must be at least 64 (got 63)."),
        ({"size": "512x4097"}, "size: height must be at most 4096 (got 4097)."),
        ({"size": "large"}, "size: write width x height, such as 832x1216 (got 'large')."),
        ({"hires_fix": "9"}, "hires_fix: scale must be at most 4 (got 9)."),
        ({"image_count": 9}, "image_count must be at most 8 (got 9)."),
        ({"image_count": "99"}, "image_count must be at most 8 (got 99)."),
        ({"clip_skip": 13}, "clip_skip must be at most 12 (got 13)."),
        ({"seed": -2}, "seed must be at least -1 (got -2)."),
        ({"seed": 2**32}, "seed must be at most 4294967295 (got 4294967296)."),
        ({"lora": "a:heavy"}, "lora: write it as name:weight, …; 'heavy' is not a number."),
        ({"lora": "a:11"}, "lora: a weight must be at most 10 (got 11.0)."),
        ({"lora": "a:-11"}, "lora: a weight must be at least -10 (got -11.0)."),
        ({"aspect_ratio": "5:4"}, "aspect_ratio must be one of '1:1', '4:3'"),
        ({"model_family": "sd9"}, "model_family must be one of 'auto', 'sd15', 'sd2', 'sdxl'"),
        ({"output_format": "gif"}, "output_format must be one of 'original', 'png'"),
        ({"reproduce": {"url": "http://signed"}}, "reproduce must be an image file."),
        ({"reproduce": [ImageFile(b""), ImageFile(b"")]}, "reproduce must be an image file."),
        ({"prompt": ["a"]}, "prompt must be text (got \"['a']\")."),
        ({"nonsense": 1}, "There is no parameter nonsense."),
        # Forms of earlier versions.
        ({"width": 512}, "There is no parameter width."),
        ({"enable_hr": True}, "There is no parameter enable_hr."),
    ],
)  # fmt: skip
def test_wrong_values_are_refused_with_a_reason(given: dict[str, Any], reported: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        Txt2Img.read({"prompt": "a", **given})
    assert reported in str(caught.value)
    assert "signed" not in str(caught.value)


@pytest.mark.parametrize(
    ("given", "reported"),
    [
        ({"tiling": "maybe"}, "tiling must be true or false (got 'maybe')."),
        ({"styles": "[1"}, "styles: not a JSON list"),
        ({"styles": "[" * 5000}, "styles: not a JSON list"),
        ({"variation_strength": 2}, "variation_strength must be at most 1 (got 2)."),
        ({"refiner_switch_at": -1}, "refiner_switch_at must be at least 0 (got -1)."),
        ({"face_restorer": "x"}, "face_restorer must be one of 'CodeFormer' or 'GFPGAN'"),
        ({"hires_fix": {"steps": 151}}, "hires_fix: steps must be at most 150 (got 151)."),
        ({"hires_fix": {"size": "a"}}, "hires_fix: size: write width x height"),
        ({"extra": [1]}, 'extra: not a JSON object; write one such as {"eta": 0.5}.'),
        ({"nonsense": 1}, "There is no parameter nonsense."),
    ],
)
def test_details_are_checked_as_the_form_is(given: dict[str, Any], reported: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        Txt2Img.build(given)
    assert reported in str(caught.value)


def test_every_wrong_value_is_named_at_once() -> None:
    with pytest.raises(InvalidInput, match=r"image_count .* steps "):
        Txt2Img.read({"image_count": 0, "steps": 0})


def test_a_message_can_call_a_field_by_another_name() -> None:
    with pytest.raises(InvalidInput, match=r"^more_settings: Steps must be at most 150 \(got 500"):
        Txt2Img.build({"steps": 500}, {"steps": "more_settings: Steps"})


@pytest.mark.parametrize(("tool", "model"), GENERATING.items())
def test_a_field_that_the_form_lacks_is_reported_with_its_key(
    tool: str, model: type[Parameters]
) -> None:
    missing = {"tiling": "Tiling", "refiner": "Refiner", "vae": "VAE", "clip_skip": "Clip skip"}
    in_form = {*model.LLM, *model.SETTINGS}
    requested = {name: key for name, key in missing.items() if name not in in_form}
    for name, key in requested.items():
        with pytest.raises(InvalidInput) as caught:
            model.read({name: "1"})
        assert f"write {key}: … in more_settings" in str(caught.value), tool
    assert requested


@pytest.mark.parametrize("model", MODELS.values())
def test_a_form_names_fields_that_the_model_has(model: type[Parameters]) -> None:
    names = [*model.LLM, *model.SETTINGS]
    assert set(names) <= set(model.model_fields)
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("text", "loras"),
    [
        ("detail:0.8, film", [("detail", 0.8), ("film", 1.0)]),
        ("a:b:0.5", [("a:b", 0.5)]),
        ("<lora:detail:-0.5>\nfilm:1", [("detail", -0.5), ("film", 1.0)]),
        (" , ", []),
    ],
)
def test_loras_are_a_list_of_names_and_weights(text: str, loras: list[tuple[str, float]]) -> None:
    assert [(lora.name, lora.weight) for lora in Txt2Img.read({"lora": text}).lora] == loras


@pytest.mark.parametrize("text", ["cinematic, plain style", '["cinematic", "plain style"]'])
def test_styles_are_names(text: str) -> None:
    assert Txt2Img.build({"styles": text}).styles == ("cinematic", "plain style")


def test_an_object_for_a_text_is_json() -> None:
    # An object variable of a workflow arrives as a dict.
    assert Txt2Img.read({"more_settings": {"eta": 0.5}}).more_settings == '{"eta": 0.5}'


@pytest.mark.parametrize("model", WITH_IMAGE)
def test_an_image_is_needed_where_it_is_worked_on(model: type[Parameters]) -> None:
    reported = rf"^{model.IMAGE} is missing: hand over an image file\.$"
    for given in ({}, {model.IMAGE: None}, {model.IMAGE: ""}):
        with pytest.raises(ImageMissing, match=reported):
            model.read(given)
    assert getattr(model.read({model.IMAGE: ImageFile(b"")}), model.IMAGE)


@pytest.mark.parametrize("nothing", [None, [], [None], [None, None], ["", None]])
def test_an_untouched_list_of_files_is_empty(nothing: Any) -> None:
    # Dify hands over an optional list that nobody filled as [None].
    with pytest.raises(InvalidInput, match=r"^images is missing"):
        Upscale.read({"images": nothing})


def test_a_single_file_is_a_list_of_one() -> None:
    assert len(Upscale.read({"images": ImageFile(b"")}).images) == 1
    assert len(Upscale.read({"images": [ImageFile(b""), ImageFile(b"")]}).images) == 2
    assert len(Upscale.read({"images": [None, ImageFile(b"")]}).images) == 1
    with pytest.raises(InvalidInput, match="images must be an image file"):
        Upscale.read({"images": [ImageFile(b""), "http://signed"]})


def test_the_size_of_an_enlarged_image_may_be_larger() -> None:
    size = Upscale.read({"images": ImageFile(b""), "size": "3840x16384"}).size
    assert size
    assert (size.width, size.height) == (3840, 16384)
    with pytest.raises(InvalidInput, match=r"size: height must be at most 16384"):
        Upscale.read({"images": ImageFile(b""), "size": "3840x16385"})


def test_given_values_are_told_apart_from_defaults_that_dify_fills_in() -> None:
    requested = Txt2Img.read({"prompt": "a", "image_count": 1, "seed": "-1", "steps": 20})
    assert requested.explicit == {"prompt": "a", "steps": 20}


@pytest.mark.parametrize(
    ("model", "given"),
    [
        (Img2Img, {"resize_mode": "crop"}),
        (Inpaint, {"mask_blur": 4, "masked_content": "original", "inpaint_area": "only_masked"}),
        (Outpaint, {"mask_blur": 8, "masked_content": "fill", "expand_left": 0}),
        (ControlNet, {"control_weight": 1, "control_end": "1", "control_mode": "balanced"}),
    ],
)
def test_defaults_of_a_form_are_not_explicit(
    model: type[Parameters], given: dict[str, Any]
) -> None:
    assert set(model.read({model.IMAGE: ImageFile(b""), **given}).explicit) == {model.IMAGE}


def test_tools_with_few_parameters() -> None:
    assert Caption.read({"image": ImageFile(b"")}).method == "clip"
    assert PngInfo.read({"image": ImageFile(b""), "image_id": "last"}).image_id == "last"
    assert (ListResources.read({}).kind, ListResources.read({"filter": "x"}).filter) == ("all", "x")
    with pytest.raises(InvalidInput, match="There is no parameter limit"):
        ListResources.read({"limit": 50})
