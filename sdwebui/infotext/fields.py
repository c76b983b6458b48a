"""The values of an infotext, each under one name whatever server wrote it.

Families name some things differently, or different things alike. That is sorted out here, so that
readers can use ``infotext.hires_scale``; where the values themselves do not show what is meant, the
dialect of the family that wrote them knows. :mod:`sdwebui.infotext.parse` parses the text.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from sdwebui.dialects import Dialect, is_unset_sampler, writer_of
from sdwebui.dialects.infotexts import read_hashes, value_of
from sdwebui.infotext.prompts import split_loras

_SIZE = re.compile(r"\s*(\d{1,6})\s*x\s*(\d{1,6})\s*", re.ASCII)
_UNKNOWN_SAMPLER = "Undefined"
"""Civitai's word for a sampler that it does not know."""


@dataclass(frozen=True, slots=True)
class Infotext:
    """An infotext, parsed.

    A property is ``None``, or empty, where the infotext lacks the value or it cannot be read.

    Attributes:
        prompt: The prompt as written, LoRA tags included.
        negative_prompt: The negative prompt; "" where there is none.
        fields: Every ``Name: value`` pair, names as the server spells them, quotes taken off.
        writer: The family that wrote it.
    """

    prompt: str = ""
    negative_prompt: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)
    writer: type[Dialect] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "writer", writer_of(self.fields))

    def get(self, *names: str) -> str | None:
        """Return the first of these fields that is not empty; case, spaces, ``-`` do not count."""
        return value_of(self.fields, *names)

    @property
    def steps(self) -> int | None:
        """Sampling steps."""
        return whole(self.get("Steps"))

    @property
    def sampler(self) -> str | None:
        """The sampler as written; before 1.9 A1111's names end in the schedule type."""
        sampler, _ = self.writer.sampler_and_scheduler(self.fields)
        unset = sampler is None or sampler == _UNKNOWN_SAMPLER or is_unset_sampler(sampler)
        return None if unset else sampler

    @property
    def scheduler(self) -> str | None:
        """The schedule type. SD.Next's ``Scheduler`` is a class name and not meant here."""
        return self.writer.sampler_and_scheduler(self.fields)[1]

    @property
    def cfg_scale(self) -> float | None:
        """How strongly the prompt counts."""
        return number(self.get("CFG scale"))

    @property
    def distilled_cfg_scale(self) -> float | None:
        """Forge's guidance of Flux models."""
        return number(self.get("Distilled CFG Scale"))

    @property
    def seed(self) -> int | None:
        """The seed of this very image."""
        return whole(self.get("Seed"))

    @property
    def variation_seed(self) -> int | None:
        """The second seed that was mixed in."""
        return whole(self.get("Variation seed"))

    @property
    def variation_strength(self) -> float | None:
        """How much of the second seed was mixed in, 0–1."""
        return number(self.get("Variation seed strength", "Variation strength"))

    @property
    def width(self) -> int | None:
        """Width of the first pass in pixels; the image itself may have another."""
        size = _size(self.get("Size"))
        return size and size[0]

    @property
    def height(self) -> int | None:
        """Height of the first pass in pixels; the image itself may have another."""
        size = _size(self.get("Size"))
        return size and size[1]

    @property
    def model(self) -> str | None:
        """The checkpoint; stable-diffusion.cpp and KoboldCpp write the extension of its file."""
        return self.get("Model")

    @property
    def model_hash(self) -> str | None:
        """The first digits of the checkpoint's SHA-256."""
        return self.get("Model hash")

    @property
    def vae(self) -> str | None:
        """The VAE, where another than the checkpoint's own was used."""
        return self.get("VAE")

    @property
    def modules(self) -> tuple[str, ...]:
        """Forge's additional modules (VAE and text encoders)."""
        return tuple(
            value for name, value in self.fields.items() if re.fullmatch(r"Module \d+", name)
        )

    @property
    def clip_skip(self) -> int | None:
        """Clip skip, 1 or more; where a server writes -1 it means the model's own."""
        value = whole(self.get("Clip skip"))
        return value if value and value > 0 else None

    @property
    def denoising_strength(self) -> float | None:
        """Denoising strength of img2img or of the second pass, 0–1."""
        return number(self.get("Denoising strength", "Hires strength"))

    @property
    def hires_upscaler(self) -> str | None:
        """The upscaler of the second pass."""
        upscale = self.get("Hires upscale")
        # A factor on most servers, the upscaler's name on stable-diffusion.cpp.
        named = upscale if upscale and number(upscale) is None else None
        return self.get("Hires upscaler") or named

    @property
    def hires_scale(self) -> float | None:
        """The factor by which the second pass is larger than the first."""
        return number(self.get("Hires scale")) or number(self.get("Hires upscale"))

    @property
    def hires_size(self) -> tuple[int, int] | None:
        """Width and height of the second pass in pixels, where it was given so."""
        return _size(self.get("Hires resize", "Hires size"))

    @property
    def hires_steps(self) -> int | None:
        """Steps of the second pass; 0 means as many as in the first."""
        return whole(self.get("Hires steps"))

    @property
    def refiner(self) -> str | None:
        """The checkpoint that finished the image, as ``name [hash]``."""
        return self.get("Refiner")

    @property
    def refiner_switch_at(self) -> float | None:
        """The share of the steps after which the refiner took over, 0–1."""
        return number(self.get("Refiner switch at"))

    @property
    def face_restoration(self) -> str | None:
        """The face restorer that was used."""
        return self.get("Face restoration")

    @property
    def tiling(self) -> bool:
        """Whether the image tiles without seams."""
        return self.get("Tiling") == "True"

    @property
    def loras(self) -> tuple[tuple[str, float], ...]:
        """Name and weight of each LoRA that was requested.

        They stand in the prompt's ``<lora:name:weight>`` tags, or in a list beside the prompt. A
        tag whose weight is no number is left out, since servers ignore it.
        """
        return (*self._tagged_loras(), *self.writer.listed_loras(self.fields))

    def _tagged_loras(self) -> list[tuple[str, float]]:
        _, tags = split_loras(self.prompt)
        return [(tag.name, tag.weight) for tag in tags if tag.weight is not None]

    @property
    def applied_loras(self) -> tuple[str, ...]:
        """The names of the LoRAs that the server reports as used."""
        tags = [name for name, _ in self._tagged_loras()]
        return self.writer.used_loras(self.fields, tags)

    @property
    def lora_hashes(self) -> dict[str, str]:
        """Hash by name of the LoRAs that were used; A1111 and Forge leave out unknown ones."""
        return read_hashes(self.get("Lora hashes"))

    @property
    def ti_hashes(self) -> dict[str, str]:
        """Hash by name of the embeddings that were used; Forge 2025-06 gives no hashes."""
        return read_hashes(self.get("TI hashes", "TI"))


def number(text: str | None) -> float | None:
    """Return a value as a finite number; None where it is none."""
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def whole(text: str | None) -> int | None:
    """Return a value as a whole number, "20.0" too; None where it is none."""
    try:
        return int(text or "")
    except ValueError:
        value = number(text)
        return int(value) if value is not None and value.is_integer() else None


def sides(text: str | None) -> tuple[int, int] | None:
    """Return width and height of a text like ``512x768``; None where it is none."""
    match = _SIZE.fullmatch(text or "")
    return (int(match[1]), int(match[2])) if match else None


def _size(text: str | None) -> tuple[int, int] | None:
    """Return width and height; None for 0x0, by which a server means that there is no size."""
    size = sides(text)
    return size if size and min(size) > 0 else None
