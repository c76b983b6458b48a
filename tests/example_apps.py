"""The example apps, and what is wrong with one: ids, tools, parameters, variables and edges."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

import yaml

ROOT = Path(__file__).parents[1]
EXAMPLES = {path.name: path for path in sorted((ROOT / "examples").glob("*.yml"))}

REFERENCE = re.compile(r"\{\{#(\w+)\.(\w+)#\}\}")
# What Dify itself provides, as read from its sources: outputs of nodes by type, system variables.
SYSTEM = {"query": "string", "files": "array[file]"}
OUTPUTS = {"llm": {"text": "string"}}
TOOL_OUTPUTS = {"text": "string", "files": "array[file]", "json": "array[object]"}
START_TYPES = {
    "text-input": "string", "paragraph": "string", "select": "string", "number": "number",
    "file": "file", "file-list": "array[file]",
}  # fmt: skip
# What Dify lets a conversation or environment variable be (1.13 to August 2026): no file.
REMEMBERED = {
    "string": str, "number": int | float, "boolean": bool, "object": dict,
    "array[string]": list, "array[number]": list, "array[object]": list, "array[boolean]": list,
}  # fmt: skip
# Which variables a parameter can take; Dify casts text to what the parameter declares.
TAKES = {
    "string": {"string", "number"},
    "select": {"string"},
    "number": {"number"},
    "file": {"file"},
    "files": {"array[file]", "file"},
}

WORKFLOW, CHATFLOW, AGENT = (
    "workflow-text-to-image.yml", "chatflow-illustrator.yml", "agent-image-studio.yml",
)  # fmt: skip

Document = dict[str, Any]


@cache
def load(path: Path) -> Document:
    """Return the content of a YAML file."""
    document: Document = yaml.safe_load(path.read_text(encoding="utf-8"))
    return document


def provider_id() -> str:
    """Return the provider as an app names it."""
    manifest = load(ROOT / "manifest.yaml")
    provider = load(ROOT / manifest["plugins"]["tools"][0])
    return f"{manifest['author']}/{manifest['name']}/{provider['identity']['name']}"


def declared(tool: str) -> dict[str, Document]:
    """Return the parameters of a tool by name; none of a tool that there is not."""
    path = ROOT / "tools" / f"{tool}.yaml"
    parameters = load(path)["parameters"] if path.is_file() else []
    return {parameter["name"]: parameter for parameter in parameters}


def tool_outputs(tool: str) -> dict[str, str]:
    """Return the types of a tool node's outputs by name."""
    path = ROOT / "tools" / f"{tool}.yaml"
    schema = (load(path).get("output_schema") or {}) if path.is_file() else {}
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
    if kind == "string" and not isinstance(value, str):
        yield f"{where}: {value!r} is no text"
    if kind in ("file", "files"):
        yield f"{where}: a file is no constant"


class Graph:
    """Nodes and edges of a Workflow or Chatflow."""

    def __init__(self, document: Document) -> None:
        graph = document["workflow"]["graph"]
        self.chat = document["app"]["mode"] == "advanced-chat"
        self.ids = [node["id"] for node in graph["nodes"]]
        self.nodes = {node["id"]: node for node in graph["nodes"]}
        self.edges: list[Document] = graph["edges"]
        self.kept = {
            space: {one["name"]: one for one in document["workflow"][f"{key}_variables"]}
            for space, key in (("conversation", "conversation"), ("env", "environment"))
        }

    def before(self, node: str) -> set[str]:
        """Every node from which ``node`` can be reached."""
        direct = {edge["source"] for edge in self.edges if edge["target"] == node}
        return direct.union(*(self.before(one) for one in direct)) if direct else set()

    def variable(self, selector: list[str], reader: str) -> str | None:
        """The type of a variable as ``reader`` sees it; None when it cannot see it."""
        source, name = selector
        if source == "sys":
            return SYSTEM.get(name) if self.chat else None
        if source in self.kept:
            kept = self.kept[source].get(name)
            return str(kept["value_type"]) if kept else None
        if source not in self.before(reader):
            return None
        data = self.nodes[source]["data"]
        if data["type"] == "start":
            types = {one["variable"]: START_TYPES[one["type"]] for one in data["variables"]}
            return types.get(name)
        if data["type"] == "tool":
            return tool_outputs(data["tool_name"]).get(name)
        if data["type"] == "list-operator":
            return self._of_list(data, name)
        return OUTPUTS.get(data["type"], {}).get(name)

    @staticmethod
    def _of_list(data: Document, name: str) -> str | None:
        records = {"first_record": data["item_var_type"], "last_record": data["item_var_type"]}
        return {"result": data["var_type"], **records}.get(name)

    def complaints(self) -> Iterator[str]:
        """Everything that is wrong with the graph."""
        yield from self._shape()
        yield from self._memory()
        for node, entry in self.nodes.items():
            data = entry["data"]
            for selector in self._selectors(data):
                if self.variable(selector, node) is None:
                    yield f"{node}: cannot see {'.'.join(selector)}"
            if data["type"] == "tool":
                yield from complaints_of_tool(data, node)
                yield from self._parameters(node, data)
            if data["type"] == "list-operator":
                yield from self._list(node, data)
            if data["type"] == "assigner":
                yield from self._assignments(node, data)
            for output in data.get("outputs", []) if data["type"] == "end" else []:
                kind = self.variable(output["value_selector"], node)
                if kind != output["value_type"]:
                    yield f"{node}: {output['variable']} is {kind}, not {output['value_type']}"

    def _memory(self) -> Iterator[str]:
        """What is wrong with the variables of conversation and environment."""
        for space, variables in self.kept.items():
            for name, one in variables.items():
                if one["selector"] != [space, name]:
                    yield f"{space}.{name}: selector is {one['selector']}"
                if one["value_type"] not in REMEMBERED:
                    yield f"{space}.{name}: Dify remembers no {one['value_type']}"
                elif not isinstance(one["value"], REMEMBERED[one["value_type"]]):
                    yield f"{space}.{name}: {one['value']!r} is no {one['value_type']}"
                if str(UUID(one["id"])) != one["id"]:
                    yield f"{space}.{name}: its id is no UUID"
        if self.kept["conversation"] and not self.chat:
            yield "only a Chatflow has a conversation"

    def _list(self, node: str, data: Document) -> Iterator[str]:
        kind = self.variable(data["variable"], node)
        if kind != data["var_type"] or kind != f"array[{data['item_var_type']}]":
            yield f"{node}: the list is {kind}, not {data['var_type']}"

    def _assignments(self, node: str, data: Document) -> Iterator[str]:
        if data["version"] != "2":
            yield f"{node}: only version 2 has items"
        for item in data["items"]:
            target, source = item["variable_selector"], item["value"]
            if (item["input_type"], item["operation"]) != ("variable", "over-write"):
                yield f"{node}: {item['operation']} of a {item['input_type']}"
            if target[0] != "conversation":
                yield f"{node}: {'.'.join(target)} cannot be written"
            kinds = self.variable(target, node), self.variable(source, node)
            if kinds[0] != kinds[1]:
                yield f"{node}: {'.'.join(target)} is {kinds[0]} and cannot take {kinds[1]}"

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
        for item in data.get("items", []):
            yield from (item["variable_selector"], item["value"])
        if data["type"] == "list-operator":
            yield data["variable"]
        if data.get("vision", {}).get("enabled"):
            yield data["vision"]["configs"]["variable_selector"]

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
                elif parameter["type"] not in ("string", "select", "number"):
                    yield f"{where}: {parameter['type']} cannot take a template"
        # Required to Dify is none, so that agents get the tools; to the plugin these are.
        for name in {"image", "images", "control_image", "prompt"} & parameters.keys():
            if name not in data["tool_parameters"]:
                yield f"{node}: {name} is missing"
        for name, parameter in parameters.items():
            chosen = parameter["form"] == "form" and parameter["type"] == "select"
            if chosen and "default" in parameter and name not in data["tool_configurations"]:
                yield f"{node}: {name} has no value"


def complaints_of_agent(document: Document) -> Iterator[str]:
    """What is wrong with the tools of an Agent app."""
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
            if parameter["type"] in ("file", "files") and parameter.get("required"):
                yield f"{where}: classic agents drop a tool that requires a file ({name})"
            requested = parameter["form"] == "llm" or "default" in parameter
            if requested and name not in use["tool_parameters"]:
                yield f"{where}: {name} is missing"


def complaints(document: Document) -> list[str]:
    """Return everything that is wrong with an app."""
    if document["app"]["mode"] == "agent-chat":
        return list(complaints_of_agent(document))
    return list(Graph(document).complaints())
