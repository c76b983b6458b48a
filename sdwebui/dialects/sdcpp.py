"""stable-diffusion.cpp's server."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from sdwebui.dialects.a1111 import (
    Body,
    CaptionRequest,
    Dialect,
    essentials,
    plain_img2img,
    sampling,
    whole,
)
from sdwebui.dialects.infotexts import Fields, value_of
from sdwebui.dialects.plan import LoraUse, Plan
from sdwebui.dialects.probe import Probe
from sdwebui.errors import Unsupported
from sdwebui.parameters import CaptionMethod
from sdwebui.resources.kinds import Resource

ONE_MODEL: Mapping[str, str] = {
    "vae": "its VAE is set when it is started",
    "styles": "it has none; write them into the prompt",
    "refiner": "it has one model",
    "face_restorer": "it has no face restoration",
    "tiling": "it has no tiling",
    "distilled_cfg_scale": "it is for Flux models on Forge",
    "face_detailer": "it has no extensions",
    "detailers": "it has no extensions",
    "variation_strength": "it mixes no seeds",
}

_JSON_FIELD = "SDCPP"


@dataclass(frozen=True, slots=True)
class SDCpp(Dialect):
    """The dialect of stable-diffusion.cpp (2026): one model, strict types, own sampler names."""

    tasks: bool = False

    family: ClassVar[str] = "sdcpp"
    title: ClassVar[str] = "stable-diffusion.cpp"
    most_steps: ClassVar[int] = 100
    most_seed: ClassVar[int] = 2**31 - 1
    needs_prompt: ClassVar[bool] = True
    one_model: ClassVar[bool] = True
    vaes: ClassVar[Resource | None] = None
    face_detailers: ClassVar[Resource | None] = None
    upscales: ClassVar[bool] = False
    controlnet: ClassVar[bool] = False
    resize_modes: ClassVar[bool] = False
    mask_options: ClassVar[bool] = False
    hires_parts: ClassVar[frozenset[str]] = frozenset()
    unsupported: ClassVar[Mapping[str, str]] = ONE_MODEL
    unset_samplers: ClassVar[frozenset[str]] = frozenset({"NONE"})
    default_names: ClassVar[frozenset[str]] = frozenset({"default"})
    writes_defaults: ClassVar[bool] = True
    own_fields: ClassVar[tuple[str, ...]] = (_JSON_FIELD,)

    def caption(self, image: str, method: CaptionMethod) -> CaptionRequest:  # noqa: ARG002
        """Raise Unsupported: stable-diffusion.cpp sees no images."""
        raise Unsupported(f"{self.title} cannot put images into words.")

    def takes(self, field: str) -> bool:  # noqa: ARG002
        """Return False: stable-diffusion.cpp reads none of them."""
        return False

    def fields(self, plan: Plan) -> Body:
        """Return the fields of a plan.

        The server ignores ``n_iter`` and overrides, and reads LoRAs from a list, not from the
        prompt.
        """
        body: Body = {
            **essentials(plan),
            "prompt": plan.prompt,
            "batch_size": plan.count,
            **sampling(plan),
        }
        if plan.clip_skip:
            body["clip_skip"] = plan.clip_skip
        if plan.loras:
            body["lora"] = [_lora_entry(lora) for lora in plan.loras]
        if plan.hires:
            body |= {
                "enable_hr": True,
                "hr_scale": plan.hires.scale,
                "hr_upscaler": plan.hires.upscaler,
                "hr_steps": plan.hires.steps,
                "denoising_strength": plan.hires.denoising_strength,
            }
            if plan.hires.size:
                body["hr_resize_x"], body["hr_resize_y"] = plan.hires.size
        if plan.source:
            body |= plain_img2img(plan.source)
        return body

    def images_in(self, body: Mapping[str, Any]) -> int:
        """Return ``batch_size``, which the server holds between 1 and 8."""
        return min(8, whole(body.get("batch_size")))

    @classmethod
    def writes(cls, fields: Fields) -> bool:
        """Return whether stable-diffusion.cpp wrote these fields: by its version or its JSON."""
        return value_of(fields, "Version") == cls.title or _JSON_FIELD in fields

    @classmethod
    def sampler_and_scheduler(cls, fields: Fields) -> tuple[str | None, str | None]:
        """Return ``euler_a karras`` as two: no sampler of the family has a space in its name."""
        sampler, scheduler = Dialect.sampler_and_scheduler(fields)
        if not sampler:
            return sampler, scheduler
        sampler, _, attached = sampler.partition(" ")
        return sampler, scheduler or attached or None

    @classmethod
    def listed_loras(cls, fields: Fields) -> list[tuple[str, float]]:
        """Return the LoRAs of the JSON at the infotext's end."""
        try:
            loras = json.loads(fields.get(_JSON_FIELD, "{}")).get("loras", [])
            # It writes single precision: 0.8 as 0.800000011920929.
            return [(str(lora["name"]), float(f"{lora['multiplier']:.6g}")) for lora in loras]
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            return []

    @classmethod
    def used_loras(cls, fields: Fields, tags: Sequence[str]) -> tuple[str, ...]:  # noqa: ARG003
        """Return the names of the LoRAs of the JSON."""
        return tuple(name for name, _ in cls.listed_loras(fields))

    @classmethod
    def recognised(cls, probe: Probe) -> Self | None:
        """Return the dialect of a server that has stable-diffusion.cpp's own routes."""
        if probe.routes:
            return None
        return cls() if isinstance(probe.get("/sdcpp/v1/capabilities"), Mapping) else None


def _lora_entry(lora: LoraUse) -> Body:
    return {"path": lora.path or lora.name, "multiplier": lora.weight}
