"""Input images: checked, and converted to what every server understands.

Servers are bad at refusing images: A1111 does so only after the wait in the queue, and
stable-diffusion.cpp accepts garbage, WebP and grey images without an error and returns an image
that ignores them. So images are checked here, before anything is sent, and sent as RGB PNG or JPEG.

Decoding takes CPU time (20 ms a megapixel), so callers run :func:`open_image` in a thread.
Pillow is imported only then: that keeps the plugin's start short.
"""

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pybase64

from sdwebui.errors import InvalidInput, NotAnImage
from sdwebui.images import formats
from sdwebui.images.dimensions import size_of

if TYPE_CHECKING:
    from PIL import Image

MEGAPIXELS = 64
"""The largest image that is accepted; decoded it needs 192 MB."""

PNG_PIXELS = 8_000_000
"""Above this many pixels a re-encoded image is sent as JPEG: the PNG of a photo of 64 megapixels
would be some 100 MB, and KoboldCpp 1.116.1 takes 32 MiB a request."""


@dataclass(frozen=True, slots=True, eq=False)
class PreparedImage:
    """An image that any server understands.

    Attributes:
        name: The parameter it came in, for messages.
        image: RGB, upright; white where it was transparent.
        alpha: Its transparency (0 = transparent), if it has any.
        warnings: What was changed that the user may not expect, as sentences.
        original: The file, if it can be sent as it is.
    """

    name: str
    image: "Image.Image"
    alpha: "Image.Image | None" = None
    warnings: tuple[str, ...] = ()
    original: bytes | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return self.image.size

    def to_bytes(self) -> bytes:
        """Return an RGB PNG or JPEG: the file itself if nothing had to be changed."""
        if self.original is not None:
            return self.original
        target = io.BytesIO()
        if self.image.width * self.image.height > PNG_PIXELS:
            from sdwebui.images.decode import JPEG_QUALITY

            self.image.save(target, "JPEG", quality=JPEG_QUALITY, subsampling=0)
        else:
            self.image.save(target, "PNG", compress_level=1)
        return target.getvalue()

    def to_base64(self) -> str:
        """Return :meth:`to_bytes` as the API expects it."""
        return pybase64.b64encode(self.to_bytes()).decode("ascii")


def open_image(data: bytes, *, name: str) -> PreparedImage:
    """Check an image file and prepare it for a server.

    Args:
        data: The whole file.
        name: The parameter it came in, for messages.

    Raises:
        InvalidInput: It is empty, no image, of a format that servers cannot read, damaged or too
            large; the message names the parameter and says what to do.
    """
    _check_format(data, name)
    try:
        return _prepare(data, name)
    except MemoryError as error:
        raise InvalidInput(
            f"{name}: there is not enough memory to open the image. Shrink it first."
        ) from error


def _check_format(data: bytes, name: str) -> None:
    """Refuse a file that is no image or too large, before anything is decoded."""
    if not data:
        raise InvalidInput(f"{name}: the file is empty (0 bytes). Upload the image again.")
    kind = formats.recognise(data)
    if kind is None or kind is formats.JXL:
        raise InvalidInput(f"{name}: {_unreadable_message(data)}")
    if kind in (formats.TIFF, formats.AVIF):
        return  # Pillow reads their size.
    try:
        width, height = size_of(data)
    except NotAnImage as error:
        raise _damaged_error(name, _format_name(data), "its header is incomplete") from error
    _check_area(name, width, height)


def _check_area(name: str, width: int, height: int) -> None:
    """Check that an image does not have too many pixels."""
    if width * height > MEGAPIXELS * 1_000_000:
        raise InvalidInput(
            f"{name}: the image has {width}x{height} pixels, {width * height / 1e6:.0f} "
            f"megapixels; at most {MEGAPIXELS} are taken. Shrink it first."
        )


def _damaged_error(name: str, kind: str, reason: object) -> InvalidInput:
    """Return the error for a damaged file."""
    return InvalidInput(
        f"{name}: the {kind} file is damaged or incomplete ({reason}). "
        "Export the image again, or upload it again."
    )


_CONVERT = "Convert it to PNG or JPEG first."
_HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}


def _unreadable_message(data: bytes) -> str:
    """Return what an unreadable file is, and what to do about it."""
    head = data[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    brands = formats.brands_of(data)
    if formats.recognise(data) is formats.JXL:
        return f"this is a JPEG XL image, which cannot be read here. {_CONVERT}"
    if brands & _HEIF_BRANDS:
        return f"this is a HEIC image (as iPhones take them), which cannot be read. {_CONVERT}"
    if brands:
        return "this is a video, not an image. Take a frame of it as PNG or JPEG."
    if b"<svg" in head:
        return f"this is an SVG drawing, which has no pixels. {_CONVERT}"
    if head.startswith(b"%pdf"):
        return f"this is a PDF document, not an image. {_CONVERT}"
    if head.startswith((b"<!doctype html", b"<html")):
        return (
            "this is a web page, not an image: its link probably wants a login, or shows a page "
            "around the image. Give the image file itself."
        )
    return (
        "this is no image, or of a format that is not known here. "
        "Use a PNG, JPEG, WebP, GIF, BMP, TIFF or AVIF file."
    )


def _prepare(data: bytes, name: str) -> PreparedImage:
    """Decode an image file and convert it to RGB."""
    from sdwebui.images import decode

    notes: list[str] = []
    try:
        with decode.open_undecoded(data) as image:
            _check_area(name, *image.size)
            if image.mode == "F":
                raise InvalidInput(
                    f"{name}: the image has floating-point pixels, for which no value of white is "
                    "defined. Convert it to 8 bits a channel first."
                )
            if decode.is_animated(image):
                tiff = image.format == "TIFF"
                notes.append(
                    f"{name} {'has several pages' if tiff else 'is animated'}; "
                    f"only the first {'page' if tiff else 'frame'} is used."
                )
            image.load()
            sendable = not notes and _is_sendable(data, image)
            plain = decode.in_srgb(decode.eight_bit(decode.upright(image)))
            sendable = sendable and plain is image
    except decode.TooManyPixels as error:
        raise InvalidInput(
            f"{name}: the image has far more than {MEGAPIXELS} megapixels. Shrink it first."
        ) from error
    except decode.FAILURES as error:
        raise _damaged_error(name, _format_name(data), error) from error
    if plain.has_transparency_data:
        rgba = plain.convert("RGBA")
        alpha = rgba.getchannel("A")
        if alpha.getextrema() != (255, 255):
            return PreparedImage(name, decode.on_white(rgba), alpha, tuple(notes))
    original = data if sendable else None
    return PreparedImage(name, plain.convert("RGB"), None, tuple(notes), original)


def _format_name(data: bytes) -> str:
    """Return what messages call the format of a file."""
    kind = formats.recognise(data)
    return kind.name.upper() if kind else "image"


def _is_sendable(data: bytes, image: "Image.Image") -> bool:
    """Return whether every server understands the file itself: an RGB PNG or JPEG of 8 bits."""
    if image.mode != "RGB":
        return False
    if image.format == "PNG":
        # Bit depth 8, colour type 2: Pillow opens 16 bits a channel as RGB, too.
        return data[24:26] == b"\x08\x02"
    return image.format in ("JPEG", "MPO")
