"""An unpacked package, as the checks look at it."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml


@dataclass(frozen=True)
class Package:
    """A plugin's folder as it was unpacked, and the size of the file that it came from."""

    root: Path
    archive_bytes: int = 0

    @cached_property
    def files(self) -> dict[str, int]:
        """Path with forward slashes → size in bytes, sorted by path."""
        paths = (path for path in sorted(self.root.rglob("*")) if path.is_file())
        return {path.relative_to(self.root).as_posix(): path.stat().st_size for path in paths}

    def text(self, path: str) -> str:
        """Return a file's text, or "" when the package has no such file."""
        file = self.root / path
        return file.read_text(encoding="utf-8", errors="replace") if file.is_file() else ""

    def yaml(self, path: str) -> dict[str, Any]:
        """Return a YAML file that holds a mapping; {} when there is no such file."""
        return yaml.safe_load(self.text(path)) or {}

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """manifest.yaml."""
        return self.yaml("manifest.yaml")

    @cached_property
    def forms(self) -> dict[str, dict[str, Any]]:
        """Path → content of the one provider, then of each tool that it names."""
        (path,) = self.manifest["plugins"]["tools"]
        provider = self.yaml(path)
        return {path: provider, **{tool: self.yaml(tool) for tool in provider["tools"]}}

    @property
    def provider(self) -> dict[str, Any]:
        """The content of the one provider."""
        return next(iter(self.forms.values()))
