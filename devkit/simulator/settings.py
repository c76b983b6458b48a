"""What a simulated server is started with and what can be changed while it runs."""

from dataclasses import dataclass, field, fields, replace
from typing import Any

STARTUP_ONLY = frozenset({"family", "auth", "catalog", "extensions"})
"""Settings that a running server cannot change, as command line flags of the real ones."""


@dataclass(frozen=True)
class Settings:
    """Start-up flags and live settings of one simulated server."""

    # One of ``devkit.simulator.families.FAMILIES``.
    family: str = "a1111"
    # ``user:password`` as with ``--api-auth`` (SD.Next: ``--auth``); None = open.
    auth: str | None = None
    # ``demo`` (realistic names) or ``recorded`` (those of the recordings).
    catalog: str = "demo"
    # Any of ``controlnet`` and ``adetailer`` (Forge has ControlNet built in).
    extensions: list[str] = field(default_factory=list)
    # File names below the model folder instead of the catalog's; [] = no checkpoint.
    models: list[str] | None = None
    # How long one sampling step takes, and switching to another model.
    step_seconds: float = 0.0
    model_load_seconds: float = 0.0
    # A name of ``devkit.simulator.fault_injector.FAULTS``; None = none.
    fault: str | None = None
    # So many affected requests are answered well before the fault sets in,
    fault_after: int = 0
    # then it hits so many; None = for ever.
    fault_count: int | None = None
    # How long ``restarting`` lasts, and the pause between trickled bytes x 100.
    fault_seconds: float = 2.0
    # Serve equal generations, whatever their seed, from memory: for benchmarks.
    cache_answers: bool = False
    # Size of a 1024x1024 PNG, by noise in its lower part; None = no noise.
    png_bytes: int | None = None

    def changed(self, changes: dict[str, Any]) -> "Settings":
        """Return a copy with changes; raise ValueError for those that cannot be made."""
        known = {item.name for item in fields(self)}
        for name in changes:
            if name not in known:
                raise ValueError(f"no setting {name!r}; there are {', '.join(sorted(known))}")
            if name in STARTUP_ONLY:
                raise ValueError(f"{name!r} is a start-up flag: start another simulator")
        return replace(self, **changes)
