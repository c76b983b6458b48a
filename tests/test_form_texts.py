"""The text fields of a form are parsed, or refused with a message."""

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sdwebui.errors import InvalidInput
from sdwebui.form_texts import (
    read_area,
    read_hires_fix,
    read_loras,
    read_names,
    read_object,
    read_size,
)
from sdwebui.images.files import ImageFile
from sdwebui.parameters import Hires, Inpaint, Txt2Img


def refusal(kind: type[Txt2Img] | type[Inpaint], **given: Any) -> str:
    """Return the message that the user reads."""
    image = {"image": ImageFile(b"")} if kind is Inpaint else {}
    with pytest.raises(InvalidInput) as caught:
        kind.read({**image, **given})
    return str(caught.value)


# size


@pytest.mark.parametrize(
    "text",
    ["832x1216", "832X1216", "832×1216", "832*1216", "832 1216", "832,1216", "832, 1216",
     " 832 x 1216 ", "832;1216", "832px x 1216px", "832 × 1216 px", "832\n1216", "832\tx\t1216",
     "0832x1216"],
)  # fmt: skip
def test_a_size_has_many_spellings(text: str) -> None:
    size = Txt2Img.read({"size": text}).size
    assert size
    assert (size.width, size.height) == (832, 1216)


@pytest.mark.parametrize("number", ["512", " 512 ", "512px", 512, 512.0])
def test_a_number_alone_is_a_square(number: Any) -> None:
    size = Txt2Img.read({"size": number}).size
    assert size
    assert (size.width, size.height) == (512, 512)


@pytest.mark.parametrize(
    ("text", "sides"),
    [("832x", (832, None)), ("x1216", (None, 1216)), ("832 x ", (832, None))],
)
def test_a_side_may_be_left_out(text: str, sides: tuple[int | None, int | None]) -> None:
    # {{width}}x{{height}} where one of the variables is blank.
    size = Txt2Img.read({"size": text}).size
    assert size
    assert (size.width, size.height) == sides


@pytest.mark.parametrize("text", ["x", " x ", ","])
def test_a_size_of_two_blank_variables_is_none(text: str) -> None:
    assert Txt2Img.read({"size": text}).size is None


@pytest.mark.parametrize(
    "text",
    ["large", "1:1", "832x1216x3", "832-1216", "-832x1216", "8.5x8", "1e3x1e3", "832 x 1216 x",
     "a832x1216", "832xx1216", "nan", "0x340xffx", "{{w}}x{{h}}", 1.5, "1" * 10],
)  # fmt: skip
def test_an_invalid_size_is_refused_with_an_example(text: Any) -> None:
    reported = f"size: write width x height, such as 832x1216 (got {str(text)!r})."
    assert refusal(Txt2Img, size=text) == reported


def test_what_a_message_repeats_is_cut() -> None:
    reported = refusal(Txt2Img, size="enormous " * 50)
    assert reported.endswith("enormous enor…').")
    assert len(reported) < 120


@pytest.mark.parametrize(
    ("text", "reported"),
    [
        ("63x512", "size: width must be at least 64 (got 63)."),
        ("512x0", "size: height must be at least 64 (got 0)."),
        ("4097x512", "size: width must be at most 4096 (got 4097)."),
        ("5000", "size: width must be at most 4096 (got 5000). "
                 "size: height must be at most 4096 (got 5000)."),
    ],
)  # fmt: skip
def test_a_size_is_within_limits(text: str, reported: str) -> None:
    assert refusal(Txt2Img, size=text) == reported


# hires_fix


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("1.5", {"scale": 1.5}),
        (1.5, {"scale": 1.5}),
        (2, {"scale": 2.0}),
        ("2x", {"scale": 2.0}),
        ("x2", {"scale": 2.0}),
        ("1.5×", {"scale": 1.5}),
        ("2.", {"scale": 2.0}),
        ("4x-UltraSharp", {"upscaler": "4x-UltraSharp"}),
        ("1.5, 4x-UltraSharp", {"scale": 1.5, "upscaler": "4x-UltraSharp"}),
        ("2, R-ESRGAN 4x+", {"scale": 2.0, "upscaler": "R-ESRGAN 4x+"}),
        ("2, Latent (nearest-exact)", {"scale": 2.0, "upscaler": "Latent (nearest-exact)"}),
        ("1.5, 0.4", {"scale": 1.5, "denoising_strength": 0.4}),
        ("1.5, .4", {"scale": 1.5, "denoising_strength": 0.4}),
        ("2, 1", {"scale": 2.0, "denoising_strength": 1.0}),
        ("2, 0", {"scale": 2.0, "denoising_strength": 0.0}),
        ("2, 10", {"scale": 2.0, "steps": 10}),
        ("1.5, , 0.4,", {"scale": 1.5, "denoising_strength": 0.4}),
        ("1.5\n4x-UltraSharp\n0.4",
         {"scale": 1.5, "upscaler": "4x-UltraSharp", "denoising_strength": 0.4}),
        ("on", {}),
        (True, {}),
    ],
)  # fmt: skip
def test_a_hires_fix_is_parsed_into_its_parts(text: Any, parts: dict[str, Any]) -> None:
    assert Txt2Img.read({"hires_fix": text}).hires_fix == Hires(**parts)


WHOLE = Hires(scale=1.5, upscaler="4x-UltraSharp", denoising_strength=0.4, steps=10)


@pytest.mark.parametrize(
    "text",
    [
        "1.5, 4x-UltraSharp, 0.4, 10",
        "1.5, 4x-UltraSharp, 10, 0.4",
        "1.5, 0.4, 4x-UltraSharp, 10",
        "1.5, 0.4, 10, 4x-UltraSharp",
        "1.5, 10, 4x-UltraSharp, 0.4",
        "1.5, 10, 0.4, 4x-UltraSharp",
        "4x-UltraSharp, 1.5, 0.4, 10",
        "1.5x,4x-UltraSharp,0.4,10",
        "Hires upscale: 1.5, Hires upscaler: 4x-UltraSharp, Hires steps: 10, "
        "Denoising strength: 0.4",
        "hires steps: 10, HIRES UPSCALER: 4x-UltraSharp, denoising strength: 0.4, "
        "hires  upscale:1.5",
        "Hires upscale: 1.5, 4x-UltraSharp, 0.4, 10",
        "1.5, 4x-UltraSharp, Denoising strength: 0.4, Hires steps: 10",
        "Hires scale: 1.5\nHires upscaler: 4x-UltraSharp\nHires denoising strength: 0.4\n10",
    ],
)
def test_the_parts_of_a_hires_fix_come_in_any_order_and_with_names(text: str) -> None:
    assert Txt2Img.read({"hires_fix": text}).hires_fix == WHOLE


@pytest.mark.parametrize(
    "text", ["off", "OFF", " Off ", "none", "None", "no", "false", "0", 0, 0.0, False]
)
def test_a_hires_fix_can_be_off(text: Any) -> None:
    assert Txt2Img.read({"hires_fix": text}).hires_fix is None


@pytest.mark.parametrize(
    ("text", "reported"),
    [
        (
            "1.5, 2.5",
            "hires_fix: write scale, upscaler, denoising strength, such as 1.5, 4x-UltraSharp, "
            "0.4; '2.5' is neither a denoising strength (0–1) nor a number of steps.",
        ),
        (
            "1.5, Latent, Lanczos",
            "hires_fix: 'Lanczos' is one part too many; write scale, upscaler and denoising "
            "strength, such as 1.5, 4x-UltraSharp, 0.4, with a point in decimal numbers.",
        ),
        ("1.5, 0.4, 0.5", "hires_fix: '0.5' is one part too many"),
        ("1,5, 4x-UltraSharp, 0,4", "write decimal numbers with a point and a blank"),
        ("2, 10, 20", "hires_fix: '20' is one part too many"),
        ("Hires upscale: 2, Hires scale: 3", "'Hires scale: 3' is one part too many"),
        ("0.5", "hires_fix: scale must be at least 1 (got 0.5)."),
        ("9", "hires_fix: scale must be at most 4 (got 9)."),
        (4.5, "hires_fix: scale must be at most 4 (got 4.5)."),
        ("2, 151", "hires_fix: steps must be at most 150 (got 151)."),
        ("2, -0.5", "hires_fix: denoising_strength must be at least 0 (got -0.5)."),
        ("2, Denoising strength: much",
         "hires_fix: denoising_strength must be a number (got 'much')."),
    ],
)  # fmt: skip
def test_an_invalid_hires_fix_is_refused(text: Any, reported: str) -> None:
    assert reported in refusal(Txt2Img, hires_fix=text)


# mask_area


@pytest.mark.parametrize(
    "text",
    ["0, 12.5, 100, 40", "0,12.5,100,40", "0 12.5 100 40", "0; 12.5; 100; 40",
     "0%, 12.5%, 100%, 40%", "0 %, 12.5 %, 100 %, 40 %", "(0, 12.5, 100, 40)",
     "[0, 12.5, 100, 40]", "0,12.50,100.0,40.", "0\n12.5\n100\n40", "+0, 12.5, 100, 40",
     [0, 12.5, 100, 40], ("0", "12.5", "100%", "40")],
)  # fmt: skip
def test_an_area_has_many_spellings(text: Any) -> None:
    assert Inpaint.read({"image": ImageFile(b""), "mask_area": text}).mask_area == (
        0,
        12.5,
        100,
        40,
    )


@pytest.mark.parametrize(
    "text",
    ["upper half", "0, 0, 100", "0, 0, 100, 40, 5", "0, 0, x, 40", "nan, 0, 100, 40", "50",
     "0, 0, 1e2, 40", "left, top, right, bottom", "0,,100,40"],
)  # fmt: skip
def test_an_invalid_area_is_refused_with_an_example(text: str) -> None:
    assert refusal(Inpaint, mask_area=text) == (
        "mask_area: write left, top, right, bottom in percent of the image, such as 0, 0, 100, 40 "
        f"for the upper 40 % (got {text!r})."
    )


@pytest.mark.parametrize(
    "text",
    ["100, 0, 0, 40", "0, 40, 100, 0", "50, 0, 50, 40", "0, 20, 100, 20", "0, 0, 101, 40",
     "-1, 0, 100, 40", "0, 0, 100, 512", "0, 0, 9999999999, 40"],
)  # fmt: skip
def test_an_area_lies_within_the_image_and_is_not_empty(text: str) -> None:
    assert refusal(Inpaint, mask_area=text) == (
        "mask_area: left must be less than right and top less than bottom, each from 0 to 100 "
        f"percent (got {text!r})."
    )


# lists and objects


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("a, b c", ["a", "b c"]),
        ("a\nb", ["a", "b"]),
        (" , a,,", ["a"]),
        ('["a, b", "c"]', ["a, b", "c"]),
        (' ["a"]', ["a"]),
        ("", []),
        (["a"], ["a"]),
    ],
)
def test_names_are_separated_by_commas_or_are_json(text: Any, names: list[str]) -> None:
    assert read_names(text) == names


@pytest.mark.parametrize(
    "text",
    [
        '{"eta": 0.5, "tiling": true, "x": null, "y": ["a"]}',
        "{'eta': 0.5, 'tiling': True, 'x': None, 'y': ['a']}",
        "  {'eta': 0.5,\n 'tiling': True, 'x': None, 'y': ['a'],}  ",
        {"eta": 0.5, "tiling": True, "x": None, "y": ["a"]},
    ],
)
def test_an_object_is_json_or_a_python_dict(text: Any) -> None:
    assert read_object(text) == {"eta": 0.5, "tiling": True, "x": None, "y": ["a"]}


@pytest.mark.parametrize(
    ("text", "reported"),
    [
        ("{", 'not JSON, at character 2; write an object such as {"eta": 0.5}'),
        ('{"eta": 0.5', "not JSON, at character 12; write"),
        ("{eta: 0.5}", "not JSON, at character 2; write"),
        ("{'eta': print()}", "not JSON, at character 2; write"),
        ("eta", "not JSON, at character 1; write"),
        ("[1]", 'not a JSON object; write one such as {"eta": 0.5}'),
        ("0.5", "not a JSON object; write"),
        ("'eta'", "not a JSON object; write"),
        ([1], "not a JSON object; write"),
        (None, "not a JSON object; write"),
        ("[" * 5000, "not JSON; write an object"),
        ("{'a':" * 5000, "not JSON"),
        ('{"a": NaN}', "holds a value that JSON cannot carry"),
        ('{"a": 1e999}', "holds a value that JSON cannot carry"),
        ('{"a": "\\ud83d"}', "holds a value that JSON cannot carry"),
        ({"a": float("inf")}, "holds a value that JSON cannot carry"),
        ("{'a': 1j}", "holds a value that JSON cannot carry"),
        ("{'a': b'x'}", "holds a value that JSON cannot carry"),
        ("{(1, 2): 3}", "holds a value that JSON cannot carry"),
        ("{'a': {1, 2}}", "holds a value that JSON cannot carry"),
        ("{'a\x00': 1}", "not JSON"),
    ],
)
def test_an_invalid_object_is_refused(text: Any, reported: str) -> None:
    with pytest.raises(ValueError) as caught:
        read_object(text)
    assert reported in str(caught.value)


# whatever is written

VALUES = st.one_of(
    st.text(),
    st.text(alphabet="0123456789.,;:x×*-+%()[]{}'\" \nHiresupcalt"),
    st.integers(),
    st.floats(),
    st.booleans(),
    st.none(),
    st.lists(st.one_of(st.text(), st.floats(), st.integers(), st.none()), max_size=6),
    st.dictionaries(st.text(), st.floats(), max_size=3),
)


@pytest.mark.parametrize(
    "read", [read_size, read_hires_fix, read_area, read_loras, read_names, read_object]
)
@given(value=VALUES)
@example(value=10**400)
@example(value="9" * 400)
@example(value="1, " + "9" * 400)
@example(value=float("nan"))
@example(value="{" * 10_000)
@example(value="[" * 10_000)
@example(value="٣x٤")
@example(value="²")
def test_odd_values_raise_nothing_but_a_value_error(read: Any, value: Any) -> None:
    try:
        read(value)
    except ValueError as error:
        message = str(error)
    else:
        # Any other value goes to pydantic, which checks it again.
        message = "read"
    assert message.strip()


@given(name=st.sampled_from(["size", "hires_fix", "lora", "vae", "sampler"]), value=VALUES)
@example(name="size", value=10**400)
@example(name="hires_fix", value=10**400)
@example(name="size", value="٣٣٣x٤٤٤")
def test_odd_values_of_a_form_end_in_a_message(name: str, value: Any) -> None:
    try:
        requested = Txt2Img.read({"prompt": "a", name: value})
    except InvalidInput as error:
        assert name in str(error)
        assert len(str(error)) < 1000
    else:
        assert requested.prompt == "a"


@pytest.mark.parametrize("text", ["1,5", "2, Latent, 0,55", "1,5, 4x-UltraSharp, 0,4"])
def test_decimal_commas_in_a_hires_fix_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="write decimal numbers with a point"):
        read_hires_fix(text)


def test_shares_of_one_are_refused_as_percent() -> None:
    with pytest.raises(ValueError, match="write percent, not shares of 1"):
        read_area("0 0 1 0.4")


def test_an_area_may_be_an_object() -> None:
    assert read_area({"left": 0, "top": 10, "right": 50, "bottom": 90}) == (0, 10, 50, 90)


def test_lora_tags_need_no_comma() -> None:
    assert [lora["name"] for lora in read_loras("<lora:a:0.8> <lora:b:0.6>")] == ["a", "b"]
    with pytest.raises(ValueError, match="with a point"):
        read_loras("add_detail:0,8")
