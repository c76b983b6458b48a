"""stable-diffusion.cpp's server (August 2026): one model, few endpoints, its own spellings."""

import json
import math
import time
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from PIL import Image

from devkit.simulator.families.base import HTTPError, ServerException
from devkit.simulator.families.one_model import Body, OneModel
from devkit.simulator.jobs import Job
from devkit.simulator.settings import Settings
from devkit.simulator.wire import Answer, Request
from sdwebui.infotext import build

SAMPLERS = {
    "euler a": "euler_a", "dpm++ 2m": "dpm++2m", "dpm++ 2s a": "dpm++2s_a", "ddim": "ddim_trailing",
    "k_euler_a": "euler_a", "k_euler": "euler",
}  # fmt: skip
"""Spellings of A1111 that the server understands, in lower case, and its own."""

SCHEDULERS = {"normal": "discrete"}

DEFAULTS: Body = {
    "prompt": "", "negative_prompt": "", "width": 512, "height": 512, "steps": 20,
    "cfg_scale": 7.0, "seed": -1, "batch_size": 1, "clip_skip": -1, "denoising_strength": 0.75,
    "enable_hr": False,
}  # fmt: skip
"""Fields whose type the server checks; a text for a number is a 500."""

LARGEST_SEED = 2**31


def json_kind(value: Any) -> str:
    """Return a type's name in the messages of the JSON library."""
    if isinstance(value, bool):
        return "boolean"
    names = {int: "number", float: "number", str: "string", list: "array", dict: "object"}
    return names.get(type(value), "null")


class SdCpp(OneModel):
    """One model in memory, jobs in a row, no options to set, no interrupting."""

    name = "sdcpp"
    data_name = "sdcpp"
    json_style: ClassVar[Mapping[str, Any]] = {"sort_keys": True}
    readable: ClassVar[Mapping[str, tuple[str, ...]]] = dict.fromkeys(
        ("PNG", "JPEG"), ("RGB", "RGBA")
    )

    def __init__(self, settings: Callable[[], Settings]) -> None:
        self._lists_loras = False
        super().__init__(settings)

    def add_routes(self) -> None:
        """As ``OneModel``, with its own API's capabilities and a page that says little."""
        super().add_routes()
        self.get("/sdcpp/v1/capabilities", {"model": {"name": self.model_name}})
        self.get("/", Answer.of_text("Stable Diffusion Server is running"))

    def loras(self) -> list[dict[str, Any]]:
        """As ``OneModel``; their paths are unknown until somebody has asked for the list."""
        self._lists_loras = True
        return super().loras()

    def missing(self, _request: Request) -> Answer:
        """An empty 404."""
        return Answer(404)

    def exception(self, _kind: str, text: str) -> Answer:
        """An exception of the program."""
        return self.written({"error": "server_error", "message": text}, 500)

    def error(self, status: int, detail: str) -> Answer:
        """An error of the server's own making."""
        return self.written({"error": detail}, status)

    def generate(self, kind: str, body: bytes) -> Body:
        """Check the body, wait for the turn, draw."""
        given = _parsed(body)
        asked = DEFAULTS | {name: _typed(given[name], DEFAULTS[name])
                            for name in DEFAULTS if name in given}  # fmt: skip
        if not asked["prompt"]:
            raise HTTPError(400, "prompt required")
        source, mask = self._sources(given) if kind == "img2img" else (None, None)
        size = self._size(asked, given, source)
        strength, loras = asked["denoising_strength"], self._used_loras(given)
        if asked["enable_hr"]:
            strength = given.get("denoising_strength", 0.7)
        hires = self._hires(given, strength) if asked["enable_hr"] else None
        if asked["cfg_scale"] < 0 or (hires and not 0 < strength <= 1):
            raise HTTPError(400, "invalid params")
        seed = asked["seed"]
        if not 0 <= seed < LARGEST_SEED:
            # From the clock: requests of the same second get the same one.
            seed = int(time.time()) * 48271 % LARGEST_SEED
        asked |= {"steps": min(max(asked["steps"], 1), 100), "width": size[0], "height": size[1]}
        job = Job("", kind, asked["prompt"], seed, self.model_file, asked["steps"])
        with self.queue.turn(job):
            job.sample(asked["steps"], self.settings.step_seconds)
            wish = " ".join([asked["prompt"], *(item["name"] for item in loras)])
            seeds = [seed + number for number in range(min(max(asked["batch_size"], 1), 8))]
            final = _rounded_up(size, hires)
            images = [
                self.drawn(wish, one, final, source, mask, min(strength, 1.0)) for one in seeds
            ]
        texts = [self._infotext(asked, given, one, hires, loras) for one in seeds]
        noted = zip(images, texts, seeds, strict=True)
        return self.answered(
            [self.file_of(image, text, one, raw=True) for image, text, one in noted],
            {
                "prompt": asked["prompt"], "all_seeds": seeds, "cfg_scale": asked["cfg_scale"],
                "infotexts": texts, "sampler_name": self._sampler(given) or "NONE",
                "sd_model_name": self.model_file, "seed": seed, "steps": asked["steps"],
                "extra_generation_params": {"Schedule type": self._scheduler(given)},
            },
        )  # fmt: skip

    def _sampler(self, given: Body) -> str | None:
        return self.named("samplers", str(given.get("sampler_name") or "").lower(), SAMPLERS)

    def _scheduler(self, given: Body) -> str | None:
        return self.named("schedulers", str(given.get("scheduler") or ""), SCHEDULERS)

    def _sources(self, given: Body) -> tuple[Image.Image | None, Image.Image | None]:
        """Return init image and mask; one that cannot be read is ignored without a word."""
        texts = given.get("init_images")
        if not isinstance(texts, list) or not texts:
            return None, None
        return self.opened(_typed(texts[0], "")), self.opened_mask(given)

    def _size(self, asked: Body, given: Body, source: Image.Image | None) -> tuple[int, int]:
        """Return the size asked for; the source's own when img2img names none."""
        width, height = asked["width"], asked["height"]
        if source is not None and "width" not in given and "height" not in given:
            return source.size
        if width <= 0 or height <= 0 or max(width, height) >= LARGEST_SEED:
            raise HTTPError(400, "width and height must be positive")
        if width * height > 16384 * 16384:
            raise ServerException("", "std::bad_alloc")
        if width * height >= 8192 * 8192:
            raise HTTPError(500, "generate_image returned no results")
        return width, height

    def _used_loras(self, given: Body) -> list[Body]:
        """Return the LoRAs; refuse all of them while nobody has asked for the list."""
        known = self.lora_names() if self._lists_loras else {}
        used = []
        for item in given.get("lora") or ():
            if isinstance(item, dict):
                path = item.get("path")
                if path not in known:
                    raise HTTPError(400, f"invalid lora path: {path}")
                name = str(path).rpartition("/")[2]
                used.append({"multiplier": item.get("multiplier", 1), "name": name})
        return used

    def _hires(self, given: Body, strength: float) -> Body | None:
        """Return the fields of the second pass; None where it has no upscaler."""
        name = given.get("hr_upscaler", "Latent")
        lists = ("upscalers", "latent-upscale-modes")
        if name not in {item["name"] for one in lists for item in self.listed(one)}:
            raise HTTPError(400, "invalid params")
        wide, high = given.get("hr_resize_x", 0), given.get("hr_resize_y", 0)
        return None if name == "None" else {
            "Hires upscale": name, "Hires scale": given.get("hr_scale", 2.0),
            "Hires resize": f"{wide}x{high}", "Hires steps": given.get("hr_steps", 0),
            "Denoising strength": strength,
        }  # fmt: skip

    def _infotext(
        self, asked: Body, given: Body, seed: int, hires: Body | None, loras: list[Body]
    ) -> str:
        """Return one image's parameters: A1111's three parts, and the program's own JSON."""
        sampler, clip_skip = self._sampler(given) or "NONE", asked["clip_skip"]
        fields = {
            "Steps": asked["steps"], "CFG scale": f"{asked['cfg_scale']:.6f}", "Seed": seed,
            "Size": f"{asked['width']}x{asked['height']}", "Model": self.model_file, "RNG": "cuda",
            "Sampler": " ".join(filter(None, (sampler, self._scheduler(given)))),
            "Clip skip": clip_skip if clip_skip != -1 else None,
            **(hires or {}), "Version": "stable-diffusion.cpp",
        }  # fmt: skip
        own = json.dumps({"loras": loras, "schema": "sdcpp.image.params/v1", "seed": seed})
        return f"{build(asked['prompt'], asked['negative_prompt'], fields)}, SDCPP: {own}"


def _parsed(body: bytes) -> Body:
    if not body:
        raise HTTPError(400, "empty body")
    try:
        given = json.loads(body)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        text = f"[json.exception.parse_error.101] parse error at {place}: syntax error"
        raise ServerException("", text) from error
    if not isinstance(given, dict):
        text = f"[json.exception.type_error.306] cannot use value() with {json_kind(given)}"
        raise ServerException("", text)
    return given


def _typed(value: Any, default: Any) -> Any:
    """Return a value of the default's type; the program stops at any other."""
    wanted, found = json_kind(default), json_kind(value)
    if wanted != found:
        text = f"[json.exception.type_error.302] type must be {wanted}, but is {found}"
        raise ServerException("", text)
    return int(value) if isinstance(default, int) and wanted == "number" else value


def _rounded_up(size: tuple[int, int], hires: Body | None) -> tuple[int, int]:
    """Return a size of whole blocks of 64, after the second pass if there is one."""
    width, height = size
    if hires:
        wide, high = map(int, hires["Hires resize"].split("x"))
        width = wide or math.ceil(width * hires["Hires scale"])
        height = high or math.ceil(height * hires["Hires scale"])
    return math.ceil(width / 64) * 64, math.ceil(height / 64) * 64
