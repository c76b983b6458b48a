"""Rules about manifest.yaml."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator

from devkit.packaging.contents import Package
from devkit.packaging.findings import Finding, failed, rule, warning

DAEMON = "daemon: plugin_declaration.go"
MARKETPLACE = "marketplace: manifest metadata check"

REQUIRED = (
    "author", "name", "version", "type", "icon", "plugins", "privacy", "label.en_US",
    "description.en_US", "created_at", "resource.memory", "meta.version", "meta.arch",
    "meta.runner.language", "meta.runner.version", "meta.runner.entrypoint",
)  # fmt: skip
LENGTHS = {"icon": 128, "icon_dark": 128, "meta.runner.version": 128, "meta.runner.entrypoint": 256}
VERSION = re.compile(r"\d+\.\d+\.\d+")
NAME = re.compile(r"[a-z0-9_-]{1,128}")
# The daemon's list of tags for a manifest, manifest_entities/tags.go.
TAGS = frozenset(
    [
        "search", "image", "videos", "weather", "finance", "design", "travel", "social", "news",
        "medical", "productivity", "education", "business", "entertainment", "utilities", "agent",
        "other", "trigger",
    ]
)  # fmt: skip


@rule("manifest-fields", source=f"{MARKETPLACE}; {DAEMON}")
def required_fields(package: Package) -> Iterator[Finding]:
    """Every field that the daemon or the marketplace asks of each plugin is filled."""
    for path in REQUIRED:
        if package.field(path) in (None, "", [], {}):
            yield failed(f"manifest.yaml lacks {path}")
    for path, length in LENGTHS.items():
        if len(str(package.field(path) or "")) > length:
            yield failed(f"{path} is longer than {length} characters")


@rule("manifest-type", source=DAEMON)
def plugin_type(package: Package) -> Iterator[Finding]:
    """`type` is plugin."""
    if package.field("type") != "plugin":
        yield failed(f"type must be 'plugin', not {package.field('type')!r}")


@rule("manifest-name", source=f"{DAEMON}: PluginNameRegex")
def name(package: Package) -> Iterator[Finding]:
    """The plugin's name is lower case, digits, ``_`` and ``-``, at most 128 characters."""
    if not NAME.fullmatch(str(package.field("name"))):
        yield failed(f"name {package.field('name')!r} must match {NAME.pattern}")


@rule("manifest-version", source=f"{DAEMON}: validate 'version'")
def version(package: Package) -> Iterator[Finding]:
    """`version` and `meta.version` are three whole numbers, written as text."""
    for path in ("version", "meta.version"):
        value = package.field(path)
        if not (isinstance(value, str) and VERSION.fullmatch(value)):
            yield failed(f"{path} {value!r} must be text such as '0.1.0'")


@rule("version-agrees", source="project: one version for manifest, pyproject and changelog")
def version_agrees(package: Package) -> Iterator[Finding]:
    """pyproject.toml and the newest changelog entry carry the manifest's version."""
    expected = package.field("version")
    project = package.pyproject.get("project", {}).get("version")
    if project != expected:
        yield failed(f"pyproject.toml has version {project}, manifest.yaml {expected}")
    entries = re.findall(r"^## \[(\d[^\]]*)\]", package.text("CHANGELOG.md"), re.MULTILINE)
    if not entries or entries[0] != expected:
        yield failed(f"the newest entry of CHANGELOG.md must be [{expected}]")


@rule("manifest-runner", source=f"{DAEMON}: PluginRunner; daemon: Python 3.12 image")
def runner(package: Package) -> Iterator[Finding]:
    """Python 3.12 starts ``main``, and main.py is there."""
    for path, value in {"language": "python", "version": "3.12", "entrypoint": "main"}.items():
        if package.field(f"meta.runner.{path}") != value:
            yield failed(f"meta.runner.{path} must be {value!r}, text")
    if "main.py" not in package.files:
        yield failed("the entrypoint main.py is missing")


@rule("manifest-arch", source=f"{DAEMON}: is_available_arch")
def arch(package: Package) -> Iterator[Finding]:
    """Only architectures that Dify knows."""
    for value in package.field("meta.arch") or []:
        if value not in ("amd64", "arm64"):
            yield failed(f"meta.arch holds {value!r}; Dify knows amd64 and arm64")


@rule("manifest-tags", source="daemon: manifest_entities/tags.go")
def tags(package: Package) -> Iterator[Finding]:
    """Only tags from Dify's list."""
    for tag in package.field("tags") or []:
        if tag not in TAGS:
            yield failed(f"{tag!r} is not among Dify's tags: {', '.join(sorted(TAGS))}")


@rule("manifest-created-at", source=f"{DAEMON}: CreatedAt is a time")
def created_at(package: Package) -> Iterator[Finding]:
    """`created_at` is a time with a time zone, as Go's parser wants it."""
    value = package.field("created_at")
    if isinstance(value, str):
        try:
            value = datetime.datetime.fromisoformat(value)
        except ValueError:
            value = None
    if not isinstance(value, datetime.datetime) or value.tzinfo is None:
        yield failed("created_at must be a time with zone, such as 2025-01-31T12:00:00Z")


@rule("manifest-memory", source=f"{DAEMON}: resource.memory required")
def memory(package: Package) -> Iterator[Finding]:
    """The memory asked for is a positive number of bytes."""
    value = package.field("resource.memory")
    if not isinstance(value, int) or value <= 0:
        yield failed(f"resource.memory must be a number of bytes above 0, not {value!r}")


@rule("manifest-minimum-dify", source=MARKETPLACE)
def minimum_dify_version(package: Package) -> Iterator[Finding]:
    """The oldest Dify that the plugin works on is named."""
    if not package.field("meta.minimum_dify_version"):
        yield warning("meta.minimum_dify_version is recommended")


@rule("icon", source="daemon: CheckAssetsValid; marketplace: plugin icon check")
def icon(package: Package) -> Iterator[Finding]:
    """Each icon that manifest and providers name lies in _assets/ and is no template's."""
    named = [package.field("icon"), package.field("icon_dark")]
    for provider in package.providers.values():
        identity = provider.get("identity") or {}
        named += [identity.get("icon"), identity.get("icon_dark")]
    for file in sorted({str(name) for name in named if name}):
        if f"_assets/{file}" not in package.files:
            yield failed(f"_assets/{file} is missing")
        elif "TEMPLATE_ICON_DO_NOT_USE" in package.text(f"_assets/{file}"):
            yield failed(f"_assets/{file} is the template's icon")
