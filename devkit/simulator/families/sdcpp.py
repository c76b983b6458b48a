"""stable-diffusion.cpp's server (August 2026): one model, few endpoints, its own spellings."""

import json
import time
from typing import Any

from devkit.simulator.families.base import Body, HTTPError, ServerException
from devkit.simulator.families.one_model import OneModel, Requested
from devkit.simulator.wire import Answer, Request
from sdwebui.infotext.parse import build

KINDS = {bool: "boolean", int: "number", float: "number", str: "string", list: "array"}
"""Names of types in the messages of the program's JSON library."""

INTEGERS_END = 2**31
"""The program's integers are below it."""


class SdCpp(OneModel):
    """One model in memory, jobs in a row, no options to set, no interrupting."""

    name = "sdcpp"
    formats = ("PNG", "JPEG")
    modes = ("RGB", "RGBA")
    writes_raw_text = True

    def start(self) -> None:
        """Serve its own API's capabilities, and a page of one line."""
        super().start()
        self._lists_loras = False
        self.get("/sdcpp/v1/capabilities", {"model": {"name": self.model_name}})
        self.get("/", Answer.of_text("Stable Diffusion Server is running"))

    def loras(self) -> list[Body]:
        """Return the list; until somebody has asked for it, no path is known."""
        self._lists_loras = True
        return super().loras()

    def missing(self, _request: Request) -> Answer:
        """Return an empty 404."""
        return Answer(404)

    def requested(self, kind: str, given: Body) -> Requested:
        """Return what a request asks for; what is out of bounds is an error."""
        fields = dict(self.data["defaults"])
        for name in fields.keys() & given.keys():
            fields[name] = _typed(given[name], fields[name])
        if not fields["prompt"]:
            raise HTTPError(400, "prompt required")
        texts = given.get("init_images") if kind == "img2img" else None
        source = self.opened(_typed(texts[0], "")) if isinstance(texts, list) and texts else None
        size = fields["width"], fields["height"]
        if source is not None and "width" not in given and "height" not in given:
            size = source.size
        _check_size(*size)
        hires = self._hires(given) if fields["enable_hr"] else {}
        if fields["cfg_scale"] < 0:
            raise HTTPError(400, "invalid params")
        # From the clock: requests of the same second get the same one.
        clock = int(time.time()) * 48271 % INTEGERS_END
        seed = fields["seed"] if 0 <= fields["seed"] < INTEGERS_END else clock
        sampler = str(given.get("sampler_name")).lower()
        return Requested(
            prompt=fields["prompt"], negative_prompt=fields["negative_prompt"],
            seeds=[seed + number for number in range(min(max(fields["batch_size"], 1), 8))],
            steps=min(max(fields["steps"], 1), 100), cfg_scale=fields["cfg_scale"],
            clip_skip=fields["clip_skip"], strength=fields["denoising_strength"],
            size=size, hires=hires,
            sampler=self.named("samplers", sampler, self.data["spellings"]) or "NONE",
            scheduler=self.named("schedulers", given.get("scheduler"), {"normal": "discrete"}),
            loras=self._used_loras(given), source=source, mask=self.opened_mask(given),
        )  # fmt: skip

    def _used_loras(self, given: Body) -> dict[str, float]:
        """Return the LoRAs; refuse all of them while nobody has asked for the list."""
        known = self.lora_names() if self._lists_loras else {}
        items = [item for item in given.get("lora", ()) if isinstance(item, dict)]
        for item in items:
            if item.get("path") not in known:
                raise HTTPError(400, f"invalid lora path: {item.get('path')}")
        return {item["path"]: item.get("multiplier", 1) for item in items}

    def _hires(self, given: Body) -> Body:
        """Return what the infotext reports of the second pass; nothing where there is none."""
        name, strength = given.get("hr_upscaler", "Latent"), given.get("denoising_strength", 0.7)
        lists = [*self.lists["upscalers"], *self.lists["latent-upscale-modes"]]
        if name not in {item["name"] for item in lists} or not 0 < strength <= 1:
            raise HTTPError(400, "invalid params")
        wide, high = given.get("hr_resize_x", 0), given.get("hr_resize_y", 0)
        return {} if name == "None" else {
            "Hires upscale": name, "Hires scale": given.get("hr_scale", 2.0),
            "Hires resize": f"{wide}x{high}", "Hires steps": given.get("hr_steps", 0),
            "Denoising strength": strength,
        }  # fmt: skip

    def infotext(self, requested: Requested, seed: int) -> str:
        """Return A1111's three parts, and the program's own JSON."""
        fields = {
            "Steps": requested.steps, "CFG scale": f"{requested.cfg_scale:.6f}", "Seed": seed,
            "Size": f"{requested.size[0]}x{requested.size[1]}", "Model": self.model_file,
            "RNG": "cuda", "Sampler": requested.sampling,
            "Clip skip": requested.clip_skip if requested.clip_skip != -1 else None,
            **requested.hires, "Version": "stable-diffusion.cpp",
        }  # fmt: skip
        loras = [
            {"name": path.rpartition("/")[2], "multiplier": weight}
            for path, weight in requested.loras.items()
        ]
        text = build(requested.prompt, requested.negative_prompt, fields)
        return f"{text}, SDCPP: {json.dumps({'loras': loras})}"


def _typed(value: Any, default: Any) -> Any:
    """Return a value of the default's type; the program stops at any other."""
    found, wanted = (KINDS.get(type(one), "object") for one in (value, default))
    if wanted != found:
        text = f"[json.exception.type_error.302] type must be {wanted}, but is {found}"
        raise ServerException("", text)
    return int(value) if type(default) is int else value


def _check_size(width: int, height: int) -> None:
    """Raise for a size that the program refuses, or has no memory for."""
    if width <= 0 or height <= 0 or max(width, height) >= INTEGERS_END:
        raise HTTPError(400, "width and height must be positive")
    if width * height > 16384 * 16384:
        raise ServerException("", "std::bad_alloc")
    if width * height >= 8192 * 8192:
        raise HTTPError(500, "generate_image returned no results")
