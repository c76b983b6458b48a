"""The format of an image file, recognised from its first bytes.

Servers choose between PNG, JPEG and WebP by their own settings, whatever was requested. Pillow is
not needed here, which keeps the plugin's start short.
"""

from dataclasses import dataclass
from typing import Literal

from sdwebui.errors import NotAnImage
from sdwebui.images import metadata

ConvertibleTo = Literal["png", "jpeg", "webp"]


@dataclass(frozen=True, slots=True)
class ImageFormat:
    """An image file format.

    Attributes:
        name: Its short name in lower case.
        mime_type: Its MIME type, such as ``image/png``.
        extension: Of file names, without the dot.
    """

    name: str
    mime_type: str
    extension: str


PNG = ImageFormat("png", "image/png", "png")
JPEG = ImageFormat("jpeg", "image/jpeg", "jpg")
WEBP = ImageFormat("webp", "image/webp", "webp")
GIF = ImageFormat("gif", "image/gif", "gif")
BMP = ImageFormat("bmp", "image/bmp", "bmp")
TIFF = ImageFormat("tiff", "image/tiff", "tiff")
AVIF = ImageFormat("avif", "image/avif", "avif")
JXL = ImageFormat("jxl", "image/jxl", "jxl")


def recognise(data: bytes) -> ImageFormat | None:
    """Return the format that the first bytes show, or None; at most 64 of them are read."""
    match data[:2]:
        case b"\x89P" if data.startswith(metadata.PNG_SIGNATURE):
            return PNG
        case b"\xff\xd8" if data[2:3] == b"\xff":
            return JPEG
        case b"RI" if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
            return WEBP
        case b"GI" if data[:6] in (b"GIF87a", b"GIF89a"):
            return GIF
        case b"BM" if data[14:18] in (b"\x28\0\0\0", b"\x6c\0\0\0", b"\x7c\0\0\0"):
            return BMP
        case b"II" | b"MM" if data[:4] in (b"II*\0", b"MM\0*"):
            return TIFF
        case b"\xff\x0a":
            return JXL
    if data.startswith(b"\0\0\0\x0cJXL \r\n\x87\n"):
        return JXL
    return AVIF if brands_of(data) & {b"avif", b"avis"} else None


def brands_of(data: bytes) -> set[bytes]:
    """Return the brands of an ISO media file (AVIF, HEIC, MP4, …); none for all other files."""
    if data[4:8] != b"ftyp":
        return set()
    box = data[8 : min(int.from_bytes(data[:4]), 64)]
    return {box[:4], *(box[start : start + 4] for start in range(8, len(box), 4))}


def sniff(data: bytes) -> ImageFormat:
    """Return the format of an image that a server sent.

    Raises:
        NotAnImage: The bytes are of no format known here, or there are none.
    """
    if not data:
        # KoboldCpp 1.116.1 answers a failed generation so, with status 200.
        raise NotAnImage(
            "The server sent an empty image, so the generation failed on its side. "
            "The server's log has the reason."
        )
    found = recognise(data)
    if found is None:
        raise NotAnImage(
            f"The server sent {len(data)} bytes as an image that are none: they begin with "
            f"{data[:12]!r}. Check that base_url leads to the WebUI itself, and the server's log."
        )
    return found
