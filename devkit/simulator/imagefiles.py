"""Images as bytes: PNG, JPEG and WebP with the generation parameters inside, and back."""

import base64
import binascii
import io

from PIL import Image, PngImagePlugin

FORMATS = ("png", "jpg", "jpeg", "webp")
EXIF_IFD, USER_COMMENT = 0x8769, 0x9286
UNICODE = b"UNICODE\0"


def encode(image: Image.Image, text: str | None, form: str = "png", *, raw: bool = False) -> bytes:
    """Return the file; ``text`` goes into a PNG's parameters or into EXIF's UserComment.

    With ``raw`` a PNG keeps it as UTF-8 in tEXt, as sd.cpp does, which the format does not allow.
    """
    out = io.BytesIO()
    if form == "png":
        notes = PngImagePlugin.PngInfo()
        if text is not None and raw:
            notes.add(b"tEXt", b"parameters\0" + text.encode("utf-8", "replace"))
        elif text is not None:
            notes.add_text("parameters", text)
        image.save(out, "PNG", pnginfo=notes, compress_level=1)
        return out.getvalue()
    exif = Image.Exif()
    if text is not None:
        # Pillow's type annotations know no nested directories.
        exif[EXIF_IFD] = {USER_COMMENT: UNICODE + text.encode("utf-16-be", "surrogatepass")}
    if form == "webp":
        image.save(out, "WEBP", quality=80, method=2, exif=exif)
    else:
        image.convert("RGB").save(out, "JPEG", quality=80, exif=exif)
    return out.getvalue()


def to_base64(data: bytes) -> str:
    """Return a file as it stands in JSON."""
    return base64.b64encode(data).decode("ascii")


def from_base64(text: str, *, data_urls: bool = True) -> Image.Image:
    """Return the image of a request.

    Raises:
        ValueError: It is none.
    """
    if data_urls and text.startswith("data:"):
        text = text.partition(",")[2]
    try:
        image = Image.open(io.BytesIO(base64.b64decode(text)))
        image.load()
    except (binascii.Error, OSError, SyntaxError, ValueError) as problem:
        raise ValueError("not an image") from problem
    return image


def parameters_in(image: Image.Image) -> str:
    """Return the generation parameters that an image carries, or an empty text."""
    text = image.info.get("parameters")
    if isinstance(text, str):
        return text
    comment = image.getexif().get_ifd(EXIF_IFD).get(USER_COMMENT, b"")
    if isinstance(comment, bytes) and comment.startswith(UNICODE):
        return comment.removeprefix(UNICODE).decode("utf-16-be", "replace")
    return ""
