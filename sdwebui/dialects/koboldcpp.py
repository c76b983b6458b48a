"""KoboldCpp."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from sdwebui.dialects.a1111 import Body, CaptionRequest, Dialect
from sdwebui.dialects.infotexts import Fields, Parts, value_of
from sdwebui.dialects.plan import Plan
from sdwebui.dialects.probe import Probe
from sdwebui.dialects.sdcpp import ONE_MODEL, SDCpp
from sdwebui.parameters import CaptionMethod

_PROMPT, _NEGATIVE, _STEPS = "Prompt: ", " | NegativePrompt: ", " | Steps: "


@dataclass(frozen=True, slots=True)
class KoboldCpp(SDCpp):
    """The dialect of KoboldCpp (1.116): one image a request, steps up to 80, CFG 1–25."""

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
        """Return the fields of stable-diffusion.cpp for one image."""
        body = SDCpp.fields(self, plan)
        body["batch_size"] = 1
        return body

    def caption(self, image: str, method: CaptionMethod) -> CaptionRequest:
        """Return the request to the vision model."""
        return Dialect.caption(self, image, method)

    def images_in(self, body: Mapping[str, Any]) -> int:  # noqa: ARG002
        """Return 1, whatever is requested."""
        return 1

    @classmethod
    def writes(cls, fields: Fields) -> bool:
        """Return whether KoboldCpp wrote these fields, by its version."""
        return value_of(fields, "Version") == cls.title

    @classmethod
    def has_own_form(cls, text: str) -> bool:
        """Return whether a text has everything in one row between bars."""
        return text.lstrip().startswith(_PROMPT.strip()) and _STEPS in text

    @classmethod
    def parse_own_form(cls, text: str) -> Parts | None:
        """Parse ``Prompt: … | NegativePrompt: … | Steps: … | …``; return None for other forms."""
        middle, end = text.find(_NEGATIVE), text.rfind(_STEPS)
        if not text.startswith(_PROMPT) or not 0 <= middle < end:
            return None
        pairs = (part.partition(":") for part in text[end + len(" | ") :].split("|"))
        # It appends ", " to both prompts; LoRAs of the body's ``lora`` follow that as tags.
        prompt = text[len(_PROMPT) : middle].removesuffix(", ").removeprefix(", ")
        negative = text[middle + len(_NEGATIVE) : end].removesuffix(", ")
        fields = {name.strip(): value.strip() for name, _, value in pairs}
        return Parts(prompt.strip(), negative.strip(), fields)

    @classmethod
    def used_loras(cls, fields: Fields, tags: Sequence[str]) -> tuple[str, ...]:  # noqa: ARG003
        """Return the tags' names: it keeps those that it knew (txt2img-lora-field-missing)."""
        return tuple(tags)

    @classmethod
    def recognised(cls, probe: Probe) -> Self | None:
        """Return the dialect of a server with KoboldCpp's version route and no OpenAPI document."""
        if probe.routes:
            return None
        version = probe.get("/api/extra/version")
        named = isinstance(version, Mapping) and version.get("result") == cls.title
        return cls() if named else None
