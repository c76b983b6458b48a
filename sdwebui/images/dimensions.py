"""Width and height of an image file, read from its header.

Servers report sizes that are not those of their images (A1111 1.10.1: 100 pixels requested come
back as 96, ``info`` says 100), so each file is measured. Pillow comes in only for TIFF and AVIF.
"""

import struct
from collections.abc import Callable

from sdwebui.errors import NotAnImage
from sdwebui.images import metadata
from sdwebui.images.formats import sniff


def size_of(data: bytes) -> tuple[int, int]:
    """Return width and height in pixels, from the file's header; a JPEG's rotation is not applied.

    Raises:
        NotAnImage: The file is no image, or its header is cut off or wrong.
    """
    kind = sniff(data)
    try:
        size = _READERS.get(kind.name, _size_by_pillow)(data)
    except (struct.error, IndexError):
        size = None
    if size is None or min(size) < 1:
        raise NotAnImage(
            f"An image arrived damaged: the header of the {kind.name.upper()} file "
            f"({len(data)} bytes) gives no size. "
            "The connection or the server cut it off; try again."
        )
    return size


def _png_size(data: bytes) -> tuple[int, int] | None:
    """Return the size in a PNG header."""
    if data[12:16] != b"IHDR":
        return None
    width, height = struct.unpack_from(">II", data, 16)
    return width, height


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    """Return the size in the first frame header of a JPEG."""
    for marker, start, _end in metadata.jpeg_segments(data):
        # SOF0–SOF15 hold the size; C4 (Huffman), C8 and CC (arithmetic) are other segments.
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack_from(">HH", data, start + 1)
            return width, height
    return None


def _webp_size(data: bytes) -> tuple[int, int] | None:
    """Return the size in the first chunk of a WebP."""
    match data[12:16]:
        case b"VP8 " if data[23:26] == b"\x9d\x01\x2a":
            width, height = struct.unpack_from("<HH", data, 26)
            return width & 0x3FFF, height & 0x3FFF
        case b"VP8L" if data[20] == 0x2F:
            (bits,) = struct.unpack_from("<I", data, 21)
            return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        case b"VP8X" if len(data) >= 30:
            return int.from_bytes(data[24:27], "little") + 1, int.from_bytes(
                data[27:30], "little"
            ) + 1
        case _:
            return None


def _gif_size(data: bytes) -> tuple[int, int] | None:
    """Return the size in a GIF header."""
    width, height = struct.unpack_from("<HH", data, 6)
    return width, height


def _bmp_size(data: bytes) -> tuple[int, int] | None:
    """Return the size in a BMP header."""
    width, height = struct.unpack_from("<ii", data, 18)
    return width, abs(height)  # a negative height means that rows run from the top


def _size_by_pillow(data: bytes) -> tuple[int, int] | None:
    """Return the size that Pillow reads."""
    from sdwebui.images import decode

    try:
        with decode.open_undecoded(data) as image:
            return image.size
    except decode.FAILURES:
        return None


_READERS: dict[str, Callable[[bytes], tuple[int, int] | None]] = {
    "png": _png_size,
    "jpeg": _jpeg_size,
    "webp": _webp_size,
    "gif": _gif_size,
    "bmp": _bmp_size,
}
