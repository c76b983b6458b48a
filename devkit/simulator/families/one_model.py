"""What stable-diffusion.cpp and KoboldCpp share: one model, and no schema for bodies."""

import json
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
class Asked:
    """What a request asks for, within the program's bounds.

    Attributes:
        size: As told in the infotext; ``final_size`` is that of the image.
        loras: Weight by path.
        hires: What the infotext tells of a second pass.
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
    final_size: tuple[int, int]
    sampler: str
    scheduler: str | None
    loras: dict[str, float]
    source: Image.Image | None
    mask: Image.Image | None
    hires: Body = field(default_factory=dict)
    is_void: bool = False

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

    def add_routes(self) -> None:
        """Serve lists and generations."""
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

    def asked(self, kind: str, given: Body) -> Asked:
        """Return what a request asks for."""
        raise NotImplementedError

    def infotext(self, asked: Asked, seed: int) -> str:
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
        """Check the request, wait for the turn, draw, and tell what was done."""
        asked = self.asked(kind, given)
        job = Job("", kind, asked.prompt, asked.seeds[0], self.model_name, asked.steps)
        with self.queue.turn(job):
            if asked.is_void:
                return self.failed()
            job.sample(asked.steps, self.settings.step_seconds)
            images = [self._drawn(asked, seed) for seed in asked.seeds]
        texts = [self.infotext(asked, seed) for seed in asked.seeds]
        noted = zip(images, texts, asked.seeds, strict=True)
        info = {
            "all_seeds": asked.seeds, "cfg_scale": asked.cfg_scale, "infotexts": texts,
            "sampler_name": asked.sampler, "steps": asked.steps,
            "sd_model_name": f"{self.model_name}.safetensors",
            "extra_generation_params": {"Schedule type": asked.scheduler},
        }  # fmt: skip
        files = [self.encoded(*one, raw=self.writes_raw_text) for one in noted]
        return {"images": files, "parameters": {}, "info": json.dumps(info)}

    def _drawn(self, asked: Asked, seed: int) -> Image.Image:
        wish = " ".join([asked.prompt, *asked.loras])
        image = painter.paint(wish, seed, self.model_file, *asked.final_size)
        if asked.source is None:
            return image
        return painter.derived(asked.source, image, asked.strength, asked.mask)

    def failed(self) -> Body:
        """Return what a failure looks like: an empty string for an image."""
        return {"images": [""], "parameters": {}, "info": '{"job_timestamp": "20260723120000"}'}
