"""The simulator's images: drawn from prompt, seed and model, the same each time, and changed."""

import random

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from devkit.simulator.scenery import Scene

NEW_COMPOSITION = 0.8
"""The denoising strength from which on img2img leaves the source's composition."""


def paint(prompt: str, seed: int, model: str, width: int, height: int) -> Image.Image:
    """Return an image of that size; equal arguments give equal pixels."""
    # Drawn at twice the size for smooth edges.
    return Scene(prompt, seed, model, (width * 2, height * 2)).paint().reduce(2)


def half_done(image: Image.Image, share: float, seed: int) -> Image.Image:
    """Return what an interrupted job does: the image still under noise, the less of it was done."""
    grain = (max(image.width // 4, 1), max(image.height // 4, 1))
    return Image.blend(_noise(grain, seed).resize(image.size), image, min(max(share, 0.1), 0.9))


def weighed_down(image: Image.Image, png_bytes: int, seed: int) -> Image.Image:
    """Return the image with incompressible noise in its lower part, so that its PNG has that size.

    ``png_bytes`` is the size at 1024x1024; other sizes get their share by area.
    """
    rows = round(png_bytes / (1024 * 1024) * image.height / 3)
    rows = min(rows - rows // 40, image.height)
    result = image.copy()
    if rows:
        result.paste(_noise((image.width, rows), seed), (0, image.height - rows))
    return result


def _noise(size: tuple[int, int], seed: int) -> Image.Image:
    return Image.frombytes("RGB", size, random.Random(seed).randbytes(size[0] * size[1] * 3))


def derived(
    source: Image.Image, painted: Image.Image, strength: float, mask: Image.Image | None
) -> Image.Image:
    """Return the source, repainted as far as the denoising strength says, within the mask.

    A whole image keeps its composition and takes on the colours of the painted one, as far as the
    strength goes; what is masked is painted anew. The mask is white where the image may change.
    """
    strength, source = min(max(strength, 0.0), 1.0), source.resize(painted.size)
    if mask is not None:
        mixed = Image.blend(source, painted, min(strength * 1.25, 1.0))
        return Image.composite(mixed, source, mask.resize(painted.size))
    mixed = Image.blend(source, _recoloured(source, painted), min(strength * 1.5, 1.0))
    if strength <= NEW_COMPOSITION:
        return mixed
    return Image.blend(mixed, painted, (strength - NEW_COMPOSITION) / (1 - NEW_COMPOSITION))


def _recoloured(image: Image.Image, palette: Image.Image) -> Image.Image:
    """Return the image with its own light and another one's colours."""
    light = image.convert("L")
    small = palette.resize((2, 2), Image.Resampling.BOX).resize(image.size)
    _, blue, red = small.convert("YCbCr").split()
    return Image.merge("YCbCr", (light, blue, red)).convert("RGB")


def edges(image: Image.Image) -> Image.Image:
    """Return a detect map: white edges on black, as ControlNet's canny."""
    found = image.convert("L").filter(ImageFilter.FIND_EDGES).point(lambda v: 255 if v > 40 else 0)
    # The filter leaves the outermost pixels as they were.
    ImageDraw.Draw(found).rectangle((0, 0, image.width - 1, image.height - 1), outline=0)
    thick = ImageChops.lighter(found, ImageChops.offset(found, 1, 0))
    return ImageChops.lighter(thick, ImageChops.offset(thick, 0, 1)).convert("RGB")


def described(image: Image.Image) -> str:
    """Return a caption that follows from the image's shape and colours."""
    small = image.convert("RGB").resize((1, 2), Image.Resampling.BOX)
    sky, ground = (_colour_name(small.tobytes()[row : row + 3]) for row in (0, 3))
    shape = "wide" if image.width > image.height else "tall"
    return f"a {shape} landscape with a {sky} sky and {ground} hills"


def _colour_name(pixel: bytes) -> str:
    if max(pixel) - min(pixel) < 24:
        return "white" if max(pixel) > 150 else "grey"
    return ("red", "green", "blue")[pixel.index(max(pixel))]
