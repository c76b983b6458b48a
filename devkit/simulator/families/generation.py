"""One generation of a WebUI: what was asked, what comes of it, and the drawing."""

from __future__ import annotations

import math
import random
import re
from dataclasses import dataclass, field
from typing import Any

from PIL import Image, ImageChops, ImageFilter

from devkit.simulator import painter
from devkit.simulator.catalog import Catalog, Checkpoint
from devkit.simulator.jobs import Job

LORA_TAG = re.compile(r"<(?:lora|lyco):([^:>]+)(?::([^>]*))?>")


@dataclass
class Generation:
    """A job's facts, filled in while it is prepared and done."""

    kind: str
    values: dict[str, Any]
    job: Job
    model: Checkpoint
    prompt: str = ""
    negative_prompt: str = ""
    styles: list[str] = field(default_factory=list)
    seeds: list[int] = field(default_factory=list)
    subseeds: list[int] = field(default_factory=list)
    sampler: str = ""
    scheduler: str | None = None
    clip_skip: Any = 1
    vae: str | None = None
    loras: dict[str, str] = field(default_factory=dict)
    embeddings: dict[str, str] = field(default_factory=dict)
    size: tuple[int, int] = (512, 512)
    final_size: tuple[int, int] | None = None
    extra: dict[str, Any] = field(default_factory=dict)
    late: dict[str, Any] = field(default_factory=dict)
    sources: list[Image.Image] = field(default_factory=list)
    mask: Image.Image | None = None
    guides: list[Image.Image] = field(default_factory=list)
    pictures: list[Image.Image] = field(default_factory=list)
    models: list[Checkpoint] = field(default_factory=list)
    appended: list[Image.Image] = field(default_factory=list)

    def draw(self, index: int, share: float = 1.0) -> Image.Image:
        """Image number ``index``; ``share`` is how much of it was done when interrupted."""
        size = self.size if self.final_size is None or share < 1.0 else self.final_size
        seed = self.seeds[index]
        wish = self.prompt
        if self.values.get("subseed_strength"):
            wish += f" {self.subseeds[index]}"
        painted = painter.paint(wish, seed, self.models[-1].file, *size)
        if self.sources:
            source = self.sources[min(index, len(self.sources) - 1)].resize(size)
            strength = self.values.get("denoising_strength")
            mask = self.mask.resize(size) if self.mask is not None else None
            painted = painter.derived(source, painted, 0.75 if strength is None else strength, mask)
        for guide in self.guides:
            lines = painter.edges(guide.resize(size))
            painted = ImageChops.screen(painted, lines.point(lambda value: value // 2))
        return painted if share >= 1.0 else painter.half_done(painted, share, seed)


def tagged_loras(prompt: str, catalog: Catalog) -> dict[str, str]:
    """Hashes of the LoRAs that a prompt's tags really load, by the name the tag uses.

    Name or alias, not the path; a weight that is no number switches the tag off (A1111,
    recordings txt2img-lora-*).
    """
    found: dict[str, str] = {}
    for name, weight in LORA_TAG.findall(prompt):
        if weight and not _is_number(weight.split(":")[0]):
            continue
        for lora in catalog.loras:
            if name in (lora.name, lora.alias):
                found[name] = lora.short_hash
    return found


def named_embeddings(prompt: str, catalog: Catalog) -> dict[str, str]:
    """Hashes of the embeddings whose names stand in the prompt."""
    return {
        name: short
        for name, short in catalog.embeddings.items()
        if re.search(rf"(?<![\w-]){re.escape(name)}(?![\w-])", prompt)
    }


def styled(text: str, additions: list[str]) -> str:
    """A prompt with the texts of styles: into their ``{prompt}``, or behind it."""
    for addition in additions:
        if "{prompt}" in addition:
            text = addition.replace("{prompt}", text)
        elif addition:
            text = f"{text}, {addition}" if text else addition
    return text


def counted(first: int | None, count: int, *, constant: bool = False) -> list[int]:
    """Seeds of a batch: random for -1 and None, counting up unless only the variation changes."""
    start = random.getrandbits(32) if first in (None, -1) else int(first or 0)
    return [start if constant else start + number for number in range(count)]


def mask_of(image: Image.Image, *, invert: bool, blur: float) -> Image.Image:
    """White where the image may change: the alpha channel of RGBA, else the luminance."""
    grey = image.getchannel("A") if image.mode == "RGBA" else image.convert("L")
    if invert:
        grey = ImageChops.invert(grey)
    return grey.filter(ImageFilter.GaussianBlur(blur)) if blur else grey


def grid_of(pictures: list[Image.Image]) -> Image.Image:
    """All images side by side, as near to a square as their number allows."""
    rows = max(round(math.sqrt(len(pictures))), 1)
    columns = math.ceil(len(pictures) / rows)
    width, height = pictures[0].size
    grid = Image.new("RGB", (columns * width, rows * height), "black")
    for number, picture in enumerate(pictures):
        grid.paste(picture, (number % columns * width, number // columns * height))
    return grid


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
