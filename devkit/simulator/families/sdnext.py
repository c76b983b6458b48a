"""SD.Next of July 2026: the same paths, another program behind them."""

import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

from PIL import Image

from devkit.simulator import painter
from devkit.simulator.families.base import GENERATIONS, HTTPError
from devkit.simulator.families.generating import Generating
from devkit.simulator.families.generation import Generation, whole_blocks
from devkit.simulator.inventory import Checkpoint
from devkit.simulator.jobs import Job
from devkit.simulator.settings import Settings
from devkit.simulator.wire import Answer, Request
from sdwebui.infotext import build

NO_CONTENT = Answer(204)
LATENT = ("Latent", "Latent Nearest", "Latent Bilinear", "Latent Bicubic", "Latent Area")


class NoModel(Exception):
    """Nothing is loaded: 200 with no image and an empty info."""


class SDNext(Generating):
    """Samplers by name or 404, JPEG by default, 200 without images after failures."""

    name = "sdnext"
    data_name = "sdnext"
    version = "unknown"
    title: ClassVar[str] = "SD.Next"
    default_format: ClassVar[str] = "jpg"
    remembers_tasks: ClassVar[bool] = False
    wrong_password: ClassVar[str] = "Unauthorized"
    malformed_password: ClassVar[str] = "Not authenticated"

    def __init__(self, settings: Callable[[], Settings]) -> None:
        self._used: Counter[tuple[str, int]] = Counter()
        self._lock = threading.Lock()
        super().__init__(settings)

    def add_routes(self) -> None:
        """As ``Generating``; upscaling and schedulers fail, captions have routes of their own."""
        super().add_routes()
        self.get("/sdapi/v1/loras", self.loras)
        self.get("/sdapi/v1/sd-vae", self.vaes)
        self.get("/sdapi/v1/version", self.lists["version"])
        self.get("/sdapi/v1/detailers", self.lists["detailers"])
        self.get("/sdapi/v1/schedulers", self.schedulers)
        extra = "extra-single-image"
        self.post(f"/sdapi/v1/{extra}", self.upscale, fields=extra)
        for name, key, describe in (
            ("openclip", "caption", painter.described), ("tagger", "tags", painter.tags_of),
        ):  # fmt: skip
            self.post(f"/sdapi/v1/{name}", self._captioner(key, describe), fields=name)

    def answer(self, request: Request) -> Answer:
        """As ``WebUI``, with the limit that is applied after the work is done."""
        answer = super().answer(request)
        limit = self.settings.rate_limit
        if not limit:
            return answer
        with self._lock:
            minute = request.path, int(time.monotonic() / 60)
            self._used[minute] += 5 if request.path in GENERATIONS else 1
            exceeded = self._used[minute] > limit
        text = f"127.0.0.1:{request.path}: rate limit exceeded"
        return self.error(429, text) if exceeded else answer

    def exception(self, kind: str, text: str) -> Answer:
        """A Python exception."""
        value = {"error": kind, "code": 500, "detail": "", "body": "", "errors": text}
        return self.written(value, 500)

    def error(self, status: int, detail: str) -> Answer:
        """An HTTPException; its text stands twice."""
        value = {"error": "HTTPException", "code": status, "detail": detail, "body": ""}
        return self.written({**value, "errors": f"{status}: {detail}"}, status)

    def title_of(self, checkpoint: Checkpoint) -> str:
        """Return ``name [hash]``, without an extension."""
        name = checkpoint.file.rpartition(".")[0]
        return f"{name} [{checkpoint.short_hash}]" if checkpoint.hashed else name

    def sd_models(self) -> list[dict[str, Any]]:
        """``GET /sd-models``: as A1111, named without extensions."""
        return [
            {**entry, "title": self.title_of(item), "model_name": item.file.rpartition(".")[0]}
            for entry, item in zip(super().sd_models(), self.inventory.checkpoints, strict=True)
        ]

    def embeddings(self) -> dict[str, Any]:
        """``GET /embeddings``: names only."""
        return {"loaded": list(self.inventory.embeddings), "skipped": []}

    def schedulers(self) -> None:
        """``GET /schedulers`` fails on its own answer."""
        raise self.failure("schedulers")

    def set_options(self, body: dict[str, Any]) -> Any:
        """``POST /options``: never fails; an unknown model is unloaded for nothing."""
        self.options |= body
        if "sd_model_checkpoint" in body:
            with self.queue.turn(Job("options", "options")):
                self._load_or_unload(body["sd_model_checkpoint"])
        return {"updated": [{key: True} for key in body]}

    def interrupt(self, body: Any) -> Any:
        """``POST /interrupt``: no body."""
        super().interrupt(body)
        return NO_CONTENT

    def upscale(self, body: dict[str, Any]) -> None:
        """``POST /extra-single-image`` fails after the work (recordings extra-*)."""
        self.opened(body["image"])
        raise self.failure("upscaling")

    def _captioner(
        self, key: str, describe: Callable[[Image.Image], str]
    ) -> Callable[[dict[str, Any]], Any]:
        """Return the handler that describes an image; the recorded server had no weights."""

        def caption(body: dict[str, Any]) -> dict[str, Any]:
            if not body["image"]:
                raise HTTPError(404, "Image not found")
            image = self.opened(body["image"])
            if body["model"] == "nope":
                raise HTTPError(404, "Model not found")
            without = "CLIP error: <class 'OSError'>" if key == "caption" else ""
            return {key: without if self.is_recorded else describe(image)}

        return caption

    def resolved(self, name: Any) -> Checkpoint | None:
        """Title, name, short hash or full path (recordings txt2img-override-model-*)."""
        for item in self.inventory.checkpoints:
            names = {item.file.rpartition(".")[0], item.path}
            if item.hashed:
                names |= {self.title_of(item), item.short_hash}
            if name in names:
                return item
        return None

    def load(self, model: Checkpoint | None) -> Checkpoint:
        """As ``WebUI``; without any model the job ends without an image."""
        if model is None and self.loaded is None:
            raise NoModel
        return super().load(model)

    def _load_or_unload(self, name: Any) -> None:
        """Load the model, or none at all when nobody knows it."""
        found = self.resolved(name)
        if found is None:
            self.loaded = None
        else:
            self.load(found)

    def check_scripts(self, _kind: str, values: dict[str, Any]) -> None:
        """Unknown always-on scripts are a 422, unknown selectable ones are ignored."""
        for title in values["alwayson_scripts"] or {}:
            if title.lower() not in self.data["scripts"]["alwayson"]:
                raise HTTPError(422, f"Always on script not found: {title}")

    def generate(self, kind: str, values: dict[str, Any]) -> Any:
        """As ``Generating``; samplers are checked before the queue, and no model is a 200."""
        wanted = values["sampler_name"].lower()
        samplers = [*(item["name"] for item in self.lists["samplers"]), "Default"]
        values["sampler_name"] = next((one for one in samplers if one.lower() == wanted), None)
        if values["sampler_name"] is None:
            raise HTTPError(404, "Sampler not found")
        if kind == "img2img" and values["init_images"] is None:
            return self.written({"error": "Init image is none"}, 400)
        try:
            return super().generate(kind, values)
        except NoModel:
            return {"images": [], "parameters": {}, "info": ""}

    @contextmanager
    def overridden(self, values: dict[str, Any]) -> Iterator[None]:
        """Drop overrides of unknown options; put everything back afterwards."""
        if values["sd_model_checkpoint"]:
            # Not an override but a switch for everybody (recording txt2img-top-level-…).
            self._load_or_unload(values["sd_model_checkpoint"])
        overrides = values["override_settings"] or {}
        before = {key: value for key, value in self.options.items() if key in overrides}
        model = overrides.get("sd_model_checkpoint", "")
        try:
            self.options |= {key: overrides[key] for key in before}
            found = self.resolved(model)
            if found is not None:
                self.load(found)
            yield
        finally:
            if values["override_settings_restore_afterwards"]:
                self.options |= before
                if model:
                    self._load_or_unload(before["sd_model_checkpoint"])

    def prepare(self, g: Generation, mask: Image.Image | None) -> None:
        """Look names up and check numbers in SD.Next's way."""
        self.check_numbers(g.values)
        sides = (g.values["width"], g.values["height"])
        wide, high = (1024 if side is None or side < 8 else side for side in sides)
        g.size = whole_blocks((wide, high))
        g.job.batches = g.values["n_iter"]
        g.count_seeds()
        g.apply_styles(self.inventory.styles)
        g.prompt = g.prompt.strip()
        g.sampler = g.values["sampler_name"]
        vae, clip_skip = self.options["sd_vae"], g.values["clip_skip"] or 1
        g.notes |= {
            "VAE": vae.rpartition(".")[0] if vae in self.inventory.vaes else None,
            "CLiP-skip": clip_skip if clip_skip != 1 else None,
        }
        if g.kind == "img2img" and g.sources:
            self.prepare_sources(g, mask)
        if g.values["enable_hr"]:
            self.prepare_hires(g)
        names = [lora.name for lora in self.inventory.loras]
        used = [name for name in names if re.search(rf"<lora:{re.escape(name)}[:>]", g.prompt)]
        g.notes["LoRA networks"] = ", ".join(used) or None

    def prepare_sources(self, g: Generation, mask: Image.Image | None) -> None:
        """Fit the images; without a resize mode the image's own size counts."""
        mode = g.values["resize_mode"]
        if mode not in range(7):
            raise self.failure("resize mode")
        sides = g.values["width"], g.values["height"]
        if mode == 0 and not any(side % 8 for side in sides):
            wide, high = (-(-side // 8) * 8 for side in g.sources[0].size)
            g.size = wide, high
        g.notes["Denoising strength"] = g.values["denoising_strength"]
        g.sources = g.sources[: g.values["batch_size"]]
        g.fit_sources(mask, g.values["mask_blur"] or 0)

    def prepare_hires(self, g: Generation) -> None:
        """Upscale with a resize mode; a second pass needs a latent upscaler, or force."""
        values, upscaler = g.values, g.values["hr_upscaler"]
        if values["hr_resize_mode"]:
            scale = values["hr_scale"]
            wide = values["hr_resize_x"] or g.size[0] * scale
            high = values["hr_resize_y"] or g.size[1] * scale
            g.final_size = whole_blocks((wide, high))
            g.notes |= {
                "Hires upscaler": upscaler, "Hires scale": scale,
                "Hires size": f"{g.final_size[0]}x{g.final_size[1]}",
            }  # fmt: skip
        if upscaler and (upscaler in LATENT or values["hr_force"]):
            g.notes["Hires steps"] = values["hr_second_pass_steps"]
            g.notes["Hires strength"] = values["hr_denoising_strength"]

    def answered(self, g: Generation) -> dict[str, Any]:
        """As ``Generating``; strengths above 1 fail without a word."""
        if g.kind == "img2img" and g.sources and g.strength > 1:
            g.images = []
        return super().answered(g)

    def infotext(self, g: Generation, index: int) -> str:
        """Return SD.Next's own form, with the templates that the styles were put into."""
        lines = [g.prompt, f"Negative prompt: {g.negative_prompt or ''}"]
        for name, field in (("Template", "prompt"), ("Negative template", "negative_prompt")):
            lines += [f"{name}: {g.values[field]}"] if g.values[field] else []
        return "\n".join([*lines, build("", "", self.parameters(g, index))])

    def parameters(self, g: Generation, index: int) -> dict[str, Any]:
        """Return the fields of an infotext in SD.Next's order."""
        values = g.values
        varied = bool(values["subseed_strength"])
        return {
            "Steps": values["steps"] if values["steps"] >= 0 else None,
            "Size": f"{g.size[0]}x{g.size[1]}",
            "Sampler": g.sampler if g.sampler != "Default" else None,
            "Seed": g.seeds[index] if g.seeds[index] >= 0 else None,
            "CFG scale": values["cfg_scale"],
            "App": "SD.Next",
            "Version": self.version,
            "Model": g.model.stem,
            "Model hash": g.model.short_hash,
            "Variation seed": g.subseeds[index] if varied else None,
            "Variation strength": values["subseed_strength"] if varied else None,
            **g.notes,
        }

    def info(self, g: Generation) -> dict[str, Any]:
        """As A1111, without a model's name."""
        told = super().info(g)
        for name in ("sd_model_name", "version", "restore_faces"):
            del told[name]
        return told | {"width": g.size[0], "height": g.size[1]}
