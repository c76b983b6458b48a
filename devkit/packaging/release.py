"""Writes version and publisher wherever they must stand; manifest.yaml is where they are read.

Dify wants the author in the YAML of the provider and of each tool too, uv the version in
pyproject.toml, and an app that uses the plugin names it as ``author/plugin/provider``.
"""

import re
from pathlib import Path

import yaml

from devkit.packaging.lock import PackagingError

FIELDS = ("version", "author", "repo", "contact")
Places = dict[Path, tuple[str, str]]
"""By file, a pattern and what to write in its place."""


def write(root: Path, field: str, value: str) -> list[Path]:
    """Write a field into all files where it stands, or into none; return those that changed.

    Raises:
        PackagingError: A file has no line to write it to.
    """
    changed: dict[Path, str] = {}
    for path, (pattern, replacement) in _places(root, field, value).items():
        before = path.read_text(encoding="utf-8")
        after, count = re.subn(pattern, replacement, before, flags=re.MULTILINE)
        if not count:
            raise PackagingError(f"{path} has no line to write it to ({pattern}).")
        if after != before:
            changed[path] = after
    for path, text in changed.items():
        path.write_text(text, encoding="utf-8")
    return list(changed)


def _places(root: Path, field: str, value: str) -> Places:
    """Return all places of a field."""
    places = {root / "manifest.yaml": _in_manifest(root, field, value)}
    if field == "version":
        places[root / "pyproject.toml"] = r'^version = ".*"$', f'version = "{value}"'
    elif field == "author":
        places |= _of_author(root, value)
    elif field == "repo":
        line = f"Source code: {value}"
        known = "\nSource code: " in (root / "README.md").read_text(encoding="utf-8")
        new_last_line = r"\n\Z", f"\n\n{line}\n"
        places[root / "README.md"] = (r"^Source code: .*$", line) if known else new_last_line
    return places


def _in_manifest(root: Path, field: str, value: str) -> tuple[str, str]:
    """Return pattern and line of a field of manifest.yaml, after ``author`` if it is new there."""
    # A version without quotes could be read as a number.
    line = f'{field}: "{value}"' if field == "version" else f"{field}: {value}"
    manifest = (root / "manifest.yaml").read_text(encoding="utf-8")
    if re.search(rf"^{field}:", manifest, re.MULTILINE):
        return rf"^{field}:.*$", line
    return r"^(author:.*)$", rf"\1\n{line}"


def _of_author(root: Path, author: str) -> Places:
    """Return where the author stands in provider, tools and examples."""
    places: Places = {}
    for path in (*root.glob("provider/*.yaml"), *root.glob("tools/*.yaml")):
        # The first one: a form has its identity on top.
        places[path] = (r"\A((?:.*\n)*?  author:).*$", rf"\1 {author}")
    manifest = yaml.safe_load((root / "manifest.yaml").read_text(encoding="utf-8"))
    old, new = (f"{name}/{manifest['name']}" for name in (manifest["author"], author))
    for path in root.glob("examples/*.[my]*"):
        if old in path.read_text(encoding="utf-8"):
            places[path] = (re.escape(old), new)
    return places
