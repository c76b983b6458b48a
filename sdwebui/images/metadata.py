"""Texts inside image files: PNG text chunks, and the EXIF comment of JPEG and WebP.

Pillow is not used: texts are read without decoding the image and added without encoding it again,
and Pillow would read the UTF-8 that some servers write into ``tEXt`` as Latin-1.
"""

import struct
import zlib
from collections.abc import Iterator

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
PARAMETERS = "parameters"
"""Keyword of the PNG chunk that all WebUIs write generation parameters under."""

_TEXT_LIMIT = 4_000_000
"""Largest decompressed size of a text in bytes, against decompression bombs."""

_SEGMENT_LIMIT = 65_533
"""Bytes that a JPEG segment can hold beside its length."""

_EXIF_IFD = 0x8769
_USER_COMMENT = 0x9286


def png_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield type, start and end of the content of each chunk, up to where the file is cut off."""
    start = len(PNG_SIGNATURE)
    while start + 8 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, start)
        start += 8
        if start + length > len(data):
            return
        yield kind, start, start + length
        start += length + 4


def jpeg_segments(data: bytes) -> Iterator[tuple[int, int, int]]:
    """Yield marker, start and end of the content of each segment in front of the pixels."""
    position = 2
    while position + 4 <= len(data) and data[position] == 0xFF:
        marker = data[position + 1]
        if marker == 0xFF:  # fill byte
            position += 1
        elif marker == 0x01 or 0xD0 <= marker <= 0xD8:  # these have no content
            position += 2
        elif marker in (0xD9, 0xDA):  # end of file, start of the pixels
            return
        else:
            length = int.from_bytes(data[position + 2 : position + 4])
            yield marker, position + 4, min(position + 2 + length, len(data))
            position += 2 + max(length, 2)


def webp_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield type, start and end of the content of each chunk, up to where the file is cut off."""
    start = 12
    while start + 8 <= len(data):
        kind, length = struct.unpack_from("<4sI", data, start)
        start += 8
        if start + length > len(data):
            return
        yield kind, start, start + length
        start += length + length % 2


def png_texts(data: bytes) -> dict[str, str]:
    """Return the text chunks of a PNG by keyword, the first of each; none for other files.

    stable-diffusion.cpp and KoboldCpp write UTF-8 into ``tEXt``, where the standard has Latin-1
    (recordings ``sdcpp/txt2img-unicode-prompt``, ``koboldcpp/txt2img-unicode-prompt``). Valid UTF-8
    is read as such, since Latin-1 text with accents is hardly ever valid UTF-8.
    """
    texts: dict[str, str] = {}
    if not data.startswith(PNG_SIGNATURE):
        return texts
    for kind, start, end in png_chunks(data):
        if kind not in (b"tEXt", b"zTXt", b"iTXt"):
            continue
        keyword, _, content = data[start:end].partition(b"\0")
        text = _chunk_text(kind, content)
        if text is not None:
            texts.setdefault(keyword.decode("latin-1"), text)
    return texts


def _chunk_text(kind: bytes, content: bytes) -> str | None:
    """Return the text of a PNG text chunk, or None if it is broken."""
    if kind == b"iTXt":
        compressed = content[:1] == b"\x01"
        parts = content[2:].split(b"\0", 2)
        if len(parts) < 3:
            return None
        content = parts[2]
    else:
        compressed = kind == b"zTXt"
        content = content[1:] if compressed else content
    if compressed:
        try:
            content = zlib.decompressobj().decompress(content, _TEXT_LIMIT)
        except zlib.error:
            return None
    return _utf8_or_latin1(content)


def _utf8_or_latin1(content: bytes) -> str:
    """Return bytes decoded as UTF-8 if they are valid, else as Latin-1."""
    try:
        return content.decode()
    except UnicodeDecodeError:
        return content.decode("latin-1")


def user_comment(data: bytes) -> str | None:
    """Return EXIF's UserComment of a JPEG, WebP or PNG; None if there is none or it is broken."""
    tiff = _exif_of(data)
    if tiff is None:
        return None
    order = "<" if tiff[:2] == b"II" else ">"
    try:
        (root,) = struct.unpack_from(order + "I", tiff, 4)
        exif = _ifd_entry(tiff, order, root, _EXIF_IFD)
        if exif is None:
            return None
        comment = _ifd_entry(tiff, order, struct.unpack(order + "I", exif[1])[0], _USER_COMMENT)
        if comment is None:
            return None
        count, inline = comment
        (offset,) = struct.unpack(order + "I", inline)
    except struct.error:
        return None
    return _decoded_comment(tiff[offset : offset + count] if count > 4 else inline[:count])


def _exif_of(data: bytes) -> bytes | None:
    """Return the TIFF structure that holds the EXIF fields, or None."""
    if data.startswith(b"\xff\xd8"):
        for marker, start, end in jpeg_segments(data):
            if marker == 0xE1 and data.startswith(b"Exif\0\0", start):
                return data[start + 6 : end]
    elif data.startswith(b"RIFF"):
        for kind, start, end in webp_chunks(data):
            if kind == b"EXIF":
                return data[start:end].removeprefix(b"Exif\0\0")
    elif data.startswith(PNG_SIGNATURE):
        for kind, start, end in png_chunks(data):
            if kind == b"eXIf":
                return data[start:end]
    return None


def _ifd_entry(tiff: bytes, order: str, start: int, wanted: int) -> tuple[int, bytes] | None:
    """Return count, and value or offset (4 bytes), of a tag in the directory at an offset."""
    (entries,) = struct.unpack_from(order + "H", tiff, start)
    for position in range(start + 2, start + 2 + 12 * entries, 12):
        tag, _, count, value = struct.unpack_from(order + "HHI4s", tiff, position)
        if tag == wanted:
            return count, value
    return None


def _decoded_comment(comment: bytes) -> str | None:
    """Return the text of a UserComment, or None if it is empty."""
    code, content = comment[:8], comment[8:]
    if code == b"UNICODE\0":
        text = _decode_utf16(content)
    elif code in (b"ASCII\0\0\0", bytes(8)):
        text = _utf8_or_latin1(content)
    else:
        text = _utf8_or_latin1(comment)
    return text.strip("\0 ") or None


def _decode_utf16(content: bytes) -> str:
    """Return a text of unknown byte order: A1111 writes big-endian, others the file's order.

    Prompts and field names are mostly ASCII, which in the wrong order becomes Chinese characters.
    """
    if content[:2] in (b"\xfe\xff", b"\xff\xfe"):
        return content.decode("utf-16", errors="replace")
    readings = [content.decode(codec, errors="replace") for codec in ("utf-16-be", "utf-16-le")]
    return max(readings, key=lambda text: sum(character < "\x80" for character in text))


def parameters_of(data: bytes) -> str | None:
    """Return the generation parameters that a WebUI wrote into an image file, or None."""
    if data.startswith(PNG_SIGNATURE):
        return png_texts(data).get(PARAMETERS) or user_comment(data)
    return user_comment(data)


def with_parameters(data: bytes, text: str) -> bytes:
    """Return the file with generation parameters added and its pixels unchanged.

    They are written where A1111 1.10.1 writes them: in a PNG's chunk ``parameters`` (``tEXt``, or
    ``iTXt`` when they are not Latin-1), in EXIF's UserComment of JPEG and WebP as big-endian
    UTF-16. Files of other formats and broken files are returned as they are; so are JPEGs when the
    text is over 32,000 characters, more than an EXIF segment can hold.
    """
    text = text.replace("\0", "")
    if data.startswith(PNG_SIGNATURE):
        return _png_with(data, text)
    exif = _exif_with(text)
    if data.startswith(b"\xff\xd8"):
        return _jpeg_with(data, b"Exif\0\0" + exif)
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return _webp_with(data, exif)
    return data


def _png_with(data: bytes, text: str) -> bytes:
    """Return a PNG with a text chunk added."""
    if data[12:16] != b"IHDR":
        return data
    kind, content = b"tEXt", text.encode("latin-1", errors="replace")
    if _utf8_or_latin1(content) != text:
        kind, content = b"iTXt", bytes(4) + text.encode(errors="replace")
    chunk = kind + PARAMETERS.encode() + b"\0" + content
    framed = struct.pack(">I", len(chunk) - 4) + chunk + struct.pack(">I", zlib.crc32(chunk))
    return b"".join((data[:33], framed, data[33:]))  # Signature and IHDR have 33 bytes.


def _exif_with(text: str) -> bytes:
    """Return EXIF data that hold a comment."""
    comment = b"UNICODE\0" + text.encode("utf-16-be", errors="replace")
    # A directory with one entry that points to a second one, which holds the comment.
    root = struct.pack(">HHHIII", 1, _EXIF_IFD, 4, 1, 26, 0)
    exif = struct.pack(">HHHIII", 1, _USER_COMMENT, 7, len(comment), 44, 0)
    return b"MM\0*" + struct.pack(">I", 8) + root + exif + comment


def _jpeg_with(data: bytes, exif: bytes) -> bytes:
    """Return a JPEG with EXIF data added, unless they are too long."""
    if len(exif) > _SEGMENT_LIMIT:
        return data
    segments = list(jpeg_segments(data))
    # JFIF must be the first segment.
    place = segments[0][2] if segments and segments[0][0] == 0xE0 else 2
    segment = b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif
    return b"".join((data[:place], segment, data[place:]))


def _webp_with(data: bytes, exif: bytes) -> bytes:
    """Return the file in WebP's extended layout, the only one that can hold EXIF."""
    chunks = [(kind, data[start:end]) for kind, start, end in webp_chunks(data)]
    if not chunks:
        return data
    kind, content = chunks[0]
    if kind == b"VP8X" and len(content) >= 10:
        header = bytearray(content)
        chunks = chunks[1:]
    elif kind == b"VP8L" and len(content) >= 5:
        bits = int.from_bytes(content[1:5], "little")
        size = (bits & 0x3FFF, bits >> 14 & 0x3FFF)
        header = _vp8x(size, alpha=bool(bits >> 28 & 1))
    elif kind == b"VP8 " and len(content) >= 10:
        width, height = (side & 0x3FFF for side in struct.unpack_from("<HH", content, 6))
        header = _vp8x((max(width, 1) - 1, max(height, 1) - 1), alpha=False)
    else:
        return data
    header[0] |= 0x08  # "has EXIF"
    others = [chunk for chunk in chunks if chunk[0] != b"EXIF"]
    body = b"".join(
        name + struct.pack("<I", len(part)) + part + bytes(len(part) % 2)
        for name, part in ((b"VP8X", bytes(header)), *others, (b"EXIF", exif))
    )
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def _vp8x(size_less_one: tuple[int, int], *, alpha: bool) -> bytearray:
    """Return the content of a VP8X chunk."""
    sides = b"".join(side.to_bytes(3, "little") for side in size_less_one)
    return bytearray((0x10 * alpha, 0, 0, 0)) + sides
