"""The source of img2img: its size, strength and mask, and the area to extend."""

import base64
import io
from typing import Any

import pytest
from PIL import Image

from sdwebui.errors import InvalidInput
from sdwebui.images.files import ImageFile
from sdwebui.parameters import Img2Img, Inpaint, Outpaint
from sdwebui.planning.sources import Prepared, prepare, ready


def png(size: tuple[int, int] = (128, 96), colour: Any = "navy", mode: str = "RGB") -> bytes:
    """Return a PNG of one colour."""
    target = io.BytesIO()
    Image.new(mode, size, colour).save(target, "PNG")
    return target.getvalue()


def half_clear() -> bytes:
    """Return an image whose right half is transparent."""
    image = Image.new("RGBA", (128, 96), (0, 0, 128, 255))
    image.paste((0, 0, 0, 0), (64, 0, 128, 96))
    target = io.BytesIO()
    image.save(target, "PNG")
    return target.getvalue()


LEFT, RIGHT = (10, 10), (100, 10)


def decoded(text: str | None) -> Image.Image:
    """Return a base64 image as a grey image."""
    return Image.open(io.BytesIO(base64.b64decode(text or ""))).convert("L")


def prepared(
    kind: type[Img2Img] = Img2Img,
    image: bytes | None = None,
    mask: bytes | None = None,
    *,
    here: bool = False,
    **requested: Any,
) -> Prepared:
    """Return the source of a request."""
    parameters = kind.read({"image": ImageFile(b""), **requested})
    return prepare(parameters, image or png(), mask, here)


def test_the_images_own_size_is_kept() -> None:
    made = prepared()
    assert (made.width, made.height) == (128, 96)
    assert made.source.mask is None
    assert (made.source.denoising_strength, made.source.resize_mode) == (0.75, 1)


def test_given_sides_are_rounded() -> None:
    made = prepared(size="100x200", resize_mode="stretch", denoising_strength=0.3)
    assert (made.width, made.height) == (104, 200)
    assert (made.source.denoising_strength, made.source.resize_mode) == (0.3, 0)
    assert decoded(made.source.image).size == (128, 96)


@pytest.mark.parametrize(
    ("size", "made"), [("256x", (256, 192)), ("x192", (256, 192)), ("200", (200, 200))]
)
def test_a_side_that_is_not_given_follows_from_the_image(size: str, made: tuple[int, int]) -> None:
    done = prepared(size=size)
    assert (done.width, done.height) == made


def test_a_strength_of_zero_is_kept() -> None:
    assert prepared(denoising_strength=0).source.denoising_strength == 0


@pytest.mark.parametrize(
    ("resize_mode", "number"), [("stretch", 0), ("crop", 1), ("fill", 2), ("latent", 3)]
)
def test_resize_modes_are_a1111s(resize_mode: str, number: int) -> None:
    assert prepared(resize_mode=resize_mode).source.resize_mode == number


@pytest.mark.parametrize("resize_mode", ["stretch", "crop", "latent"])
def test_a_server_without_resize_modes_gets_the_size(resize_mode: str) -> None:
    made = prepared(here=True, size="64x64", resize_mode=resize_mode)
    assert decoded(made.source.image).size == (64, 64)
    assert made.notes == ()


def test_a_mask_is_resized_with_the_image() -> None:
    made = prepared(Inpaint, None, png(colour="white"), here=True, size="64x64")
    assert decoded(made.source.image).size == decoded(made.source.mask).size == (64, 64)


def test_an_image_that_cannot_be_filled_is_cropped_with_a_note() -> None:
    made = prepared(here=True, size="64x64", resize_mode="fill")
    assert decoded(made.source.image).size == (64, 64)
    assert made.notes == ("resize_mode fill is not known to this server; the image was cropped.",)


def test_a_whole_image_is_changed_transparent_or_not() -> None:
    made = prepared(image=half_clear())
    assert made.source.mask is None
    (note,) = made.notes
    assert note.startswith("The transparent parts of image became white.")
    assert "inpaint the image" in note


# Inpaint


def test_a_mask_marks_what_is_repainted() -> None:
    mask = Image.new("L", (128, 96))
    mask.paste(255, (64, 0, 128, 96))
    target = io.BytesIO()
    mask.save(target, "PNG")
    source = prepared(Inpaint, mask=target.getvalue()).source
    assert (decoded(source.mask).getpixel(LEFT), decoded(source.mask).getpixel(RIGHT)) == (0, 255)
    assert (source.mask_blur, source.inpainting_fill) == (4, 1)
    assert (source.inpaint_full_res, source.inpaint_full_res_padding) == (True, 32)
    assert source.inpainting_mask_invert is False


def test_the_masks_settings_are_those_of_the_form() -> None:
    source = prepared(
        Inpaint, mask=png(colour="black"), masked_content="noise", inpaint_area="whole",
        mask_blur=9, mask_mode="not_masked",
    ).source  # fmt: skip
    assert (source.mask_blur, source.inpainting_fill, source.inpaint_full_res) == (9, 2, False)
    assert source.inpainting_mask_invert is True


@pytest.mark.parametrize(
    ("content", "number"), [("fill", 0), ("original", 1), ("noise", 2), ("nothing", 3)]
)
def test_masked_content_is_a1111s(content: str, number: int) -> None:
    source = prepared(Inpaint, mask_area="0,0,50,50", masked_content=content).source
    assert source.inpainting_fill == number


def test_an_area_marks_what_is_repainted() -> None:
    source = prepared(Inpaint, mask_area="0, 0, 100, 50", mask_blur=0).source
    mask = decoded(source.mask)
    assert mask.size == (128, 96)
    assert [mask.getpixel((64, y)) for y in (0, 47, 48, 95)] == [255, 255, 0, 0]


def test_an_area_grows_by_the_blur_of_its_edge() -> None:
    mask = decoded(prepared(Inpaint, mask_area="50, 50, 75, 75", mask_blur=8).source.mask)
    assert mask.getbbox() == (64 - 8, 48 - 8, 96 + 8, 72 + 8)


def test_an_area_that_is_to_stay_does_not_grow() -> None:
    source = prepared(
        Inpaint, mask_area="50, 50, 75, 75", mask_blur=8, mask_mode="not_masked"
    ).source
    assert decoded(source.mask).getbbox() == (64, 48, 96, 72)
    assert source.inpainting_mask_invert is True


def test_an_area_that_keeps_the_whole_image_is_refused() -> None:
    with pytest.raises(InvalidInput, match="marks nothing"):
        prepared(Inpaint, mask_area="0,0,100,100", mask_mode="not_masked")


def test_a_mask_beats_an_area_and_an_area_the_transparent_parts() -> None:
    mask = prepared(Inpaint, mask=png(colour="white"), mask_area="0,0,10,10").source.mask
    assert decoded(mask).getextrema() == (255, 255)
    mask = prepared(Inpaint, half_clear(), mask_area="0,0,50,100", mask_blur=0).source.mask
    assert (decoded(mask).getpixel(LEFT), decoded(mask).getpixel(RIGHT)) == (255, 0)


def test_a_transparent_part_is_the_mask() -> None:
    mask = decoded(prepared(Inpaint, half_clear()).source.mask)
    assert (mask.getpixel(LEFT), mask.getpixel(RIGHT)) == (0, 255)


def test_a_missing_mask_is_refused_with_the_ways_to_mark() -> None:
    with pytest.raises(InvalidInput) as caught:
        prepared(Inpaint)
    assert str(caught.value) == (
        "mask is missing: hand over a mask (white = repaint), an image with transparent parts, or "
        "write in mask_area which part: left, top, right, bottom in percent, such as "
        "0, 0, 100, 40 for the upper 40 %."
    )


def test_notes_of_the_files_are_kept() -> None:
    made = prepared(Inpaint, None, png((64, 48), "white"))
    assert made.notes == ("mask has 64x48 pixels and was stretched to the image's 128x96.",)


# Outpaint


def test_the_added_area_is_marked_and_the_image_stays() -> None:
    made = prepared(Outpaint, expand_left=64, expand_top=32)
    assert (made.width, made.height) == (192, 128)
    mask = decoded(made.source.mask)
    assert mask.size == (192, 128)
    assert mask.getpixel((10, 100)) == 255
    assert mask.getpixel((180, 110)) == 0
    source = made.source
    assert (source.denoising_strength, source.mask_blur, source.inpainting_fill) == (0.8, 8, 0)
    assert source.inpaint_full_res is False
    assert source.inpainting_mask_invert is False


def test_transparent_parts_are_marked_beside_the_added_area() -> None:
    mask = decoded(prepared(Outpaint, half_clear(), expand_left=64).source.mask)
    assert mask.size == (192, 96)
    assert mask.getpixel((10, 50)) == 255  # the added area
    assert mask.getpixel((64 + 40, 50)) == 0  # the image
    assert mask.getpixel((64 + 100, 50)) == 255  # its transparent part, moved with it


def test_outpainting_needs_a_side() -> None:
    with pytest.raises(InvalidInput) as caught:
        prepared(Outpaint)
    assert str(caught.value) == (
        "Say how many pixels to add: expand_left, expand_right, expand_top or expand_bottom."
    )


def test_a_single_image_is_checked_and_encoded() -> None:
    image, text = ready(png(), "control_image")
    assert image.size == decoded(text).size == (128, 96)
    with pytest.raises(InvalidInput, match="control_image: the file is empty"):
        ready(b"", "control_image")
