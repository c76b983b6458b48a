"""A contact sheet: a labelled tile for each tool, with what went in beside what came out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw

from devkit.demo.drawing import (
    CARD,
    FAINT,
    INK,
    PAPER,
    busiest,
    cut,
    dashed,
    font,
    labelled,
    side_by_side,
    square,
    write,
)
from devkit.demo.outcome import Outcome

WIDE, MARGIN, GAP, CAPTION = 1240, 28, 20, 60
FULL = WIDE - 2 * MARGIN
THIRD = (FULL - 2 * GAP) // 3
BETWEEN = 10
SQUARE = (THIRD - BETWEEN) // 2
"""The side of one of the two images of a tile."""

PART = 6
"""Of an image's width, what is shown of it in true pixels."""

SHAPES = {
    "16:9": "aspect_ratio 16:9", "a size, as JPEG": "size 512x768, JPEG",
    "as WebP": "size 576, WebP", "generation data": "generation data, pasted",
}  # fmt: skip
"""Labels of the steps in the row of shapes, by the step's title."""


@dataclass(frozen=True, slots=True)
class Tile:
    """What is shown of a call, with two lines below."""

    picture: Image.Image
    title: str
    facts: str


def contact_sheet(outcomes: Sequence[Outcome], path: Path) -> None:
    """Write a PNG with a tile for each call that is worth one; what is missing leaves no gap.

    The first image is the one that the other tools worked on.
    """
    rows = list(_rows({outcome.step.title: outcome for outcome in outcomes}))
    heights = [max(tile.picture.height for tile in row) + CAPTION + GAP for row in rows]
    sheet = Image.new("RGB", (WIDE, sum(heights) + 2 * MARGIN - GAP), PAPER)
    draw, top = ImageDraw.Draw(sheet), MARGIN
    for row, height in zip(rows, heights, strict=True):
        below = top + height - CAPTION - GAP
        for number, tile in enumerate(row):
            left, room = MARGIN + number * (THIRD + GAP), max(tile.picture.width, THIRD)
            sheet.paste(tile.picture, (left, top))
            draw.text((left, below + 8), cut(tile.title, 19, room), INK, font(19))
            draw.text((left, below + 34), cut(tile.facts, 15, room), FAINT, font(15))
        top += height
    sheet.save(path, "PNG")


def _rows(done: Mapping[str, Outcome]) -> Iterator[list[Tile]]:
    """Yield the tiles row by row: wide ones alone, the others by threes."""
    source = _opened(next(outcome for outcome in done.values() if outcome.shots))
    if "four seeds" in done:
        yield [_seeds(done["four seeds"])]
    shapes = [outcome for title, outcome in done.items() if title in SHAPES]
    if shapes:
        yield [_shapes(shapes)]
    small = [draw(source, done[title]) for title, draw in TILES.items() if title in done]
    words = [done[title] for title in ("in words", "how it was made") if title in done]
    small += [_read(words)] if words else []
    small += [_listed(done["what there is"])] if "what there is" in done else []
    for number in range(0, len(small), 3):
        yield small[number : number + 3]
    turns = [outcome for outcome in done.values() if outcome.step.says]
    if turns:
        yield [_chat(turns)]


def _seeds(outcome: Outcome) -> Tile:
    pictures = [_opened(outcome, number) for number in range(len(outcome.shots))]
    seeds = ", ".join(str(shot.seed) for shot in outcome.shots)
    prompt = outcome.step.parameters["prompt"]
    facts = f"{len(pictures)} images in one call, seeds {seeds}"
    return Tile(side_by_side(pictures, FULL), f"sd_txt2img · “{prompt}”", facts)


def _shapes(outcomes: Sequence[Outcome]) -> Tile:
    row = side_by_side([_opened(outcome) for outcome in outcomes], FULL)
    left = 0.0
    for outcome in outcomes:
        shot = outcome.shots[0]
        wide = row.height * shot.width / shot.height
        part = (round(left), 0, round(left + wide), row.height)
        row.paste(labelled(row.crop(part), SHAPES[outcome.step.title]), part[:2])
        left += wide + 16
    prompts = (outcome.step.parameters.get("prompt") for outcome in outcomes)
    facts = ", ".join(f"“{prompt}”" for prompt in prompts if prompt)
    title = "sd_txt2img · any size and format, or generation data from a model's page"
    return Tile(row, title, facts)


def _pair(
    before: Image.Image, after: Image.Image, labels: tuple[str, str], title: str, facts: str
) -> Tile:
    row = Image.new("RGB", (THIRD, SQUARE), PAPER)
    for number, (image, label) in enumerate(zip((before, after), labels, strict=True)):
        row.paste(labelled(square(image, SQUARE), label), (number * (SQUARE + BETWEEN), 0))
    return Tile(row, title, facts)


def _restyled(source: Image.Image, outcome: Outcome) -> Tile:
    facts = (
        f"“… in winter, snow”, denoising strength {outcome.step.parameters['denoising_strength']}"
    )
    after = _opened(outcome)
    return _pair(source, after, ("image", "result"), "sd_img2img · the whole image restyled", facts)


def _repainted(source: Image.Image, outcome: Outcome) -> Tile:
    area = outcome.step.parameters["mask_area"]
    left, top, right, bottom = (float(side) / 100 for side in area.split(","))
    box = left * source.width, top * source.height, right * source.width, bottom * source.height
    facts = f"“… a hot-air balloon in the sky”, mask_area {area}"
    before, after = dashed(source, box), _opened(outcome)
    return _pair(
        before, after, ("image, area", "result"), "sd_inpaint · a part painted anew", facts
    )


def _widened(source: Image.Image, outcome: Outcome) -> Tile:
    made, side = _opened(outcome), outcome.step.parameters["expand_left"]
    marked = dashed(made, (side, 0, side + source.width, made.height))
    high = min(round(THIRD * made.height / made.width), SQUARE)
    row = Image.new("RGB", (THIRD, SQUARE), CARD)
    wide = round(high * made.width / made.height)
    small = marked.resize((wide, high), Image.Resampling.LANCZOS)
    row.paste(small, ((THIRD - wide) // 2, (SQUARE - high) // 2))
    facts = f"{side} pixels more at the left and at the right"
    return Tile(row, "sd_outpaint · beyond the edges", facts)


def _guided(source: Image.Image, outcome: Outcome) -> Tile:
    labels, facts = ("control image", "result"), "“… neon”, along the edges that canny finds"
    return _pair(source, _opened(outcome), labels, "sd_controlnet · new along the edges", facts)


def _sharper(source: Image.Image, outcome: Outcome) -> Tile:
    return _enlarged(source, outcome, ("without", "with hires fix"), "sd_txt2img · hires fix")


def _larger(source: Image.Image, outcome: Outcome) -> Tile:
    return _enlarged(source, outcome, ("before", "after"), "sd_upscale · twice as large")


def _enlarged(source: Image.Image, outcome: Outcome, labels: tuple[str, str], title: str) -> Tile:
    """Compare a part of both, every pixel as it is."""
    made = _opened(outcome)
    side = source.width / PART
    left, top = busiest(source, round(side))
    parts = []
    for image in (source, made):
        scale = image.width / source.width
        box = (left * scale, top * scale, (left + side) * scale, (top + side) * scale)
        parts.append(image.crop(box).resize((SQUARE, SQUARE), Image.Resampling.NEAREST))
    before, after = parts
    facts = f"{source.width}x{source.height} to {made.width}x{made.height}, a part in true pixels"
    return _pair(before, after, labels, title, facts)


def _faces(_source: Image.Image, outcome: Outcome) -> Tile:
    card = Image.new("RGB", (THIRD, SQUARE), CARD)
    card.paste(square(_opened(outcome), SQUARE), (0, 0))
    prompt = outcome.step.parameters["prompt"]
    words = f"“{prompt}”\n\n{outcome.text}"
    write(card, (SQUARE + 12, 10), THIRD - SQUARE - 22, words)
    return Tile(card, "sd_txt2img · face detailer", "Faces repainted in detail by ADetailer")


def _read(outcomes: Sequence[Outcome]) -> Tile:
    card, top = Image.new("RGB", (THIRD, SQUARE), CARD), 10
    for outcome in outcomes:
        top = write(card, (14, top), THIRD - 28, outcome.text) + 10
    tools = ", ".join(outcome.step.tool for outcome in outcomes)
    return Tile(card, tools, "An image in words, and how it was made")


def _listed(outcome: Outcome) -> Tile:
    card, half = Image.new("RGB", (THIRD, SQUARE), CARD), THIRD // 2
    lines = [cut(line, 14, half - 18) for line in outcome.text.splitlines()]
    rows = (SQUARE - 10) // 20
    for column in range(2):
        text = "\n".join(lines[column * rows : (column + 1) * rows])
        write(card, (14 + column * half, 10), half - 14, text)
    return Tile(card, "sd_list_resources", "Exact names of all that the server has")


def _chat(turns: Sequence[Outcome]) -> Tile:
    card = Image.new("RGB", (FULL, SQUARE + 100), CARD)
    draw = ImageDraw.Draw(card)
    for number, turn in enumerate(turns):
        left = 16 + number * (THIRD + GAP - 6)
        wide = font(16).getlength(turn.step.says) + 24
        draw.rounded_rectangle((left, 14, left + wide, 46), 14, INK)
        draw.text((left + 12, 20), turn.step.says, PAPER, font(16))
        card.paste(square(_opened(turn), SQUARE), (left, 62))
        given = turn.step.parameters.items()
        call = f"{turn.step.tool}: {', '.join(f'{key} {value}' for key, value in given)}"
        place = left + SQUARE + 12, 62
        write(card, place, THIRD - SQUARE - 30, f"{call}\n\n{turn.text}")
    facts = "What the user says, what the agent's model asks for, and what it reads of the image"
    return Tile(card, "An agent makes, changes and enlarges an image by its id", facts)


TILES = {
    "restyled": _restyled, "an area anew": _repainted, "made wider": _widened,
    "along its edges": _guided, "hires fix": _sharper, "twice as large": _larger,
    "face detailer": _faces,
}  # fmt: skip
"""The small tiles in their order, by the step's title."""


def _opened(outcome: Outcome, number: int = 0) -> Image.Image:
    with Image.open(outcome.shots[number].path) as image:
        return image.convert("RGB")
