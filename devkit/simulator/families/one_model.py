"""What stable-diffusion.cpp and KoboldCpp share: one model, and no schema for bodies."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from PIL import Image

from devkit.simulator import imagefiles, painter
from devkit.simulator.families.base import GENERATIONS, Body, Family, HTTPError, Route
from devkit.simulator.jobs import Job
from devkit.simulator.wire import Request


@dataclass
class Requested:
    """What a request asks for, within the program's bounds.

    Attributes:
        size: As written in the infotext; ``final_size`` is that of the image.
        loras: Weight by path.
        hires: What the infotext reports of a second pass.
        is_void: Whether there will be no image.
    """

    prompt: str
    negative_prompt: str
    seeds: list[int]
    steps: int
    cfg_scale: float
    clip_skip: int
    strength: float
    size: tuple[int, int]
    sampler: str
    scheduler: str | None
    loras: dict[str, float]
    source: Image.Image | None
    mask: Image.Image | None
    hires: Body = field(default_factory=dict)
    is_void: bool = False

    @property
    def final_size(self) -> tuple[int, int]:
        """The size in whole blocks of 64, after the second pass if there is one."""
        wide, high = self.size
        if self.hires:
            to_wide, to_high = map(int, self.hires["Hires resize"].split("x"))
            scale = self.hires["Hires scale"]
            wide, high = to_wide or int(wide * scale), to_high or int(high * scale)
        return math.ceil(wide / 64) * 64, math.ceil(high / 64) * 64

    @property
    def sampling(self) -> str:
        """Sampler and scheduler in one, as infotexts have them."""
        return f"{self.sampler} {self.scheduler or ''}".strip()


class OneModel(Family):
    """A server that was started with one model and keeps it."""

    recorded_inventory = "recorded, one model"
    formats: tuple[str, ...]
    modes: tuple[str, ...]
    """Formats and modes of the images that it can read."""

    writes_raw_text = False

    def start(self) -> None:
        """Serve lists and generations."""
        super().start()
        files = [one.file.rpartition("/")[2] for one in self.inventory.checkpoints]
        self.model_file = files[0] if files else ""
        self.model_name = self.model_file.rpartition(".")[0] or "inactive"
        for name in ("samplers", "schedulers", "upscalers", "latent-upscale-modes"):
            self.get(f"/sdapi/v1/{name}", self.lists[name] if files else [])
        model = {"title": self.model_name, "model_name": self.model_name, "hash": "8" * 10}
        self.get("/sdapi/v1/sd-models", [{**model, "filename": self.model_file}][: len(files)])
        self.get("/sdapi/v1/options", {"sd_model_checkpoint": self.model_name})
        self.get("/sdapi/v1/loras", self.loras)
        for path in GENERATIONS:
            self.post(path, partial(self._generate, path.rpartition("/")[2]))

    def requested(self, kind: str, given: Body) -> Requested:
        """Return what a request asks for."""
        raise NotImplementedError

    def infotext(self, requested: Requested, seed: int) -> str:
        """Return one image's parameters."""
        raise NotImplementedError

    def read(self, _route: Route, request: Request) -> Body:
        """Return the JSON of a body."""
        try:
            return dict(json.loads(request.body or b"{}"))
        except (TypeError, ValueError) as error:
            raise HTTPError(500, "Error parsing input.") from error

    def lora_names(self) -> dict[str, str]:
        """Return the name of each LoRA by its path."""
        return {lora.file: lora.name for lora in self.inventory.loras}

    def loras(self) -> list[Body]:
        """Return the list of LoRAs."""
        return [{"name": name, "path": path} for path, name in self.lora_names().items()]

    def opened(self, text: Any) -> Image.Image | None:
        """Return an image of the request that the program can read, or None."""
        try:
            image = imagefiles.decode(text)
        except ValueError:
            return None
        fits = image.format in self.formats and image.mode in self.modes
        return image.convert("RGB") if fits else None

    def opened_mask(self, given: Body) -> Image.Image | None:
        """Return the mask, white where the image may change; an unreadable one is ignored."""
        try:
            mask = imagefiles.decode(given.get("mask", "")).convert("L")
        except ValueError:
            return None
        return mask.point(lambda v: 255 - v) if given.get("inpainting_mask_invert") else mask

    def named(self, name: str, wanted: Any, translations: Mapping[str, str]) -> str | None:
        """Return a sampler or scheduler in the server's spelling; None for default and unknown."""
        spelling = translations.get(wanted, wanted)
        for item in self.lists[name]:
            aliases: list[str] = item.get("aliases") or [item["name"]]
            if item["name"] != "default" and spelling in (item["name"], *aliases):
                return aliases[0]
        return None

    def _generate(self, kind: str, given: Body) -> Body:
        """Check the request, wait for the turn, draw, and report what was done."""
        requested = self.requested(kind, given)
        job = Job(prompt=requested.prompt, steps=requested.steps)
        with self.queue.turn(job):
            if requested.is_void:
                raise ValueError("no image")
            job.sample(requested.steps, self.settings.step_seconds)
            images = [self._drawn(requested, seed) for seed in requested.seeds]
        texts = [self.infotext(requested, seed) for seed in requested.seeds]
        noted = zip(images, texts, requested.seeds, strict=True)
        info = {
            "all_seeds": requested.seeds, "cfg_scale": requested.cfg_scale, "infotexts": texts,
            "sampler_name": requested.sampler, "steps": requested.steps,
            "sd_model_name": f"{self.model_name}.safetensors",
            "extra_generation_params": {"Schedule type": requested.scheduler},
        }  # fmt: skip
        files = [self.encoded(*one, raw=self.writes_raw_text) for one in noted]
        return {"images": files, "parameters": {}, "info": json.dumps(info)}

    def _drawn(self, requested: Requested, seed: int) -> Image.Image:
        prompt = " ".join([requested.prompt, *requested.loras])
        image = painter.paint(prompt, seed, self.model_file, *requested.final_size)
        if requested.source is None:
            return image
        return painter.derived(requested.source, image, requested.strength, requested.mask)
