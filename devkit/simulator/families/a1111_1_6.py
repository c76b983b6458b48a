"""AUTOMATIC1111 stable-diffusion-webui v1.6: before schedulers had a list of their own.

Assumed, no recording shows it: samplers carry their schedule in the name, an unknown one is a 404,
and a request cannot name its task. Everything else is as in 1.10.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from devkit.simulator.families.a1111 import A1111
from devkit.simulator.families.base import HTTPError
from devkit.simulator.families.generation import Generation
from devkit.simulator.settings import Settings
from devkit.simulator.wire import Answer

SAMPLERS = {
    "DPM++ 2M Karras": "k_dpmpp_2m_ka", "DPM++ SDE Karras": "k_dpmpp_sde_ka",
    "DPM++ 2M SDE Exponential": "k_dpmpp_2m_sde_exp", "DPM++ 2M SDE Karras": "k_dpmpp_2m_sde_ka",
    "Euler a": "k_euler_a", "Euler": "k_euler", "LMS": "k_lms", "Heun": "k_heun",
    "DPM2": "k_dpm_2", "DPM2 a": "k_dpm_2_a", "DPM++ 2S a": "k_dpmpp_2s_a",
    "DPM++ 2M": "k_dpmpp_2m",
    "DPM++ SDE": "k_dpmpp_sde", "DPM++ 2M SDE": "k_dpmpp_2m_sde", "LMS Karras": "k_lms_ka",
    "DPM2 Karras": "k_dpm_2_ka", "DPM2 a Karras": "k_dpm_2_a_ka",
    "DPM++ 2S a Karras": "k_dpmpp_2s_a_ka", "DDIM": "ddim", "PLMS": "plms", "UniPC": "unipc",
    "Restart": "restart",
}  # fmt: skip

LATER_FIELDS = ("scheduler", "hr_scheduler", "force_task_id", "infotext", "image_cfg_scale")
"""Fields of requests that came after 1.6."""


class A1111Before(A1111):
    """Version 1.6: combined sampler names, no schedulers, no task ids."""

    name = "a1111-1.6"
    version = "v1.6.0"

    def __init__(self, settings: Callable[[], Settings]) -> None:
        """Take away what later versions added."""
        super().__init__(settings)
        for kind in ("txt2img", "img2img"):
            fields = self.data["fields"][kind]
            for name in LATER_FIELDS:
                fields.pop(name, None)
        for path in ("/sdapi/v1/schedulers", "/internal/pending-tasks"):
            self.data["routes"].pop(path, None)
            self.routes.pop(path, None)

    def add_routes(self) -> None:
        """As 1.10, with its own samplers."""
        self.lists["samplers"] = [
            {"name": name, "aliases": [alias], "options": {}} for name, alias in SAMPLERS.items()
        ]
        super().add_routes()
        self.add("GET", "/sdapi/v1/samplers", self.lists["samplers"])

    def generate(self, kind: str, values: dict[str, Any]) -> Answer:
        """The sampler's name is checked before anything else."""
        name = values["sampler_name"] or values["sampler_index"]
        known = {*SAMPLERS, *SAMPLERS.values()}
        if name not in known:
            raise HTTPError(404, "Sampler not found")
        return super().generate(kind, {**values, "force_task_id": None})

    def sampling(self, values: dict[str, Any]) -> tuple[str, str | None]:
        """The sampler as it is named; a schedule is part of that."""
        name = values["sampler_name"] or values["sampler_index"]
        by_alias = {alias: sampler for sampler, alias in SAMPLERS.items()}
        return by_alias.get(name, name), None

    def echo(self, g: Generation) -> dict[str, Any]:
        """Without the fields that came later."""
        echo = super().echo(g)
        return {key: value for key, value in echo.items() if key not in LATER_FIELDS}

    def parameters(self, g: Generation, index: int) -> dict[str, Any]:
        """Without a schedule type."""
        line = super().parameters(g, index)
        del line["Schedule type"]
        return line
