"""KoboldCpp 1.116.1: one image a request, 200 for failures, dropped connections."""

import random
import re
from collections.abc import Mapping
from typing import Any, ClassVar

from PIL import Image

from devkit.simulator.families.base import Body, HTTPError
from devkit.simulator.families.one_model import OneModel
from devkit.simulator.jobs import Busy, Job
from devkit.simulator.server import drop
from devkit.simulator.wire import Answer, Request

LONGEST_PROMPT = 3000
AREA_OF_SD15 = 832 * 832
TAG = re.compile(r"<lora:([^:>]+):([^:>]+)>")
NO_ENDPOINT = (
    "Error: KoboldCpp HTTP Server is running, but this endpoint does not exist. Please check the "
    'URL and METHOD.<br><a href="/api">[Read API documentation here]</a><br><br>Current path: …'
)


class Dropped(Exception):
    """The program stumbles over a type and closes the connection without an answer."""


class KoboldCpp(OneModel):
    """A server for language models that makes images on the side."""

    name = "koboldcpp"
    data_name = "koboldcpp"
    keep_alive: ClassVar[bool] = False
    queue_limit: ClassVar[int | None] = 10
    json_style: ClassVar[Mapping[str, Any]] = {"separators": (", ", ": "), "ensure_ascii": True}
    formats: ClassVar[tuple[str, ...]] = ("PNG", "JPEG", "GIF", "BMP")
    modes: ClassVar[tuple[str, ...]] = ("RGB", "RGBA", "P", "CMYK")
    no_json: ClassVar[str] = "Error parsing input."

    def add_routes(self) -> None:
        """As ``OneModel``, with its version, a page, upscaling and no captions."""
        super().add_routes()
        self.get("/sdapi/v1/upscalers", self.upscalers)
        self.get("/api/extra/version", self.lists["version"])
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

    def exception(self, kind: str, text: str) -> Answer:  # noqa: ARG002
        """A failed generation is a 200 with an empty image."""
        return self.written(self.answered([""], {}))

    def error(self, status: int, detail: str) -> Answer:
        """An error of the server's own making."""
        return self.written({"detail": {"msg": detail, "type": "error"}}, status)

    def listed(self, name: str) -> list[Body]:
        """As ``OneModel``; nothing without a model."""
        return super().listed(name) if self.model_file else []

    @property
    def model_name(self) -> str:
        """The model's name; "inactive" without one."""
        return super().model_name or "inactive"

    def lora_names(self) -> dict[str, str]:
        """Return each LoRA's name, its folder included, by its path."""
        loras = self.inventory.loras if self.model_file else ()
        return {lora.file: lora.file.rpartition(".")[0] for lora in loras}

    def upscalers(self) -> list[Body]:
        """``GET /upscalers``: one, with the flag for it."""
        return [{"name": "ESRGAN_4x", "scale": 4}] * self.settings.upscaler_model

    def upscale(self, given: Body) -> Body:
        """``POST /extra-single-image``: four times, whatever was asked; else an empty image."""
        image = self.opened(given.get("image"))
        if image is None or not self.settings.upscaler_model:
            return {"html_info": "", "image": ""}
        image = image.resize((image.width * 4, image.height * 4), Image.Resampling.LANCZOS)
        return {"html_info": "", "image": self.encoded(image, None)}

    def interrogate(self, given: Body) -> None:  # noqa: ARG002
        """``POST /interrogate`` needs a vision model, which is not loaded."""
        raise HTTPError(503, "No Vision model loaded")

    def generate(self, kind: str, given: Body) -> Body:
        """Return one image, drawn when its turn comes; an empty one after a failure."""
        asked = self._read(given)
        job = Job("", kind, asked["prompt"], asked["seed"], self.model_name, asked["steps"])
        with self.queue.turn(job):
            texts = given.get("init_images") or [""]
            source = self.opened(texts[0])
            if not self.model_file or isinstance(texts, str) or (texts[0] and source is None):
                return self.answered([""], {})
            job.sample(asked["steps"], self.settings.step_seconds)
            size, strength = asked["size"], asked["strength"]
            if self.settings.upscaler_model and given.get("enable_hr") is True:
                size = size[0] * 4, size[1] * 4
            mask = self.opened_mask(given)
            image = self.drawn(asked["prompt"], asked["seed"], size, source, mask, strength)
        text, scheduler = self._infotext(asked), asked["scheduler"]
        info = {
            "prompt": asked["prompt"], "all_seeds": [asked["seed"]], "steps": asked["steps"],
            "cfg_scale": asked["cfg_scale"], "infotexts": [text], "sampler_name": asked["sampler"],
            "sd_model_name": f"{self.model_name}.safetensors",
            "extra_generation_params": {"Schedule type": scheduler} if scheduler else {},
        }  # fmt: skip
        return self.answered([self.encoded(image, text, asked["seed"])], info)

    def _read(self, given: Body) -> Body:
        """Return the fields as numbers and names within the program's bounds."""
        texts = {name: given.get(name, "") for name in ("prompt", "negative_prompt",
                                                        "sampler_name", "scheduler")}  # fmt: skip
        sides = given.get("width", 512), given.get("height", 512)
        odd = (list, dict)
        loras, images = given.get("lora", []), given.get("init_images") or [""]
        if (
            not all(isinstance(one, str) for one in (*texts.values(), images[0]))
            or any(isinstance(one, odd) for one in (*sides, given.get("steps")))
            or not isinstance(loras, list | str)
            or not isinstance(given.get("mask", ""), str)
        ):
            raise Dropped
        seed = int(_number(given.get("seed"), -1))
        samplers = {item["name"].lower(): item["name"] for item in self.listed("samplers")}
        return {
            "prompt": texts["prompt"][:LONGEST_PROMPT],
            "negative_prompt": texts["negative_prompt"][:LONGEST_PROMPT],
            "sampler": self.named("samplers", texts["sampler_name"].lower(), samplers) or "euler_a",
            "scheduler": self.named("schedulers", texts["scheduler"].lower(), {}),
            "loras": [one for one in loras if isinstance(one, dict)],
            "size": _size(*(int(_number(side, 512)) for side in sides)),
            "steps": min(max(int(_number(given.get("steps"), 20)), 1), 80),
            "cfg_scale": min(max(_number(given.get("cfg_scale"), 5.0), 1.0), 25.0),
            "clip_skip": int(_number(given.get("clip_skip"), -1)),
            "strength": _number(given.get("denoising_strength"), 0.6),
            # Seeds are signed 32-bit numbers: 2^31 becomes -2147483648.
            "seed": (seed + 2**31) % 2**32 - 2**31 if seed >= 0 else random.randint(100000, 999999),
        }

    def _infotext(self, asked: Body) -> str:
        """Return the parameters in the server's own format; LoRAs as tags behind the prompt."""
        names = self.lora_names()
        known = {*names.values(), *(name.rpartition("/")[2] for name in names.values())}
        prompt = asked["prompt"]
        tags = [f"<lora:{name}:{weight}>" for name, weight in TAG.findall(prompt) if name in known]
        tags += [
            f"<lora:{names[item['path']]}:{item.get('multiplier', 1)}>"
            for item in asked["loras"]
            if item.get("path") in names
        ]
        width, height = asked["size"]
        sampler = " ".join(filter(None, (asked["sampler"], asked["scheduler"])))
        return (
            f"Prompt: {TAG.sub('', prompt)}, {' '.join(tags)} | "
            f"NegativePrompt: {asked['negative_prompt']},  | Steps: {asked['steps']} | "
            f"CFGScale: {asked['cfg_scale']:g} | Guidance: 0 | Seed: {asked['seed']} | "
            f"Size: {width}x{height} | Sampler: {sampler}| Eta: inf | "
            f"Clip skip: {asked['clip_skip']} | Model: {self.model_name}.safetensors | "
            "Version: KoboldCpp"
        )


def _number(value: Any, default: float) -> float:
    """Return a number, or the default for what is none."""
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return default


def _size(width: int, height: int) -> tuple[int, int]:
    """Return multiples of 64, at least 64, shrunk to the area that SD 1.5 can do."""
    width, height = (min(max(side // 64, 1), 128) * 64 for side in (width, height))
    scale = min((AREA_OF_SD15 / (width * height)) ** 0.5, 1.0)
    width, height = (max(int(side * scale) // 64, 1) * 64 for side in (width, height))
    return width, height
