"""AUTOMATIC1111 stable-diffusion-webui v1.10.1, and v1.6 as far as it differs."""

from typing import Any, ClassVar

from PIL import Image

from devkit.simulator import painter
from devkit.simulator.families.base import HTTPError
from devkit.simulator.families.generating import Generating
from devkit.simulator.families.generation import Generation, joined, whole_blocks
from devkit.simulator.jobs import Job
from devkit.simulator.wire import Answer

NOTHING = (None, "", "None")

SAMPLERS = {
    "DPM++ 2M Karras": "k_dpmpp_2m_ka", "DPM++ SDE Karras": "k_dpmpp_sde_ka",
    "DPM++ 2M SDE Exponential": "k_dpmpp_2m_sde_exp", "DPM++ 2M SDE Karras": "k_dpmpp_2m_sde_ka",
    "Euler a": "k_euler_a", "Euler": "k_euler", "LMS": "k_lms", "Heun": "k_heun",
    "DPM2": "k_dpm_2", "DPM2 a": "k_dpm_2_a", "DPM++ 2S a": "k_dpmpp_2s_a",
    "DPM++ 2M": "k_dpmpp_2m", "DPM++ SDE": "k_dpmpp_sde", "DPM++ 2M SDE": "k_dpmpp_2m_sde",
    "LMS Karras": "k_lms_ka", "DPM2 Karras": "k_dpm_2_ka", "DPM2 a Karras": "k_dpm_2_a_ka",
    "DPM++ 2S a Karras": "k_dpmpp_2s_a_ka", "DDIM": "ddim", "PLMS": "plms", "UniPC": "unipc",
    "Restart": "restart",
}  # fmt: skip
"""Those of v1.6, whose names hold the schedule."""

LATER_FIELDS = ("scheduler", "hr_scheduler", "force_task_id", "infotext")
LATER_PATHS = ("/sdapi/v1/schedulers", "/internal/pending-tasks")


class A1111(Generating):
    """The reference, errors with ``errors``; upscaling and captions beside the generations."""

    name = "a1111"
    data_name = "a1111"
    version = "v1.10.1"
    lenient: ClassVar[bool] = True

    def add_routes(self) -> None:
        """As ``Generating``, with VAEs, upscaling and captions."""
        super().add_routes()
        self.get("/sdapi/v1/sd-vae", self.vaes)
        extra, interrogate = "extra-single-image", "interrogate"
        self.post(f"/sdapi/v1/{extra}", self.upscale, fields=extra)
        self.post(f"/sdapi/v1/{interrogate}", self.interrogate, fields=interrogate)

    def exception(self, kind: str, text: str) -> Answer:
        """A Python exception: its text stands in ``errors``."""
        return self.written({"error": kind, "detail": "", "body": "", "errors": text}, 500)

    def error(self, status: int, detail: str) -> Answer:
        """An HTTPException: its text stands in ``detail``."""
        value = {"error": "HTTPException", "detail": detail, "body": "", "errors": ""}
        return self.written(value, status)

    def upscale(self, body: dict[str, Any]) -> dict[str, Any]:
        """``POST /extra-single-image``: the larger image, and words about it."""
        image = self.opened(body["image"]).convert("RGB")
        with self.queue.turn(Job("extras", "extras")):
            known = {item["name"] for item in self.lists["upscalers"]}
            for name in (body["upscaler_1"], body["upscaler_2"]):
                if name and name not in known:
                    raise self.failure("upscaler", name)
            if body["upscaler_1"] not in NOTHING:
                size = self._upscaled_size(image.size, body)
                image = image.resize(size, Image.Resampling.LANCZOS)
        notes = {"Postprocess upscaler": body["upscaler_1"]}
        return {"html_info": f"<p>{joined(notes)}</p>", "image": self.encoded(image, None)}

    def _upscaled_size(self, size: tuple[int, int], body: dict[str, Any]) -> tuple[int, int]:
        """Return the size by scale, or that which covers the wanted one unless it may crop."""
        scale = body["upscaling_resize"]
        if body["resize_mode"] == 1:
            wide, high = body["upscaling_resize_w"], body["upscaling_resize_h"]
            if body["upscaling_crop"]:
                return wide, high
            scale = max(wide / size[0], high / size[1])
        width, height = whole_blocks((size[0] * scale, size[1] * scale))
        return max(width, 8), max(height, 8)

    def interrogate(self, body: dict[str, Any]) -> dict[str, Any]:
        """``POST /interrogate``: clip or deepdanbooru; without weights as the recorded ones."""
        image = self.opened(body["image"])
        match body["model"]:
            case "clip":
                return {"caption": "<error>" if self.is_recorded else painter.described(image)}
            case "deepdanbooru":
                if self.is_recorded:
                    raise self.failure("tagger weights")
                return {"caption": painter.tags_of(image)}
            case _:
                raise HTTPError(404, "Model not found")


class A1111Before(A1111):
    """Version 1.6, before schedulers had a list of their own and jobs a name.

    Assumed, no recording shows it: samplers carry their schedule in the name, an unknown one is a
    404, and a request cannot name its task. Everything else is as in 1.10.
    """

    name = "a1111-1.6"
    version = "v1.6.0"

    def add_routes(self) -> None:
        """As 1.10, with its own samplers and without what came later."""
        self.lists["samplers"] = [
            {"name": name, "aliases": [alias], "options": {}} for name, alias in SAMPLERS.items()
        ]
        super().add_routes()
        for kind in ("txt2img", "img2img"):
            for name in LATER_FIELDS:
                self.data["fields"][kind].pop(name, None)
        self.data["paths"] = [path for path in self.data["paths"] if path not in LATER_PATHS]
        for path in LATER_PATHS:
            del self.routes["GET", path]

    def generate(self, kind: str, values: dict[str, Any]) -> Any:
        """As 1.10; the sampler's name is checked before anything else."""
        name = values["sampler_name"] or values["sampler_index"]
        if name not in {*SAMPLERS, *SAMPLERS.values()}:
            raise HTTPError(404, "Sampler not found")
        return super().generate(kind, values)

    def sampling(self, values: dict[str, Any]) -> tuple[str, str | None]:
        """Return the sampler as it is named; a schedule is part of that."""
        name = values["sampler_name"] or values["sampler_index"]
        by_alias = {alias: sampler for sampler, alias in SAMPLERS.items()}
        return by_alias.get(name, name), None

    def parameters(self, g: Generation, index: int) -> dict[str, Any]:
        """As 1.10, without a schedule type."""
        return super().parameters(g, index) | {"Schedule type": None}
