"""SD.Next."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

from sdwebui.dialects.a1111 import Body, CaptionRequest, Dialect
from sdwebui.dialects.infotexts import Fields, value_of
from sdwebui.dialects.plan import Plan
from sdwebui.dialects.probe import Probe
from sdwebui.parameters import CaptionMethod
from sdwebui.resources.kinds import Resource


@dataclass(frozen=True, slots=True)
class SDNext(Dialect):
    """The dialect of SD.Next (2026): diffusers' samplers, no task ids, no schedulers."""

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
    scheduler_is_class: ClassVar[bool] = True
    own_fields: ClassVar[tuple[str, ...]] = ("App", "LoRA networks")

    def caption(self, image: str, method: CaptionMethod) -> CaptionRequest:
        """Return the request to the captioner, or to the tagger."""
        if method == "deepbooru":
            body = {"image": image, "model": "deepbooru"}
            return CaptionRequest("/sdapi/v1/tagger", body, "tags")
        return CaptionRequest("/sdapi/v1/openclip", {"image": image}, "caption")

    def takes(self, field: str) -> bool:
        """Return whether its OpenAPI document or options name the field."""
        return field in {"eta", "seed_resize_from_w", "seed_resize_from_h"}

    def fields(self, plan: Plan) -> Body:
        """Return A1111's fields, ``clip_skip`` among them instead of in an option."""
        body = Dialect.fields(self, plan)
        if plan.clip_skip:
            body["clip_skip"] = plan.clip_skip
        return body

    def hires(self, plan: Plan) -> Body:
        """Return the fields of the second pass.

        Without ``hr_resize_mode`` nothing happens; ``hr_force`` asks for the second pass.
        """
        body = Dialect.hires(self, plan)
        assert plan.hires  # noqa: S101
        body |= {
            "hr_resize_mode": 1,
            "hr_force": True,
            "hr_denoising_strength": plan.hires.denoising_strength,
        }
        return body

    def overrides(self, plan: Plan) -> Body:
        """Return A1111's options without clip skip."""
        overrides = Dialect.overrides(self, plan)
        overrides.pop("CLIP_stop_at_last_layers", None)
        return overrides

    @classmethod
    def writes(cls, fields: Fields) -> bool:
        """Return whether SD.Next wrote these fields: it names itself, or lists LoRAs its way."""
        return value_of(fields, "App") == cls.title or bool(value_of(fields, "LoRA networks"))

    @classmethod
    def count_prompt_lines(cls, lines: Sequence[str]) -> int:
        """Return the number of lines above the template, the prompt as it was before styles."""
        for index in reversed(range(len(lines))):
            if lines[index].startswith("Template:"):
                return index
        return len(lines)

    @classmethod
    def used_loras(cls, fields: Fields, tags: Sequence[str]) -> tuple[str, ...]:
        """Return the LoRAs that the field LoRA networks lists."""
        networks = (value_of(fields, "LoRA networks") or "").split(",")
        named = (name.strip() for name in networks if name.strip())
        return (*Dialect.used_loras(fields, tags), *named)

    @classmethod
    def recognised(cls, probe: Probe) -> Self | None:
        """Return the dialect of a server that names SD.Next: in its API's title, or its version."""
        if probe.routes:
            return cls() if probe.title == cls.title else None
        version = probe.get("/sdapi/v1/version")
        app = version.get("app") if isinstance(version, Mapping) else None
        return cls() if str(app).lower() == cls.title.lower() else None
