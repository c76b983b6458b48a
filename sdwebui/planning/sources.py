"""What img2img starts from: image, mask and the room to paint into, made ready to send."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sdwebui.dialects.plan import Source
from sdwebui.errors import InvalidInput
from sdwebui.images.inputs import PreparedImage, open_image
from sdwebui.images.masks import (
    mask_from,
    mask_from_area,
    mask_from_transparency,
    outpaint,
    rounded_up,
)
from sdwebui.images.sizes import fit_size, to_step
from sdwebui.parameters import Img2Img, Inpaint, Masked, Outpaint, Size

if TYPE_CHECKING:
    from PIL import Image

_RESIZE_MODES = {"stretch": 0, "crop": 1, "fill": 2, "latent": 3}
_MASKED_CONTENT = {"fill": 0, "original": 1, "noise": 2, "nothing": 3}

DENOISING_STRENGTH = 0.75
"""Where it is left blank: A1111's own for img2img."""

OUTPAINTING_STRENGTH = 0.8
"""New room is filled with smeared edges, which less would leave visible."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A source with the size of the image that will come of it, and what was changed."""

    source: Source
    width: int
    height: int
    notes: tuple[str, ...]


def ready(data: bytes, name: str) -> tuple[PreparedImage, str]:
    """An image, checked, and as base64; CPU work, so it is called in a thread.

    Raises:
        InvalidInput: It cannot be used; the message names the parameter.
    """
    picture = open_image(data, name=name)
    return picture, picture.to_base64()


def prepare(requested: Img2Img, image: bytes, mask: bytes | None, resize_here: bool) -> Prepared:
    """Check the files and make them ready; CPU work, so it is called in a thread.

    Args:
        requested: The tool's parameters.
        image: The image file.
        mask: The mask file of an inpaint job.
        resize_here: The server knows no ``resize_mode``, so the image is brought to size here.

    Raises:
        InvalidInput: A file cannot be used, the mask marks nothing, or nothing is to be painted.
    """
    picture = open_image(image, name="image")
    notes = picture.warnings
    marks = None
    if isinstance(requested, Inpaint):
        marks = _marks(requested, picture, mask)
        if mask is not None and requested.mask_area is not None:
            notes += ("mask_area was left out, since there is a mask.",)
    elif isinstance(requested, Outpaint):
        marks = mask_from_transparency(picture)
    elif picture.alpha is not None:
        notes += (
            "The transparent parts of image became white. To repaint just these, inpaint the "
            "image.",
        )
    if marks:
        notes += marks.warnings
    if isinstance(requested, Outpaint):
        picture, marks = _outpainted(picture, marks, requested)
    width, height = _size(requested, picture.size)
    if resize_here and picture.size != (width, height):
        stretch = requested.resize_mode in {"stretch", "latent"}
        if requested.resize_mode == "fill":
            notes += ("resize_mode fill is not known to this server; the image was cropped.",)
        picture = _resized(picture, (width, height), stretch=stretch)
        marks = _resized(marks, (width, height), stretch=stretch) if marks else None
    return Prepared(_source(requested, picture, marks), width, height, notes)


def _size(requested: Img2Img, own: tuple[int, int]) -> tuple[int, int]:
    """Return the size to make; a side that is not given follows from the image's proportions."""
    wanted = requested.size or Size()
    if wanted.width and wanted.height:
        return to_step(wanted.width), to_step(wanted.height)
    if wanted.width:
        return to_step(wanted.width), to_step(wanted.width * own[1] / own[0])
    if wanted.height:
        return to_step(wanted.height * own[0] / own[1]), to_step(wanted.height)
    return fit_size(*own)


def _source(requested: Img2Img, picture: PreparedImage, marks: PreparedImage | None) -> Source:
    grows = isinstance(requested, Outpaint)
    strength = requested.denoising_strength
    if strength is None:
        strength = OUTPAINTING_STRENGTH if grows else DENOISING_STRENGTH
    source = Source(
        image=picture.to_base64(),
        denoising_strength=strength,
        resize_mode=_RESIZE_MODES[requested.resize_mode],
        mask=marks.to_base64() if marks else None,
    )
    if not isinstance(requested, Masked):
        return source
    return replace(
        source,
        mask_blur=requested.mask_blur,
        inpainting_fill=_MASKED_CONTENT[requested.masked_content],
        # The new room lies around the image: only the whole of it shows the server the way.
        inpaint_full_res=requested.inpaint_area == "only_masked" and not grows,
        inpaint_full_res_padding=requested.mask_padding,
        inpainting_mask_invert=isinstance(requested, Inpaint)
        and requested.mask_mode == "not_masked",
    )


def _marks(requested: Inpaint, picture: PreparedImage, mask: bytes | None) -> PreparedImage:
    """Return what is to be repainted: the mask, else the area, else the transparent parts."""
    inverted = requested.mask_mode == "not_masked"
    if mask is not None:
        return mask_from(mask, picture.size, name="mask", inverted=inverted)
    if requested.mask_area is not None:
        if inverted and requested.mask_area == (0, 0, 100, 100):
            raise InvalidInput(
                "mask_area: the mask marks nothing: the area is the whole image, and mask_mode "
                "not_masked keeps it. Set mask_mode to masked, or write a smaller area."
            )
        blur = 0 if inverted else requested.mask_blur
        return mask_from_area(requested.mask_area, picture.size, grown=blur)
    marks = mask_from_transparency(picture, inverted=inverted)
    if marks is None:
        raise InvalidInput(
            "mask is missing: hand over a mask (white = repaint), an image with transparent parts, "
            "or write in mask_area which part: left, top, right, bottom in percent, such as "
            "0, 0, 100, 40 for the upper 40 %."
        )
    return marks


def _outpainted(
    picture: PreparedImage, marks: PreparedImage | None, requested: Outpaint
) -> tuple[PreparedImage, PreparedImage]:
    """Return the grown image and its mask, the image's transparent parts among what is marked."""
    from PIL import Image, ImageChops

    sides = {
        "left": requested.expand_left,
        "right": requested.expand_right,
        "top": requested.expand_top,
        "bottom": requested.expand_bottom,
    }
    if not any(sides.values()):
        raise InvalidInput(
            "Say how many pixels to add: expand_left, expand_right, expand_top or expand_bottom."
        )
    grown, room = outpaint(picture, **sides)
    if marks is None:
        return grown, PreparedImage("mask", room.image)
    # Where the image stands in the grown one: rounding adds pixels to sides that grow.
    left, _ = rounded_up(picture.size[0], sides["left"], sides["right"])
    top, _ = rounded_up(picture.size[1], sides["top"], sides["bottom"])
    own = Image.new("RGB", grown.size, "black")
    own.paste(marks.image, (left, top))
    return grown, PreparedImage("mask", ImageChops.lighter(room.image, own))


def _resized(picture: PreparedImage, size: tuple[int, int], *, stretch: bool) -> PreparedImage:
    from PIL import ImageOps

    image: Image.Image = (
        picture.image.resize(size) if stretch else ImageOps.fit(picture.image, size)
    )
    return PreparedImage(picture.name, image)
