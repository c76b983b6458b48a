"""KoboldCpp 1.116.1: one image a request, 200 for failures, dropped connections."""

import random
import re
from typing import Any

from devkit.simulator.families.base import Body, Dropped
from devkit.simulator.families.one_model import OneModel, Requested
from devkit.simulator.wire import Answer, Request

LONGEST_PROMPT = 3000
AREA_OF_SD15 = 832 * 832
TAG = re.compile(r"<lora:([^:>]+):([^:>]+)>")
TYPES: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("prompt", "negative_prompt", "sampler_name", "scheduler", "mask"), (str,)),
    **dict.fromkeys(("width", "height", "steps"), (str, int, float)),
    "lora": (list, str),
}
"""Types that the program does not stumble over."""


class KoboldCpp(OneModel):
    """A server for language models that makes images on the side."""

    name = "koboldcpp"
    keep_alive = False
    queue_limit = 10
    formats = ("PNG", "JPEG", "GIF", "BMP")
    modes = ("RGB", "RGBA", "P", "CMYK")

    def start(self) -> None:
        """Serve its version and a page; it has neither an upscaler nor captions."""
        super().start()
        self.get("/api/extra/version", self.lists["version"])
        self.get("/", Answer.of_text("<!DOCTYPE html><title>KoboldAI Lite</title>"))
        self.post("/sdapi/v1/extra-single-image", lambda _: {"html_info": "", "image": ""})
        no_captions = self.error(503, "No Vision model loaded")
        self.post("/sdapi/v1/interrogate", lambda _: no_captions)

    def missing(self, request: Request) -> Answer:
        """Return HTML for GET, nothing for POST."""
        return Answer.of_text(self.recorded["missing"] if request.method == "GET" else "", 404)

    def exception(self, _kind: str, _text: str) -> Answer:
        """Return a 200 with an empty image."""
        return Answer.of_json({"images": [""], "parameters": {}, "info": '{"job_timestamp": "1"}'})

    def error(self, status: int, detail: str) -> Answer:
        """Return an error of the server's own making."""
        return Answer.of_json({"detail": {"msg": detail, "type": "error"}}, status)

    def lora_names(self) -> dict[str, str]:
        """Return each LoRA's name, its folder included, by its path."""
        loras = self.inventory.loras if self.model_file else ()
        return {lora.file: lora.file.rpartition(".")[0] for lora in loras}

    def requested(self, kind: str, given: Body) -> Requested:  # noqa: ARG002
        """Return what a request asks for, brought back into bounds."""
        texts = given.get("init_images") or [""]
        fits = (isinstance(given.get(name, kinds[0]()), kinds) for name, kinds in TYPES.items())
        if not isinstance(texts[0], str) or not all(fits):
            raise Dropped
        seed = int(_number(given.get("seed"), -1))
        source = self.opened(texts[0])
        samplers = {item["name"].lower(): item["name"] for item in self.lists["samplers"]}
        sampler = given.get("sampler_name", "").lower()
        loras = [item for item in given.get("lora", ()) if isinstance(item, dict)]
        return Requested(
            prompt=given.get("prompt", "")[:LONGEST_PROMPT],
            negative_prompt=given.get("negative_prompt", "")[:LONGEST_PROMPT],
            # Seeds are signed 32-bit numbers: 2^31 becomes -2147483648.
            seeds=[(seed + 2**31) % 2**32 - 2**31 if seed >= 0 else random.randint(10**5, 10**6)],
            steps=min(max(int(_number(given.get("steps"), 20)), 1), 80),
            cfg_scale=min(max(_number(given.get("cfg_scale"), 5.0), 1.0), 25.0),
            clip_skip=int(_number(given.get("clip_skip"), -1)),
            strength=_number(given.get("denoising_strength"), 0.6),
            size=_size(*(int(_number(given.get(name), 512)) for name in ("width", "height"))),
            sampler=self.named("samplers", sampler, samplers) or "euler_a",
            scheduler=self.named("schedulers", given.get("scheduler", "").lower(), {}),
            loras={item.get("path", ""): item.get("multiplier", 1) for item in loras},
            source=source, mask=self.opened_mask(given),
            is_void=not self.model_file or isinstance(texts, str) or bool(texts[0] and not source),
        )  # fmt: skip

    def infotext(self, requested: Requested, seed: int) -> str:
        """Return the parameters in the server's own format; LoRAs as tags behind the prompt."""
        names = self.lora_names()
        known = {*names.values(), *(name.rpartition("/")[2] for name in names.values())}
        used = [(name, weight) for name, weight in TAG.findall(requested.prompt) if name in known]
        used += [(names[path], weight) for path, weight in requested.loras.items() if path in names]
        tags = " ".join(f"<lora:{name}:{weight}>" for name, weight in used)
        return (
            f"Prompt: {TAG.sub('', requested.prompt)}, {tags} | "
            f"NegativePrompt: {requested.negative_prompt},  | Steps: {requested.steps} | "
            f"CFGScale: {requested.cfg_scale:g} | Guidance: 0 | Seed: {seed} | "
            f"Size: {requested.size[0]}x{requested.size[1]} | Sampler: {requested.sampling}| "
            f"Eta: inf | Clip skip: {requested.clip_skip} | Model: {self.model_name}.safetensors | "
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
