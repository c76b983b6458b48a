"""Rules about the YAML of provider and tools."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator

from devkit.packaging.contents import Package
from devkit.packaging.findings import Finding, failed, rule

DAEMON = "daemon: tool_declaration.go"
IDENTITY_NAME = re.compile(r"[a-zA-Z0-9_-]+")
# Read by the SDK, dropped by the daemon: whoever writes one believes in something that never comes.
DROPPED = ("show_on", "placeholder", "input_schema")


@rule("sdk-entities", source="SDK: the pydantic entities that load the plugin")
def sdk_entities(package: Package) -> Iterator[Finding]:
    """Manifest, provider and tools load with the SDK's own entities, tags among them."""
    # In a process of its own: importing the SDK patches the standard library with gevent.
    done = subprocess.run(
        [sys.executable, "-m", "devkit.packaging.sdk_entities", str(package.root)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        yield failed(f"the SDK's entities could not be asked: {done.stderr.strip()[-500:]}")
        return
    for message in json.loads(done.stdout):
        yield failed(message)


@rule("provider", source="project: a tool plugin with one provider")
def provider(package: Package) -> Iterator[Finding]:
    """The manifest names one tool provider, with tools."""
    if len(package.providers) != 1:
        yield failed("manifest.yaml must name one tool provider under plugins.tools")
    if not package.tools:
        yield failed("the provider has no tools")


@rule("sources-exist", source="SDK: PluginRegistration loads each source")
def sources_exist(package: Package) -> Iterator[Finding]:
    """Each YAML file that is named exists, and so does the module that it names."""
    for path, content in {**package.providers, **package.tools}.items():
        source = ((content.get("extra") or {}).get("python") or {}).get("source")
        if path not in package.files:
            yield failed(f"{path} is missing")
        elif source not in package.files:
            yield failed(f"{path} names the module {source}, which is missing")


@rule("identity-names", source=f"{DAEMON}: tool_identity_name; project: file and tool share a name")
def identity_names(package: Package) -> Iterator[Finding]:
    """Provider and tools have legal names, each the name of its file, none twice."""
    for path, content in {**package.providers, **package.tools}.items():
        name = str((content.get("identity") or {}).get("name"))
        if not IDENTITY_NAME.fullmatch(name):
            yield failed(f"{path}: the name {name!r} must match {IDENTITY_NAME.pattern}")
        elif name != path.rpartition("/")[2].removesuffix(".yaml"):
            yield failed(f"{path} declares {name!r}")


@rule(
    "parameters", source=f"{DAEMON}: ToolParameter; project: a dynamic-select stays empty in Dify"
)
def parameters(package: Package) -> Iterator[Finding]:
    """Parameters have unique names and options where needed; none is a dynamic-select."""
    for path, tool in package.tools.items():
        seen: set[str] = set()
        for parameter in tool.get("parameters") or []:
            name = str(parameter.get("name"))
            if name in seen:
                yield failed(f"{path}: {name} stands twice")
            seen.add(name)
            if parameter.get("type") == "dynamic-select":
                yield failed(f"{path}: {name} is a dynamic-select, which Dify's forms leave empty")
            if parameter.get("type") == "select" and not parameter.get("options"):
                yield failed(f"{path}: {name} is a select without options")
            if parameter.get("form") == "llm" and not parameter.get("llm_description"):
                yield failed(f"{path}: {name} is filled by a model and has no llm_description")
            for field in DROPPED:
                if field in parameter:
                    yield failed(f"{path}: {name} uses {field}, which the daemon drops")


@rule("translated", source="project: labels and help in four languages")
def translated(package: Package) -> Iterator[Finding]:
    """Every text that a person reads is there in en_US, zh_Hans, pt_BR and ja_JP."""
    wanted = {"en_US", "zh_Hans", "pt_BR", "ja_JP"}
    documents = {"manifest.yaml": package.manifest, **package.providers, **package.tools}
    for path, document in documents.items():
        for place, texts in _texts(document):
            missing = wanted - set(texts)
            if missing:
                yield failed(f"{path}: {place} lacks {', '.join(sorted(missing))}")


def _texts(value: object, place: str = "") -> Iterator[tuple[str, dict[str, str]]]:
    if isinstance(value, dict):
        if "en_US" in value:
            yield place, value
            return
        for key, inner in value.items():
            yield from _texts(inner, f"{place}.{key}".lstrip("."))
    elif isinstance(value, list):
        for position, inner in enumerate(value):
            name = inner.get("name") or inner.get("value") if isinstance(inner, dict) else position
            yield from _texts(inner, f"{place}[{name}]")
