"""The example apps at work: their nodes and tools run as Dify would run them, on a simulated WebUI.

Only language models are left out; what they would say is given.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from devkit.host import PluginHost
from devkit.host.callers import Caller, ChatflowNode, ClassicAgent, WorkflowNode
from devkit.host.results import ToolFile
from devkit.simulator import Simulator
from tests.example_apps import AGENT, CHATFLOW, EXAMPLES, REFERENCE, WORKFLOW, declared, load
from tests.result_views import seen_by

PROVIDER = "stable_diffusion"
Outputs = dict[str, Any]


@pytest.fixture(scope="module")
def sim() -> Iterator[Simulator]:
    with Simulator() as sim:
        yield sim


class Run:
    """One run of a Workflow or Chatflow."""

    def __init__(self, app: str, plugin: PluginHost, sim: Simulator, caller: Caller) -> None:
        workflow = load(EXAMPLES[app])["workflow"]
        self._nodes = {node["id"]: node["data"] for node in workflow["graph"]["nodes"]}
        self._edges = workflow["graph"]["edges"]
        self.kept: dict[str, Outputs] = {
            space: {one["name"]: one["value"] for one in workflow[f"{key}_variables"]}
            for space, key in (("conversation", "conversation"), ("env", "environment"))
        }
        self._plugin, self._sim, self._caller = plugin, sim, caller
        self.pool: dict[str, Outputs] = {}

    def go(self, says: Mapping[str, str], **given: Outputs) -> Outputs:
        """Run it; ``says`` is what each language model says, ``given`` what users give.

        Returns:
            What the end or the answer hands out.
        """
        self.pool = {**self.kept, **given}
        node = next(id_ for id_, data in self._nodes.items() if data["type"] == "start")
        while True:
            data, handle = self._nodes[node], "source"
            match data["type"]:
                case "end":
                    return {
                        one["variable"]: self._value(one["value_selector"])
                        for one in data["outputs"]
                    }
                case "answer":
                    return {"answer": self._filled(data["answer"]), **self._files(data["answer"])}
                case "if-else":
                    condition = data["cases"][0]["conditions"][0]
                    assert condition["comparison_operator"] == "not empty"
                    handle = "true" if self._value(condition["variable_selector"]) else "false"
                case "list-operator":
                    self.pool[node] = {"first_record": self._value(data["variable"])[0]}
                case "assigner":
                    for item in data["items"]:
                        space, name = item["variable_selector"]
                        self.kept[space][name] = self._value(item["value"])
                case "llm":
                    # Its prompt can be filled in.
                    assert all(self._filled(one["text"]) for one in data["prompt_template"])
                    self.pool[node] = {"text": says[node]}
                case "tool":
                    self.pool[node] = self._call(data)
            edges = [one for one in self._edges if one["source"] == node]
            node = next(one["target"] for one in edges if one["sourceHandle"] == handle)

    def _call(self, data: Mapping[str, Any]) -> Outputs:
        both = {**data["tool_parameters"], **data["tool_configurations"]}
        values = {
            name: self._value(one["value"])
            if one["type"] == "variable"
            else self._filled(str(one["value"]))
            for name, one in both.items()
        }
        result = self._plugin.invoke(
            PROVIDER, data["tool_name"], {"base_url": self._sim.url}, values, caller=self._caller
        )
        outputs = dict(seen_by(self._caller, result).outputs)
        outputs["files"] = list(result.files)
        return outputs

    def _value(self, selector: list[str]) -> Any:
        source, name = selector
        return self.pool[source][name]

    def _filled(self, template: str) -> str:
        def text(source: str, name: str) -> str:
            value = self._value([source, name])
            return "" if value in ("", [], None) else str(value)

        return REFERENCE.sub(lambda found: text(found[1], found[2]), template)

    def _files(self, answer: str) -> Outputs:
        sources = [source for source, name in REFERENCE.findall(answer) if name == "files"]
        return {"files": [file for source in sources for file in self.pool[source]["files"]]}


def prompts(sim: Simulator) -> list[str]:
    return [one["body"]["prompt"] for one in generations(sim)]


def generations(sim: Simulator) -> list[dict[str, Any]]:
    paths = ("/txt2img", "/img2img")
    return [one for one in sim.journal() if one["path"].endswith(paths)]


def test_the_workflow_makes_what_its_form_asks(plugin: PluginHost, sim: Simulator) -> None:
    run = Run(WORKFLOW, plugin, sim, WorkflowNode(app_id="workflow"))
    form = {"prompt": "a cat", "negative_prompt": "", "aspect_ratio": "3:2", "image_count": 2}
    outputs = run.go({}, start=form)
    assert len(outputs["images"]) == 2
    assert outputs["message"].endswith(".")
    assert outputs["warnings"] == []


def test_the_chatflow_remembers_the_last_image(plugin: PluginHost, sim: Simulator) -> None:
    sim.reset()
    run = Run(CHATFLOW, plugin, sim, ChatflowNode(app_id="chatflow"))
    day = run.go({"compose": "a harbour"}, sys={"query": "a harbour", "files": []})
    seed = run.kept["conversation"]["last_seed"]
    assert run.kept["conversation"]["last_prompt"] == "a harbour"
    assert seed >= 0
    night = run.go({"compose": "a harbour at night"}, sys={"query": "now at night", "files": []})
    assert [one["body"]["seed"] for one in generations(sim)] == [seed, seed]
    assert prompts(sim) == ["a harbour", "a harbour at night"]
    assert [file.filename for file in night["files"]] == [f"txt2img-{seed}.png"]
    assert "steps" not in day["answer"]


def test_the_chatflow_changes_an_uploaded_image(plugin: PluginHost, sim: Simulator) -> None:
    run = Run(CHATFLOW, plugin, sim, ChatflowNode(app_id="chatflow"))
    made = run.go({"compose": "a harbour"}, sys={"query": "a harbour", "files": []})
    sim.reset()
    upload = plugin.files.add(made["files"][0].data, "mine.png")
    says = {"look": "a harbour in snow"}
    changed = run.go(says, sys={"query": "let it snow", "files": [upload]})
    (sent,) = generations(sim)
    assert sent["path"].endswith("/img2img")
    assert prompts(sim) == ["a harbour in snow"]
    assert len(changed["files"]) == 1
    assert run.kept["conversation"]["last_prompt"] == "a harbour in snow"


class Studio:
    """A conversation with the Agent: each call is one that its model makes."""

    def __init__(self, plugin: PluginHost, sim: Simulator) -> None:
        uses = load(EXAMPLES[AGENT])["model_config"]["agent_mode"]["tools"]
        self._settings = {
            use["tool_name"]: {
                name: value
                for name, value in use["tool_parameters"].items()
                if declared(use["tool_name"])[name]["form"] == "form"
            }
            for use in uses
        }
        self._plugin, self._sim = plugin, sim
        self._caller = ClassicAgent(app_id="agent")

    def call(self, tool: str, **given: Any) -> tuple[str, list[ToolFile]]:
        """Return what the model reads, and the images that the user sees."""
        credentials = {"base_url": self._sim.url}
        result = self._plugin.invoke(
            PROVIDER, tool, credentials, given, caller=self._caller, settings=self._settings[tool]
        )
        seen = seen_by(self._caller, result)
        return seen.model_text, [file for file in seen.shown if isinstance(file, ToolFile)]


def test_the_agent_goes_on_with_its_images(plugin: PluginHost, sim: Simulator) -> None:
    studio = Studio(plugin, sim)
    text, (made,) = studio.call("sd_txt2img", prompt="a harbour")
    name = text[text.index("img-") :].split(".")[0]
    _, (red,) = studio.call(
        "sd_inpaint", prompt="red sky over a harbour", image_id=name, mask_area="0, 0, 100, 40"
    )
    _, (snow,) = studio.call("sd_img2img", prompt="a harbour in snow", image_id="last")
    _, (wide,) = studio.call("sd_outpaint", prompt="a harbour", image_id="last", expand_left=64)
    _, (large,) = studio.call("sd_upscale", image_id="last", scale=2)
    assert len({made.data, red.data, snow.data, wide.data, large.data}) == 5
    text, shown = studio.call("sd_list_resources", kind="models")
    assert "dreamshaper" in text
    assert shown == []
