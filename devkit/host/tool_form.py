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

    name: str
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


@dataclass(frozen=True, slots=True)
class ToolForm:
    """A tool's form; the file is read when the parameters are first asked for.

    Args:
        folder: The plugin's folder.
        tool: The tool's name.
    """

    folder: Path
    tool: str

    @property
    def parameters(self) -> dict[str, Parameter]:
        """Its parameters by name, in order."""
        return _parameters(self.folder, self.tool)


@cache
def _parameters(folder: Path, tool: str) -> dict[str, Parameter]:
    for path in sorted(folder.glob("tools/*.yaml")):
        form = yaml.safe_load(path.read_text(encoding="utf-8"))
        if form["identity"]["name"] == tool:
            return {
                each["name"]: Parameter(
                    name=each["name"],
                    type=each["type"],
                    form=each["form"],
                    required=each.get("required", False),
                    default=each.get("default"),
                )
                for each in form.get("parameters") or ()
            }
    raise LookupError(f"{folder} has no tool named {tool}.")
