"""The source of img2img: the image, the mask and the area to extend, prepared for the server."""

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
"""The default for img2img, as on A1111."""

OUTPAINTING_STRENGTH = 0.8
"""The default for outpainting: less would leave the smeared edges visible."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A source that is ready to send.

    Attributes:
        source: For the plan.
        width: Of the image to make, in pixels.
        height: Of the image to make, in pixels.
        notes: What was changed, as sentences.
    """

    source: Source
    width: int
    height: int
    notes: tuple[str, ...]


def ready(data: bytes, name: str) -> tuple[PreparedImage, str]:
    """Return a checked image, and its base64; takes CPU time, so callers run it in a thread.

    Raises:
        InvalidInput: It cannot be used; the message names the parameter.
    """
    prepared = open_image(data, name=name)
    return prepared, prepared.to_base64()


def prepare(requested: Img2Img, image: bytes, mask: bytes | None, resize_here: bool) -> Prepared:
    """Return the source of a job, with its files checked and its mask made.

    Takes CPU time, so callers run it in a thread.

    Args:
        requested: The tool's parameters.
        image: The image file.
        mask: The mask file of an inpaint job.
        resize_here: The server knows no ``resize_mode``, so the image is resized here.

    Raises:
        InvalidInput: A file cannot be used, the mask marks nothing, or no side is to be extended.
    """
    prepared = open_image(image, name="image")
    notes = prepared.warnings
    prepared_mask = None
    if isinstance(requested, Inpaint):
        prepared_mask = _inpaint_mask(requested, prepared, mask)
        if mask is not None and requested.mask_area is not None:
            notes += ("mask_area was left out, since there is a mask.",)
    elif isinstance(requested, Outpaint):
        prepared_mask = mask_from_transparency(prepared)
    elif prepared.alpha is not None:
        notes += (
            "The transparent parts of image became white. To repaint just these, inpaint the "
            "image.",
        )
    if prepared_mask:
        notes += prepared_mask.warnings
    if isinstance(requested, Outpaint):
        prepared, prepared_mask = _extended(prepared, prepared_mask, requested)
    width, height = _size(requested, prepared.size)
    if resize_here and prepared.size != (width, height):
        stretch = requested.resize_mode in {"stretch", "latent"}
        if requested.resize_mode == "fill":
            notes += ("resize_mode fill is not known to this server; the image was cropped.",)
        prepared = _resized(prepared, (width, height), stretch=stretch)
        if prepared_mask:
            prepared_mask = _resized(prepared_mask, (width, height), stretch=stretch)
    return Prepared(_source(requested, prepared, prepared_mask), width, height, notes)


def _size(requested: Img2Img, own: tuple[int, int]) -> tuple[int, int]:
    """Return the size to make; a missing side follows from the image's proportions."""
    size = requested.size or Size()
    if size.width and size.height:
        return to_step(size.width), to_step(size.height)
    if size.width:
        return to_step(size.width), to_step(size.width * own[1] / own[0])
    if size.height:
        return to_step(size.height * own[0] / own[1]), to_step(size.height)
    return fit_size(*own)


def _source(requested: Img2Img, prepared: PreparedImage, mask: PreparedImage | None) -> Source:
    """Return the source with the numbers of A1111's API."""
    is_outpaint = isinstance(requested, Outpaint)
    strength = requested.denoising_strength
    if strength is None:
        strength = OUTPAINTING_STRENGTH if is_outpaint else DENOISING_STRENGTH
    source = Source(
        image=prepared.to_base64(),
        denoising_strength=strength,
        resize_mode=_RESIZE_MODES[requested.resize_mode],
        mask=mask.to_base64() if mask else None,
    )
    if not isinstance(requested, Masked):
        return source
    return replace(
        source,
        mask_blur=requested.mask_blur,
        inpainting_fill=_MASKED_CONTENT[requested.masked_content],
        # Outpainting needs the whole image as context.
        inpaint_full_res=requested.inpaint_area == "only_masked" and not is_outpaint,
        inpaint_full_res_padding=requested.mask_padding,
        inpainting_mask_invert=isinstance(requested, Inpaint)
        and requested.mask_mode == "not_masked",
    )


def _inpaint_mask(requested: Inpaint, prepared: PreparedImage, mask: bytes | None) -> PreparedImage:
    """Return the mask, else that of the area, else that of the transparent parts.

    Raises:
        InvalidInput: There is none of them, or it marks nothing.
    """
    inverted = requested.mask_mode == "not_masked"
    if mask is not None:
        return mask_from(mask, prepared.size, name="mask", inverted=inverted)
    if requested.mask_area is not None:
        if inverted and requested.mask_area == (0, 0, 100, 100):
            raise InvalidInput(
                "mask_area: the mask marks nothing: the area is the whole image, and mask_mode "
                "not_masked keeps it. Set mask_mode to masked, or write a smaller area."
            )
        blur = 0 if inverted else requested.mask_blur
        return mask_from_area(requested.mask_area, prepared.size, grown=blur)
    transparent = mask_from_transparency(prepared, inverted=inverted)
    if transparent is None:
        raise InvalidInput(
            "mask is missing: hand over a mask (white = repaint), an image with transparent parts, "
            "or write in mask_area which part: left, top, right, bottom in percent, such as "
            "0, 0, 100, 40 for the upper 40 %."
        )
    return transparent


def _extended(
    prepared: PreparedImage, transparent: PreparedImage | None, requested: Outpaint
) -> tuple[PreparedImage, PreparedImage]:
    """Return the extended image and its mask, which also marks the image's transparent parts.

    Raises:
        InvalidInput: No side is to be extended, or the result would be too large.
    """
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
    extended, mask = outpaint(prepared, **sides)
    if transparent is None:
        return extended, PreparedImage("mask", mask.image)
    # Rounding adds pixels to sides that grow, which moves the image.
    left, _ = rounded_up(prepared.size[0], sides["left"], sides["right"])
    top, _ = rounded_up(prepared.size[1], sides["top"], sides["bottom"])
    moved = Image.new("RGB", extended.size, "black")
    moved.paste(transparent.image, (left, top))
    return extended, PreparedImage("mask", ImageChops.lighter(mask.image, moved))


def _resized(prepared: PreparedImage, size: tuple[int, int], *, stretch: bool) -> PreparedImage:
    """Return an image stretched, or cropped from its middle, to a size."""
    from PIL import ImageOps

    image: Image.Image = (
        prepared.image.resize(size) if stretch else ImageOps.fit(prepared.image, size)
    )
    return PreparedImage(prepared.name, image)
