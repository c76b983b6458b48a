"""The example apps fit the plugin: ids, tools, parameters, variables and edges."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[1]
EXAMPLES = {path.name: path for path in sorted((ROOT / "examples").glob("*.yml"))}

REFERENCE = re.compile(r"\{\{#(\w+)\.(\w+)#\}\}")
# What Dify itself provides, as read from its sources: outputs of nodes by type, system variables.
SYSTEM = {"query": "string", "files": "array[file]"}
OUTPUTS = {
    "llm": {"text": "string"},
    "list-operator": {"result": "array[file]", "first_record": "file", "last_record": "file"},
}
TOOL_OUTPUTS = {"text": "string", "files": "array[file]", "json": "array[object]"}
START_TYPES = {
    "text-input": "string", "paragraph": "string", "select": "string", "number": "number",
    "file": "file", "file-list": "array[file]",
}  # fmt: skip
# Which variables a parameter can take; Dify casts text to what the parameter declares.
TAKES = {
    "string": {"string", "number"},
    "select": {"string"},
    "number": {"number"},
    "file": {"file"},
    "files": {"array[file]", "file"},
}

Document = dict[str, Any]


@cache
def load(path: Path) -> Document:
    document: Document = yaml.safe_load(path.read_text(encoding="utf-8"))
    return document


def provider_id() -> str:
    manifest = load(ROOT / "manifest.yaml")
    provider = load(ROOT / manifest["plugins"]["tools"][0])
    return f"{manifest['author']}/{manifest['name']}/{provider['identity']['name']}"


def declared(tool: str) -> dict[str, Document]:
    parameters = load(ROOT / "tools" / f"{tool}.yaml")["parameters"]
    return {parameter["name"]: parameter for parameter in parameters}


def tool_outputs(tool: str) -> dict[str, str]:
    schema = load(ROOT / "tools" / f"{tool}.yaml").get("output_schema") or {}
    found = dict(TOOL_OUTPUTS)
    for name, value in schema.get("properties", {}).items():
        items = value.get("items", {}).get("type")
        found[name] = f"array[{items}]" if value["type"] == "array" else value["type"]
    return found


def complaints_of_tool(use: Document, where: str) -> Iterator[str]:
    """What is wrong with the ids of a tool that an app uses."""
    for field in ("provider_id", "provider_name"):
        if use[field] != provider_id():
            yield f"{where}: {field} is {use[field]}, the plugin is {provider_id()}"
    if use["provider_type"] != "builtin":
        yield f"{where}: provider_type"
    path = ROOT / "tools" / f"{use['tool_name']}.yaml"
    if not path.is_file():
        yield f"{where}: no tool {use['tool_name']}"
    elif use["tool_label"] != load(path)["identity"]["label"]["en_US"]:
        yield f"{where}: tool_label is {use['tool_label']}"


def complaints_of_value(parameter: Document, value: object, where: str) -> Iterator[str]:
    """What is wrong with a constant for a parameter."""
    kind = parameter["type"]
    if kind == "select" and value not in [option["value"] for option in parameter["options"]]:
        yield f"{where}: {value!r} is no option"
    if kind == "number":
        if isinstance(value, bool) or not isinstance(value, int | float):
            yield f"{where}: {value!r} is no number"
        elif not parameter.get("min", value) <= value <= parameter.get("max", value):
            yield f"{where}: {value!r} is out of range"
    if kind == "boolean" and not isinstance(value, bool):
        yield f"{where}: {value!r} is no boolean"
    if kind in ("string", "dynamic-select") and not isinstance(value, str):
        yield f"{where}: {value!r} is no text"


class Graph:
    """Nodes and edges of a Workflow or Chatflow."""

    def __init__(self, document: Document) -> None:
        graph = document["workflow"]["graph"]
        self.chat = document["app"]["mode"] == "advanced-chat"
        self.ids = [node["id"] for node in graph["nodes"]]
        self.nodes = {node["id"]: node for node in graph["nodes"]}
        self.edges: list[Document] = graph["edges"]

    def before(self, node: str) -> set[str]:
        """Every node from which ``node`` can be reached."""
        direct = {edge["source"] for edge in self.edges if edge["target"] == node}
        return direct.union(*(self.before(one) for one in direct)) if direct else set()

    def variable(self, selector: list[str], reader: str) -> str | None:
        """The type of a variable as ``reader`` sees it; None when it cannot see it."""
        source, name = selector
        if source == "sys":
            return SYSTEM.get(name) if self.chat else None
        if source not in self.before(reader):
            return None
        data = self.nodes[source]["data"]
        if data["type"] == "start":
            types = {one["variable"]: START_TYPES[one["type"]] for one in data["variables"]}
            return types.get(name)
        if data["type"] == "tool":
            return tool_outputs(data["tool_name"]).get(name)
        return OUTPUTS.get(data["type"], {}).get(name)

    def complaints(self) -> Iterator[str]:
        """Everything that is wrong with the graph."""
        yield from self._shape()
        for node, entry in self.nodes.items():
            data = entry["data"]
            for selector in self._selectors(data):
                if self.variable(selector, node) is None:
                    yield f"{node}: cannot see {'.'.join(selector)}"
            if data["type"] == "tool":
                yield from complaints_of_tool(data, node)
                yield from self._parameters(node, data)
            for output in data.get("outputs", []) if data["type"] == "end" else []:
                kind = self.variable(output["value_selector"], node)
                if kind != output["value_type"]:
                    yield f"{node}: {output['variable']} is {kind}, not {output['value_type']}"

    def _shape(self) -> Iterator[str]:
        if len(self.ids) != len(self.nodes):
            yield "a node id stands twice"
        if len({edge["id"] for edge in self.edges}) != len(self.edges):
            yield "an edge id stands twice"
        for edge in self.edges:
            for end in ("source", "target"):
                node = self.nodes.get(edge[end])
                if node is None:
                    yield f"{edge['id']}: no node {edge[end]}"
                elif edge["data"][f"{end}Type"] != node["data"]["type"]:
                    yield f"{edge['id']}: {end}Type is not {node['data']['type']}"
        starts = [node for node, entry in self.nodes.items() if entry["data"]["type"] == "start"]
        last = "answer" if self.chat else "end"
        for node, entry in self.nodes.items():
            kind = entry["data"]["type"]
            if kind != "start" and not set(starts) & self.before(node):
                yield f"{node} cannot be reached"
            handles = {edge["sourceHandle"] for edge in self.edges if edge["source"] == node}
            cases = {case["case_id"] for case in entry["data"].get("cases", [])} | {"false"}
            wanted = cases if kind == "if-else" else set() if kind == last else {"source"}
            if handles != wanted:
                yield f"{node} goes on by {handles}, not {wanted}"

    def _selectors(self, data: Document) -> Iterator[list[str]]:
        """Every variable that a node names, in a template or as a list."""
        for template in (
            data.get("answer", ""),
            *(p["text"] for p in data.get("prompt_template", [])),
        ):
            yield from ([source, name] for source, name in REFERENCE.findall(template))
        for given in {
            **data.get("tool_parameters", {}),
            **data.get("tool_configurations", {}),
        }.values():
            if given["type"] == "variable":
                yield given["value"]
            elif given["type"] == "mixed":
                yield from ([source, name] for source, name in REFERENCE.findall(given["value"]))
        yield from (output["value_selector"] for output in data.get("outputs", []))
        yield from (
            one["variable_selector"] for case in data.get("cases", []) for one in case["conditions"]
        )
        if data["type"] == "list-operator":
            yield data["variable"]

    def _parameters(self, node: str, data: Document) -> Iterator[str]:
        parameters = declared(data["tool_name"])
        for place, form in (("tool_parameters", "llm"), ("tool_configurations", "form")):
            for name, given in data[place].items():
                where = f"{node}.{name}"
                if name not in parameters:
                    yield f"{where}: the tool has no such parameter"
                    continue
                parameter = parameters[name]
                if parameter["form"] != form:
                    yield f"{where}: a {parameter['form']} parameter stands in {place}"
                if given["type"] == "constant":
                    yield from complaints_of_value(parameter, given["value"], where)
                elif given["type"] == "variable":
                    kind = self.variable(given["value"], node)
                    if kind not in TAKES[parameter["type"]]:
                        yield f"{where}: {parameter['type']} cannot take {kind}"
                elif parameter["type"] not in ("string", "select", "number", "dynamic-select"):
                    yield f"{where}: {parameter['type']} cannot take a template"
        for name, parameter in parameters.items():
            if parameter.get("required") and name not in data["tool_parameters"]:
                yield f"{node}: the required {name} is missing"


def complaints_of_agent(document: Document) -> Iterator[str]:
    for use in document["model_config"]["agent_mode"]["tools"]:
        where = use["tool_name"]
        yield from complaints_of_tool(use, where)
        parameters = declared(use["tool_name"])
        for name, value in use["tool_parameters"].items():
            if name not in parameters:
                yield f"{where}.{name}: the tool has no such parameter"
            elif parameters[name]["form"] == "form":
                yield from complaints_of_value(parameters[name], value, f"{where}.{name}")
            elif value != "":
                yield f"{where}.{name}: the model fills it, so it must be ''"
        for name, parameter in parameters.items():
            if parameter.get("required") and name not in use["tool_parameters"]:
                yield f"{where}: the required {name} is missing"


def complaints(document: Document) -> list[str]:
    if document["app"]["mode"] == "agent-chat":
        return list(complaints_of_agent(document))
    return list(Graph(document).complaints())


def test_there_is_one_of_each_kind() -> None:
    modes = sorted(load(path)["app"]["mode"] for path in EXAMPLES.values())
    assert modes == ["advanced-chat", "agent-chat", "workflow"]


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_example_fits_the_plugin(name: str) -> None:
    assert complaints(load(EXAMPLES[name])) == []


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_head_is_what_dify_imports(name: str) -> None:
    document = load(EXAMPLES[name])
    assert document["kind"] == "app"
    assert re.fullmatch(r"0\.[56]\.0", document["version"])
    assert document["dependencies"] == []
    assert {"name", "mode", "icon", "icon_background", "description"} <= set(document["app"])


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_readme_names_the_example(name: str) -> None:
    assert f"]({name})" in (ROOT / "examples" / "README.md").read_text(encoding="utf-8")


def test_the_agent_has_the_four_tools() -> None:
    tools = load(EXAMPLES["agent-picture-studio.yml"])["model_config"]["agent_mode"]["tools"]
    assert {tool["tool_name"] for tool in tools} == {
        "txt2img", "img2img", "upscale", "list_resources",
    }  # fmt: skip


WORKFLOW, CHATFLOW, AGENT = (
    "workflow-text-to-picture.yml", "chatflow-illustrator.yml", "agent-picture-studio.yml",
)  # fmt: skip


@pytest.mark.parametrize(
    ("name", "old", "new", "words"),
    [
        (WORKFLOW, "/stable_diffusion_webui/", "/other/", "provider_id is"),
        (WORKFLOW, "tool_name: txt2img", "tool_name: img2img", "the required image is missing"),
        (WORKFLOW, "image_count: {", "count: {", "no such parameter"),
        (WORKFLOW, "[start, image_count]", "[start, prompt]", "number cannot take string"),
        (WORKFLOW, "[txt2img, seeds]", "[txt2img, seed]", "cannot see txt2img.seed"),
        (WORKFLOW, '"array[number]"', "number", "seeds is array[number], not number"),
        (WORKFLOW, "value: original", "value: gif", "is no option"),
        (WORKFLOW, "{{#start.prompt#}}", "{{#sys.query#}}", "cannot see sys.query"),
        (WORKFLOW, "output_format: {", "seed: {", "a llm parameter stands in"),
        (WORKFLOW, "source: start\n", "source: begin\n", "no node begin"),
        (CHATFLOW, "value: 0.6", "value: 6", "out of range"),
        (CHATFLOW, "[picture, first_record]", "[picture, result]", "file cannot take array[file]"),
        (CHATFLOW, "{{#compose.text#}}", "{{#change.text#}}", "cannot see change.text"),
        (CHATFLOW, 'sourceHandle: "false"', 'sourceHandle: "true"', "uploaded goes on by"),
        (CHATFLOW, "targetType: list-operator", "targetType: llm", "targetType is not"),
        (AGENT, 'scale: ""', "scale: 2", "the model fills it"),
        (AGENT, "resize_mode: crop", "resize_mode: cut", "is no option"),
        (AGENT, "tool_label: Upscale", "tool_label: Enlarge", "tool_label is"),
    ],
)
def test_a_broken_example_is_found(name: str, old: str, new: str, words: str) -> None:
    text = EXAMPLES[name].read_text(encoding="utf-8")
    assert old in text
    found = complaints(yaml.safe_load(text.replace(old, new)))
    assert any(words in one for one in found), found
