"""Stable Diffusion WebUI Forge."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

from sdwebui.dialects.a1111 import Body, Dialect, overrides_in
from sdwebui.dialects.infotexts import Fields, value_of
from sdwebui.dialects.plan import Plan
from sdwebui.dialects.probe import Probe
from sdwebui.resources.kinds import Resource

_MODULE = re.compile(r"Module \d+")


@dataclass(frozen=True, slots=True)
class Forge(Dialect):
    """The dialect of Stable Diffusion WebUI Forge (2025)."""

    family: ClassVar[str] = "forge"
    title: ClassVar[str] = "Forge"
    vaes: ClassVar[Resource | None] = Resource.MODULES
    several_vaes: ClassVar[bool] = True
    leaked_vae_hint: ClassVar[str] = "name another in vae, or choose one in the WebUI."
    unsupported: ClassVar[Mapping[str, str]] = {}
    hires_parts: ClassVar[frozenset[str]] = Dialect.hires_parts | {"cfg_scale"}

    def takes(self, field: str) -> bool:  # noqa: ARG002
        """Return True: Forge reads all of them."""
        return True

    def fields(self, plan: Plan) -> Body:
        """Return A1111's fields and Forge's own for Flux."""
        # Named explicitly: dataclass slots make a new class, which bare super() does not know.
        body = Dialect.fields(self, plan)
        if plan.distilled_cfg_scale is not None:
            body["distilled_cfg_scale"] = plan.distilled_cfg_scale
        return body

    def hires(self, plan: Plan) -> Body:
        """Return the fields of the second pass.

        Forge fails without ``hr_additional_modules`` (500), and takes 1.0 where ``hr_cfg`` is
        left out.
        """
        body = Dialect.hires(self, plan)
        body |= {"hr_additional_modules": ["Use same choices"], "hr_cfg": _hires_cfg(plan)}
        if plan.distilled_cfg_scale is not None:
            body["hr_distilled_cfg"] = plan.distilled_cfg_scale
        return body

    def overrides(self, plan: Plan) -> Body:
        """Return the options, VAE and text encoders as modules: ``sd_vae`` has no effect here."""
        overrides = Dialect.overrides(self, plan)
        if plan.vaes:
            del overrides["sd_vae"]
            overrides["forge_additional_modules"] = list(plan.vaes)
        return overrides

    @classmethod
    def requested_vae(cls, body: Mapping[str, Any]) -> Any:
        """Return what a request says of VAE and text encoders."""
        modules = overrides_in(body).get("forge_additional_modules")
        return Dialect.requested_vae(body) or modules

    @classmethod
    def writes(cls, fields: Fields) -> bool:
        """Return whether Forge wrote these fields, by its version or its modules."""
        version = value_of(fields, "Version") or ""
        return re.match(r"f\d", version) is not None or any(map(_MODULE.fullmatch, fields))

    @classmethod
    def recognised(cls, probe: Probe) -> Self | None:
        """Return the dialect of a server that lists modules, as only Forge does."""
        route = "/sdapi/v1/sd-modules"
        here = route in probe.routes if probe.routes else isinstance(probe.get(route), list)
        return cls(probe.has_tasks) if here else None


def _hires_cfg(plan: Plan) -> float:
    own = plan.hires.cfg_scale if plan.hires else None
    return plan.cfg_scale if own is None else own
