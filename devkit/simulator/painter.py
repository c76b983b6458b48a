"""Draws the images: landscapes that follow from prompt, seed and model, the same each time."""

from __future__ import annotations

import hashlib
import math
import random
from colorsys import hsv_to_rgb

from PIL import Image, ImageChops, ImageDraw, ImageFilter

COLOURS = {
    "red": 0.99, "orange": 0.08, "golden": 0.12, "yellow": 0.15, "green": 0.33, "forest": 0.36,
    "teal": 0.48, "turquoise": 0.49, "blue": 0.60, "sea": 0.55, "ocean": 0.57, "purple": 0.77,
    "violet": 0.75, "lavender": 0.72, "pink": 0.92, "rose": 0.94, "autumn": 0.06, "desert": 0.10,
}  # fmt: skip
"""Words of a prompt that choose the hue of the land, 0 to 1 around the colour circle."""

NIGHT = ("night", "moon", "stars", "dark", "midnight", "space")
EVENING = ("dusk", "sunset", "sunrise", "dawn", "evening")
WATER = ("sea", "ocean", "lake", "river", "coast", "cliff", "lighthouse", "beach", "water")

Colour = tuple[int, int, int]


def _rgb(hue: float, saturation: float, value: float) -> Colour:
    red, green, blue = hsv_to_rgb(hue % 1.0, min(saturation, 1.0), min(value, 1.0))
    return round(red * 255), round(green * 255), round(blue * 255)


def _gradient(size: tuple[int, int], top: Colour, bottom: Colour) -> Image.Image:
    ramp = Image.linear_gradient("L").resize(size)
    return Image.composite(Image.new("RGB", size, bottom), Image.new("RGB", size, top), ramp)


def _words(prompt: str) -> set[str]:
    return {word.strip(".,:;()<>").lower() for word in prompt.split()}


def _sky(dice: random.Random, words: set[str]) -> tuple[Colour, Colour, float]:
    """Colours of the sky above and at the horizon, and how bright the land below is."""
    if words.intersection(NIGHT):
        return _rgb(0.64, 0.85, 0.12), _rgb(0.70, 0.60, 0.36), 0.45
    if words.intersection(EVENING):
        return _rgb(0.70 + dice.uniform(-0.04, 0.04), 0.55, 0.45), _rgb(0.05, 0.75, 0.98), 0.62
    hue = dice.uniform(0.50, 0.62)
    return _rgb(hue, 0.60, 0.85), _rgb(hue - 0.08, 0.18, 0.99), 0.85


def _light(
    image: Image.Image, dice: random.Random, horizon: float, night: bool
) -> tuple[float, float]:
    """A sun or a moon with its glow; where it stands."""
    width, height = image.size
    x, y = dice.uniform(0.15, 0.85) * width, dice.uniform(0.12, 0.62) * horizon * height
    radius = dice.uniform(0.045, 0.085) * min(width, height)
    small = (max(width // 8, 1), max(height // 8, 1))
    glow = Image.new("L", small, 0)
    reach = radius * 2.4 / 8
    ImageDraw.Draw(glow).ellipse(
        (x / 8 - reach, y / 8 - reach, x / 8 + reach, y / 8 + reach), fill=170
    )
    glow = glow.filter(ImageFilter.GaussianBlur(max(reach, 1))).resize((width, height))
    colour = (235, 240, 255) if night else (255, 236, 190)
    image.paste(Image.new("RGB", image.size, colour), (0, 0), glow)
    ImageDraw.Draw(image).ellipse((x - radius, y - radius, x + radius, y + radius), fill=colour)
    return x, y


def _ridge(dice: random.Random, width: int, base: float, rise: float) -> list[tuple[float, float]]:
    waves = [
        (dice.uniform(0.6, 1.4) * scale, dice.uniform(0, math.tau), rise / scale**0.85)
        for scale in (1.2, 2.7, 6.1, 13.0)
    ]
    step = max(width // 192, 1)
    return [
        (
            x,
            base
            - sum(high * math.sin(math.tau * often * x / width + at) for often, at, high in waves),
        )
        for x in [*range(0, width, step), width]
    ]


def _trees(
    draw: ImageDraw.ImageDraw, dice: random.Random, size: tuple[int, int], c: Colour
) -> None:
    width, height = size
    for _ in range(dice.randint(5, 12)):
        x, high = dice.uniform(0, width), dice.uniform(0.05, 0.14) * height
        foot = height * dice.uniform(0.93, 1.0)
        for tier in range(3):
            top, spread = foot - high * (1 - tier * 0.22), high * (0.14 + tier * 0.08)
            low = top + high * 0.42
            draw.polygon([(x, top), (x - spread, low), (x + spread, low)], fill=c)


def paint(prompt: str, seed: int, model: str, width: int, height: int) -> Image.Image:
    """An image of that size; equal arguments give equal pixels.

    Words of the prompt choose colours, the hour and water; the model shifts the hue.
    """
    dice = random.Random(hashlib.sha256(f"{prompt}\0{seed}\0{model}".encode()).digest())
    words = _words(prompt)
    shift = hashlib.sha256(model.encode()).digest()[0] / 256 * 0.12 - 0.06
    fine = 2 if width * height <= 512 * 512 else 1
    size = (width * fine, height * fine)
    night = bool(words.intersection(NIGHT))
    top, low, bright = _sky(dice, words)
    image = _gradient(size, top, low)
    horizon = dice.uniform(0.50, 0.66)
    draw = ImageDraw.Draw(image)
    if night:
        for _ in range(160):
            x, y = dice.uniform(0, size[0]), dice.uniform(0, size[1] * horizon)
            star = dice.uniform(0.0004, 0.0014) * size[0]
            draw.ellipse((x - star, y - star, x + star, y + star), fill=(230, 232, 255))
    sun_x, _ = _light(image, dice, horizon, night)
    hues = [COLOURS[word] for word in sorted(words) if word in COLOURS]
    hue = (hues[dice.randrange(len(hues))] if hues else dice.random()) + shift
    layers = dice.randint(4, 6)
    for number in range(layers):
        near = (number + 1) / layers
        base = size[1] * (horizon + (0.98 - horizon) * near**1.3)
        ridge = _ridge(dice, size[0], base, size[1] * (0.05 + 0.02 * near))
        hazy = 0.20 + 0.55 * near
        colour = _rgb(hue + 0.03 * number, hazy, bright * (1.0 - 0.72 * near))
        ImageDraw.Draw(image).polygon([*ridge, (size[0], size[1]), (0, size[1])], fill=colour)
        if number == 1 and words.intersection(WATER):
            _water(image, dice, sun_x, base, low)
    _trees(ImageDraw.Draw(image), dice, size, _rgb(hue + 0.05, 0.6, bright * 0.16))
    return image.resize((width, height), Image.Resampling.LANCZOS) if fine > 1 else image


def _water(image: Image.Image, dice: random.Random, sun_x: float, top: float, c: Colour) -> None:
    width, height = image.size
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, top, width, height), fill=_rgb(0.57, 0.55, max(c) / 255 * 0.62))
    for _ in range(90):
        y = dice.uniform(top, height)
        spread = width * (0.02 + 0.14 * (y - top) / max(height - top, 1))
        x = sun_x + dice.gauss(0, spread)
        draw.line((x - spread / 3, y, x + spread / 3, y), fill=c, width=max(height // 360, 1))


def half_done(image: Image.Image, share: float, seed: int) -> Image.Image:
    """What an interrupted job returns: the image still under noise, the less of it was done."""
    dice = random.Random(seed)
    grain = (max(image.width // 4, 1), max(image.height // 4, 1))
    noise = Image.frombytes("RGB", grain, dice.randbytes(grain[0] * grain[1] * 3))
    blurred = image.filter(ImageFilter.GaussianBlur(max(image.width // 32, 1)))
    return Image.blend(noise.resize(image.size), blurred, min(max(share, 0.1), 0.9))


def weighed_down(image: Image.Image, png_bytes: int, seed: int) -> Image.Image:
    """The image with incompressible noise in its lower part, so that its PNG has that size.

    ``png_bytes`` is the size at 1024x1024; other sizes get their share by area.
    """
    rows = round(png_bytes / (1024 * 1024) * image.height / 3)
    rows = max(0, min(rows - rows // 40, image.height))
    if not rows:
        return image
    dice = random.Random(seed)
    noise = Image.frombytes("RGB", (image.width, rows), dice.randbytes(image.width * rows * 3))
    result = image.copy()
    result.paste(noise, (0, image.height - rows))
    return result


def derived(
    source: Image.Image, painted: Image.Image, strength: float, mask: Image.Image | None
) -> Image.Image:
    """img2img: the source, repainted as far as the denoising strength says, within the mask.

    The mask is white where the image may change.
    """
    mixed = Image.blend(source, painted, min(max(strength, 0.0), 1.0) * 0.85)
    return mixed if mask is None else Image.composite(mixed, source, mask)


def edges(image: Image.Image) -> Image.Image:
    """A detect map: white edges on black, as ControlNet's canny."""
    found = image.convert("L").filter(ImageFilter.FIND_EDGES)
    return ImageChops.lighter(found, found).point(lambda v: 255 if v > 40 else 0).convert("RGB")


def described(image: Image.Image) -> str:
    """A caption that follows from the image's colours."""
    small = image.convert("RGB").resize((1, 2), Image.Resampling.BOX)
    names = [_name(small.getpixel((0, row))) for row in (0, 1)]
    shape = (
        "square"
        if image.width == image.height
        else ("wide" if image.width > image.height else "tall")
    )
    return f"a {shape} landscape with a {names[0]} sky and {names[1]} hills"


def _name(pixel: object) -> str:
    red, green, blue = pixel if isinstance(pixel, tuple) else (0, 0, 0)
    bright = (red + green + blue) / 3
    if max(red, green, blue) - min(red, green, blue) < 24:
        return "white" if bright > 190 else "black" if bright < 60 else "grey"
    strongest = max((red, "red"), (green, "green"), (blue, "blue"))[1]
    if strongest == "red" and green > 0.7 * red:
        strongest = "golden"
    return f"dark {strongest}" if bright < 70 else strongest
