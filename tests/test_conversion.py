"""Images converted to another format, or shrunk to a number of bytes, with their parameters."""

import io
import random

import pytest
from PIL import Image

from sdwebui.errors import InvalidInput, NotAnImage
from sdwebui.images import formats, metadata
from sdwebui.images.conversion import convert, shrunk
from sdwebui.images.dimensions import size_of
from tests.test_images import TEXT, TEXTS, opened, saved


@pytest.mark.parametrize("source", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("target", ["png", "jpeg", "webp"])
@pytest.mark.parametrize("text", TEXTS)
def test_a_conversion_keeps_the_parameters(
    source: str, target: formats.ConvertibleTo, text: str
) -> None:
    data = metadata.with_parameters(saved(source), text)
    converted = convert(data, target)
    assert formats.sniff(converted).name == target
    assert size_of(converted) == (24, 16)
    assert metadata.parameters_of(converted) == text
    if source.lower() == target:
        assert converted is data


def test_parameters_too_long_for_a_jpeg_are_left_out() -> None:
    data = metadata.with_parameters(saved("PNG"), "x" * 40_000)
    assert metadata.parameters_of(convert(data, "jpeg")) is None
    assert metadata.parameters_of(convert(data, "webp")) == "x" * 40_000


def test_transparency_stays_where_it_can_and_becomes_white_in_a_jpeg() -> None:
    image = Image.new("RGBA", (24, 16), (255, 0, 0, 0))
    image.paste((0, 0, 255, 255), (0, 0, 12, 16))
    target = io.BytesIO()
    image.save(target, "PNG")
    webp = opened(convert(target.getvalue(), "webp"))
    assert webp.mode == "RGBA"
    jpeg = opened(convert(target.getvalue(), "jpeg"))
    red, green, blue = jpeg.getpixel((20, 8))  # type: ignore[misc]
    assert min(red, green, blue) > 245
    assert jpeg.getpixel((3, 8))[2] > 245  # type: ignore[index]


def test_pixels_keep_their_colours() -> None:
    data = saved("PNG", size=(64, 64))
    for target in ("jpeg", "webp"):
        converted = opened(convert(data, target))
        for place in ((0, 0), (32, 32), (50, 10)):
            before, after = opened(data).getpixel(place), converted.getpixel(place)
            assert before[0] == pytest.approx(after[0], abs=4)  # type: ignore[index]


def test_a_jpeg_keeps_its_colours_at_full_resolution() -> None:
    jpeg = opened(convert(saved("PNG"), "jpeg"))
    assert {layer[1:3] for layer in getattr(jpeg, "layer")} == {(1, 1)}  # noqa: B009


def test_sixteen_bits_a_pixel_become_eight() -> None:
    target = io.BytesIO()
    Image.new("I;16", (8, 8), 0x8000).save(target, "PNG")
    assert opened(convert(target.getvalue(), "webp")).getpixel((4, 4)) == (128, 128, 128)


def test_a_rotation_noted_in_exif_is_applied() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    converted = convert(saved("JPEG", exif=exif.tobytes()), "png")
    assert size_of(converted) == (16, 24)


def test_an_animation_is_left_alone() -> None:
    target = io.BytesIO()
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    frames[0].save(target, "GIF", save_all=True, append_images=frames[1:])
    data = target.getvalue()
    assert convert(data, "png") is data


def test_an_image_too_large_for_the_format_is_refused() -> None:
    data = saved("PNG", size=(16_384, 2))
    with pytest.raises(InvalidInput, match="webp file holds at most 16383 pixels"):
        convert(data, "webp")
    assert size_of(convert(data, "jpeg")) == (16_384, 2)


@pytest.mark.parametrize(
    ("most", "became", "side"),
    [
        (45_000, "a JPEG", 128),
        (17_000, "a JPEG of quality 90", 128),
        (14_000, "a JPEG of quality 80", 128),
        (11_000, "a JPEG of quality 65", 128),
        (9_000, "a JPEG of quality 80 and 102×102 pixels", 102),
        (3_000, "a JPEG of quality 80 and 52×52 pixels", 52),
    ],
)
def test_a_file_is_made_smaller_until_it_fits(most: int, became: str, side: int) -> None:
    noise = Image.frombytes("RGB", (128, 128), random.Random(7).randbytes(128 * 128 * 3))
    target = io.BytesIO()
    noise.save(target, "PNG")
    data, reported = shrunk(metadata.with_parameters(target.getvalue(), TEXT), most)
    assert reported == became
    assert len(data) <= most
    assert formats.recognise(data) == formats.JPEG
    assert metadata.parameters_of(data) == TEXT
    assert size_of(data) == (side, side)


def test_an_animation_is_not_made_smaller() -> None:
    frames = [Image.new("L", (16, 16), level) for level in (0, 255)]
    target = io.BytesIO()
    frames[0].save(target, "GIF", save_all=True, append_images=frames[1:])
    data = target.getvalue()
    assert shrunk(data, 10) == (data, "")


def test_a_damaged_image_cannot_be_made_smaller() -> None:
    with pytest.raises(NotAnImage, match="cannot be decoded"):
        shrunk(saved("PNG")[:60], 10)


def test_a_damaged_image_cannot_be_converted() -> None:
    data = saved("PNG", size=(300, 300))
    with pytest.raises(NotAnImage, match="cannot be decoded"):
        convert(data[: len(data) // 2], "jpeg")
