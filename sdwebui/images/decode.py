"""Decoding and encoding of images with Pillow.

Importing this module imports Pillow, so other modules import it inside functions. Everything here
takes CPU time (some 20 ms a megapixel), so callers run it in a thread.
"""

import io
import struct
from typing import Any

from PIL import Image, ImageOps

from sdwebui.images.formats import ConvertibleTo, sniff

JPEG_QUALITY = 95
"""Higher values make files much larger without a visible gain; colours are not subsampled."""

WEBP_QUALITY = 92
"""Looks like the JPEG quality above at about half its size."""

TooManyPixels = Image.DecompressionBombError
"""Raised for a file that would decode to more than 178 megapixels."""

FAILURES = (
    *(OSError, EOFError, SyntaxError, ValueError, TypeError, LookupError, ArithmeticError),
    *(AttributeError, RuntimeError, struct.error, TooManyPixels),
)
"""What Pillow raises for damaged files, depending on the place of the damage."""

_ORIENTATION = 0x0112


def open_undecoded(data: bytes) -> Image.Image:
    """Return an image whose pixels are not decoded yet.

    Only the decoder that is needed is imported: all of them together take 130 ms.

    Raises:
        OSError: The file is damaged, or Pillow cannot read the format; or another of
            :data:`FAILURES`.
        NotAnImage: It is of no known format.
    """
    name = sniff(data).name.upper()
    _import_plugin(name)
    return Image.open(io.BytesIO(data), formats=(name,))


def _import_plugin(format_name: str) -> None:
    """Import the decoder and encoder of a format that Pillow does not import by itself."""
    match format_name:
        case "WEBP":
            from PIL import WebPImagePlugin  # noqa: F401
        case "AVIF":
            from PIL import AvifImagePlugin  # noqa: F401
        case "TIFF":
            from PIL import TiffImagePlugin  # noqa: F401


def is_animated(image: Image.Image) -> bool:
    """Return whether an image has several frames or pages; a phone's JPEG pair does not count."""
    return bool(getattr(image, "is_animated", False)) and image.format not in ("JPEG", "MPO")


def upright(image: Image.Image) -> Image.Image:
    """Return an image with the rotation applied that cameras note in EXIF."""
    if image.getexif().get(_ORIENTATION, 1) == 1:
        return image  # exif_transpose would copy
    return ImageOps.exif_transpose(image)


def eight_bit(image: Image.Image) -> Image.Image:
    """Return a grey image of 16 bits a pixel scaled to 8 bits, any other as it is."""
    if not image.mode.startswith("I"):
        return image
    return image.convert("I").point(lambda level: level * (1 / 256)).convert("L")


def on_white(image: Image.Image) -> Image.Image:
    """Return an RGBA image flattened on white, as A1111 and Forge flatten input images."""
    flattened = Image.new("RGB", image.size, "white")
    flattened.paste(image, mask=image.getchannel("A"))
    return flattened


def in_srgb(image: Image.Image) -> Image.Image:
    """Return an image with its colour profile applied; the same object if there is none.

    CMYK without a profile, or with a broken one, is left for Pillow's own conversion.
    """
    profile = image.info.get("icc_profile")
    if not profile or image.mode not in ("RGB", "CMYK"):
        return image
    if b"sRGB" in profile.replace(b"\0", b""):  # the name may be UTF-16
        return image
    from PIL import ImageCms

    try:
        converted = ImageCms.profileToProfile(
            image, io.BytesIO(profile), ImageCms.createProfile("sRGB"), outputMode="RGB"
        )
    except (ImageCms.PyCMSError, OSError):
        return image
    return image if converted is None else converted


def encoded(
    image: Image.Image, output_format: ConvertibleTo, *, quality: int | None = None
) -> bytes:
    """Return the image file: upright, 8 bits a channel, no metadata but the colour profile.

    Transparency stays, except in a JPEG, where it becomes white.

    Args:
        image: Decoded or not.
        output_format: Of the file.
        quality: Of a JPEG, 1–95; None for :data:`JPEG_QUALITY` without colour subsampling.

    Raises:
        OSError: The file it came from is damaged; or another of :data:`FAILURES`.
    """
    image.load()
    # A profile for CMYK or grey would be wrong for the RGB it becomes.
    profile = image.info.get("icc_profile") if image.mode in ("RGB", "RGBA", "P") else None
    transparent = image.has_transparency_data
    image = eight_bit(upright(image)).convert("RGBA" if transparent else "RGB")
    options: dict[str, Any] = {"icc_profile": profile} if profile else {}
    match output_format:
        case "jpeg":
            image = on_white(image) if transparent else image
            options |= (
                {"quality": quality} if quality else {"quality": JPEG_QUALITY, "subsampling": 0}
            )
        case "webp":
            options |= {"quality": WEBP_QUALITY}
    _import_plugin(output_format.upper())
    target = io.BytesIO()
    image.save(target, output_format.upper(), **options)
    return target.getvalue()
