"""Masks for inpainting and outpainting: white = change, black = keep, for every server.

Servers disagree: A1111 1.10.1 takes the alpha channel of an RGBA mask, where opaque means change,
and luminance otherwise; stable-diffusion.cpp ignores grey files. So a mask always goes out as an
RGB image without transparency, whatever came in.
"""

from typing import TYPE_CHECKING

from sdwebui.errors import InvalidInput
from sdwebui.images.inputs import PreparedImage, open_image
from sdwebui.parameters import LARGEST_SIDE, SIDE_STEP

if TYPE_CHECKING:
    from PIL import Image

DARKEST_MARK = 128
"""Luminance from which a pixel counts as marked: A1111 rounds its masks."""

_COLOURLESS = 40
"""Largest difference between a grey pixel's channels; JPEG makes some of its own."""


def mask_from(
    data: bytes, size: tuple[int, int], *, name: str, inverted: bool = False
) -> PreparedImage:
    """A mask file as a mask for an image.

    Without transparency white means change. With it, the visible part is looked at: black and white
    is read as it is; strokes of one other colour mean change, as on A1111; and of an image with
    holes the holes are to be filled.

    Args:
        data: The whole file.
        size: Of the image, in pixels; a mask of another size is stretched to it.
        name: The parameter, for messages.
        inverted: White is going to mean keep (``mask_mode`` not_masked).

    Raises:
        InvalidInput: No image (:func:`sdwebui.images.inputs.open_image`), or nothing is marked.
    """
    opened = open_image(data, name=name)
    luminance, notes = _marks(opened)
    if opened.size != size:
        luminance = luminance.resize(size)
        (width, height), (own_width, own_height) = size, opened.size
        notes.append(
            f"{name} has {own_width}x{own_height} pixels and was stretched to the image's "
            f"{width}x{height}."
        )
    return _checked(luminance, name, (*opened.warnings, *notes), inverted=inverted)


def mask_from_transparency(
    picture: PreparedImage, *, inverted: bool = False
) -> PreparedImage | None:
    """The transparent pixels of an image as its mask; ``None`` if it has none.

    Raises:
        InvalidInput: Transparent is nothing that would count as marked.
    """
    if picture.alpha is None:
        return None
    return _checked(_inverse(picture.alpha), picture.name, (), inverted=inverted)


def mask_from_area(
    area: tuple[float, float, float, float], size: tuple[int, int], *, grown: int = 0
) -> PreparedImage:
    """Return a mask that marks one rectangle.

    Args:
        area: Left, top, right and bottom in percent of the image.
        size: Of the image, in pixels.
        grown: Pixels by which the rectangle grows at each side: the blur of its edge then lies
            around what was meant, not within.
    """
    from PIL import Image

    left, top, right, bottom = (round(share * size[at % 2] / 100) for at, share in enumerate(area))
    # However narrow, and even at the very edge, it marks a pixel.
    left, top = min(left, size[0] - 1), min(top, size[1] - 1)
    box = (left - grown, top - grown, max(right, left + 1) + grown, max(bottom, top + 1) + grown)
    mask = Image.new("RGB", size)
    mask.paste("white", box)
    return PreparedImage("mask_area", mask)


def _marks(mask: PreparedImage) -> tuple["Image.Image", list[str]]:
    from PIL import Image, ImageStat

    if mask.alpha is None:
        return mask.image.convert("L"), []
    most_visible = ImageStat.Stat(mask.alpha).extrema[0][1]
    if most_visible == 0:
        return _inverse(mask.alpha), []
    # Soft edges of strokes are mixtures with the background, so only the firmest pixels count.
    visible = mask.alpha.point(lambda level: 255 * (level >= most_visible - 8))
    luminance = mask.image.convert("L")
    if _is_black_and_white(mask.image, luminance, visible):
        return Image.composite(luminance, Image.new("L", mask.size), mask.alpha), []
    ranges = ImageStat.Stat(mask.image, visible).extrema
    if all(high - low <= _COLOURLESS for low, high in ranges):
        return mask.alpha, []
    note = f"{mask.name} is an image with transparent parts: these were taken as the mask."
    return _inverse(mask.alpha), [note]


def _is_black_and_white(
    image: "Image.Image", luminance: "Image.Image", visible: "Image.Image"
) -> bool:
    """Whether what is visible looks like a mask: some white, hardly any grey, no colour."""
    from PIL import ImageChops, ImageStat

    red, green, blue = image.split()
    brightest = ImageChops.lighter(ImageChops.lighter(red, green), blue)
    darkest = ImageChops.darker(ImageChops.darker(red, green), blue)
    spread = ImageStat.Stat(ImageChops.subtract(brightest, darkest), visible).extrema[0][1]
    levels = luminance.histogram(visible)
    greys, whites = sum(levels[48:208]), sum(levels[208:])
    return spread <= _COLOURLESS and whites > 0 and greys * 20 < sum(levels)


def _inverse(luminance: "Image.Image") -> "Image.Image":
    from PIL import ImageChops

    return ImageChops.invert(luminance)


def _checked(
    luminance: "Image.Image", name: str, notes: tuple[str, ...], *, inverted: bool
) -> PreparedImage:
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
    picture: PreparedImage,
    *,
    left: int = 0,
    right: int = 0,
    top: int = 0,
    bottom: int = 0,
    feather: int = 32,
) -> tuple[PreparedImage, PreparedImage]:
    """An image with more room around it, and the mask of that room.

    The room is filled with the image's edges, smeared and blurred: samplers continue that better
    than black. Both sides become multiples of 8; the pixels that this takes are added where the
    image grows anyway, otherwise at the right and the bottom.

    Args:
        picture: What to paint beyond.
        left: Pixels to add at the left.
        right: Pixels to add at the right.
        top: Pixels to add at the top.
        bottom: Pixels to add at the bottom.
        feather: Pixels over which the mask fades out inside the image, so that no seam shows.

    Raises:
        InvalidInput: The result would have more than 4096 pixels a side.
    """
    from PIL import Image, ImageFilter

    width, height = picture.size
    left, right = rounded_up(width, left, right)
    top, bottom = rounded_up(height, top, bottom)
    size = (left + width + right, top + height + bottom)
    if max(size) > LARGEST_SIDE:
        raise InvalidInput(
            f"{picture.name}: with expand_left, expand_right, expand_top and expand_bottom the "
            f"image grows from {width}x{height} to {size[0]}x{size[1]} pixels; at most "
            f"{LARGEST_SIDE} a side are possible. Expand by less, or shrink the image first."
        )
    place = (left, top)
    canvas = Image.new("RGB", size)
    canvas.paste(picture.image, place)
    _smear(canvas, (left, top, left + width, top + height))
    canvas = canvas.filter(ImageFilter.GaussianBlur(16))
    canvas.paste(picture.image, place)
    mask = Image.new("L", size, 255)
    mask.paste(_feathered(picture.size, (left, top, right, bottom), feather), place)
    name = picture.name
    return (
        PreparedImage(name, canvas, warnings=picture.warnings),
        PreparedImage(name, mask.convert("RGB")),
    )


def rounded_up(side: int, before: int, after: int) -> tuple[int, int]:
    """The pixels to add before and after a side so that the whole is a multiple of 8."""
    missing = -(side + before + after) % SIDE_STEP
    return (before + missing, after) if before and not after else (before, after + missing)


def _smear(canvas: "Image.Image", box: tuple[int, int, int, int]) -> None:
    """Draw out the edges of what lies in the box: first sideways, then up and down."""
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


def _feathered(
    size: tuple[int, int], grown: tuple[int, int, int, int], feather: int
) -> "Image.Image":
    """The mask within the image: fading from white to black behind each side that grew."""
    from PIL import Image, ImageChops

    inside = Image.new("L", size)
    depth = min(feather, *(side // 2 for side in size))
    if depth < 1:
        return inside
    fading = Image.linear_gradient("L").transpose(Image.Transpose.FLIP_TOP_BOTTOM)
    # Turned so that white lies at the left, top, right and bottom.
    for side, (room, turn) in enumerate(zip(grown, (90, 0, 270, 180), strict=True)):
        if not room:
            continue
        sideways = side % 2 == 0
        strip = fading.rotate(turn).resize((depth, size[1]) if sideways else (size[0], depth))
        at = ((0, 0), (0, 0), (size[0] - depth, 0), (0, size[1] - depth))[side]
        layer = Image.new("L", size)
        layer.paste(strip, at)
        inside = ImageChops.lighter(inside, layer)
    return inside
