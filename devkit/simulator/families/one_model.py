"""What stable-diffusion.cpp and KoboldCpp share: one model, and no schema for bodies."""

import json
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, ClassVar

from PIL import Image

from devkit.simulator import imagefiles, painter
from devkit.simulator.families.base import GENERATIONS, Family, Route
from devkit.simulator.wire import Request

Body = dict[str, Any]


class OneModel(Family):
    """A server that was started with one model and keeps it."""

    recorded_inventory: ClassVar[str] = "recorded, one model"
    readable: ClassVar[Mapping[str, tuple[str, ...]]]
    """Formats of images that it can read, and their modes."""

    def add_routes(self) -> None:
        """Serve lists and generations."""
        for name in ("samplers", "schedulers", "upscalers", "latent-upscale-modes"):
            self.get(f"/sdapi/v1/{name}", partial(self.listed, name))
        self.get("/sdapi/v1/sd-models", self.sd_models)
        self.get("/sdapi/v1/loras", self.loras)
        self.get("/sdapi/v1/options", self.options)
        for path in GENERATIONS:
            self.post(path, self._maker_of(path.rpartition("/")[2]))

    def _maker_of(self, kind: str) -> Callable[[Any], Any]:
        return lambda body: self.generate(kind, body)

    def generate(self, kind: str, body: Any) -> Any:
        """Answer a generation request."""
        raise NotImplementedError

    def read(self, _route: Route, request: Request) -> bytes:
        """As ``Family``: each handler reads the body in its own way."""
        return request.body

    def listed(self, name: str) -> list[dict[str, Any]]:
        """Return a recorded list."""
        entries: list[dict[str, Any]] = self.lists[name]
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

    def sd_models(self) -> list[dict[str, Any]]:
        """``GET /sd-models``: the one, or none."""
        digits = {"hash": "8" * 10, "sha256": "8" * 64, "config": None}
        names = {"title": self.model_name, "model_name": self.model_name}
        return [{**names, "filename": self.model_file, **digits}] if self.model_file else []

    def lora_names(self) -> dict[str, str]:
        """Return the name of each LoRA by its path."""
        return {lora.file: lora.name for lora in self.inventory.loras}

    def loras(self) -> list[dict[str, Any]]:
        """``GET /loras``."""
        return [{"name": name, "path": path} for path, name in self.lora_names().items()]

    def options(self) -> dict[str, Any]:
        """``GET /options``: nothing that could be set."""
        return {"samples_format": "png", "sd_model_checkpoint": self.model_name}

    def opened(self, text: Any) -> Image.Image | None:
        """Return an image of the request that the program can read, or None."""
        try:
            image = imagefiles.from_base64(text)
        except (ValueError, TypeError, AttributeError):
            return None
        fits = image.mode in self.readable.get(image.format or "", ())
        return image.convert("RGB") if fits else None

    def opened_mask(self, body: Body) -> Image.Image | None:
        """Return the mask, white where the image may change; an unreadable one is ignored."""
        try:
            return imagefiles.from_base64(body.get("mask", "")).convert("L")
        except (ValueError, TypeError, AttributeError):
            return None

    def named(self, name: str, wanted: str, translations: Mapping[str, str]) -> str | None:
        """Return a sampler or scheduler in the server's spelling; None for default and unknown."""
        spelling = translations.get(wanted, wanted)
        for item in self.listed(name):
            if item["name"] != "default" and spelling in (item["name"], *item.get("aliases", ())):
                aliases: list[str] = item.get("aliases") or [item["name"]]
                return aliases[0]
        return None

    def drawn(
        self, wish: str, seed: int, size: tuple[int, int], source: Image.Image | None,
        mask: Image.Image | None, strength: float,
    ) -> Image.Image:  # fmt: skip
        """Return an image, painted over its source where there is one."""
        image = painter.paint(wish, seed, self.model_file, *size)
        if source is None:
            return image
        return painter.derived(
            source.resize(size), image, strength, mask.resize(size) if mask else None
        )

    def answered(self, files: list[bytes], info: Mapping[str, Any]) -> Body:
        """Return ``images``, ``parameters`` and ``info``."""
        stamped = {**info, "job_timestamp": time.strftime("%Y%m%d%H%M%S")}
        images = [imagefiles.to_base64(file) for file in files]
        return {"images": images, "parameters": {}, "info": json.dumps(stamped)}
