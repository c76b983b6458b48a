"""Writes version and publisher wherever they must stand; manifest.yaml is where they are read.

Dify wants the author in the YAML of the provider and of each tool too, uv the version in
pyproject.toml, and an app that uses the plugin names it as ``author/plugin/provider``.
"""

import re
from collections.abc import Callable
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
    for path in (*root.glob("provider/*.yaml"), *root.glob("tools/*.yaml")):
        # The first one: a form has its identity on top.
        places[path] = (r"\A((?:.*\n)*?  author:).*$", rf"\1 {author}")
    old, new = (f"{name}/{manifest['name']}" for name in (manifest["author"], author))
    for path in root.glob("examples/*.[my]*"):
        if old in path.read_text(encoding="utf-8"):
            places[path] = (re.escape(old), new)
    return _replace(places)


def set_repo(root: Path, repo: str) -> list[Path]:
    """Write the address of the source repository into manifest.yaml and README.md."""
    readme = root / "README.md"
    text = readme.read_text(encoding="utf-8")
    if "\nSource code: " not in text:
        readme.write_text(f"{text.rstrip()}\n\nSource code: \n", encoding="utf-8")
    in_readme = _replace({readme: (r"^Source code: .*$", f"Source code: {repo}")})
    return [*_set_in_manifest(root, "repo", repo), *in_readme]


def set_contact(root: Path, contact: str) -> list[Path]:
    """Write the e-mail address for users' questions into manifest.yaml."""
    return _set_in_manifest(root, "contact", contact)


SETTERS: dict[str, Callable[[Path, str], list[Path]]] = {
    "version": set_version,
    "author": set_author,
    "repo": set_repo,
    "contact": set_contact,
}


def _set_in_manifest(root: Path, field: str, value: str) -> list[Path]:
    """Write a field into manifest.yaml, after ``author`` if it is new there."""
    path = root / "manifest.yaml"
    if re.search(rf"^{field}:", path.read_text(encoding="utf-8"), re.MULTILINE):
        return _replace({path: (rf"^{field}:.*$", f"{field}: {value}")})
    return _replace({path: (r"^(author:.*)$", rf"\1\n{field}: {value}")})


def _replace(places: dict[Path, tuple[str, str]]) -> list[Path]:
    """Replace a pattern in each file, in all of them or in none; return those that changed."""
    changed: dict[Path, str] = {}
    for path, (pattern, replacement) in places.items():
        before = path.read_text(encoding="utf-8")
        after, count = re.subn(pattern, replacement, before, flags=re.MULTILINE)
        if not count:
            raise PackagingError(f"{path} has no line to write it to ({pattern}).")
        if after != before:
            changed[path] = after
    for path, text in changed.items():
        path.write_text(text, encoding="utf-8")
    return list(changed)
