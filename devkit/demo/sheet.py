"""A contact sheet: a grid of all images and texts, each with its tool and what was requested."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont, ImageOps

from devkit.demo.outcome import Outcome

COLUMNS, TILE, GAP = 4, (290, 240), 16
CAPTION = 44
PAPER, CARD, INK, FAINT = "#f7f5f0", "#ebe7de", "#22252b", "#6d717a"
SMALL, LARGE = ImageFont.load_default(13), ImageFont.load_default(16)
LINE_CHARACTERS, TEXT_LINES = 46, 12


def write_contact_sheet(outcomes: Sequence[Outcome], path: Path) -> None:
    """Write a PNG with a tile for each image and each text."""
    tiles = [(outcome, tile) for outcome in outcomes for tile in _tiles(outcome)]
    wide, high = TILE[0] + GAP, TILE[1] + CAPTION + GAP
    rows = -(-len(tiles) // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * wide + GAP, rows * high + GAP), PAPER)
    draw = ImageDraw.Draw(sheet)
    for number, (outcome, tile) in enumerate(tiles):
        row, column = divmod(number, COLUMNS)
        left, top = GAP + column * wide, GAP + row * high
        sheet.paste(tile, (left, top))
        draw.text((left, top + TILE[1] + 4), outcome.name, INK, LARGE)
        requested = outcome.step.wish or outcome.step.parameters.get("prompt", "")
        draw.text((left, top + TILE[1] + 24), _end_of(requested), FAINT, SMALL)
    sheet.save(path, "PNG")


def _end_of(text: str) -> str:
    """Return as much of a text as fits; prompts of one image differ at their ends."""
    if len(text) <= LINE_CHARACTERS:
        return text
    return f"… {text[-LINE_CHARACTERS:].partition(' ')[2]}"


def _tiles(outcome: Outcome) -> Iterator[Image.Image]:
    """Yield a tile for each image, or one with the text."""
    for path in outcome.images:
        with Image.open(path) as image:
            yield ImageOps.pad(image.convert("RGB"), TILE, Image.Resampling.LANCZOS, CARD)
    if not outcome.images:
        tile = Image.new("RGB", TILE, CARD)
        # Pillow's own font has no multiplication sign.
        lines = outcome.text.replace("×", "x").splitlines()
        rows = [row for line in lines for row in textwrap.wrap(line, LINE_CHARACTERS - 6)]
        text = "\n".join(rows[:TEXT_LINES])
        ImageDraw.Draw(tile).text((10, 10), text, INK, SMALL)
        yield tile
