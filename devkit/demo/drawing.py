"""Pieces of the contact sheet: images side by side, labels, marked areas and words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache

from PIL import Image, ImageDraw, ImageFilter, ImageFont, ImageOps

PAPER, INK, FAINT, CARD, MARK = "#f7f5f0", "#22252b", "#6d717a", "#ebe7de", "#ff2fa0"


@cache
def font(size: int) -> ImageFont.FreeTypeFont:
    """Return Pillow's own font."""
    loaded = ImageFont.load_default(size)
    assert isinstance(loaded, ImageFont.FreeTypeFont)
    return loaded


def square(image: Image.Image, side: int) -> Image.Image:
    """Return the middle of an image in that size."""
    return ImageOps.fit(image, (side, side), Image.Resampling.LANCZOS)


def side_by_side(images: Sequence[Image.Image], wide: int, gap: int = 16) -> Image.Image:
    """Return all images in one row of that width, equally high."""
    shapes = [image.width / image.height for image in images]
    high = min(int((wide - gap * (len(images) - 1)) / sum(shapes)), 290)
    row = Image.new("RGB", (wide, high), PAPER)
    left = 0.0
    for image, shape in zip(images, shapes, strict=True):
        row.paste(
            image.resize((round(high * shape), high), Image.Resampling.LANCZOS), (round(left), 0)
        )
        left += high * shape + gap
    return row


def labelled(image: Image.Image, text: str) -> Image.Image:
    """Return the image with words in its lower left corner; it has its final size."""
    image = image.copy()
    draw = ImageDraw.Draw(image)
    right, top = 18 + font(14).getlength(text), image.height - 30
    draw.rounded_rectangle((6, top, right, image.height - 6), 6, INK)
    draw.text((12, top + 4), text, PAPER, font(14))
    return image


def dashed(image: Image.Image, box: tuple[float, float, float, float]) -> Image.Image:
    """Return the image with an area marked."""
    image = image.copy()
    draw = ImageDraw.Draw(image)
    wide = max(image.height // 90, 2)
    left, top, right, bottom = (box[0], box[1], box[2] - wide, box[3] - wide)
    dash = image.height / 30
    for start, end, (dx, dy) in (
        ((left, top), right - left, (1, 0)),
        ((left, bottom), right - left, (1, 0)),
        ((left, top), bottom - top, (0, 1)),
        ((right, top), bottom - top, (0, 1)),
    ):
        at = 0.0
        while at < end:
            x, y, reach = start[0] + dx * at, start[1] + dy * at, min(dash, end - at)
            draw.rectangle((x, y, x + dx * reach + wide * dy, y + dy * reach + wide * dx), MARK)
            at += 2 * dash
    return image


def busiest(image: Image.Image, side: int) -> tuple[int, int]:
    """Return the left and top of a square of that side with many edges, not far from the middle."""
    found = image.convert("L").filter(ImageFilter.FIND_EDGES)
    # The filter leaves the outermost pixels as they were.
    ImageDraw.Draw(found).rectangle((0, 0, image.width - 1, image.height - 1), outline=0)
    best, place = -1.0, (0, 0)
    for top in range(0, image.height - side + 1, side // 4):
        for left in range(0, image.width - side + 1, side // 4):
            part = found.crop((left, top, left + side, top + side)).resize(
                (1, 1), Image.Resampling.BOX
            )
            away = math.hypot(
                (left + side / 2) / image.width - 0.5, (top + side / 2) / image.height - 0.5
            )
            score = part.tobytes()[0] * (1.0 - 1.5 * away)
            if score > best:
                best, place = score, (left, top)
    return place


def write(card: Image.Image, place: tuple[int, int], wide: int, text: str, size: int = 14) -> int:
    """Write words within that width and the card's height; return where they end."""
    draw, (left, top), step = ImageDraw.Draw(card), place, size + 6
    # Pillow's own font has no multiplication sign.
    for line in text.replace("×", "x").splitlines():
        for row in _wrapped(line, size, wide):
            if top + step > card.height:
                return top
            last = top + 2 * step > card.height
            draw.text((left, top), f"{row} …" if last else row, INK, font(size))
            top += step
    return top


def cut(text: str, size: int, wide: int) -> str:
    """Return as much of the text as fits into that width."""
    while font(size).getlength(text) > wide:
        text = f"{text.rstrip(' …')[:-1]} …"
    return text


def _wrapped(line: str, size: int, wide: int) -> list[str]:
    rows = [""]
    for word in line.split(" "):
        longer = f"{rows[-1]} {word}" if rows[-1] else word
        if font(size).getlength(longer) <= wide:
            rows[-1] = longer
        else:
            rows.append(cut(word, size, wide))
    return [row for row in rows if row] or [""]
