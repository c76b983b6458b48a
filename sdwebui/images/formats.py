"""What an image file is, told from its bytes, and its conversion to another format.

Servers send PNG, JPEG or WebP after a setting of theirs, whatever was asked, and report sizes that
are not those of their images (A1111 1.10.1: 100 pixels asked come back as 96, ``info`` says
100). So the format is told from the first bytes and the size from the header. Both work without
Pillow, which comes in with :mod:`sdwebui.images.decode` only where pixels are touched: that keeps
the plugin's start short.
"""

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from sdwebui.errors import InvalidInput, NotAPicture
from sdwebui.images import metadata

ConvertibleTo = Literal["png", "jpeg", "webp"]

LARGEST_SIDE: dict[ConvertibleTo, int] = {"png": 2**31 - 1, "jpeg": 65_500, "webp": 16_383}
"""Pixels a side that each format can hold (libjpeg and libwebp refuse more)."""


@dataclass(frozen=True, slots=True)
class PictureFormat:
    """An image file format.

    Attributes:
        name: Its short name in lower case.
        mime_type: As Dify wants it for files; holds the word ``image``.
        extension: Of file names, without the dot.
    """

    name: str
    mime_type: str
    extension: str


PNG = PictureFormat("png", "image/png", "png")
JPEG = PictureFormat("jpeg", "image/jpeg", "jpg")
WEBP = PictureFormat("webp", "image/webp", "webp")
GIF = PictureFormat("gif", "image/gif", "gif")
BMP = PictureFormat("bmp", "image/bmp", "bmp")
TIFF = PictureFormat("tiff", "image/tiff", "tiff")
AVIF = PictureFormat("avif", "image/avif", "avif")
JXL = PictureFormat("jxl", "image/jxl", "jxl")


def recognise(data: bytes) -> PictureFormat | None:
    """The format that the first bytes show, or ``None``; looks at no more than 64 of them."""
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
    """What an ISO media file (AVIF, HEIC, MP4, …) says it is; empty for all other files."""
    if data[4:8] != b"ftyp":
        return set()
    box = data[8 : min(int.from_bytes(data[:4]), 64)]
    return {box[:4], *(box[start : start + 4] for start in range(8, len(box), 4))}


def sniff(data: bytes) -> PictureFormat:
    """The format of an image that a server sent.

    Raises:
        NotAPicture: The bytes are of no format known here, or there are none.
    """
    if not data:
        # KoboldCpp 1.116.1 answers a failed generation so, with status 200.
        raise NotAPicture(
            "The server sent an empty image, so the generation failed on its side. "
            "The reason stands in the server's log."
        )
    found = recognise(data)
    if found is None:
        raise NotAPicture(
            f"The server sent {len(data)} bytes as an image that are none: they begin with "
            f"{data[:12]!r}. Check that base_url leads to the WebUI itself, and the server's log."
        )
    return found


def size_of(data: bytes) -> tuple[int, int]:
    """Width and height in pixels, from the file's header; a JPEG's rotation is not applied.

    Raises:
        NotAPicture: No image, or its header is cut off or wrong.
    """
    found = sniff(data)
    try:
        size = _MEASURES.get(found.name, _measured_by_pillow)(data)
    except (struct.error, IndexError):
        size = None
    if size is None or min(size) < 1:
        raise NotAPicture(
            f"An image arrived broken: the header of the {found.name.upper()} file "
            f"({len(data)} bytes) gives no size. "
            "The connection or the server cut it off; try again."
        )
    return size


def _png_size(data: bytes) -> tuple[int, int] | None:
    if data[12:16] != b"IHDR":
        return None
    width, height = struct.unpack_from(">II", data, 16)
    return width, height


def _jpeg_size(data: bytes) -> tuple[int, int] | None:
    for marker, start, _end in metadata.jpeg_segments(data):
        # SOF0–SOF15 carry the size; C4 (Huffman), C8 and CC (arithmetic) are other things.
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            height, width = struct.unpack_from(">HH", data, start + 1)
            return width, height
    return None


def _webp_size(data: bytes) -> tuple[int, int] | None:
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
    width, height = struct.unpack_from("<HH", data, 6)
    return width, height


def _bmp_size(data: bytes) -> tuple[int, int] | None:
    width, height = struct.unpack_from("<ii", data, 18)
    return width, abs(height)  # a negative height means that rows run from the top


def _measured_by_pillow(data: bytes) -> tuple[int, int] | None:
    from sdwebui.images import decode as pixels

    try:
        with pixels.open_undecoded(data) as image:
            return image.size
    except pixels.FAILURES:
        return None


_MEASURES: dict[str, Callable[[bytes], tuple[int, int] | None]] = {
    "png": _png_size,
    "jpeg": _jpeg_size,
    "webp": _webp_size,
    "gif": _gif_size,
    "bmp": _bmp_size,
}


def convert(data: bytes, output_format: ConvertibleTo, parameters: str | None = None) -> bytes:
    """The image in another format, with its generation parameters kept.

    Takes CPU time (0.1 s for a megapixel), so callers run it in a thread.

    Args:
        data: An image of any format that Pillow reads.
        output_format: What is wanted.
        parameters: Generation parameters to write if the file holds none of its own.

    Returns:
        The very same object if the image is of that format already and nothing is to be
        added, or if it is animated: then a conversion would lose all but one frame. A JPEG of a
        transparent image is on white.

    Raises:
        InvalidInput: The image is larger than the format can hold.
        NotAPicture: It cannot be decoded.
    """
    source = sniff(data)
    text = metadata.parameters_of(data)
    if source.name == output_format:
        return metadata.with_parameters(data, parameters) if parameters and not text else data
    from sdwebui.images import decode as pixels

    try:
        with pixels.open_undecoded(data) as image:
            if pixels.is_animated(image):
                return data
            _check_sides(image.size, output_format)
            converted = pixels.encoded(image, output_format)
    except pixels.FAILURES as error:
        raise NotAPicture(
            f"An image of {len(data)} bytes arrived that cannot be decoded ({error}). "
            "The connection or the server cut it off; try again."
        ) from error
    kept = text or parameters
    return metadata.with_parameters(converted, kept) if kept else converted


def shrunk(data: bytes, most_bytes: int) -> tuple[bytes, str]:
    """Make an image fit into a number of bytes: as a JPEG, of lower quality, then of smaller size.

    Its generation parameters are kept. Takes CPU time, so callers run it in a thread.

    Args:
        data: An image of any format that Pillow reads.
        most_bytes: What the file may have.

    Returns:
        The file, and what it became ("a JPEG of quality 80"); the very same object and "" where
        it is an animation, which would lose all but one frame.

    Raises:
        NotAPicture: It cannot be decoded.
    """
    from sdwebui.images import decode as pixels

    text = metadata.parameters_of(data)
    room = most_bytes - (len(text.encode()) + 1024 if text else 0)
    try:
        with pixels.open_undecoded(data) as source:
            if pixels.is_animated(source):
                return data, ""
            source.load()
            image = source
            for quality, share in _attempts():
                if share < 1:
                    size = (round(source.width * share), round(source.height * share))
                    image = source.resize(size)
                if max(image.size) > LARGEST_SIDE["jpeg"]:
                    continue
                made = pixels.encoded(image, "jpeg", quality=quality)
                if len(made) <= room:
                    break
    except pixels.FAILURES as error:
        raise NotAPicture(f"An image of {len(data)} bytes cannot be decoded ({error}).") from error
    kept = metadata.with_parameters(made, text) if text else made
    what = "a JPEG" if quality is None else f"a JPEG of quality {quality}"
    return kept, what if share == 1 else f"{what} and {image.width}×{image.height} pixels"


def _attempts() -> Iterator[tuple[int | None, float]]:
    """Yield quality and size: first what no eye sees, then less and less."""
    yield from ((None, 1.0), (90, 1.0), (80, 1.0), (65, 1.0))
    share = 1.0
    while share > 0.05:
        share *= 0.8
        yield 80, share


def _check_sides(size: tuple[int, int], output_format: ConvertibleTo) -> None:
    most = LARGEST_SIDE[output_format]
    if max(size) > most:
        raise InvalidInput(
            f"A {output_format} file holds at most {most} pixels a side; the image has "
            f"{size[0]}x{size[1]}. Choose another output_format."
        )
