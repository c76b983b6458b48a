"""Masks for inpainting and outpainting: white = change, black = keep, for every server.

Servers differ: A1111 1.10.1 reads the alpha channel of an RGBA mask, where opaque means change,
and luminance otherwise; stable-diffusion.cpp ignores grey files. So a mask is always sent as an
RGB image without transparency.
"""

from typing import TYPE_CHECKING

from sdwebui.errors import InvalidInput
from sdwebui.images.inputs import PreparedImage, open_image
from sdwebui.parameter_types import LARGEST_SIDE, SIDE_STEP

if TYPE_CHECKING:
    from PIL import Image

DARKEST_MARK = 128
"""Luminance from which a pixel counts as marked: A1111 rounds its masks."""

_GREY_SPREAD = 40
"""Largest difference between a grey pixel's channels; JPEG adds some."""


def mask_from(
    data: bytes, size: tuple[int, int], *, name: str, inverted: bool = False
) -> PreparedImage:
    """Return a mask file as a mask for an image.

    Without transparency white means change. With transparency the visible part decides: black and
    white means keep and change; strokes of one other colour mean change, as on A1111; in any other
    image the transparent parts are to be changed.

    Args:
        data: The whole file.
        size: Of the image, in pixels; a mask of another size is stretched to it.
        name: The parameter, for messages.
        inverted: White is going to mean keep (``mask_mode`` not_masked).

    Raises:
        InvalidInput: No image (:func:`sdwebui.images.inputs.open_image`), or nothing is marked.
    """
    prepared = open_image(data, name=name)
    luminance, notes = _read_mask(prepared)
    if prepared.size != size:
        luminance = luminance.resize(size)
        (width, height), (own_width, own_height) = size, prepared.size
        notes.append(
            f"{name} has {own_width}x{own_height} pixels and was stretched to the image's "
            f"{width}x{height}."
        )
    return _checked_mask(luminance, name, (*prepared.warnings, *notes), inverted=inverted)


def mask_from_transparency(
    prepared: PreparedImage, *, inverted: bool = False
) -> PreparedImage | None:
    """Return the transparent pixels of an image as its mask, or None if it has none.

    Raises:
        InvalidInput: No pixel is transparent enough to count as marked.
    """
    if prepared.alpha is None:
        return None
    return _checked_mask(_inverse(prepared.alpha), prepared.name, (), inverted=inverted)


def mask_from_area(
    area: tuple[float, float, float, float], size: tuple[int, int], *, grown: int = 0
) -> PreparedImage:
    """Return a mask that marks one rectangle.

    Args:
        area: Left, top, right and bottom in percent of the image.
        size: Of the image, in pixels.
        grown: Pixels by which the rectangle grows at each side, so that the blur of its edge lies
            outside the area.
    """
    from PIL import Image

    left, top, right, bottom = (round(share * size[at % 2] / 100) for at, share in enumerate(area))
    # A narrow area, even at the very edge, marks at least one pixel.
    left, top = min(left, size[0] - 1), min(top, size[1] - 1)
    box = (left - grown, top - grown, max(right, left + 1) + grown, max(bottom, top + 1) + grown)
    mask = Image.new("RGB", size)
    mask.paste("white", box)
    return PreparedImage("mask_area", mask)


def _read_mask(mask: PreparedImage) -> tuple["Image.Image", list[str]]:
    """Return a mask as luminance, white where the image is to change, and notes for the user."""
    from PIL import Image, ImageStat

    if mask.alpha is None:
        return mask.image.convert("L"), []
    most_visible = ImageStat.Stat(mask.alpha).extrema[0][1]
    if most_visible == 0:
        return _inverse(mask.alpha), []
    # Soft edges of strokes are blended with the background, so only the most opaque pixels count.
    visible = mask.alpha.point(lambda level: 255 * (level >= most_visible - 8))
    luminance = mask.image.convert("L")
    if _is_black_and_white(mask.image, luminance, visible):
        return Image.composite(luminance, Image.new("L", mask.size), mask.alpha), []
    ranges = ImageStat.Stat(mask.image, visible).extrema
    if all(high - low <= _GREY_SPREAD for low, high in ranges):
        return mask.alpha, []
    note = f"{mask.name} is an image with transparent parts: these were taken as the mask."
    return _inverse(mask.alpha), [note]


def _is_black_and_white(
    image: "Image.Image", luminance: "Image.Image", visible: "Image.Image"
) -> bool:
    """Return whether the visible part looks like a mask: some white, little grey, no colour."""
    from PIL import ImageChops, ImageStat

    red, green, blue = image.split()
    brightest = ImageChops.lighter(ImageChops.lighter(red, green), blue)
    darkest = ImageChops.darker(ImageChops.darker(red, green), blue)
    spread = ImageStat.Stat(ImageChops.subtract(brightest, darkest), visible).extrema[0][1]
    levels = luminance.histogram(visible)
    greys, whites = sum(levels[48:208]), sum(levels[208:])
    return spread <= _GREY_SPREAD and whites > 0 and greys * 20 < sum(levels)


def _inverse(luminance: "Image.Image") -> "Image.Image":
    """Return the negative of a grey image."""
    from PIL import ImageChops

    return ImageChops.invert(luminance)


def _checked_mask(
    luminance: "Image.Image", name: str, notes: tuple[str, ...], *, inverted: bool
) -> PreparedImage:
    """Return the mask.

    Raises:
        InvalidInput: It marks nothing.
    """
    from PIL import ImageStat

    darkest, brightest = ImageStat.Stat(luminance).extrema[0]
    if inverted and darkest >= DARKEST_MARK:
        raise InvalidInput(
            f"{name}: the mask marks nothing: it is all white, and mask_mode not_masked "
            "makes white mean keep. Paint black what is to change, or set mask_mode to masked."
        )
    if not inverted and brightest < DARKEST_MARK:
        raise InvalidInput(
            f"{name}: the mask marks nothing: it is all black or dark. Paint white what is to "
            "change, or set mask_mode to not_masked."
        )
    return PreparedImage(name, luminance.convert("RGB"), warnings=notes)


def outpaint(
    source: PreparedImage,
    *,
    left: int = 0,
    right: int = 0,
    top: int = 0,
    bottom: int = 0,
    feather: int = 32,
) -> tuple[PreparedImage, PreparedImage]:
    """Return the image extended at its sides, and the mask of the added area.

    The added area is filled with the image's edges, smeared and blurred: samplers continue that
    better than black. Both sides become multiples of 8; the pixels that this needs are added where
    the image grows anyway, otherwise at the right and the bottom.

    Args:
        source: The image to extend.
        left: Pixels to add at the left.
        right: Pixels to add at the right.
        top: Pixels to add at the top.
        bottom: Pixels to add at the bottom.
        feather: Pixels over which the mask fades out inside the image, which hides the seam.

    Raises:
        InvalidInput: The result would have more than 4096 pixels a side.
    """
    from PIL import Image, ImageFilter

    width, height = source.size
    left, right = rounded_up(width, left, right)
    top, bottom = rounded_up(height, top, bottom)
    size = (left + width + right, top + height + bottom)
    if max(size) > LARGEST_SIDE:
        raise InvalidInput(
            f"{source.name}: with expand_left, expand_right, expand_top and expand_bottom the "
            f"image grows from {width}x{height} to {size[0]}x{size[1]} pixels; at most "
            f"{LARGEST_SIDE} a side are possible. Expand by less, or shrink the image first."
        )
    place = (left, top)
    canvas = Image.new("RGB", size)
    canvas.paste(source.image, place)
    _smear(canvas, (left, top, left + width, top + height))
    canvas = canvas.filter(ImageFilter.GaussianBlur(16))
    canvas.paste(source.image, place)
    mask = Image.new("L", size, 255)
    mask.paste(_feathered_mask(source.size, (left, top, right, bottom), feather), place)
    return (
        PreparedImage(source.name, canvas, warnings=source.warnings),
        PreparedImage(source.name, mask.convert("RGB")),
    )


def rounded_up(side: int, before: int, after: int) -> tuple[int, int]:
    """Return the pixels to add before and after a side that make the sum a multiple of 8."""
    missing = -(side + before + after) % SIDE_STEP
    return (before + missing, after) if before and not after else (before, after + missing)


def _smear(canvas: "Image.Image", box: tuple[int, int, int, int]) -> None:
    """Fill the area around a box with the box's edges: first sideways, then up and down."""
    left, top, right, bottom = box
    width, height = canvas.size
    for edge, room in (
        ((left, top, left + 1, bottom), (0, top, left, bottom)),
        ((right - 1, top, right, bottom), (right, top, width, bottom)),
        ((0, top, width, top + 1), (0, 0, width, top)),
        ((0, bottom - 1, width, bottom), (0, bottom, width, height)),
    ):
        room_size = (room[2] - room[0], room[3] - room[1])
        if min(room_size) > 0:
            canvas.paste(canvas.crop(edge).resize(room_size), room)


def _feathered_mask(
    size: tuple[int, int], grown: tuple[int, int, int, int], feather: int
) -> "Image.Image":
    """Return the mask within the image, which fades from white to black at each side that grew."""
    from PIL import Image, ImageChops

    inside = Image.new("L", size)
    depth = min(feather, *(side // 2 for side in size))
    if depth < 1:
        return inside
    fading = Image.linear_gradient("L").transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    # Turned so that white lies at the left, top, right and bottom.
    for side, (added, turn) in enumerate(zip(grown, (90, 0, 270, 180), strict=True)):
        if not added:
            continue
        sideways = side % 2 == 0
        strip = fading.rotate(turn).resize((depth, size[1]) if sideways else (size[0], depth))
        at = ((0, 0), (0, 0), (size[0] - depth, 0), (0, size[1] - depth))[side]
        layer = Image.new("L", size)
        layer.paste(strip, at)
        inside = ImageChops.lighter(inside, layer)
    return inside
