"""Rules about what gets installed beside the plugin."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from devkit.packaging.contents import Package
from devkit.packaging.findings import Finding, failed, rule, warning
from devkit.packaging.lock import pinned_versions

MARKETPLACE = "marketplace: package dependencies check"
OLDEST_SDK = Version("0.9.0")


def _declared(package: Package) -> Iterator[tuple[str, str]]:
    """(where, requirement) of all that pyproject.toml and requirements.txt ask for."""
    for line in package.pyproject.get("project", {}).get("dependencies", []):
        yield "pyproject.toml", line
    for group, lines in package.pyproject.get("dependency-groups", {}).items():
        for line in lines:
            yield f"pyproject.toml [{group}]", line
    for raw in package.text("requirements.txt").splitlines():
        line = raw.split(" #", 1)[0].split(" \\", 1)[0].split(" --hash", 1)[0].strip()
        if line and not line.startswith(("#", "--hash")):
            yield "requirements.txt", line


@rule("dependency-sources", source=f"{MARKETPLACE}: no git, URL or local installs")
def sources(package: Package) -> Iterator[Finding]:
    """Everything comes from the package index, by name; no option chooses another index."""
    for where, line in _declared(package):
        if line.startswith("-") or re.search(r"git\+|://|@ |^[./]", line):
            yield failed(f"{where}: {line!r} is not a plain name and version")


@rule("dependency-bounds", source=f"{MARKETPLACE}: version constraints")
def bounds(package: Package) -> Iterator[Finding]:
    """Every dependency has a constraint; one with a lower bound alone draws a warning."""
    for where, line in _declared(package):
        try:
            operators = {each.operator for each in Requirement(line).specifier}
        except InvalidRequirement:
            yield failed(f"{where}: {line!r} cannot be read")
            continue
        if not operators:
            yield failed(f"{where}: {line} has no version constraint")
        elif operators <= {">=", ">"}:
            yield warning(f"{where}: {line} has a lower bound only")


@rule("dify-plugin-version", source=f"{MARKETPLACE}: dify_plugin >= 0.9.0")
def sdk_version(package: Package) -> Iterator[Finding]:
    """The SDK is asked for, at 0.9.0 or later, wherever dependencies stand."""
    for place in ("pyproject.toml", "requirements.txt"):
        lines = [line for where, line in _declared(package) if where == place]
        requested = [line for line in lines if re.match(r"dify[-_]plugin\b", line)]
        lower = [
            Version(each.version)
            for line in requested
            for each in Requirement(line).specifier
            if each.operator in (">=", "==", "~=", ">")
        ]
        if not lower or min(lower) < OLDEST_SDK:
            yield failed(f"{place} must ask for dify_plugin>={OLDEST_SDK}")


def _locked(package: Package) -> list[dict[str, Any]]:
    packages: list[dict[str, Any]] = tomllib.loads(package.text("uv.lock")).get("package", [])
    return packages


@rule("lock-sources", source="project: a release installs on any machine")
def lock_sources(package: Package) -> Iterator[Finding]:
    """uv.lock takes everything from a public index, each file with its hash."""
    for locked in _locked(package):
        source = locked["source"]
        if source.get("virtual") == ".":
            continue
        registry = str(source.get("registry", source))
        if not re.match(r"https://(?!localhost|\d+\.|\[)[^/]+\.", registry):
            yield failed(f"uv.lock takes {locked['name']} from {registry}")
        files = [*locked.get("wheels", []), *([locked["sdist"]] if "sdist" in locked else [])]
        if not files or any("hash" not in file for file in files):
            yield failed(f"uv.lock has no hash for each file of {locked['name']}")


@rule(
    "lock-agrees",
    source="daemon: installs by uv.lock, or by requirements.txt from a mirror",
)
def lock_agrees(package: Package) -> Iterator[Finding]:
    """uv.lock has pyproject.toml's dependencies and requirements.txt's versions."""
    locked: dict[str, Any] = {
        canonicalize_name(each["name"]): each.get("version") for each in _locked(package)
    }
    for line in package.pyproject.get("project", {}).get("dependencies", []):
        wanted = Requirement(line)
        version = locked.get(canonicalize_name(wanted.name))
        if version is None or not wanted.specifier.contains(version, prereleases=True):
            yield failed(f"uv.lock has {wanted.name} {version}, pyproject.toml asks for {line}")
    for name, version in pinned_versions(package.text("requirements.txt")).items():
        if locked.get(canonicalize_name(name)) != version:
            yield failed(f"uv.lock has {name} {locked.get(name)}, requirements.txt {version}")
