"""Formats, sizes and generation parameters of image files, read without decoding them."""

import io
import struct
import subprocess
import sys
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from sdwebui.errors import NotAnImage
from sdwebui.images import formats, metadata
from sdwebui.images.conversion import convert
from sdwebui.images.dimensions import size_of
from tests.recordings import FAMILIES, answered_images

TEXT = "a cat\nNegative prompt: dog\nSteps: 20, Sampler: Euler a, Seed: 5, Size: 24x16"
TEXTS = [TEXT, "café é", "Ã© looks like UTF-8", "猫 🐱\nSteps: 1, Seed: 2"]


def saved(
    format_name: str, mode: str = "RGB", size: tuple[int, int] = (24, 16), **options: Any
) -> bytes:
    """Return an image file."""
    target = io.BytesIO()
    image = Image.radial_gradient("L").resize(size).convert(mode)
    image.save(target, format_name, **options)
    return target.getvalue()


def opened(data: bytes) -> Image.Image:
    """Return a decoded image file."""
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


# Formats


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
def test_the_format_and_the_size_are_read_from_the_bytes(
    format_name: str, mime_type: str, extension: str
) -> None:
    data = saved(format_name, size=(37, 21))
    found = formats.sniff(data)
    assert (found.mime_type, found.extension) == (mime_type, extension)
    assert size_of(data) == (37, 21)


@pytest.mark.parametrize("head", [b"\xff\x0a\xfa\x7f", b"\0\0\0\x0cJXL \r\n\x87\n\0\0"])
def test_jpeg_xl_is_known_by_name(head: bytes) -> None:
    assert formats.sniff(head).mime_type == "image/jxl"


def test_an_empty_image_is_a_failed_generation() -> None:
    with pytest.raises(NotAnImage, match="empty image, so the generation failed"):
        formats.sniff(b"")


@pytest.mark.parametrize(
    "data",
    [
        b"<!DOCTYPE html><html>",
        b"{}",
        b"RIFF\0\0\0\0WAVEfmt ",
        b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
    ],
)
def test_other_files_are_refused_as_images(data: bytes) -> None:
    with pytest.raises(NotAnImage, match="that are none"):
        formats.sniff(data)


# Sizes


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
    ids=lambda data: formats.sniff(data).name,
)
def test_the_size_is_found_in_every_layout(data: bytes) -> None:
    assert size_of(data) == opened(data).size == (300, 200)


def test_segments_and_fill_bytes_in_front_of_a_jpegs_size_are_skipped() -> None:
    data = saved("JPEG")
    other = b"".join(b"\xff%c\0\x08\x08\0\x01\0\x01\0" % marker for marker in b"\xc4\xc8\xcc\xe5")
    extra = b"\xff\xff\xff\xe6\0\x06\xff\xc0\xff\xd9\xff\x01" + other
    assert size_of(data[:2] + extra + data[2:]) == (24, 16)


@pytest.mark.parametrize(
    ("format_name", "length"),
    [("PNG", 23), ("JPEG", 20), ("WEBP", 29), ("GIF", 9), ("BMP", 25), ("TIFF", 8), ("AVIF", 40)],
)
def test_a_header_that_is_cut_off_gives_no_size(format_name: str, length: int) -> None:
    with pytest.raises(NotAnImage, match="gives no size"):
        size_of(saved(format_name)[:length])


def test_a_bmp_whose_rows_run_from_the_top_has_a_negative_height() -> None:
    data = bytearray(saved("BMP"))
    data[22:26] = struct.pack("<i", -16)
    assert size_of(bytes(data)) == (24, 16)


def test_a_width_of_zero_is_refused() -> None:
    data = bytearray(saved("PNG"))
    data[16:20] = bytes(4)
    with pytest.raises(NotAnImage, match="gives no size"):
        size_of(bytes(data))


@given(st.sampled_from(["PNG", "JPEG", "WEBP", "GIF", "BMP"]), st.data())
def test_damaged_files_never_raise_anything_unexpected(
    format_name: str, draw: st.DataObject
) -> None:
    data = bytearray(saved(format_name))
    for _ in range(3):
        data[draw.draw(st.integers(8, min(80, len(data)) - 1))] = draw.draw(st.integers(0, 255))
    cut = bytes(data[: draw.draw(st.integers(0, len(data)))])
    try:
        size = size_of(cut)
    except NotAnImage as error:
        assert len(str(error)) > 40
    else:
        assert min(size) > 0
    metadata.parameters_of(cut)
    if formats.recognise(cut):
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
    assert size_of(written) == (24, 16)


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
    image = Image.radial_gradient("L").convert(mode)
    if mode == "RGBA":
        image.putalpha(Image.radial_gradient("L"))
    image.save(target, "WEBP", **options)
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
    """Return a PNG with a chunk behind its header."""
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


def test_files_that_cannot_be_parsed_are_returned_as_they_are() -> None:
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


# Start-up


@pytest.mark.process
def test_pillow_is_not_imported_to_read_a_header() -> None:
    script = (
        "import sys; from sdwebui.images import metadata\n"
        "from sdwebui.images.conversion import convert\n"
        "from sdwebui.images.dimensions import size_of\n"
        f"data = {metadata.with_parameters(saved('JPEG'), TEXT)!r}\n"
        "size_of(data); metadata.parameters_of(data); convert(data, 'jpeg')\n"
        "sys.exit('PIL' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


# Real servers


@pytest.mark.parametrize("family", FAMILIES)
def test_recorded_images_are_measured_read_and_converted(family: str) -> None:
    found = answered_images(family)
    assert len(found) > 60
    texts = 0
    for data, case in found.items():
        image = opened(data)
        kind = formats.sniff(data)
        assert kind.mime_type == Image.MIME[image.format or ""], case
        assert size_of(data) == image.size, case
        text = metadata.parameters_of(data)
        if text is None:
            continue
        texts += 1
        assert "Size: " in text, case
        target: formats.ConvertibleTo = "webp" if kind.name == "png" else "png"
        assert metadata.parameters_of(convert(data, target)) == text, case
    assert texts > 55
