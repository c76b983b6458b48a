"""SD.Next."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

from sdwebui.dialects.a1111 import Body, CaptionRequest, Dialect
from sdwebui.dialects.plan import Plan
from sdwebui.dialects.probe import Probe
from sdwebui.parameters import CaptionMethod
from sdwebui.resources.kinds import Resource


@dataclass(frozen=True, slots=True)
class SDNext(Dialect):
    """SD.Next (2026): diffusers' samplers, no task ids, no schedulers."""

    tasks: bool = False
    schedulers: bool = False

    family: ClassVar[str] = "sdnext"
    title: ClassVar[str] = "SD.Next"
    hires_upscaler: ClassVar[str] = "Latent Nearest"
    face_detailers: ClassVar[Resource | None] = None
    controlnet: ClassVar[bool] = False
    unsupported: ClassVar[Mapping[str, str]] = {
        "scheduler": "its samplers include the scheduler; choose another sampler",
        "distilled_cfg_scale": "it is for Flux models on Forge; use cfg_scale",
        "face_restorer": "it ignores this field; use its detailer in the WebUI",
        "tiling": "it ignores this field",
        "face_detailer": "its detailer is set in the WebUI itself",
        "detailers": "its detailer is set in the WebUI itself",
    }

    hires_parts: ClassVar[frozenset[str]] = frozenset({"sampler"})

    def caption(self, image: str, method: CaptionMethod) -> CaptionRequest:
        """Return the request to its captioner, or to its tagger."""
        if method == "deepbooru":
            body = {"image": image, "model": "deepbooru"}
            return CaptionRequest("/sdapi/v1/tagger", body, "tags")
        return CaptionRequest("/sdapi/v1/openclip", {"image": image}, "caption")

    def takes(self, field: str) -> bool:
        """What its OpenAPI document and options name of them."""
        return field in {"eta", "seed_resize_from_w", "seed_resize_from_h"}

    def fields(self, plan: Plan) -> Body:
        """SD.Next reads ``clip_skip`` beside the prompt, not A1111's option."""
        body = Dialect.fields(self, plan)
        if plan.clip_skip:
            body["clip_skip"] = plan.clip_skip
        return body

    def hires(self, plan: Plan) -> Body:
        """Without ``hr_resize_mode`` nothing happens; ``hr_force`` asks for the second pass."""
        body = Dialect.hires(self, plan)
        assert plan.hires  # noqa: S101
        body |= {
            "hr_resize_mode": 1,
            "hr_force": True,
            "hr_denoising_strength": plan.hires.denoising_strength,
        }
        return body

    def overrides(self, plan: Plan) -> Body:
        """The model and VAE as on A1111."""
        overrides = Dialect.overrides(self, plan)
        overrides.pop("CLIP_stop_at_last_layers", None)
        return overrides

    @classmethod
    def recognised(cls, probe: Probe) -> Self | None:
        """By the title of its API, or its version route."""
        if probe.routes:
            return cls() if probe.title == "SD.Next" else None
        version = probe.get("/sdapi/v1/version")
        named = isinstance(version, Mapping) and str(version.get("app", "")).lower() == "sd.next"
        return cls() if named else None
