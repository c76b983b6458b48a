"""Stable Diffusion WebUI Forge."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

from sdwebui.dialects.a1111 import Body, Dialect
from sdwebui.dialects.plan import Plan
from sdwebui.dialects.probe import Probe
from sdwebui.resources.kinds import Resource


@dataclass(frozen=True, slots=True)
class Forge(Dialect):
    """Stable Diffusion WebUI Forge (2025)."""

    family: ClassVar[str] = "forge"
    title: ClassVar[str] = "Forge"
    vaes: ClassVar[Resource | None] = Resource.MODULES
    several_vaes: ClassVar[bool] = True
    unsupported: ClassVar[Mapping[str, str]] = {}
    hires_parts: ClassVar[frozenset[str]] = Dialect.hires_parts | {"cfg_scale"}

    def takes(self, field: str) -> bool:  # noqa: ARG002
        """All of them."""
        return True

    def fields(self, plan: Plan) -> Body:
        """Forge's own field for Flux beside A1111's."""
        # Named explicitly: dataclass slots make a new class, which bare super() does not know.
        body = Dialect.fields(self, plan)
        if plan.distilled_cfg_scale is not None:
            body["distilled_cfg_scale"] = plan.distilled_cfg_scale
        return body

    def hires(self, plan: Plan) -> Body:
        """Forge fails without ``hr_additional_modules`` (500); ``hr_cfg`` is 1.0 unless told."""
        body = Dialect.hires(self, plan)
        body |= {"hr_additional_modules": ["Use same choices"], "hr_cfg": _hires_cfg(plan)}
        if plan.distilled_cfg_scale is not None:
            body["hr_distilled_cfg"] = plan.distilled_cfg_scale
        return body

    def overrides(self, plan: Plan) -> Body:
        """``sd_vae`` has no effect here; VAE and text encoders are modules, by file name."""
        overrides = Dialect.overrides(self, plan)
        if plan.vaes:
            del overrides["sd_vae"]
            overrides["forge_additional_modules"] = list(plan.vaes)
        return overrides

    @classmethod
    def recognised(cls, probe: Probe) -> Self | None:
        """Only Forge lists modules."""
        route = "/sdapi/v1/sd-modules"
        here = route in probe.routes if probe.routes else isinstance(probe.get(route), list)
        return cls(probe.has_tasks) if here else None


def _hires_cfg(plan: Plan) -> float:
    own = plan.hires.cfg_scale if plan.hires else None
    return plan.cfg_scale if own is None else own
