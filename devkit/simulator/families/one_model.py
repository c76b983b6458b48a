"""What stable-diffusion.cpp and KoboldCpp share: one model, and no schema for bodies."""

import json
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, ClassVar

from PIL import Image

from devkit.simulator import imagefiles, painter
from devkit.simulator.families.base import GENERATIONS, Body, Family, HTTPError, Route
from devkit.simulator.wire import Request


class OneModel(Family):
    """A server that was started with one model and keeps it."""

    recorded_inventory: ClassVar[str] = "recorded, one model"
    formats: ClassVar[tuple[str, ...]]
    modes: ClassVar[tuple[str, ...]]
    """Formats and modes of the images that it can read."""

    no_json: ClassVar[str]

    def add_routes(self) -> None:
        """Serve lists and generations."""
        for name in ("samplers", "schedulers", "upscalers", "latent-upscale-modes"):
            self.get(f"/sdapi/v1/{name}", partial(self.listed, name))
        self.get("/sdapi/v1/sd-models", self.sd_models)
        self.get("/sdapi/v1/loras", self.loras)
        self.get("/sdapi/v1/options", lambda: {"sd_model_checkpoint": self.model_name})
        for path in GENERATIONS:
            self.post(path, self._maker_of(path.rpartition("/")[2]))

    def _maker_of(self, kind: str) -> Callable[[Any], Any]:
        return lambda body: self.generate(kind, body)

    def generate(self, kind: str, given: Body) -> Body:
        """Answer a generation request."""
        raise NotImplementedError

    def read(self, route: Route, request: Request) -> Body:  # noqa: ARG002
        """As ``Family``."""
        try:
            return dict(json.loads(request.body or b"{}"))
        except (TypeError, ValueError) as error:
            raise HTTPError(500, self.no_json) from error

    def listed(self, name: str) -> list[Body]:
        """Return a recorded list."""
        entries: list[Body] = self.lists[name]
        return entries

    @property
    def model_file(self) -> str:
        """The file of the one model; "" without any."""
        files = [item.file.rpartition("/")[2] for item in self.inventory.checkpoints]
        return files[0] if files else ""

    @property
    def model_name(self) -> str:
        """The model's name: the file without its extension."""
        return self.model_file.rpartition(".")[0]

    def sd_models(self) -> list[Body]:
        """``GET /sd-models``: the one, or none."""
        told = {"title": self.model_name, "model_name": self.model_name, "hash": "8" * 10}
        return [{**told, "filename": self.model_file, "sha256": "8" * 64}] * bool(self.model_file)

    def lora_names(self) -> dict[str, str]:
        """Return the name of each LoRA by its path."""
        return {lora.file: lora.name for lora in self.inventory.loras}

    def loras(self) -> list[Body]:
        """``GET /loras``."""
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
        for item in self.listed(name):
            aliases: list[str] = item.get("aliases") or [item["name"]]
            if item["name"] != "default" and spelling in (item["name"], *aliases):
                return aliases[0]
        return None

    def drawn(
        self, wish: str, seed: int, size: tuple[int, int], source: Image.Image | None,
        mask: Image.Image | None, strength: float,
    ) -> Image.Image:  # fmt: skip
        """Return an image, painted over its source where there is one."""
        image = painter.paint(wish, seed, self.model_file, *size)
        return image if source is None else painter.derived(source, image, strength, mask)

    def answered(self, images: list[str], info: Body) -> Body:
        """Return ``images``, ``parameters`` and ``info``."""
        told = {**info, "job_timestamp": time.strftime("%Y%m%d%H%M%S")}
        return {"images": images, "parameters": {}, "info": json.dumps(told)}
