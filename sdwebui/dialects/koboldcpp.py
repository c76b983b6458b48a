"""KoboldCpp."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from sdwebui.dialects.a1111 import Body, CaptionRequest, Dialect
from sdwebui.dialects.plan import Plan
from sdwebui.dialects.probe import Probe
from sdwebui.dialects.sdcpp import ONE_MODEL, SDCpp
from sdwebui.parameters import CaptionMethod


@dataclass(frozen=True, slots=True)
class KoboldCpp(SDCpp):
    """KoboldCpp (1.116): one image a request, steps up to 80, CFG 1–25."""

    family: ClassVar[str] = "koboldcpp"
    title: ClassVar[str] = "KoboldCpp"
    most_steps: ClassVar[int] = 80
    most_cfg_scale: ClassVar[float] = 25.0
    needs_prompt: ClassVar[bool] = False
    upscales: ClassVar[bool] = True
    upscaler_hint: ClassVar[str] = "Start it with one (--sdupscaler), or use another server."
    unsupported: ClassVar[Mapping[str, str]] = {
        **ONE_MODEL,
        "hires_fix": "it makes one pass; upscale the image afterwards",
    }

    def fields(self, plan: Plan) -> Body:
        """Like stable-diffusion.cpp, an image at a time."""
        body = SDCpp.fields(self, plan)
        body["batch_size"] = 1
        return body

    def caption(self, image: str, method: CaptionMethod) -> CaptionRequest:
        """Return the request to its vision model."""
        return Dialect.caption(self, image, method)

    def images_in(self, body: Mapping[str, Any]) -> int:  # noqa: ARG002
        """Always one, whatever is asked."""
        return 1

    @classmethod
    def recognised(cls, probe: Probe) -> Self | None:
        """By its own version route; it has no OpenAPI document."""
        if probe.routes:
            return None
        version = probe.get("/api/extra/version")
        named = isinstance(version, Mapping) and version.get("result") == "KoboldCpp"
        return cls() if named else None
