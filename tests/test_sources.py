"""What img2img starts from: size, strength, mask and room to paint into."""

import base64
import io
from typing import Any

import pytest
from PIL import Image

from sdwebui.errors import InvalidInput
from sdwebui.parameters import Img2Img
from sdwebui.sources import Prepared, prepare, ready


class Held:
    """A file at hand."""

    name = "a.png"

    def read(self) -> bytes:
        return b""


def png(size: tuple[int, int] = (128, 96), colour: Any = "navy", mode: str = "RGB") -> bytes:
    target = io.BytesIO()
    Image.new(mode, size, colour).save(target, "PNG")
    return target.getvalue()


def decoded(text: str | None) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(text or ""))).convert("L")


def prepared(
    image: bytes | None = None, mask: bytes | None = None, *, here: bool = False, **asked: Any
) -> Prepared:
    given = Img2Img.read({"image": Held(), **asked})
    return prepare(given, image or png(), mask, here)


def test_the_pictures_own_size_is_kept() -> None:
    made = prepared()
    assert (made.width, made.height) == (128, 96)
    assert made.source.mask is None
    assert (made.source.denoising_strength, made.source.resize_mode) == (0.6, 1)


def test_given_sides_are_rounded() -> None:
    made = prepared(width=100, height=200, resize_mode="stretch", denoising_strength=0.3)
    assert (made.width, made.height) == (104, 200)
    assert (made.source.denoising_strength, made.source.resize_mode) == (0.3, 0)
    assert decoded(made.source.image).size == (128, 96)


@pytest.mark.parametrize("resize_mode", ["stretch", "crop"])
def test_a_server_without_resize_modes_gets_the_size(resize_mode: str) -> None:
    mask = png(colour="white")
    made = prepared(None, mask, here=True, width=64, height=64, resize_mode=resize_mode)
    assert decoded(made.source.image).size == decoded(made.source.mask).size == (64, 64)


def test_a_transparent_part_is_the_mask() -> None:
    image = Image.new("RGBA", (128, 96), (0, 0, 128, 255))
    image.paste((0, 0, 0, 0), (64, 0, 128, 96))
    target = io.BytesIO()
    image.save(target, "PNG")
    mask = decoded(prepared(target.getvalue()).source.mask)
    assert (mask.getpixel((10, 10)), mask.getpixel((100, 10))) == (0, 255)


@pytest.mark.parametrize("inverted", [False, True])
def test_room_and_mask_are_one(*, inverted: bool) -> None:
    """The user's mask stays where it was in the image, and all new room is to be painted."""
    paint, keep = (0, 255) if inverted else (255, 0)
    own = Image.new("L", (128, 96), keep)
    own.paste(paint, (0, 0, 16, 96))
    target = io.BytesIO()
    own.save(target, "PNG")
    made = prepared(
        None, target.getvalue(), expand_left=64, expand_top=32, inpainting_mask_invert=inverted
    )
    assert (made.width, made.height) == (192, 128)
    mask = decoded(made.source.mask)
    assert mask.size == (192, 128)
    assert mask.getpixel((10, 100)) == paint  # new room
    assert mask.getpixel((70, 100)) == paint  # the user's own mark, moved with the image
    assert mask.getpixel((180, 110)) == keep
    assert made.source.denoising_strength == 0.85
    assert made.source.inpaint_full_res is False


def test_notes_of_the_files_are_kept() -> None:
    made = prepared(None, png((64, 48), "white"))
    assert made.notes == ("mask has 64x48 pixels and was stretched to the image's 128x96.",)


def test_a_picture_alone_is_made_ready() -> None:
    picture, text = ready(png(), "control_image")
    assert picture.size == decoded(text).size == (128, 96)
    with pytest.raises(InvalidInput, match="control_image: the file is empty"):
        ready(b"", "control_image")
