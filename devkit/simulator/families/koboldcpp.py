"""KoboldCpp 1.116.1: one image a request, 200 for failures, dropped connections."""

from __future__ import annotations

import json
import random
import re
import time
from collections.abc import Mapping
from typing import Any, ClassVar

from PIL import Image

from devkit.simulator import painter, picturefiles
from devkit.simulator.catalog import Lora
from devkit.simulator.families.base import Drop, Family
from devkit.simulator.families.sdcpp import RECORDED_LORAS, float32
from devkit.simulator.jobs import Busy, Job
from devkit.simulator.wire import Answer, Request

CORS = {
    "access-control-allow-origin": "*",
    "access-control-allow-methods": "*",
    "access-control-allow-headers": "*, Accept, Content-Type, Content-Length, Authorization",
}
LARGEST_BODY = 32 * 1024 * 1024
LARGEST_SIDE = 8192
LONGEST_PROMPT = 3000
AREA_OF_SD15 = 832 * 832
TAG = re.compile(r"<lora:([^:>]+):([^:>]+)>")


def whole(value: Any, default: int) -> int:
    """The number, or the default for what is none."""
    try:
        return int(float(value))
    except (TypeError, ValueError, OverflowError):
        return default


def real(value: Any, default: float) -> float:
    """The number, or the default for what is none."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return default


def wrapped(seed: int) -> int:
    """The seed as a signed 32-bit number (2^31 becomes -2147483648)."""
    return (seed + 2**31) % 2**32 - 2**31


class KoboldCpp(Family):
    """A server for language models that makes images on the side."""

    name = "koboldcpp"
    data_name = "koboldcpp"
    keep_alive: ClassVar[bool] = False
    server_header: ClassVar[str | None] = "KoboldCppServer 1"
    queue_limit: ClassVar[int | None] = 10

    @property
    def model_name(self) -> str:
        """The one model's name, or "inactive" without one."""
        if not self.catalog.checkpoints:
            return "inactive"
        if self.settings.catalog == "recorded" and self.settings.models is None:
            return "random-sd15-small"
        return self.catalog.checkpoints[0].stem

    @property
    def lora_files(self) -> list[tuple[str, str]]:
        """Name with its folder, and path, of each LoRA."""
        if self.settings.catalog == "recorded":
            files = [file for _, file in RECORDED_LORAS]
        else:
            loras: list[Lora] = self.catalog.loras
            files = [lora.file for lora in loras]
        return [(file.rpartition(".")[0], file) for file in files]

    def written(self, value: Any, status: int = 200) -> Answer:
        """JSON as Python writes it, spaces included."""
        text = json.dumps(value)
        return Answer(status, text.encode(), {"Content-Type": "application/json", **CORS})

    def page(self, text: str, status: int) -> Answer:
        """HTML."""
        return Answer(status, text.encode(), {"Content-Type": "text/html", **CORS})

    def exception(self, kind: str, text: str) -> Answer:
        """A failed generation is a 200 with an empty image."""
        del kind, text
        return self.failed()

    def error(self, status: int, detail: str) -> Answer:
        """An error of the server's own making."""
        kinds = {503: "service_unavailable", 500: "bad_input"}
        kind = kinds.get(status, "error")
        return self.written({"detail": {"msg": detail, "type": kind}}, status)

    def answer(self, request: Request) -> Answer:
        """Route by how the path ends: any prefix will do."""
        path = request.path.rstrip("/") or "/"
        if request.method in ("GET", "HEAD"):
            answer = self.get(path, request)
            return self.page("", 200) if request.method == "HEAD" else answer
        if request.method == "OPTIONS":
            return self.page("", 200)
        if request.method != "POST":
            text = f"<!DOCTYPE HTML>\n<p>Message: Unsupported method ('{request.method}').</p>\n"
            headers = {"Content-Type": "text/html;charset=utf-8", **CORS}
            return Answer(501, text.encode(), headers)
        if len(request.body) > LARGEST_BODY:
            return self.error(500, "Error parsing input.")
        if path.endswith("/api/v1/generate") or path.endswith("/api/extra/abort"):
            return self.of_language_models(path)
        for end, handler in (
            ("/sdapi/v1/txt2img", self.generate),
            ("/sdapi/v1/img2img", self.generate),
            ("/sdapi/v1/extra-single-image", self.upscale),
            ("/sdapi/v1/upscale", self.upscale),
            ("/sdapi/v1/interrogate", self.interrogate),
        ):
            if path.endswith(end):
                return self.posted(request, end.rpartition("/")[2], handler)
        return self.page("", 404)

    def of_language_models(self, path: str) -> Answer:
        """The few endpoints of the main business that clients poke at."""
        if path.endswith("abort"):
            return self.written({"success": "true", "done": "true"})
        blank: dict[str, Any] = {
            "text": "",
            "tool_calls": [],
            "finish_reason": "error",
            "logprobs": None,
        }
        return self.written({"results": [{**blank, "prompt_tokens": 0, "completion_tokens": 0}]})

    def get(self, path: str, request: Request) -> Answer:
        """Lists; everything else is an HTML 404."""
        if path == "/":
            return self.page("<!DOCTYPE html><title>KoboldAI Lite</title>", 200)
        if path.endswith("/api/extra/version"):
            active = self.model_name != "inactive"
            return self.written({**self.lists["version"], "txt2img": active})
        if path.endswith("/api/v1/model"):
            return self.written({"result": "inactive"})
        if path.endswith("/api/extra/generate/check"):
            return self.written({"results": [{"text": ""}]})
        name = path.rpartition("/sdapi/v1/")[2]
        value = self.listed(name) if name != path else None
        if value is not None:
            return self.written(value)
        requested = path + (f"?{request.query_string}" if request.query_string else "")
        text = (
            "Error: KoboldCpp HTTP Server is running, but this endpoint does not exist. Please "
            'check the URL and METHOD.<br><a href="/api">[Read API documentation here]</a><br>'
            f"<br>Current path: {requested}"
        )
        return self.page(text, 404)

    def listed(self, name: str) -> Any:
        """What a list endpoint returns, or None."""
        active = self.model_name != "inactive"
        if name == "sd-models":
            return [{
                "title": self.model_name, "model_name": self.model_name, "hash": "8" * 10,
                "sha256": "8" * 64, "config": None,
                "filename": f"/srv/koboldcpp/models/{self.model_name}.safetensors",
            }] if active else []  # fmt: skip
        if name == "options":
            return {"samples_format": "png", "sd_model_checkpoint": self.model_name}
        if name == "loras":
            files = self.lora_files if active else []
            return [{"name": name, "path": file} for name, file in files]
        if name == "upscalers" and self.settings.upscaler_model:
            return [self.upscaler]
        known = self.lists.get(name) if name != "version" else None
        return known if active or known is None else []

    upscaler: ClassVar[dict[str, Any]] = {
        "name": "ESRGAN_4x", "model_name": "ESRGAN_4x", "model_path": "upscaler_model.gguf",
        "model_url": None, "scale": 4,
    }  # fmt: skip

    def posted(self, request: Request, kind: str, handler: Any) -> Answer:
        """Parse the body, then hand over; raises Drop for a body that is no object."""
        try:
            given = json.loads(request.body.decode())
        except ValueError:
            return self.error(500, "Error parsing input.")
        if not isinstance(given, dict):
            raise Drop
        try:
            answer: Answer = handler(kind, given)
        except Busy:
            return self.error(503, "Server is busy; please try again later.")
        return answer

    def interrogate(self, _kind: str, _given: Mapping[str, Any]) -> Answer:
        """Needs a vision model, which is not loaded."""
        return self.error(503, "No Vision model loaded")

    def upscale(self, _kind: str, given: Mapping[str, Any]) -> Answer:
        """Always four times, whatever was asked; an empty image where it cannot."""
        note = "<p>Postprocess upscale by: 2.0, Postprocess upscaler: ESRGAN_4x</p>"
        if given.get("image", "") is None:
            raise Drop
        image = (
            self.opened(given.get("image"), data_urls=False)
            if self.settings.upscaler_model
            else None
        )
        text = ""
        if image is not None:
            bigger = image.resize((image.width * 4, image.height * 4), Image.Resampling.LANCZOS)
            text = picturefiles.to_base64(picturefiles.encode(bigger, None))
        return self.written({"html_info": note, "image": text})

    def opened(self, text: Any, *, data_urls: bool = True) -> Image.Image | None:
        """An image of the request the program can read, or None."""
        if not isinstance(text, str) or not text:
            return None
        try:
            image = picturefiles.from_base64(text, data_urls=data_urls)
        except ValueError:
            return None
        readable = image.format in ("PNG", "JPEG", "GIF", "BMP")
        return image.convert("RGB") if readable and image.mode not in ("L", "1", "LA") else None

    def failed(self) -> Answer:
        """What a failure looks like: an empty string for an image."""
        info = json.dumps({"job_timestamp": time.strftime("%Y%m%d%H%M%S")})
        return self.written({
            "images": [""], "parameters": {}, "info": info, "animated": False, "extra_data": "",
            "final_frame": "",
        })  # fmt: skip

    def generate(self, kind: str, given: dict[str, Any]) -> Answer:
        """One image; raises Drop for types the program stumbles over."""
        for name in ("prompt", "negative_prompt"):
            if not isinstance(given.get(name, ""), str):
                raise Drop
        for name in ("sampler_name", "scheduler"):
            if not isinstance(given.get(name), str | None):
                raise Drop
        odd = any(isinstance(given.get(name), list | dict) for name in ("width", "height", "steps"))
        if odd or given.get("adapter", "") is None:
            raise Drop
        loras = given.get("lora", [])
        if not isinstance(loras, list | str) or _fatal(loras):
            raise Drop
        prompt = given.get("prompt", "")[:LONGEST_PROMPT]
        negative = given.get("negative_prompt", "")[:LONGEST_PROMPT]
        seed = wrapped(whole(given.get("seed"), -1))
        if seed < 0 and whole(given.get("seed"), -1) < 2**31:
            seed = random.randint(100000, 999999)
        steps = min(max(whole(given.get("steps"), 20), 1), 80)
        job = Job("", kind, prompt, seed, self.model_name, steps)
        with self.queue.turn(job):
            if self.model_name == "inactive":
                return self.failed()
            source, wrong = self.source(given)
            if wrong:
                return self.failed()
            job.sample(steps, self.settings.step_seconds)
            width, height = self.size(given)
            strength = min(max(real(given.get("denoising_strength"), 0.6), 0.0), 1.0)
            sampler, scheduler = self.sampling(given)
            g: dict[str, Any] = {
                "prompt": self.with_loras(prompt, given),
                "plain": f"{TAG.sub('', prompt)}, ", "negative": f"{negative}, ",
                "seed": seed, "steps": steps, "width": width, "height": height,
                "cfg": min(max(real(given.get("cfg_scale"), 5.0), 1.0), 25.0),
                "sampler": sampler, "scheduler": scheduler,
                "clip_skip": whole(given.get("clip_skip"), -1),
                "strength": float32(strength) if source is not None else None,
            }  # fmt: skip
            return self.answered(g, self.drawn(g, given, source, strength))

    def source(self, given: Mapping[str, Any]) -> tuple[Image.Image | None, bool]:
        """The init image, and whether one was given that cannot be used."""
        texts = given.get("init_images")
        if isinstance(texts, str):
            return None, True
        if not texts or texts[0] == "":
            return None, False
        if not isinstance(texts[0], str):
            raise Drop
        if given.get("mask") is not None and not isinstance(given["mask"], str):
            raise Drop
        image = self.opened(texts[0])
        return image, image is None

    def size(self, given: Mapping[str, Any]) -> tuple[int, int]:
        """Down to multiples of 64, at least 64, shrunk to the area SD 1.5 can do."""
        width = min(max(whole(given.get("width"), 512) // 64 * 64, 64), LARGEST_SIDE)
        height = min(max(whole(given.get("height"), 512) // 64 * 64, 64), LARGEST_SIDE)
        if width * height > AREA_OF_SD15:
            scale = (AREA_OF_SD15 / (width * height)) ** 0.5
            width, height = int(width * scale) // 64 * 64, int(height * scale) // 64 * 64
        return max(width, 64), max(height, 64)

    def sampling(self, given: Mapping[str, Any]) -> tuple[str, str | None]:
        """Sampler in the server's own spelling, and the scheduler unless it is the default."""
        name = (given.get("sampler_name") or "").lower()
        sampler = "euler_a"
        for item in self.lists["samplers"]:
            if name not in ("", "default") and name in (item["name"].lower(), *item["aliases"]):
                sampler = (item["aliases"] or [item["name"]])[0]
        names = {item["name"] for item in self.lists["schedulers"]} - {"default"}
        scheduler = (given.get("scheduler") or "").lower()
        return sampler, scheduler if scheduler in names else None

    def with_loras(self, prompt: str, given: Mapping[str, Any]) -> str:
        """The prompt with tags moved to its end, and with tags for the ``lora`` field."""
        known = {name for name, _ in self.lora_files} | {
            name.rpartition("/")[2] for name, _ in self.lora_files
        }
        tags = [f"<lora:{name}:{weight}>" for name, weight in TAG.findall(prompt) if name in known]
        prompt = TAG.sub("", prompt)
        fields = given.get("lora", [])
        for item in fields if isinstance(fields, list) else []:
            path = item.get("path") if isinstance(item, dict) else None
            if path in {file for _, file in self.lora_files}:
                name = str(path).rpartition(".")[0]
                tags.append(f"<lora:{name}:{item.get('multiplier', 1)}>")
        return f"{prompt}, {' '.join(tags)}"

    def drawn(
        self, g: Mapping[str, Any], given: Mapping[str, Any],
        source: Image.Image | None, strength: float,
    ) -> bytes:  # fmt: skip
        """The image's file."""
        size = (g["width"], g["height"])
        if self.settings.upscaler_model and given.get("enable_hr") is True:
            size = (size[0] * 4, size[1] * 4)
        picture = painter.paint(g["prompt"], g["seed"], self.model_name, *size)
        if source is not None:
            mask = self.opened_mask(given, size)
            picture = painter.derived(source.resize(size), picture, strength, mask)
        if self.settings.png_bytes:
            picture = painter.weighed_down(picture, self.settings.png_bytes, g["seed"])
        return picturefiles.encode(picture, self.infotext(g))

    def opened_mask(self, given: Mapping[str, Any], size: tuple[int, int]) -> Image.Image | None:
        """The mask, white where the image may change; one that cannot be read is ignored."""
        try:
            mask = picturefiles.from_base64(given["mask"]).convert("L").resize(size)
        except (KeyError, ValueError, TypeError, AttributeError):
            return None
        inverted = given.get("inpainting_mask_invert")
        return mask.point(lambda value: 255 - value) if inverted else mask

    def infotext(self, g: Mapping[str, Any]) -> str:
        """Parameters in the server's own format."""
        sampler = " ".join(filter(None, [g["sampler"], g["scheduler"]]))
        return (
            f"Prompt: {g['prompt']} | NegativePrompt: {g['negative']} | Steps: {g['steps']} | "
            f"CFGScale: {g['cfg']:g} | Guidance: 0 | Seed: {g['seed']} | "
            f"Size: {g['width']}x{g['height']} | Sampler: {sampler}| Eta: inf | "
            f"Clip skip: {g['clip_skip']} | Model: {self.model_name}.safetensors | "
            "Version: KoboldCpp"
        )

    def answered(self, g: Mapping[str, Any], picture: bytes) -> Answer:
        """The answer with its further keys."""
        info: dict[str, Any] = {
            "all_negative_prompts": [g["negative"]], "all_prompts": [g["plain"]],
            "all_seeds": [g["seed"]], "cfg_scale": g["cfg"],
            "extra_generation_params": {"Schedule type": g["scheduler"]} if g["scheduler"] else {},
            "height": g["height"], "infotexts": [self.infotext(g)],
            "negative_prompt": g["negative"],
            "prompt": g["prompt"], "sampler_name": g["sampler"],
            "sd_model_name": f"{self.model_name}.safetensors", "seed": g["seed"],
            "steps": g["steps"], "version": "KoboldCpp", "width": g["width"],
        }  # fmt: skip
        if g["strength"] == 0 and g["steps"] == 1:
            # Nothing was sampled: the init image comes back without a text.
            for name in ("all_negative_prompts", "all_prompts", "all_seeds", "infotexts"):
                info[name] = []
        if g["clip_skip"] != -1:
            info["clip_skip"] = g["clip_skip"]
        if g["strength"] is not None:
            info["denoising_strength"] = g["strength"]
        stamped = {**dict(sorted(info.items())), "job_timestamp": time.strftime("%Y%m%d%H%M%S")}
        return self.written({
            "images": [picturefiles.to_base64(picture)], "parameters": {},
            "info": json.dumps(stamped), "animated": False, "extra_data": "",
            "final_frame": "",
        })  # fmt: skip


def _fatal(loras: list[Any] | str) -> bool:
    """A LoRA of the wrong shape ends the real server (recording txt2img-lora-wrong-shape)."""
    paths = [item.get("path") for item in loras if isinstance(item, dict)]
    return "styles/random-lora-full.safetensors" in paths
