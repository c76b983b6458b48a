"""An unpacked package, as the rules look at it."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

# Beyond this the marketplace's scans skip a file too.
TEXT_LIMIT = 1024 * 1024


@dataclass(frozen=True)
class Package:
    """A plugin's folder as it was unpacked, and the file it came from.

    ``archive_bytes`` is 0 when there is only a folder.
    """

    root: Path
    archive_bytes: int = 0

    @cached_property
    def files(self) -> dict[str, int]:
        """Path with forward slashes → size in bytes, sorted by path."""
        paths = (path for path in self.root.rglob("*") if path.is_file())
        return {
            path.relative_to(self.root).as_posix(): path.stat().st_size for path in sorted(paths)
        }

    def text(self, path: str) -> str:
        """A file's text, or "" when the package has no such file."""
        if path not in self.files:
            return ""
        return (self.root / path).read_text(encoding="utf-8", errors="replace")

    def texts(self) -> dict[str, str]:
        """Every text file of at most 1 MiB."""
        found = {}
        for path, size in self.files.items():
            data = (self.root / path).read_bytes() if size <= TEXT_LIMIT else b"\0"
            if b"\0" not in data[:4096]:
                found[path] = data.decode("utf-8", errors="replace")
        return found

    def python(self) -> dict[str, str]:
        """Every Python module's source."""
        return {path: self.text(path) for path in self.files if path.endswith(".py")}

    def yaml(self, path: str) -> dict[str, Any]:
        """A YAML file that holds a mapping; {} when it is missing or holds something else."""
        loaded = yaml.safe_load(self.text(path))
        return loaded if isinstance(loaded, dict) else {}

    @cached_property
    def manifest(self) -> dict[str, Any]:
        """manifest.yaml."""
        return self.yaml("manifest.yaml")

    @cached_property
    def pyproject(self) -> dict[str, Any]:
        """pyproject.toml."""
        return tomllib.loads(self.text("pyproject.toml"))

    def field(self, path: str) -> Any:
        """A manifest field by its dotted path ("meta.runner.version"); None when there is none."""
        value: Any = self.manifest
        for key in path.split("."):
            value = value.get(key) if isinstance(value, dict) else None
        return value

    @cached_property
    def providers(self) -> dict[str, dict[str, Any]]:
        """Tool provider files: path → content."""
        paths = (self.manifest.get("plugins") or {}).get("tools") or []
        return {path: self.yaml(path) for path in paths}

    @cached_property
    def tools(self) -> dict[str, dict[str, Any]]:
        """Tool files that the providers name: path → content."""
        paths = [
            path for provider in self.providers.values() for path in provider.get("tools") or []
        ]
        return {path: self.yaml(path) for path in paths}
