"""stable-diffusion.cpp's server (August 2026): one model, few endpoints, its own spellings."""

import json
import math
import time
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from PIL import Image

from devkit.simulator.families.base import Body, HTTPError, ServerException
from devkit.simulator.families.one_model import OneModel
from devkit.simulator.jobs import Job
from devkit.simulator.settings import Settings
from devkit.simulator.wire import Answer, Request
from sdwebui.infotext import build

SAMPLERS = {
    "euler a": "euler_a", "dpm++ 2m": "dpm++2m", "dpm++ 2s a": "dpm++2s_a", "ddim": "ddim_trailing",
    "k_euler_a": "euler_a", "k_euler": "euler",
}  # fmt: skip
"""Spellings of A1111 that the server understands, in lower case, and its own."""

DEFAULTS: Body = {
    "prompt": "", "negative_prompt": "", "width": 512, "height": 512, "steps": 20,
    "cfg_scale": 7.0, "seed": -1, "batch_size": 1, "clip_skip": -1, "denoising_strength": 0.75,
    "enable_hr": False,
}  # fmt: skip
"""Fields whose type the server checks; a text for a number is a 500."""

LARGEST_SEED = 2**31


class SdCpp(OneModel):
    """One model in memory, jobs in a row, no options to set, no interrupting."""

    name = "sdcpp"
    data_name = "sdcpp"
    json_style: ClassVar[Mapping[str, Any]] = {"sort_keys": True}
    formats: ClassVar[tuple[str, ...]] = ("PNG", "JPEG")
    modes: ClassVar[tuple[str, ...]] = ("RGB", "RGBA")
    no_json: ClassVar[str] = "[json.exception.parse_error.101] parse error"

    def __init__(self, settings: Callable[[], Settings]) -> None:
        self._lists_loras = False
        super().__init__(settings)

    def add_routes(self) -> None:
        """As ``OneModel``, with its own API's capabilities and a page that says little."""
        super().add_routes()
        self.get("/sdcpp/v1/capabilities", {"model": {"name": self.model_name}})
        self.get("/", Answer.of_text("Stable Diffusion Server is running"))

    def loras(self) -> list[Body]:
        """As ``OneModel``; their paths are unknown until somebody has asked for the list."""
        self._lists_loras = True
        return super().loras()

    def missing(self, request: Request) -> Answer:  # noqa: ARG002
        """An empty 404."""
        return Answer(404)

    def generate(self, kind: str, given: Body) -> Body:
        """Check the fields, wait for the turn, draw."""
        asked = self._checked(given)
        source, mask = self._sources(given) if kind == "img2img" else (None, None)
        if source is not None and "width" not in given and "height" not in given:
            asked["width"], asked["height"] = source.size
        asked |= {"loras": self._used_loras(given), "hires": self._hires(given, asked)}
        sampler = self.named("samplers", str(given.get("sampler_name")).lower(), SAMPLERS)
        scheduler = self.named("schedulers", given.get("scheduler"), {"normal": "discrete"})
        asked |= {"sampler": sampler or "NONE", "scheduler": scheduler}
        job = Job("", kind, asked["prompt"], asked["seed"], self.model_file, asked["steps"])
        seeds = [asked["seed"] + number for number in range(min(max(asked["batch_size"], 1), 8))]
        with self.queue.turn(job):
            job.sample(asked["steps"], self.settings.step_seconds)
            wish = " ".join([asked["prompt"], *(item["name"] for item in asked["loras"])])
            size, strength = _final_size(asked), asked["denoising_strength"]
            images = [self.drawn(wish, seed, size, source, mask, strength) for seed in seeds]
        texts = [self._infotext(asked, seed) for seed in seeds]
        info = {
            "prompt": asked["prompt"], "all_seeds": seeds, "cfg_scale": asked["cfg_scale"],
            "infotexts": texts, "sampler_name": sampler or "NONE", "steps": asked["steps"],
            "sd_model_name": self.model_file,
            "extra_generation_params": {"Schedule type": scheduler},
        }  # fmt: skip
        noted = zip(images, texts, seeds, strict=True)
        return self.answered([self.encoded(*one, raw=True) for one in noted], info)

    def _checked(self, given: Body) -> Body:
        """Return the fields with their defaults, of the right types and within bounds."""
        asked = dict(DEFAULTS)
        for name in DEFAULTS.keys() & given.keys():
            asked[name] = _typed(given[name], DEFAULTS[name])
        if not asked["prompt"]:
            raise HTTPError(400, "prompt required")
        width, height = asked["width"], asked["height"]
        if width <= 0 or height <= 0 or max(width, height) >= LARGEST_SEED:
            raise HTTPError(400, "width and height must be positive")
        if width * height > 16384 * 16384:
            raise ServerException("", "std::bad_alloc")
        if width * height >= 8192 * 8192:
            raise HTTPError(500, "generate_image returned no results")
        if asked["cfg_scale"] < 0:
            raise HTTPError(400, "invalid params")
        if not 0 <= asked["seed"] < LARGEST_SEED:
            # From the clock: requests of the same second get the same one.
            asked["seed"] = int(time.time()) * 48271 % LARGEST_SEED
        return asked | {"steps": min(max(asked["steps"], 1), 100)}

    def _sources(self, given: Body) -> tuple[Image.Image | None, Image.Image | None]:
        """Return init image and mask; one that cannot be read is ignored without a word."""
        texts = given.get("init_images")
        if not isinstance(texts, list) or not texts:
            return None, None
        return self.opened(_typed(texts[0], "")), self.opened_mask(given)

    def _used_loras(self, given: Body) -> list[Body]:
        """Return the LoRAs; refuse all of them while nobody has asked for the list."""
        known = self.lora_names() if self._lists_loras else {}
        used = [item for item in given.get("lora", ()) if isinstance(item, dict)]
        for item in used:
            if item.get("path") not in known:
                raise HTTPError(400, f"invalid lora path: {item.get('path')}")
        return [
            {"name": item["path"].rpartition("/")[2], "multiplier": item.get("multiplier", 1)}
            for item in used
        ]

    def _hires(self, given: Body, asked: Body) -> Body:
        """Return what the infotext tells of the second pass; nothing where there is none."""
        name = given.get("hr_upscaler", "Latent")
        if not asked["enable_hr"] or name == "None":
            return {}
        strength = given.get("denoising_strength", 0.7)
        lists = [*self.listed("upscalers"), *self.listed("latent-upscale-modes")]
        if name not in {item["name"] for item in lists} or not 0 < strength <= 1:
            raise HTTPError(400, "invalid params")
        wide, high = given.get("hr_resize_x", 0), given.get("hr_resize_y", 0)
        return {
            "Hires upscale": name, "Hires scale": given.get("hr_scale", 2.0),
            "Hires resize": f"{wide}x{high}", "Hires steps": given.get("hr_steps", 0),
            "Denoising strength": strength,
        }  # fmt: skip

    def _infotext(self, asked: Body, seed: int) -> str:
        """Return one image's parameters: A1111's three parts, and the program's own JSON."""
        fields = {
            "Steps": asked["steps"], "CFG scale": f"{asked['cfg_scale']:.6f}", "Seed": seed,
            "Size": f"{asked['width']}x{asked['height']}", "Model": self.model_file, "RNG": "cuda",
            "Sampler": " ".join(filter(None, (asked["sampler"], asked["scheduler"]))),
            "Clip skip": asked["clip_skip"] if asked["clip_skip"] != -1 else None,
            **asked["hires"], "Version": "stable-diffusion.cpp",
        }  # fmt: skip
        own = json.dumps({"loras": asked["loras"], "schema": "sdcpp.image.params/v1"})
        return f"{build(asked['prompt'], asked['negative_prompt'], fields)}, SDCPP: {own}"


def _typed(value: Any, default: Any) -> Any:
    """Return a value of the default's type; the program stops at any other."""
    found, wanted = _json_kind(value), _json_kind(default)
    if wanted != found:
        text = f"[json.exception.type_error.302] type must be {wanted}, but is {found}"
        raise ServerException("", text)
    return int(value) if isinstance(default, int) and wanted == "number" else value


def _json_kind(value: Any) -> str:
    """Return a type's name in the messages of the JSON library."""
    if isinstance(value, bool):
        return "boolean"
    names = {int: "number", float: "number", str: "string", list: "array", dict: "object"}
    return names.get(type(value), "null")


def _final_size(asked: Body) -> tuple[int, int]:
    """Return a size of whole blocks of 64, after the second pass if there is one."""
    width, height, hires = asked["width"], asked["height"], asked["hires"]
    if hires:
        wide, high = map(int, hires["Hires resize"].split("x"))
        width = wide or math.ceil(width * hires["Hires scale"])
        height = high or math.ceil(height * hires["Hires scale"])
    return math.ceil(width / 64) * 64, math.ceil(height / 64) * 64
