"""What a call of the demonstration came to."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from devkit.demo.steps import Step
from devkit.host import ToolResult


@dataclass(frozen=True, slots=True)
class Outcome:
    """A call that gave what it should: its images, or its words, for an agent what it reads."""

    step: Step
    images: Mapping[Path, str]  # by file, what is printed of it
    text: str

    @property
    def name(self) -> str:
        """Tool and title."""
        return f"{self.step.tool}: {self.step.title}"


def save(step: Step, result: ToolResult, folder: Path, taken: set[str]) -> Outcome:
    """Save the files of a result under their own names, or with a number where these are taken.

    Args:
        step: The call.
        result: What came of it.
        folder: Where to save; it exists.
        taken: Names in use so far, in lower case; grows.
    """
    seeds = {
        image["filename"]: image.get("seed")
        for report in result.jsons
        for image in report.get("images", [])
    }
    images = {}
    for file in result.files:
        name = _free_name(file.filename, taken)
        taken.add(name.lower())
        (folder / name).write_bytes(file.data)
        width, height = Image.open(io.BytesIO(file.data)).size
        facts = [f"{width}×{height}", file.mime_type, f"{file.size:,} bytes"]
        if seed := seeds.get(file.filename):
            facts.append(f"seed {seed}")
        images[folder / name] = ", ".join(facts)
    return Outcome(step, images, result.text.strip())


def _free_name(filename: str, taken: set[str]) -> str:
    """Return the name, with a number where it is taken."""
    # The plugin chooses the name; it must not lead out of the folder.
    first = path = Path(Path(filename.replace("\\", "/")).name or "unnamed")
    number = 2
    while path.name.lower() in taken:
        path = first.with_stem(f"{first.stem}-{number}")
        number += 1
    return path.name
