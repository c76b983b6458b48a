"""Parameters are checked before anything is sent, and forgiven what Dify does to them."""

from typing import Any

import pytest

from sdwebui.errors import InvalidInput
from sdwebui.parameters import Img2Img, ListResources, Txt2Img, Upscale


class Held:
    """A file at hand."""

    def __init__(self, name: str = "a.png", data: bytes = b"") -> None:
        self.name = name
        self.data = data

    def read(self) -> bytes:
        return self.data


@pytest.mark.parametrize("unset", [None, "", "None"])
def test_unset_has_several_spellings(unset: Any) -> None:
    asked = Txt2Img.read({"prompt": "a", "sampler": unset, "steps": unset, "image_count": unset})
    assert (asked.sampler, asked.steps, asked.image_count) == (None, None, 1)


def test_a_prompt_may_be_the_word_none() -> None:
    assert Txt2Img.read({"prompt": "None"}).prompt == "None"


def test_numbers_and_switches_may_be_text() -> None:
    asked = Txt2Img.read({"steps": "20.0", "cfg_scale": "5", "enable_hr": "True", "tiling": "0"})
    assert (asked.steps, asked.cfg_scale, asked.enable_hr, asked.tiling) == (20, 5.0, True, False)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"steps": 0}, "steps must be at least 1 (got '0')."),
        ({"steps": 151}, "steps must be at most 150 (got '151')."),
        ({"steps": "many"}, "steps must be a whole number (got 'many')."),
        ({"steps": 2.5}, "steps must be a whole number (got '2.5')."),
        ({"cfg_scale": 31}, "cfg_scale must be at most 30.0 (got '31')."),
        ({"cfg_scale": "nan"}, "cfg_scale must be at most 30.0 (got 'nan')."),
        ({"width": 63}, "width must be at least 64 (got '63')."),
        ({"height": 4097}, "height must be at most 4096 (got '4097')."),
        ({"image_count": 9}, "image_count must be at most 8 (got '9')."),
        ({"seed": -2}, "seed must be at least -1 (got '-2')."),
        ({"seed": 2**32}, "seed must be at most 4294967295 (got '4294967296')."),
        ({"tiling": "maybe"}, "tiling must be true or false (got 'maybe')."),
        ({"lora": "a:heavy"}, "lora: write it as name:weight, …; 'heavy' is not a number."),
        ({"lora": "a:11"}, "lora: a weight must be at most 10.0 (got '11.0')."),
        ({"styles": "[1"}, "styles: not a JSON list"),
        ({"extra": "{"}, "extra: not JSON"),
        ({"extra": "[1]"}, "extra: not a JSON object; write one such as"),
        ({"extra": '{"a": NaN}'}, "extra: not JSON (Out of range float values"),
        ({"extra": '{"a": 1e999}'}, "extra: not JSON (Out of range float values"),
        ({"extra": {"a": float("inf")}}, "extra: not JSON (Out of range float values"),
        ({"extra": "[" * 5000}, "extra: not JSON ("),
        ({"extra": '{"a": "\\ud83d"}'}, "extra: not JSON ("),
        ({"styles": "[" * 5000}, "styles: not a JSON list ("),
        ({"size": "1:1"}, "There is no parameter size."),
        ({"aspect_ratio": "5:4"}, "aspect_ratio must be one of '1:1', '4:3'"),
        ({"reproduce": {"url": "http://signed"}}, "reproduce must be an image file."),
    ],
)
def test_wrong_values_are_refused_in_words(given: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        Txt2Img.read({"prompt": "a", **given})
    assert said in str(caught.value)
    assert "signed" not in str(caught.value)


def test_every_wrong_value_is_named_at_once() -> None:
    with pytest.raises(InvalidInput, match=r"image_count .* steps "):
        Txt2Img.read({"image_count": 0, "steps": 0})


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
    assert [(one.name, one.weight) for one in Txt2Img.read({"lora": text}).lora] == loras


@pytest.mark.parametrize("text", ["cinematic, plain style", '["cinematic", "plain style"]'])
def test_styles_are_names(text: str) -> None:
    assert Txt2Img.read({"styles": text}).styles == ("cinematic", "plain style")


def test_extra_is_text_or_an_object() -> None:
    assert Txt2Img.read({"extra": '{"eta": 1}'}).extra == {"eta": 1}
    assert Txt2Img.read({"extra": {"eta": 1}}).extra == {"eta": 1}


def test_files_are_needed_where_they_are_needed() -> None:
    with pytest.raises(InvalidInput, match=r"^image is missing\.$"):
        Img2Img.read({"prompt": "a"})
    assert Img2Img.read({"image": Held()}).image.name == "a.png"


def test_one_file_does_for_several() -> None:
    assert len(Upscale.read({"images": Held()}).images) == 1
    assert len(Upscale.read({"images": [Held(), Held()]}).images) == 2
    with pytest.raises(InvalidInput, match="images holds no image"):
        Upscale.read({"images": []})


def test_a_list_is_short_enough_for_an_agent() -> None:
    with pytest.raises(InvalidInput, match="limit must be at most 50"):
        ListResources.read({"limit": 51})
