"""Writes version and publisher wherever they must stand; manifest.yaml is where they are read.

Dify wants the author in the YAML of the provider and of each tool too, uv the version in
pyproject.toml, and an app that uses the plugin names it as ``author/plugin/provider``.
"""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from devkit.packaging.lock import PackagingError


def set_version(root: Path, version: str) -> list[Path]:
    """Write the version into manifest.yaml and pyproject.toml; return the files that changed."""
    return _replace(
        {
            root / "manifest.yaml": (r"^version:.*$", f'version: "{version}"'),
            root / "pyproject.toml": (r'^version = ".*"$', f'version = "{version}"'),
        }
    )


def set_author(root: Path, author: str) -> list[Path]:
    """Write the author into manifest, provider, tools and examples; return what changed."""
    manifest = yaml.safe_load((root / "manifest.yaml").read_text(encoding="utf-8"))
    places = {root / "manifest.yaml": (r"^author:.*$", f"author: {author}")}
    for folder in ("provider", "tools"):
        for path in sorted((root / folder).glob("*.yaml")):
            # The first one: a form has its identity on top.
            places[path] = (r"\A((?:.*\n)*?  author:).*$", rf"\1 {author}")
    changed = _replace(places)
    old = re.escape(f"{manifest['author']}/{manifest['name']}")
    for path in sorted((root / "examples").glob("*.[my]*")):
        changed += _replace({path: (old, f"{author}/{manifest['name']}")}, optional=True)
    return changed


def set_manifest_field(root: Path, field: str, value: str) -> list[Path]:
    """Write ``repo`` or ``contact`` into manifest.yaml, after ``author`` if it is new there.

    The marketplace wants the repository's address in README.md too.
    """
    path = root / "manifest.yaml"
    if field == "repo":
        return _set_in_manifest(path, field, value) + _set_in_readme(root / "README.md", value)
    return _set_in_manifest(path, field, value)


def _set_in_readme(path: Path, repo: str) -> list[Path]:
    text = path.read_text(encoding="utf-8")
    if not re.search(r"^Source code: ", text, re.MULTILINE):
        path.write_text(f"{text.rstrip()}\n\nSource code: {repo}\n", encoding="utf-8")
        return [path]
    return _replace({path: (r"^Source code: .*$", f"Source code: {repo}")})


def _set_in_manifest(path: Path, field: str, value: str) -> list[Path]:
    if re.search(rf"^{field}:", path.read_text(encoding="utf-8"), re.MULTILINE):
        return _replace({path: (rf"^{field}:.*$", f"{field}: {value}")})
    return _replace({path: (r"^(author:.*)$", rf"\1\n{field}: {value}")})


def _replace(places: dict[Path, tuple[str, str]], *, optional: bool = False) -> list[Path]:
    texts: dict[Path, str] = {}
    for path, (pattern, replacement) in places.items():
        before = path.read_text(encoding="utf-8")
        after, count = re.subn(pattern, replacement, before, flags=re.MULTILINE)
        if not count and not optional:
            raise PackagingError(f"{path} has no line to write it to ({pattern}).")
        if after != before:
            texts[path] = after
    # All of them or none.
    for path, text in texts.items():
        path.write_text(text, encoding="utf-8")
    return list(texts)
