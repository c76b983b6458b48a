"""Promises of sdwebui.pictures and sdwebui.metadata."""

import io
import random
import struct
import subprocess
import sys
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from sdwebui import metadata, pictures
from sdwebui.errors import InvalidInput, NotAPicture
from tests.recorded import answered_pictures, needs_recordings

TEXT = "a cat\nNegative prompt: dog\nSteps: 20, Sampler: Euler a, Seed: 5, Size: 24x16"
TEXTS = [TEXT, "café é", "Ã© looks like UTF-8", "猫 🐱\nSteps: 1, Seed: 2"]


def saved(
    format_name: str, mode: str = "RGB", size: tuple[int, int] = (24, 16), **options: Any
) -> bytes:
    target = io.BytesIO()
    picture = Image.radial_gradient("L").resize(size).convert(mode)
    picture.save(target, format_name, **options)
    return target.getvalue()


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


# What it is


@pytest.mark.parametrize(
    ("format_name", "mime_type", "extension"),
    [
        ("PNG", "image/png", "png"),
        ("JPEG", "image/jpeg", "jpg"),
        ("WEBP", "image/webp", "webp"),
        ("GIF", "image/gif", "gif"),
        ("BMP", "image/bmp", "bmp"),
        ("TIFF", "image/tiff", "tiff"),
        ("AVIF", "image/avif", "avif"),
    ],
)
def test_the_format_and_the_size_are_told_from_the_bytes(
    format_name: str, mime_type: str, extension: str
) -> None:
    data = saved(format_name, size=(37, 21))
    found = pictures.sniff(data)
    assert (found.mime_type, found.extension) == (mime_type, extension)
    assert pictures.size_of(data) == (37, 21)


@pytest.mark.parametrize("head", [b"\xff\x0a\xfa\x7f", b"\0\0\0\x0cJXL \r\n\x87\n\0\0"])
def test_jpeg_xl_is_known_by_name(head: bytes) -> None:
    assert pictures.sniff(head).mime_type == "image/jxl"


def test_an_empty_picture_is_a_failed_generation() -> None:
    with pytest.raises(NotAPicture, match="empty image, so the generation failed"):
        pictures.sniff(b"")


@pytest.mark.parametrize(
    "data",
    [
        b"<!DOCTYPE html><html>",
        b"{}",
        b"RIFF\0\0\0\0WAVEfmt ",
        b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
    ],
)
def test_other_files_are_no_pictures(data: bytes) -> None:
    with pytest.raises(NotAPicture, match="that are none"):
        pictures.sniff(data)


# Its size


@pytest.mark.parametrize(
    "data",
    [
        saved("WEBP", lossless=True, size=(300, 200)),
        saved("WEBP", "RGBA", size=(300, 200)),
        saved("WEBP", lossless=True, exif=Image.Exif().tobytes() + b"x", size=(300, 200)),
        saved("JPEG", progressive=True, size=(300, 200)),
        saved("JPEG", "L", exif=b"Exif\0\0" + b"\xff\xc0" * 100, comment=b"hi", size=(300, 200)),
        saved("JPEG", "CMYK", size=(300, 200)),
        saved("PNG", "P", size=(300, 200)),
        saved("BMP", "L", size=(300, 200)),
    ],
    ids=lambda data: pictures.sniff(data).name,
)
def test_the_size_is_found_in_every_layout(data: bytes) -> None:
    assert pictures.size_of(data) == opened(data).size == (300, 200)


def test_segments_and_fill_bytes_in_front_of_a_jpegs_size_are_passed_over() -> None:
    data = saved("JPEG")
    other = b"".join(b"\xff%c\0\x08\x08\0\x01\0\x01\0" % marker for marker in b"\xc4\xc8\xcc\xe5")
    extra = b"\xff\xff\xff\xe6\0\x06\xff\xc0\xff\xd9\xff\x01" + other
    assert pictures.size_of(data[:2] + extra + data[2:]) == (24, 16)


@pytest.mark.parametrize(
    ("format_name", "length"),
    [("PNG", 23), ("JPEG", 20), ("WEBP", 29), ("GIF", 9), ("BMP", 25), ("TIFF", 8), ("AVIF", 40)],
)
def test_a_header_that_is_cut_off_gives_no_size(format_name: str, length: int) -> None:
    with pytest.raises(NotAPicture, match="gives no size"):
        pictures.size_of(saved(format_name)[:length])


def test_a_bmp_whose_rows_run_from_the_top_has_a_negative_height() -> None:
    data = bytearray(saved("BMP"))
    data[22:26] = struct.pack("<i", -16)
    assert pictures.size_of(bytes(data)) == (24, 16)


def test_a_size_of_nothing_is_refused() -> None:
    data = bytearray(saved("PNG"))
    data[16:20] = bytes(4)
    with pytest.raises(NotAPicture, match="gives no size"):
        pictures.size_of(bytes(data))


@given(st.sampled_from(["PNG", "JPEG", "WEBP", "GIF", "BMP"]), st.data())
def test_damaged_files_never_raise_anything_unexpected(
    format_name: str, draw: st.DataObject
) -> None:
    data = bytearray(saved(format_name))
    for _ in range(3):
        data[draw.draw(st.integers(8, min(80, len(data)) - 1))] = draw.draw(st.integers(0, 255))
    cut = bytes(data[: draw.draw(st.integers(0, len(data)))])
    try:
        size = pictures.size_of(cut)
    except NotAPicture as error:
        assert len(str(error)) > 40
    else:
        assert min(size) > 0
    metadata.parameters_of(cut)
    if pictures.recognise(cut):
        metadata.with_parameters(cut, "x")


# Generation parameters in files


@pytest.mark.parametrize("format_name", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("text", TEXTS)
def test_parameters_are_added_without_touching_the_pixels(format_name: str, text: str) -> None:
    plain = saved(format_name)
    written = metadata.with_parameters(plain, text)
    assert metadata.parameters_of(plain) is None
    assert metadata.parameters_of(written) == text
    assert opened(written).tobytes() == opened(plain).tobytes()
    assert pictures.size_of(written) == (24, 16)


@given(
    st.text(alphabet=st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1)
)
def test_any_text_survives_in_a_png(text: str) -> None:
    assert metadata.parameters_of(metadata.with_parameters(saved("PNG"), text)) == text


def test_pillow_reads_what_is_written() -> None:
    png = opened(metadata.with_parameters(saved("PNG"), "猫"))
    assert getattr(png, "text")["parameters"] == "猫"  # noqa: B009
    for format_name in ("JPEG", "WEBP"):
        image = opened(metadata.with_parameters(saved(format_name), "猫 cat"))
        comment = image.getexif().get_ifd(0x8769)[0x9286]
        assert comment == b"UNICODE\0" + "猫 cat".encode("utf-16-be")


@pytest.mark.parametrize(
    "options", [{}, {"lossless": True}, {"exif": b"Exif\0\0II*\0\x08\0\0\0\0\0"}], ids=str
)
@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_every_layout_of_webp_takes_parameters(mode: str, options: dict[str, Any]) -> None:
    target = io.BytesIO()
    picture = Image.radial_gradient("L").convert(mode)
    if mode == "RGBA":
        picture.putalpha(Image.radial_gradient("L"))
    picture.save(target, "WEBP", **options)
    written = metadata.with_parameters(target.getvalue(), TEXT)
    assert metadata.parameters_of(written) == TEXT
    assert opened(written).mode == mode
    assert opened(written).tobytes() == opened(target.getvalue()).tobytes()


@pytest.mark.parametrize("codec", ["utf-16-be", "utf-16-le", "utf-16"])
def test_user_comments_are_read_in_both_byte_orders(codec: str) -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9286] = b"UNICODE\0" + "猫\nSteps: 20, Seed: 5".encode(codec)
    data = saved("JPEG", exif=exif.tobytes())
    assert metadata.parameters_of(data) == "猫\nSteps: 20, Seed: 5"


@pytest.mark.parametrize(
    ("comment", "expected"),
    [
        (b"ASCII\0\0\0Steps: 20", "Steps: 20"),
        (bytes(8) + "Größe".encode(), "Größe"),
        (b"Steps: 20, no code", "Steps: 20, no code"),
        (b"abc", "abc"),
        (b"UNICODE\0", None),
    ],
)
def test_user_comments_of_other_programs_are_read(comment: bytes, expected: str | None) -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0x9286] = comment
    assert metadata.parameters_of(saved("JPEG", exif=exif.tobytes())) == expected
    assert metadata.parameters_of(saved("PNG", exif=exif.tobytes())) == expected


def png_with_chunk(kind: bytes, content: bytes) -> bytes:
    data = saved("PNG")
    chunk = struct.pack(">I", len(content)) + kind + content
    return data[:33] + chunk + struct.pack(">I", zlib.crc32(kind + content)) + data[33:]


@pytest.mark.parametrize(
    ("kind", "content", "expected"),
    [
        (b"tEXt", "parameters\0 苹果 äöü".encode(), " 苹果 äöü"),
        (b"tEXt", b"parameters\0 \xe4\xf6\xfc", " äöü"),
        (b"zTXt", b"parameters\0\0" + zlib.compress(b"packed"), "packed"),
        (b"iTXt", b"parameters\0\1\0de\0Parameter\0" + zlib.compress("püack".encode()), "püack"),
        (b"zTXt", b"parameters\0\0broken", None),
        (b"iTXt", b"parameters\0\1\0", None),
        (b"tEXt", b"Comment\0parameters", None),
    ],
)
def test_every_kind_of_text_chunk_is_read(
    kind: bytes, content: bytes, expected: str | None
) -> None:
    assert metadata.parameters_of(png_with_chunk(kind, content)) == expected


def test_files_that_cannot_be_taken_apart_come_back_as_they_are() -> None:
    webp = saved("WEBP")
    for data in (
        b"\x89PNG\r\n\x1a\n",
        webp[:12],
        webp[:20],
        b"RIFF....WEBPVP8?\0\0\0\0",
        b"GIF89a",
    ):
        assert metadata.with_parameters(data, TEXT) == data
    nothing_high = bytearray(webp)
    nothing_high[26:30] = bytes(4)
    assert metadata.parameters_of(metadata.with_parameters(bytes(nothing_high), TEXT)) == TEXT


def test_a_comment_that_is_not_where_it_should_be_is_none() -> None:
    data = metadata.with_parameters(saved("JPEG"), TEXT)
    exif = data.index(b"MM\0*")
    for place, value in ((4, 0xFFFFFF), (18, 0xFFFFFF), (10, 0), (28, 0)):
        broken = bytearray(data)
        broken[exif + place : exif + place + 4] = struct.pack(">I", value)
        assert metadata.parameters_of(bytes(broken)) is None


def test_a_compressed_text_cannot_fill_the_memory() -> None:
    bomb = b"parameters\0\0" + zlib.compress(bytes(50_000_000), 9)
    assert len(metadata.png_texts(png_with_chunk(b"zTXt", bomb))["parameters"]) == 4_000_000


# Conversion


@pytest.mark.parametrize("source", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("target", ["png", "jpeg", "webp"])
@pytest.mark.parametrize("text", TEXTS)
def test_a_conversion_keeps_the_parameters(
    source: str, target: pictures.ConvertibleTo, text: str
) -> None:
    data = metadata.with_parameters(saved(source), text)
    converted = pictures.convert(data, target)
    assert pictures.sniff(converted).name == target
    assert pictures.size_of(converted) == (24, 16)
    assert metadata.parameters_of(converted) == text
    if source.lower() == target:
        assert converted is data


def test_given_parameters_are_for_pictures_that_hold_none() -> None:
    bare = saved("PNG")
    assert metadata.parameters_of(pictures.convert(bare, "png", TEXT)) == TEXT
    assert metadata.parameters_of(pictures.convert(bare, "webp", TEXT)) == TEXT
    own = metadata.with_parameters(bare, "own")
    assert pictures.convert(own, "png", TEXT) is own
    assert metadata.parameters_of(pictures.convert(own, "jpeg", TEXT)) == "own"
    assert metadata.parameters_of(pictures.convert(bare, "jpeg")) is None


def test_parameters_too_long_for_a_jpeg_are_left_out() -> None:
    data = metadata.with_parameters(saved("PNG"), "x" * 40_000)
    assert metadata.parameters_of(pictures.convert(data, "jpeg")) is None
    assert metadata.parameters_of(pictures.convert(data, "webp")) == "x" * 40_000


def test_transparency_stays_where_it_can_and_becomes_white_in_a_jpeg() -> None:
    picture = Image.new("RGBA", (24, 16), (255, 0, 0, 0))
    picture.paste((0, 0, 255, 255), (0, 0, 12, 16))
    target = io.BytesIO()
    picture.save(target, "PNG")
    webp = opened(pictures.convert(target.getvalue(), "webp"))
    assert webp.mode == "RGBA"
    jpeg = opened(pictures.convert(target.getvalue(), "jpeg"))
    red, green, blue = jpeg.getpixel((20, 8))  # type: ignore[misc]
    assert min(red, green, blue) > 245
    assert jpeg.getpixel((3, 8))[2] > 245  # type: ignore[index]


def test_pixels_keep_their_colours() -> None:
    data = saved("PNG", size=(64, 64))
    for target in ("jpeg", "webp"):
        converted = opened(pictures.convert(data, target))
        for place in ((0, 0), (32, 32), (50, 10)):
            before, after = opened(data).getpixel(place), converted.getpixel(place)
            assert before[0] == pytest.approx(after[0], abs=4)  # type: ignore[index]


def test_a_jpeg_keeps_its_colours_at_full_resolution() -> None:
    jpeg = opened(pictures.convert(saved("PNG"), "jpeg"))
    assert {layer[1:3] for layer in getattr(jpeg, "layer")} == {(1, 1)}  # noqa: B009


def test_sixteen_bits_a_pixel_become_eight() -> None:
    target = io.BytesIO()
    Image.new("I;16", (8, 8), 0x8000).save(target, "PNG")
    assert opened(pictures.convert(target.getvalue(), "webp")).getpixel((4, 4)) == (128, 128, 128)


def test_a_rotation_noted_in_exif_is_applied() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    converted = pictures.convert(saved("JPEG", exif=exif.tobytes()), "png")
    assert pictures.size_of(converted) == (16, 24)


def test_an_animation_is_left_alone() -> None:
    target = io.BytesIO()
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    frames[0].save(target, "GIF", save_all=True, append_images=frames[1:])
    data = target.getvalue()
    assert pictures.convert(data, "png", TEXT) is data


def test_a_picture_too_large_for_the_format_is_refused_in_words() -> None:
    data = saved("PNG", size=(16_384, 2))
    with pytest.raises(InvalidInput, match="webp file holds at most 16383 pixels"):
        pictures.convert(data, "webp")
    assert pictures.size_of(pictures.convert(data, "jpeg")) == (16_384, 2)


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
    data, said = pictures.shrunk(metadata.with_parameters(target.getvalue(), TEXT), most)
    assert said == became
    assert len(data) <= most
    assert pictures.recognise(data) == pictures.JPEG
    assert metadata.parameters_of(data) == TEXT
    assert pictures.size_of(data) == (side, side)


def test_an_animation_is_not_made_smaller() -> None:
    frames = [Image.new("L", (16, 16), level) for level in (0, 255)]
    target = io.BytesIO()
    frames[0].save(target, "GIF", save_all=True, append_images=frames[1:])
    data = target.getvalue()
    assert pictures.shrunk(data, 10) == (data, "")


def test_what_cannot_be_decoded_cannot_be_made_smaller() -> None:
    with pytest.raises(NotAPicture, match="cannot be decoded"):
        pictures.shrunk(saved("PNG")[:60], 10)


def test_a_picture_that_cannot_be_decoded_is_no_picture() -> None:
    data = saved("PNG", size=(300, 300))
    with pytest.raises(NotAPicture, match="cannot be decoded"):
        pictures.convert(data[: len(data) // 2], "jpeg")


# Start-up


@pytest.mark.process
def test_pillow_is_not_imported_to_look_at_a_picture() -> None:
    script = (
        "import sys; from sdwebui import pictures, metadata\n"
        f"data = {metadata.with_parameters(saved('JPEG'), TEXT)!r}\n"
        "pictures.size_of(data); metadata.parameters_of(data); pictures.convert(data, 'jpeg')\n"
        "sys.exit('PIL' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


# Real servers


@needs_recordings
@pytest.mark.parametrize("family", ["a1111", "forge", "sdnext", "sdcpp", "koboldcpp"])
def test_recorded_pictures_are_measured_read_and_converted(family: str) -> None:
    found = answered_pictures(family)
    assert len(found) > 60
    texts = 0
    for data, case in found.items():
        image = opened(data)
        kind = pictures.sniff(data)
        assert kind.mime_type == Image.MIME[image.format or ""], case
        assert pictures.size_of(data) == image.size, case
        text = metadata.parameters_of(data)
        if text is None:
            continue
        texts += 1
        assert "Size: " in text, case
        target: pictures.ConvertibleTo = "webp" if kind.name == "png" else "png"
        assert metadata.parameters_of(pictures.convert(data, target)) == text, case
    assert texts > 55
