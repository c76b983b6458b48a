"""The form of a tool, read from its YAML as Dify reads it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter: ``form`` is "llm" (a model fills it) or "form" (the app's builder does)."""

    type: str
    form: str
    required: bool
    default: Any

    @property
    def is_file(self) -> bool:
        """Whether it takes a file or several."""
        return self.type in ("file", "files")

    def cast(self, value: Any) -> Any:
        """Return a value as agents hand it over, None and "" of each type too."""
        match self.type:
            case "number" if isinstance(value, str):
                return (float(value) if "." in value else int(value)) if value else None
            case "boolean" if isinstance(value, str):
                return value.lower() not in ("false", "no", "n", "0", "")
            case "boolean":
                return bool(value)
            case "number" | "file":
                return value
            case "files":
                return value if isinstance(value, list) else [value]
            case _:
                return "" if value is None else str(value)


@cache
def parameters_of(form: Path) -> dict[str, Parameter]:
    """Return the parameters in a tool's YAML by name, in order."""
    tool = yaml.safe_load(form.read_text(encoding="utf-8"))
    return {
        each["name"]: Parameter(
            each["type"], each["form"], each.get("required", False), each.get("default")
        )
        for each in tool.get("parameters") or ()
    }
