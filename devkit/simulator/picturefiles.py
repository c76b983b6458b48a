"""Images as bytes: PNG, JPEG and WebP with the generation parameters inside, and back."""

from __future__ import annotations

import base64
import binascii
import io
from typing import Literal

from PIL import Image, PngImagePlugin

Format = Literal["png", "jpg", "jpeg", "webp"]
TextStyle = Literal["pillow", "raw"]
"""How a PNG keeps its parameters: as Pillow does (iTXt when not Latin-1), or raw UTF-8 in tEXt."""

EXIF_IFD, USER_COMMENT = 0x8769, 0x9286
UNICODE = b"UNICODE\0"


def encode(
    image: Image.Image,
    text: str | None,
    form: str = "png",
    *,
    style: TextStyle = "pillow",
    chunk: str = "parameters",
) -> bytes:
    """The image's file; ``text`` goes into the PNG chunk or EXIF's UserComment.

    Raises ValueError for a format none of the servers knows.
    """
    out = io.BytesIO()
    if form == "png":
        notes = PngImagePlugin.PngInfo()
        if text is not None and style == "raw":
            notes.add(b"tEXt", chunk.encode() + b"\0" + text.encode("utf-8", "replace"))
        elif text is not None:
            notes.add_text(chunk, text)
        image.save(out, "PNG", pnginfo=notes, compress_level=1)
        return out.getvalue()
    exif = Image.Exif()
    if text is not None:
        # Pillow's type annotations know no nested directories.
        exif[EXIF_IFD] = {USER_COMMENT: UNICODE + text.encode("utf-16-be", "surrogatepass")}
    if form in ("jpg", "jpeg"):
        image.convert("RGB").save(out, "JPEG", quality=80, exif=exif)
    elif form == "webp":
        image.save(out, "WEBP", quality=80, method=2, exif=exif)
    else:
        raise ValueError(form)
    return out.getvalue()


def to_base64(data: bytes) -> str:
    """As it stands in the JSON."""
    return base64.b64encode(data).decode("ascii")


def from_base64(text: str, *, data_urls: bool = True) -> Image.Image:
    """The image of a request. Raises ValueError when it is none."""
    if data_urls and text.startswith("data:"):
        text = text.partition(",")[2]
    try:
        image = Image.open(io.BytesIO(base64.b64decode(text)))
        image.load()
    except (binascii.Error, OSError, SyntaxError, ValueError) as problem:
        raise ValueError("not an image") from problem
    return image


def parameters_in(image: Image.Image) -> str:
    """The generation parameters an image carries, or an empty text."""
    text = image.info.get("parameters")
    if isinstance(text, str):
        return text
    comment = image.getexif().get_ifd(EXIF_IFD).get(USER_COMMENT, b"")
    if isinstance(comment, bytes) and comment.startswith(UNICODE):
        return comment.removeprefix(UNICODE).decode("utf-16-be", "replace")
    return ""
