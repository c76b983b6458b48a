"""Input images are converted to what every server understands, or refused with a reason."""

import base64
import io
import struct
import subprocess
import sys
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageCms

from sdwebui.errors import InvalidInput
from sdwebui.images.inputs import PreparedImage, open_image
from sdwebui.images.sizes import fit_size
from tests.recordings import strings

RED, BLUE = (255, 0, 0), (0, 0, 255)


def file_of(image: Image.Image, format_name: str = "PNG", **options: Any) -> bytes:
    """Return an image as a file."""
    target = io.BytesIO()
    image.save(target, format_name, **options)
    return target.getvalue()


def red(mode: str = "RGB", size: tuple[int, int] = (24, 16)) -> Image.Image:
    """Return a red image."""
    return Image.new("RGB", size, RED).convert(mode)


def sent(prepared: PreparedImage) -> Image.Image:
    """Return the image that a server gets, decoded."""
    image = Image.open(io.BytesIO(base64.b64decode(prepared.to_base64(), validate=True)))
    image.load()
    return image


def refusal(data: bytes) -> str:
    """Return the message about a refused file."""
    with pytest.raises(InvalidInput) as caught:
        open_image(data, name="image")
    return str(caught.value)


# What is sent


@pytest.mark.parametrize("format_name", ["PNG", "JPEG"])
def test_a_file_that_every_server_understands_is_sent_as_it_is(format_name: str) -> None:
    data = file_of(red(), format_name)
    prepared = open_image(data, name="image")
    assert prepared.to_bytes() is data
    assert prepared.size == (24, 16)
    assert prepared.warnings == ()
    assert prepared.alpha is None


@pytest.mark.parametrize(
    ("mode", "format_name"),
    [
        ("L", "PNG"),
        ("1", "PNG"),
        ("P", "PNG"),
        ("LA", "PNG"),
        ("RGBA", "PNG"),
        ("L", "JPEG"),
        ("CMYK", "JPEG"),
        ("YCbCr", "TIFF"),
        ("RGB", "WEBP"),
        ("RGBA", "WEBP"),
        ("P", "GIF"),
        ("RGB", "BMP"),
        ("RGB", "TIFF"),
        ("CMYK", "TIFF"),
        ("LAB", "TIFF"),
        ("RGB", "AVIF"),
    ],
)
def test_every_other_file_is_sent_as_an_rgb_png_of_the_same_colours(
    mode: str, format_name: str
) -> None:
    source = Image.new("LAB", (24, 16), (138, 209, 195)) if mode == "LAB" else red(mode)
    prepared = open_image(file_of(source, format_name), name="image")
    image = sent(prepared)
    assert (image.format, image.mode, image.size) == ("PNG", "RGB", (24, 16))
    expected = (76, 76, 76) if mode in ("L", "LA") else (255, 255, 255) if mode == "1" else RED
    found = image.getpixel((5, 5))
    if mode != "1":
        assert found == pytest.approx(expected, abs=12)
    assert prepared.warnings == ()


@pytest.mark.parametrize(
    ("mode", "format_name"), [("I;16", "PNG"), ("I;16", "TIFF"), ("I;16B", "TIFF"), ("I", "TIFF")]
)
def test_sixteen_bits_are_scaled_to_eight(mode: str, format_name: str) -> None:
    data = file_of(Image.new("I", (8, 8), 0x4080).convert(mode), format_name)
    assert sent(open_image(data, name="image")).getpixel((3, 3)) == (64, 64, 64)


def test_sixteen_bits_a_channel_are_not_sent_as_they_are() -> None:
    rows = b"".join(b"\0" + struct.pack(">6H", 0xFFFF, 0, 0, 0, 0, 0xFFFF) for _ in range(2))

    def chunk(kind: bytes, content: bytes) -> bytes:
        checked = kind + content
        return struct.pack(">I", len(content)) + checked + struct.pack(">I", zlib.crc32(checked))

    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", 2, 2, 16, 2, 0, 0, 0))
    data += chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    prepared = open_image(data, name="image")
    assert prepared.to_bytes()[24:26] == b"\x08\x02"
    assert sent(prepared).getpixel((1, 1)) == BLUE


def test_transparency_is_kept_apart_and_shows_white() -> None:
    source = red("RGBA")
    source.paste((0, 0, 0, 0), (0, 0, 12, 16))
    prepared = open_image(file_of(source), name="image")
    assert prepared.alpha is not None
    assert (prepared.alpha.getpixel((3, 3)), prepared.alpha.getpixel((20, 3))) == (0, 255)
    assert sent(prepared).getpixel((3, 3)) == (255, 255, 255)
    assert sent(prepared).getpixel((20, 3)) == RED


def test_a_transparent_palette_colour_is_transparency() -> None:
    index = red("P").getpixel((0, 0))
    prepared = open_image(file_of(red("P"), "PNG", transparency=index), name="image")
    assert prepared.alpha is not None
    rgb_with_key = file_of(red(), "PNG", transparency=RED)
    assert open_image(rgb_with_key, name="image").alpha is not None


def test_an_alpha_channel_that_hides_nothing_is_none() -> None:
    assert open_image(file_of(red("RGBA")), name="image").alpha is None


@pytest.mark.parametrize("format_name", ["JPEG", "PNG", "WEBP"])
def test_a_rotation_noted_in_exif_is_applied(format_name: str) -> None:
    source = red()
    source.paste(BLUE, (0, 0, 12, 16))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by 90 degrees clockwise
    prepared = open_image(file_of(source, format_name, exif=exif.tobytes()), name="image")
    image = sent(prepared)
    assert image.size == prepared.size == (16, 24)
    assert image.getpixel((8, 3)) == pytest.approx(BLUE, abs=5)
    assert image.getpixel((8, 20)) == pytest.approx(RED, abs=5)
    assert 0x0112 not in image.getexif()


def animation(format_name: str) -> bytes:
    """Return a file with a red and a blue frame."""
    return file_of(
        red(), format_name, save_all=True, append_images=[Image.new("RGB", (24, 16), BLUE)]
    )


@pytest.mark.parametrize("format_name", ["GIF", "WEBP", "PNG", "AVIF"])
def test_the_first_frame_of_an_animation_is_used_with_a_warning(format_name: str) -> None:
    prepared = open_image(animation(format_name), name="image")
    assert prepared.warnings == ("image is animated; only the first frame is used.",)
    assert sent(prepared).getpixel((3, 3)) == pytest.approx(RED, abs=5)
    assert sent(prepared).format == "PNG"


def test_the_first_page_of_a_tiff_is_used_with_a_warning() -> None:
    prepared = open_image(animation("TIFF"), name="image")
    assert prepared.warnings == ("image has several pages; only the first page is used.",)


def test_a_second_image_in_a_phones_jpeg_is_no_animation() -> None:
    data = animation("MPO")
    prepared = open_image(data, name="image")
    assert prepared.warnings == ()
    assert prepared.to_bytes() is data


def profile(name: str) -> bytes:
    """Return a colour profile."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile(name)).tobytes()  # type: ignore[arg-type]


def test_a_colour_profile_is_applied() -> None:
    # A profile with red and blue exchanged: the primaries' tags point at each other's values.
    swapped = bytearray(
        profile("sRGB").replace(b"sRGB", b"test").replace(b"s\0R\0G\0B", b"t\0e\0s\0t")
    )
    red_tag, blue_tag = swapped.index(b"rXYZ"), swapped.index(b"bXYZ")
    first, second = swapped[red_tag + 4 : red_tag + 12], swapped[blue_tag + 4 : blue_tag + 12]
    swapped[red_tag + 4 : red_tag + 12], swapped[blue_tag + 4 : blue_tag + 12] = second, first
    prepared = open_image(file_of(red(), icc_profile=bytes(swapped)), name="image")
    assert sent(prepared).getpixel((3, 3)) == pytest.approx(BLUE, abs=3)


@pytest.mark.parametrize("icc_profile", [profile("sRGB"), b"broken"])
def test_a_profile_that_changes_nothing_leaves_the_file_alone(icc_profile: bytes) -> None:
    data = file_of(red(), icc_profile=icc_profile)
    assert open_image(data, name="image").to_bytes() is data


def test_a_large_image_that_is_encoded_again_becomes_a_jpeg() -> None:
    prepared = open_image(file_of(Image.new("L", (4000, 2001), 9)), name="image")
    image = sent(prepared)
    assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (4000, 2001))


# What is refused


@pytest.mark.parametrize(
    ("data", "reported"),
    [
        (b"", "image: the file is empty (0 bytes). Upload the image again."),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(99), "HEIC image (as iPhones take them)"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heix" + bytes(99), "Convert it to PNG or JPEG first."),
        (b"\0\0\0\x18ftypisom\0\0\0\0mp41avc1" + bytes(99), "a video, not an image"),
        (b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(99), "JPEG XL image"),
        (b"\xff\x0a" + bytes(99), "JPEG XL image"),
        (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "SVG drawing, which has no pixels"),
        (b'\xef\xbb\xbf<?xml version="1.0"?>\n<!-- x -->\n<svg/>', "SVG drawing"),
        (b"%PDF-1.7\n", "PDF document"),
        (b"\n<!DOCTYPE html><html>Log in", "a web page, not an image: its link probably wants"),
        (b"PK\3\4 a zip", "no image, or of a format that is not known here"),
        (b"just words", "Use a PNG, JPEG, WebP, GIF, BMP, TIFF or AVIF file."),
    ],
)
def test_a_file_that_is_no_image_is_refused_by_name(data: bytes, reported: str) -> None:
    message = refusal(data)
    assert message.startswith("image: ")
    assert reported in message


@pytest.mark.parametrize("format_name", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"])
def test_an_incomplete_file_is_refused(format_name: str) -> None:
    noise = Image.effect_noise((200, 200), 90).convert("RGB")
    data = file_of(noise, format_name)
    message = refusal(data[: len(data) * 2 // 3])
    assert message.startswith(f"image: the {format_name} file is damaged or incomplete (")
    assert message.endswith("Export the image again, or upload it again.")


def test_a_header_without_an_image_is_refused() -> None:
    assert "its header is incomplete" in refusal(file_of(red())[:20])


def png_header(width: int, height: int) -> bytes:
    """Return the header of a PNG without its pixels."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + header
    return b"\x89PNG\r\n\x1a\n\0\0\0\x0d" + chunk + struct.pack(">I", zlib.crc32(chunk))


@pytest.mark.parametrize(("width", "height"), [(8001, 8000), (100_000, 100_000), (2**31 - 1, 40)])
def test_an_image_of_too_many_pixels_is_refused_before_it_is_decoded(
    width: int, height: int
) -> None:
    message = refusal(png_header(width, height))
    assert f"{width}x{height} pixels" in message
    assert "at most 64 are taken. Shrink it first." in message


def test_64_megapixels_are_still_taken() -> None:
    # Refused for what is missing, not for the size.
    assert "damaged or incomplete" in refusal(png_header(8000, 8000))


@pytest.mark.parametrize("size", [(9000, 8000), (20_000, 20_000)])
def test_a_tiff_of_too_many_pixels_is_refused(size: tuple[int, int]) -> None:
    data = bytearray(file_of(red("L"), "TIFF"))
    for tag, value in ((256, size[0]), (257, size[1])):
        at = data.index(struct.pack("<HH", tag, 3)) if struct.pack("<HH", tag, 3) in data else -1
        at = at if at >= 0 else data.index(struct.pack("<HH", tag, 4))
        data[at : at + 12] = struct.pack("<HHII", tag, 4, 1, value)
    assert "64" in refusal(bytes(data))
    assert refusal(bytes(data)).endswith("Shrink it first.")


def test_floating_point_pixels_are_refused() -> None:
    assert "floating-point pixels" in refusal(file_of(Image.new("F", (4, 4), 0.5), "TIFF"))


def test_too_little_memory_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", fail)
    assert refusal(file_of(red())) == (
        "image: there is not enough memory to open the image. Shrink it first."
    )


@given(st.sampled_from(["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"]), st.data())
def test_damaged_files_are_opened_or_refused_but_never_crash(
    format_name: str, draw: st.DataObject
) -> None:
    data = bytearray(file_of(red(), format_name))
    for _ in range(draw.draw(st.integers(1, 4))):
        data[draw.draw(st.integers(0, len(data) - 1))] = draw.draw(st.integers(0, 255))
    try:
        prepared = open_image(bytes(data), name="image")
    except InvalidInput as error:
        assert str(error).startswith("image: ")
    else:
        assert prepared.image.mode == "RGB"


# Sizes


@pytest.mark.parametrize(
    ("own", "fitting"),
    [
        ((512, 768), (512, 768)),
        ((500, 333), (504, 336)),
        ((1, 1), (64, 64)),
        ((32, 48), (64, 96)),
        ((8000, 6000), (4096, 3072)),
        ((6000, 8000), (3072, 4096)),
        ((10_000, 10), (4096, 64)),
        ((2000, 2), (4096, 64)),
        ((4097, 4095), (4096, 4096)),
    ],
)
def test_a_blank_size_is_the_images_own_within_the_limits(
    own: tuple[int, int], fitting: tuple[int, int]
) -> None:
    assert fit_size(*own) == fitting


@given(st.integers(1, 20_000), st.integers(1, 20_000))
def test_every_fitted_size_can_be_requested(width: int, height: int) -> None:
    fitting = fit_size(width, height)
    assert all(64 <= side <= 4096 and side % 8 == 0 for side in fitting)
    if min(width, height) >= 64 and max(width, height) <= 4096:
        assert abs(fitting[0] - width) <= 4
        assert abs(fitting[1] - height) <= 4


# Start-up


@pytest.mark.process
def test_pillow_is_not_imported_before_an_image_is_opened() -> None:
    script = (
        "import sys, sdwebui.images.inputs, sdwebui.images.masks; sys.exit('PIL' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


# Real servers


@pytest.mark.parametrize("family", ["sdcpp", "koboldcpp"])
def test_images_that_recorded_servers_ignored_are_converted(family: str) -> None:
    taken = 0
    for case, place, text in strings(family):
        if place != "/request/body/init_images" or case.split("-")[1] not in (
            "webp",
            "grey",
            "gif",
        ):
            continue
        image = sent(open_image(base64.b64decode(text), name="image"))
        assert (image.format, image.mode) == ("PNG", "RGB"), case
        taken += 1
    assert taken >= 2
