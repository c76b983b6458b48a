"""KoboldCpp 1.116.1: one image a request, 200 for failures, dropped connections."""

import json
import random
import re
from collections.abc import Mapping
from typing import Any, ClassVar

from PIL import Image

from devkit.simulator import imagefiles
from devkit.simulator.families.base import HTTPError
from devkit.simulator.families.one_model import Body, OneModel
from devkit.simulator.jobs import Busy, Job
from devkit.simulator.server import drop
from devkit.simulator.wire import Answer, Request

LARGEST_SIDE = 8192
LONGEST_PROMPT = 3000
AREA_OF_SD15 = 832 * 832
TAG = re.compile(r"<lora:([^:>]+):([^:>]+)>")
NO_ENDPOINT = (
    "Error: KoboldCpp HTTP Server is running, but this endpoint does not exist. Please check the "
    'URL and METHOD.<br><a href="/api">[Read API documentation here]</a><br><br>Current path: …'
)
UPSCALER = {"name": "ESRGAN_4x", "model_name": "ESRGAN_4x", "scale": 4}
FORMATS, MODES = ("PNG", "JPEG", "GIF", "BMP"), ("RGB", "RGBA", "P", "CMYK")


class Dropped(Exception):
    """The program stumbles over a type and closes the connection without an answer."""


class KoboldCpp(OneModel):
    """A server for language models that makes images on the side."""

    name = "koboldcpp"
    data_name = "koboldcpp"
    keep_alive: ClassVar[bool] = False
    queue_limit: ClassVar[int | None] = 10
    json_style: ClassVar[Mapping[str, Any]] = {"separators": (", ", ": "), "ensure_ascii": True}
    readable: ClassVar[Mapping[str, tuple[str, ...]]] = dict.fromkeys(FORMATS, MODES)

    def add_routes(self) -> None:
        """As ``OneModel``, with its version, a page, upscaling and no captions."""
        super().add_routes()
        self.get("/sdapi/v1/upscalers", self.upscalers)
        self.get("/api/extra/version", self.version)
        self.get("/", Answer.of_text("<!DOCTYPE html><title>KoboldAI Lite</title>"))
        self.post("/sdapi/v1/extra-single-image", self.upscale)
        self.post("/sdapi/v1/interrogate", self.interrogate)

    def answer(self, request: Request) -> Answer:
        """As ``Family``; the queue may be full, and some bodies are answered by nothing."""
        try:
            return super().answer(request)
        except Busy:
            return self.error(503, "Server is busy; please try again later.")
        except Dropped:
            return Answer(sender=drop)

    def missing(self, request: Request) -> Answer:
        """HTML for GET, nothing for POST."""
        return Answer.of_text(NO_ENDPOINT if request.method == "GET" else "", 404)

    def exception(self, _kind: str, _text: str) -> Answer:
        """A failed generation is a 200 with an empty image."""
        return self.written(self._failed())

    def error(self, status: int, detail: str) -> Answer:
        """An error of the server's own making."""
        kind = {503: "service_unavailable", 500: "bad_input"}.get(status, "error")
        return self.written({"detail": {"msg": detail, "type": kind}}, status)

    def listed(self, name: str) -> list[Body]:
        """As ``OneModel``; nothing without a model."""
        return super().listed(name) if self.model_file else []

    @property
    def model_name(self) -> str:
        """The model's name; "inactive" without one."""
        return super().model_name or "inactive"

    def version(self) -> Body:
        """``GET /api/extra/version``."""
        return {**self.lists["version"], "txt2img": bool(self.model_file)}

    def lora_names(self) -> dict[str, str]:
        """Return each LoRA's name, its folder included, by its path."""
        loras = self.inventory.loras if self.model_file else ()
        return {lora.file: lora.file.rpartition(".")[0] for lora in loras}

    def upscalers(self) -> list[Body]:
        """``GET /upscalers``."""
        return [UPSCALER] if self.settings.upscaler_model else []

    def upscale(self, body: bytes) -> Body:
        """``POST /extra-single-image``: four times, whatever was asked; else an empty image."""
        image = self.opened(_parsed(body).get("image"))
        text = ""
        if image is not None and self.settings.upscaler_model:
            image = image.resize((image.width * 4, image.height * 4), Image.Resampling.LANCZOS)
            text = imagefiles.to_base64(self.file_of(image, None, 0))
        note = "<p>Postprocess upscale by: 2.0, Postprocess upscaler: ESRGAN_4x</p>"
        return {"html_info": note, "image": text}

    def interrogate(self, _body: bytes) -> None:
        """``POST /interrogate`` needs a vision model, which is not loaded."""
        raise HTTPError(503, "No Vision model loaded")

    def _failed(self) -> Body:
        """Return what a failure looks like: an empty string for an image."""
        return self.answered([b""], {})

    def generate(self, kind: str, body: bytes) -> Body:
        """Return one image, drawn when its turn comes."""
        given = _parsed(body)
        _check_types(given)
        prompt = given.get("prompt", "")[:LONGEST_PROMPT]
        wanted = _whole(given.get("seed"), -1)
        seed = (wanted + 2**31) % 2**32 - 2**31
        if wanted < 0:
            seed = random.randint(100000, 999999)
        steps = min(max(_whole(given.get("steps"), 20), 1), 80)
        job = Job("", kind, prompt, seed, self.model_name, steps)
        with self.queue.turn(job):
            source, is_wrong = self._source(given)
            if not self.model_file or is_wrong:
                return self._failed()
            job.sample(steps, self.settings.step_seconds)
            image = self._drawn(given, prompt, seed, source)
        text = self._infotext(given, prompt, seed, steps)
        sampler, scheduler = self._sampling(given)
        info = {
            "prompt": prompt, "all_seeds": [seed], "cfg_scale": _cfg_scale(given),
            "infotexts": [text], "sampler_name": sampler, "seed": seed, "steps": steps,
            "sd_model_name": f"{self.model_name}.safetensors", "version": "KoboldCpp",
            "extra_generation_params": {"Schedule type": scheduler} if scheduler else {},
        }  # fmt: skip
        return self.answered([self.file_of(image, text, seed)], info)

    def _drawn(
        self, given: Body, prompt: str, seed: int, source: Image.Image | None
    ) -> Image.Image:
        width, height = _size(given)
        if self.settings.upscaler_model and given.get("enable_hr") is True:
            width, height = width * 4, height * 4
        mask = self.opened_mask(given)
        if mask and given.get("inpainting_mask_invert"):
            mask = mask.point(lambda value: 255 - value)
        strength = min(max(_real(given.get("denoising_strength"), 0.6), 0.0), 1.0)
        return self.drawn(prompt, seed, (width, height), source, mask, strength)

    def _source(self, given: Body) -> tuple[Image.Image | None, bool]:
        """Return the init image, and whether one was given that cannot be used."""
        texts = given.get("init_images") or [""]
        if isinstance(texts, str):
            return None, True
        if not isinstance(texts[0], str) or not isinstance(given.get("mask", ""), str):
            raise Dropped
        image = self.opened(texts[0])
        return image, bool(texts[0]) and image is None

    def _sampling(self, given: Body) -> tuple[str, str | None]:
        """Return the sampler in the server's own spelling, and the scheduler if it is one."""
        sampler = self._sampler_named((given.get("sampler_name") or "").lower())
        return sampler, self.named("schedulers", (given.get("scheduler") or "").lower(), {})

    def _sampler_named(self, wanted: str) -> str:
        lowered = {item["name"].lower(): item["name"] for item in self.listed("samplers")}
        return self.named("samplers", wanted, lowered) or "euler_a"

    def _with_tags(self, given: Body, prompt: str) -> str:
        """Return the prompt with its known tags moved to its end, and those of ``lora``."""
        names = self.lora_names()
        known = {*names.values(), *(name.rpartition("/")[2] for name in names.values())}
        tags = [f"<lora:{name}:{weight}>" for name, weight in TAG.findall(prompt) if name in known]
        fields = given.get("lora")
        tags += [
            f"<lora:{names[item['path']]}:{item.get('multiplier', 1)}>"
            for item in (fields if isinstance(fields, list) else ())
            if isinstance(item, dict) and item.get("path") in names
        ]
        return f"{TAG.sub('', prompt)}, {' '.join(tags)}"

    def _infotext(self, given: Body, prompt: str, seed: int, steps: int) -> str:
        """Return the parameters in the server's own format."""
        width, height = _size(given)
        sampler = " ".join(filter(None, self._sampling(given)))
        negative = given.get("negative_prompt", "")[:LONGEST_PROMPT]
        return (
            f"Prompt: {self._with_tags(given, prompt)} | NegativePrompt: {negative},  | "
            f"Steps: {steps} | CFGScale: {_cfg_scale(given):g} | Guidance: 0 | Seed: {seed} | "
            f"Size: {width}x{height} | Sampler: {sampler}| Eta: inf | "
            f"Clip skip: {_whole(given.get('clip_skip'), -1)} | "
            f"Model: {self.model_name}.safetensors | Version: KoboldCpp"
        )


def _parsed(body: bytes) -> Body:
    try:
        given = json.loads(body.decode())
    except ValueError as error:
        raise HTTPError(500, "Error parsing input.") from error
    if not isinstance(given, dict):
        raise Dropped
    return given


def _check_types(given: Body) -> None:
    """Raise Dropped for the types that the program stumbles over."""
    texts = ("prompt", "negative_prompt", "sampler_name", "scheduler")
    for name in texts:
        if not isinstance(given.get(name, ""), str):
            raise Dropped
    for name in ("width", "height", "steps"):
        if isinstance(given.get(name), list | dict):
            raise Dropped
    if not isinstance(given.get("lora", []), list | str):
        raise Dropped


def _whole(value: Any, default: int) -> int:
    """Return a whole number, or the default for what is none."""
    return int(_real(value, default))


def _real(value: Any, default: float) -> float:
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return default


def _cfg_scale(given: Body) -> float:
    return min(max(_real(given.get("cfg_scale"), 5.0), 1.0), 25.0)


def _size(given: Body) -> tuple[int, int]:
    """Return multiples of 64, at least 64, shrunk to the area that SD 1.5 can do."""
    sides = (_whole(given.get(name), 512) // 64 * 64 for name in ("width", "height"))
    width, height = (min(max(side, 64), LARGEST_SIDE) for side in sides)
    if width * height > AREA_OF_SD15:
        scale = (AREA_OF_SD15 / (width * height)) ** 0.5
        width, height = int(width * scale) // 64 * 64, int(height * scale) // 64 * 64
    return max(width, 64), max(height, 64)
