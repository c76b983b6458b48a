"""Images as base64: PNG, JPEG and WebP with the generation parameters inside, and back."""

import base64
import io

from PIL import Image, PngImagePlugin

FORMATS = ("png", "jpg", "jpeg", "webp")
EXIF_IFD, USER_COMMENT = 0x8769, 0x9286
UNICODE = b"UNICODE\0"


def encode(image: Image.Image, text: str | None, form: str = "png", *, raw: bool = False) -> str:
    """Return the file; ``text`` goes into a PNG's parameters or into EXIF's UserComment.

    With ``raw`` a PNG keeps it as UTF-8 in tEXt, as sd.cpp does, which the format does not allow.
    """
    out, notes, exif = io.BytesIO(), PngImagePlugin.PngInfo(), Image.Exif()
    if text is not None and raw:
        notes.add(b"tEXt", b"parameters\0" + text.encode("utf-8", "replace"))
    elif text is not None:
        notes.add_text("parameters", text)
        # Pillow's type annotations know no nested directories.
        exif[EXIF_IFD] = {USER_COMMENT: UNICODE + text.encode("utf-16-be", "surrogatepass")}
    if form == "png":
        image.save(out, "PNG", pnginfo=notes, compress_level=1)
    elif form == "webp":
        image.save(out, "WEBP", quality=80, method=2, exif=exif)
    else:
        image.convert("RGB").save(out, "JPEG", quality=80, exif=exif)
    return base64.b64encode(out.getvalue()).decode("ascii")


def decode(text: str) -> Image.Image:
    """Return the image of a request, maybe of a data: address; raise ValueError for others."""
    try:
        image = Image.open(io.BytesIO(base64.b64decode(text.rpartition(",")[2])))
        image.load()
    except (AttributeError, OSError, SyntaxError, ValueError) as problem:
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
