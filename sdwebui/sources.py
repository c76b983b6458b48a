"""What img2img starts from: image, mask and the room to paint into, made ready to send."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sdwebui.inputs import PreparedPicture, fit_size, open_picture
from sdwebui.masks import mask_from, mask_from_transparency, outpaint, rounded_up
from sdwebui.parameters import Img2Img
from sdwebui.plan import Source
from sdwebui.presets import to_step

if TYPE_CHECKING:
    from PIL import Image

_RESIZE_MODES = {"stretch": 0, "crop": 1, "fill": 2, "latent": 3}
_MASKED_CONTENT = {"fill": 0, "original": 1, "noise": 2, "nothing": 3}

DENOISING_STRENGTH = 0.6
"""Where it is left blank: the image stays recognisable."""

OUTPAINTING_STRENGTH = 0.85
"""New room is filled with smeared edges, which less would leave visible."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A source with the size of the image that will come of it, and what was changed."""

    source: Source
    width: int
    height: int
    notes: tuple[str, ...]


def ready(data: bytes, name: str) -> tuple[PreparedPicture, str]:
    """An image, checked, and as base64; CPU work, so it is called in a thread.

    Raises:
        InvalidInput: It cannot be used; the message names the parameter.
    """
    picture = open_picture(data, name=name)
    return picture, picture.to_base64()


def prepare(asked: Img2Img, image: bytes, mask: bytes | None, resize_here: bool) -> Prepared:
    """Check the files and make them ready; CPU work, so it is called in a thread.

    Args:
        asked: The tool's parameters.
        image: The image file.
        mask: The mask file; without one the image's transparent pixels are the mask.
        resize_here: The server knows no ``resize_mode``, so the image is brought to size here.

    Raises:
        InvalidInput: A file cannot be used, or the mask marks nothing.
    """
    picture = open_picture(image, name="image")
    notes = picture.warnings
    inverted = asked.inpainting_mask_invert
    marks = (
        mask_from(mask, picture.size, name="mask", inverted=inverted)
        if mask is not None
        else mask_from_transparency(picture, inverted=inverted)
    )
    if marks:
        notes += marks.warnings
    sides = {
        "left": asked.expand_left,
        "right": asked.expand_right,
        "top": asked.expand_top,
        "bottom": asked.expand_bottom,
    }
    grows = any(sides.values())
    if grows:
        picture, marks = _outpainted(picture, marks, sides, inverted=inverted)
    fitted = fit_size(*picture.size)
    width = to_step(asked.width) if asked.width else fitted[0]
    height = to_step(asked.height) if asked.height else fitted[1]
    if resize_here and picture.size != (width, height):
        stretch = asked.resize_mode in {"stretch", "latent"}
        if asked.resize_mode == "fill":
            notes += ("resize_mode fill is not known to this server; the image was cropped.",)
        picture = _resized(picture, (width, height), stretch=stretch)
        marks = _resized(marks, (width, height), stretch=stretch) if marks else None
    strength = asked.denoising_strength
    if strength is None:
        strength = OUTPAINTING_STRENGTH if grows else DENOISING_STRENGTH
    source = Source(
        image=picture.to_base64(),
        denoising_strength=strength,
        resize_mode=_RESIZE_MODES[asked.resize_mode],
        mask=marks.to_base64() if marks else None,
        mask_blur=asked.mask_blur,
        inpainting_fill=_MASKED_CONTENT[asked.inpainting_fill],
        # The new room lies around the image: only the whole of it shows the server the way.
        inpaint_full_res=asked.inpaint_full_res and not grows,
        inpaint_full_res_padding=asked.inpaint_full_res_padding,
        inpainting_mask_invert=inverted,
    )
    return Prepared(source, width, height, notes)


def _outpainted(
    picture: PreparedPicture,
    marks: PreparedPicture | None,
    sides: dict[str, int],
    *,
    inverted: bool,
) -> tuple[PreparedPicture, PreparedPicture]:
    """The grown image and its mask, the user's own mask laid into it."""
    from PIL import Image, ImageChops

    grown, room = outpaint(picture, **sides)
    # Where the image stands in the grown one: rounding adds pixels to sides that grow.
    left, _ = rounded_up(picture.size[0], sides["left"], sides["right"])
    top, _ = rounded_up(picture.size[1], sides["top"], sides["bottom"])
    union: Any = room.image
    if inverted:
        union = ImageChops.invert(union)
    if marks:
        own = Image.new("RGB", grown.size, "white" if inverted else "black")
        own.paste(marks.image, (left, top))
        union = ImageChops.darker(union, own) if inverted else ImageChops.lighter(union, own)
    return grown, PreparedPicture("mask", union)


def _resized(picture: PreparedPicture, size: tuple[int, int], *, stretch: bool) -> PreparedPicture:
    from PIL import ImageOps

    image: Image.Image = (
        picture.image.resize(size) if stretch else ImageOps.fit(picture.image, size)
    )
    return PreparedPicture(picture.name, image)
