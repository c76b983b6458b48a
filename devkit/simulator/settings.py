"""What a simulated server is started with and what can be changed while it runs."""

from dataclasses import dataclass, field, fields, replace
from typing import Any

STARTUP_ONLY = frozenset({"family", "auth", "subpath", "webui", "api"})
"""Settings that a running server cannot change: they are command line flags of the real ones."""


@dataclass(frozen=True)
class Settings:
    """Start-up flags and live settings of one simulated server.

    Attributes:
        family: One of ``devkit.simulator.families.FAMILIES``.
        auth: ``user:password`` as with ``--api-auth`` (SD.Next: ``--auth``); None = open.
        subpath: ``/sd`` as with ``--subpath``.
        webui: False plays ``--nowebui``: no page at ``/``, no ``/internal/*``.
        api: False plays a start without ``--api``: 404 under ``/sdapi``, the page at ``/`` lives.
        catalog: ``demo`` (realistic names) or ``recorded`` (those of the recordings).
        models: File names below the model folder instead of the catalog's; [] = no checkpoint.
        extensions: Any of ``controlnet`` and ``adetailer`` (Forge has ControlNet built in).
        samples_format: png, jpg or webp instead of the family's own default.
        step_seconds: How long one sampling step takes.
        model_load_seconds: How long switching to another model takes.
        fault: A name of ``devkit.simulator.fault_injector.FAULTS``; None = none.
        fault_after: So many affected requests are answered well before the fault sets in.
        fault_count: The fault hits so many requests, then stops; None = for ever.
        fault_seconds: How long ``restarting`` lasts, and the pause between trickled bytes x 100.
        cache_answers: Serve equal generations, whatever their seed, from memory: for benchmarks.
        png_bytes: Size of a 1024x1024 PNG, by noise in its lower part; None = no noise.
        upscaler_model: KoboldCpp's own upscaler flag: upscaling and hires act only with it.
    """

    family: str = "a1111"
    auth: str | None = None
    subpath: str = ""
    webui: bool = True
    api: bool = True
    catalog: str = "demo"
    models: list[str] | None = None
    extensions: list[str] = field(default_factory=list)
    samples_format: str | None = None
    step_seconds: float = 0.0
    model_load_seconds: float = 0.0
    fault: str | None = None
    fault_after: int = 0
    fault_count: int | None = None
    fault_seconds: float = 2.0
    cache_answers: bool = False
    png_bytes: int | None = None
    upscaler_model: bool = False

    def changed(self, **changes: Any) -> "Settings":
        """Return a copy with changes.

        Raises:
            ValueError: No such setting, or one that needs a restart.
        """
        known = {item.name for item in fields(self)}
        for name in changes:
            if name not in known:
                raise ValueError(f"no setting {name!r}; there are {', '.join(sorted(known))}")
            if name in STARTUP_ONLY:
                raise ValueError(f"{name!r} is a start-up flag: start another simulator")
        return replace(self, **changes)
