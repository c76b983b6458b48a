"""A contact sheet: all images of a page in a grid, each with its caption."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont, ImageOps

from devkit.demo.outcome import Outcome, Shot

COLUMNS = 4
TILE = 300
"""Width and height in pixels of the space for an image."""
GAP, CAPTION = 16, 44
PAPER, INK, FAINT, CARD = "#f7f5f0", "#22252b", "#767a83", "#ebe7de"

Tile = tuple[Image.Image, str, str]
"""An image, its title and the line below that."""


def contact_sheet(outcomes: Sequence[Outcome], path: Path) -> None:
    """Write a PNG with a tile for each image, and one for each call that gave words only."""
    tiles = [tile for outcome in outcomes for tile in _tiles(outcome)]
    columns = min(COLUMNS, len(tiles))
    rows = -(-len(tiles) // columns)
    wide, high = TILE + GAP, TILE + CAPTION + GAP
    sheet = Image.new("RGB", (columns * wide + GAP, rows * high + GAP), PAPER)
    draw = ImageDraw.Draw(sheet)
    for number, (picture, title, facts) in enumerate(tiles):
        x, y = GAP + number % columns * wide, GAP + number // columns * high
        corner = (x + (TILE - picture.width) // 2, y + (TILE - picture.height) // 2)
        sheet.paste(picture, corner)
        draw.text((x, y + TILE + 6), title, INK, ImageFont.load_default(15))
        draw.text((x, y + TILE + 25), facts, FAINT, ImageFont.load_default(12))
    sheet.save(path, "PNG")


def _tiles(outcome: Outcome) -> list[Tile]:
    if outcome.shots:
        return [_of_picture(shot) for shot in outcome.shots]
    title = f"{outcome.step.tool} · {outcome.step.title}"
    return [(_of_words(outcome.text), title, f"{outcome.seconds:.2f} s")]


def _of_picture(shot: Shot) -> Tile:
    with Image.open(shot.path) as picture:
        small = ImageOps.contain(picture.convert("RGB"), (TILE, TILE), Image.Resampling.LANCZOS)
    seed = "" if shot.seed is None else f"seed {shot.seed} · "
    # Pillow's own font has no multiplication sign.
    facts = f"{seed}{shot.width}x{shot.height} · {shot.path.suffix.lstrip('.').upper()}"
    return small, f"{shot.step.tool} · {shot.step.title}", facts


def _of_words(text: str) -> Image.Image:
    card = Image.new("RGB", (TILE, TILE), CARD)
    lines = [row for line in text.splitlines() for row in textwrap.wrap(line, 42) or [""]]
    ImageDraw.Draw(card).multiline_text(
        (14, 12), "\n".join(lines[:15]), INK, ImageFont.load_default(13), spacing=5
    )
    return card
