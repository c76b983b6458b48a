"""What an infotext says, under one name for each thing whatever server wrote it.

Where a family means something else by the same name ("Hires upscale" is a factor on A1111 and an
upscaler on stable-diffusion.cpp), it is sorted out here, so that readers ask for
``said.hires_scale``. The text itself is taken apart in :mod:`sdwebui.infotext.parse`.
"""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from sdwebui.infotext.prompts import split_loras

_SIZE = re.compile(r"\s*(\d{1,6})\s*x\s*(\d{1,6})\s*", re.ASCII)


@dataclass(frozen=True, slots=True)
class Infotext:
    """What an infotext says.

    The properties give ``None`` (or nothing) for what is not said or not readable.

    Attributes:
        prompt: With LoRA tags, as written.
        negative_prompt: Empty if there is none.
        fields: Every ``Name: value`` pair, names as the server spells them, quotes taken off.
    """

    prompt: str = ""
    negative_prompt: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)

    def get(self, *names: str) -> str | None:
        """The first of these fields that is there and not empty; case, spaces and ``-`` are one."""
        values = {folded(name): value for name, value in self.fields.items() if value}
        return next((values[name] for name in map(folded, names) if name in values), None)

    @property
    def steps(self) -> int | None:
        """Sampling steps."""
        return whole(self.get("Steps"))

    @property
    def sampler(self) -> str | None:
        """The sampler as written: old A1111 puts the schedule in the name (``DPM++ 2M Karras``).

        stable-diffusion.cpp and KoboldCpp write ``euler_a karras``, which is taken apart, since
        no name of theirs has a space. ``NONE`` is sd.cpp's word for its default.
        """
        return self._sampler_and_scheduler()[0]

    @property
    def scheduler(self) -> str | None:
        """The noise schedule. SD.Next's ``Scheduler`` is a class name and not meant here."""
        return self._sampler_and_scheduler()[1]

    def _sampler_and_scheduler(self) -> tuple[str | None, str | None]:
        sampler, scheduler = self.get("Sampler"), self.get("Schedule type")
        if sampler and self.get("Version") in ("stable-diffusion.cpp", "KoboldCpp"):
            sampler, _, attached = sampler.partition(" ")
            scheduler = scheduler or attached or None
        return None if sampler in ("NONE", "Undefined") else sampler, scheduler

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
        """Pixels, of the first pass; often not those of the image: measure that."""
        size = _size(self.get("Size"))
        return size and size[0]

    @property
    def height(self) -> int | None:
        """Pixels, of the first pass; often not those of the image: measure that."""
        size = _size(self.get("Size"))
        return size and size[1]

    @property
    def model(self) -> str | None:
        """The checkpoint; sd.cpp and KoboldCpp write its file name with the extension."""
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
        """CLIP layers left out at the end, 1 or more; sd.cpp's -1 means the model's own."""
        value = whole(self.get("Clip skip"))
        return value if value and value > 0 else None

    @property
    def denoising_strength(self) -> float | None:
        """Of img2img or of the second pass, 0–1."""
        return number(self.get("Denoising strength", "Hires strength"))

    @property
    def hires_upscaler(self) -> str | None:
        """What enlarged the image for the second pass."""
        upscale = self.get("Hires upscale")
        named = upscale if upscale and number(upscale) is None else None  # sd.cpp
        return self.get("Hires upscaler") or named

    @property
    def hires_scale(self) -> float | None:
        """By how much the second pass is larger than the first."""
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
        """The part of the steps after which the refiner took over, 0–1."""
        return number(self.get("Refiner switch at"))

    @property
    def face_restoration(self) -> str | None:
        """The face restorer that was used."""
        return self.get("Face restoration")

    @property
    def tiling(self) -> bool:
        """Whether the image can be laid side by side with itself."""
        return self.get("Tiling") == "True"

    @property
    def loras(self) -> tuple[tuple[str, float], ...]:
        """Name and weight of each LoRA that was asked for.

        From the prompt's ``<lora:name:weight>`` tags (the first number of several; 1 without one;
        none that is no number: servers ignore such a tag) and from sd.cpp's JSON.
        """
        tags = [(tag.name, tag.weight) for tag in split_loras(self.prompt)[1]]
        readable = ((name, weight) for name, weight in tags if weight is not None)
        return (*readable, *self._sdcpp_loras())

    @property
    def applied_loras(self) -> tuple[str, ...]:
        """The LoRAs that the server says it used.

        A1111 and Forge list their hashes, SD.Next their names, sd.cpp has them in its JSON.
        KoboldCpp says nothing.
        """
        networks = (self.get("LoRA networks") or "").split(",")
        named = [name.strip() for name in networks if name.strip()]
        return (*self.lora_hashes, *named, *(name for name, _ in self._sdcpp_loras()))

    def _sdcpp_loras(self) -> list[tuple[str, float]]:
        try:
            loras = json.loads(self.fields.get("SDCPP", "{}")).get("loras", [])
            # It writes single precision: 0.8 as 0.800000011920929.
            return [(str(lora["name"]), float(f"{lora['multiplier']:.6g}")) for lora in loras]
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return []

    @property
    def lora_hashes(self) -> dict[str, str]:
        """Hash by name of the LoRAs that were used: A1111 and Forge leave out unknown ones."""
        return _hashes(self.get("Lora hashes"))

    @property
    def ti_hashes(self) -> dict[str, str]:
        """Hash by name of the embeddings that were used; Forge 2025-06 gives no hashes."""
        return _hashes(self.get("TI hashes", "TI"))


def folded(name: str) -> str:
    """Return the name of a field without case, spaces, hyphens and underscores."""
    return re.sub(r"[ _-]", "", name).casefold()


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


def _size(text: str | None) -> tuple[int, int] | None:
    """``512x768``; 0x0 is sd.cpp's way to say that there is none."""
    match = _SIZE.fullmatch(text or "")
    size = match and (int(match[1]), int(match[2]))
    return size if size and min(size) > 0 else None


def _hashes(text: str | None) -> dict[str, str]:
    """``name: hash, name: hash`` as a dict."""
    pairs = (pair.rpartition(": ") for pair in (text or "").split(", "))
    return {
        (name or alone).strip(): alone.strip() if name else "" for name, _, alone in pairs if alone
    }
