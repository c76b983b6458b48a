"""What a call of the demonstration came to."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from devkit.demo.steps import Step
from devkit.host import ToolFile, ToolResult


@dataclass(frozen=True, slots=True)
class Shot:
    """An image that was saved.

    Attributes:
        seed: As the tool's JSON says; None for tools that have none.
        width: In pixels, from the file.
        height: In pixels, from the file.
    """

    step: Step
    file: ToolFile
    path: Path
    seed: int | None
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """A call, its images and its words: for an agent what its model reads."""

    step: Step
    shots: tuple[Shot, ...]
    text: str
    warnings: tuple[str, ...]
    seconds: float


def saved(step: Step, result: ToolResult, folder: Path, taken: set[str]) -> Outcome:
    """Save the files of a result under their own names.

    Args:
        step: The call.
        result: What came of it.
        folder: Where to save; it exists.
        taken: Names in use so far, in lower case; grows.
    """
    seeds = {
        image["filename"]: image.get("seed")
        for report in result.jsons
        if isinstance(report, dict)
        for image in report.get("images", [])
    }
    shots = []
    for file in result.files:
        path = folder / next(name for name in _names(file.filename) if name.lower() not in taken)
        taken.add(path.name.lower())
        path.write_bytes(file.data)
        with Image.open(io.BytesIO(file.data)) as picture:
            width, height = picture.size
        shots.append(Shot(step, file, path, seeds.get(file.filename), width, height))
    warnings = result.variables.get("warnings") or []
    return Outcome(
        step, tuple(shots), result.text.strip(), tuple(map(str, warnings)), result.timings.end
    )


def _names(filename: str) -> Iterator[str]:
    """Yield the name, then the name with a number, for as long as need be."""
    # A name is what the plugin says; it must not lead out of the folder.
    path = Path(Path(filename.replace("\\", "/")).name or "unnamed")
    yield path.name
    number = 2
    while True:
        yield f"{path.stem}-{number}{path.suffix}"
        number += 1
