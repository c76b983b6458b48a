"""The example apps fit the plugin and Dify, and a broken one is found."""

import re
from collections.abc import Iterable
from typing import Any

import pytest
import yaml

from tests.example_apps import (
    AGENT,
    CHATFLOW,
    EXAMPLES,
    REFERENCE,
    ROOT,
    WORKFLOW,
    complaints,
    declared,
    load,
)


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_icon_is_an_emoji_that_renders(name: str) -> None:
    icon = load(EXAMPLES[name])["app"]["icon"]
    # Characters that are text unless U+FE0F stands behind them were shown as black signs.
    assert icon == "\N{ARTIST PALETTE}" or icon.endswith("\N{VARIATION SELECTOR-16}")


def ends(name: str, kind: str) -> list[dict[str, Any]]:
    """Return the nodes of a kind that an app ends with."""
    nodes = load(EXAMPLES[name])["workflow"]["graph"]["nodes"]
    return [node["data"] for node in nodes if node["data"]["type"] == kind]


def of_tools(name: str, references: Iterable[tuple[str, str]]) -> set[str]:
    """Return the outputs of the app's tools that are among the references."""
    nodes = load(EXAMPLES[name])["workflow"]["graph"]["nodes"]
    tools = {node["id"] for node in nodes if node["data"]["type"] == "tool"}
    return {output for source, output in references if source in tools}


def test_each_answer_of_the_chatflow_shows_images_and_a_sentence() -> None:
    answers = [data["answer"] for data in ends(CHATFLOW, "answer")]
    assert answers
    for answer in answers:
        assert re.search(r"^[A-Z][^{}\n]+\.$", answer, re.MULTILINE)
        assert of_tools(CHATFLOW, REFERENCE.findall(answer)) == {"files", "warnings"}


def test_the_workflow_hands_out_images_and_a_sentence() -> None:
    (end,) = ends(WORKFLOW, "end")
    named = [tuple(one["value_selector"]) for one in end["outputs"]]
    assert "env" in {source for source, _ in named}
    assert of_tools(WORKFLOW, named) == {"files", "warnings"}


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
    # Of 1.13 itself: it warns at an older one, and asks before it takes a newer one.
    assert document["version"] == "0.6.0"
    assert document["dependencies"] == []
    assert {"name", "mode", "icon", "icon_background", "description"} <= set(document["app"])


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_readme_names_the_example(name: str) -> None:
    assert f"]({name})" in (ROOT / "examples" / "README.md").read_text(encoding="utf-8")


def test_the_agent_makes_changes_and_enlarges() -> None:
    config = load(EXAMPLES[AGENT])["model_config"]
    tools = [tool["tool_name"] for tool in config["agent_mode"]["tools"]]
    assert sorted(tools) == [
        "sd_img2img", "sd_inpaint", "sd_list_resources", "sd_outpaint", "sd_txt2img", "sd_upscale",
    ]  # fmt: skip
    assert {*re.findall(r"\bsd_\w+", config["pre_prompt"])} == set(tools)
    going_on = [tool for tool in tools if tool not in ("sd_txt2img", "sd_list_resources")]
    assert all("image_id" in declared(tool) for tool in going_on)
    assert "image_id" in config["pre_prompt"]
    # Uploads would reach no tool of a classic agent.
    assert config["file_upload"]["enabled"] is False


@pytest.mark.parametrize(
    ("name", "old", "new", "words"),
    [
        (WORKFLOW, "/stable_diffusion_webui/", "/other/", "provider_id is"),
        (WORKFLOW, "tool_name: sd_txt2img", "tool_name: sd_img2img", "image is missing"),
        (WORKFLOW, "tool_name: sd_txt2img", "tool_name: txt2img", "no tool txt2img"),
        (WORKFLOW, "image_count: {", "count: {", "no such parameter"),
        (WORKFLOW, "[start, image_count]", "[start, prompt]", "number cannot take string"),
        (WORKFLOW, "[txt2img, warnings]", "[txt2img, warning]", "cannot see txt2img.warning"),
        (WORKFLOW, '"array[string]"', "string", "warnings is array[string], not string"),
        (WORKFLOW, "value: original", "value: gif", "is no option"),
        (WORKFLOW, "output_format: {", "size: {", "output_format has no value"),
        (WORKFLOW, "{{#start.prompt#}}", "{{#sys.query#}}", "cannot see sys.query"),
        (WORKFLOW, "output_format: {", "seed: {", "a llm parameter stands in"),
        (WORKFLOW, "source: start\n", "source: begin\n", "no node begin"),
        (WORKFLOW, "[env, message]", "[env, sentence]", "cannot see env.sentence"),
        (WORKFLOW, "tool_label: Text to image", "tool_label: txt2img", "tool_label is"),
        (CHATFLOW, "value: 0.6", "value: 6", "out of range"),
        (CHATFLOW, "[upload, first_record]", "[upload, result]", "file cannot take array[file]"),
        (CHATFLOW, "[upload, first_record]", "[conversation, last_prompt]", "cannot take string"),
        (CHATFLOW, "{{#compose.text#}}", "{{#look.text#}}", "cannot see look.text"),
        (CHATFLOW, 'sourceHandle: "false"', 'sourceHandle: "true"', "uploaded goes on by"),
        (CHATFLOW, "targetType: list-operator", "targetType: llm", "targetType is not"),
        (CHATFLOW, "value_type: number", "value_type: file", "Dify remembers no file"),
        (CHATFLOW, "value: -1", 'value: "-1"', "is no number"),
        (CHATFLOW, "[made_seed, first_record]", "[compose, text]", "cannot take string"),
        (CHATFLOW, "variable: [txt2img, seeds]", "variable: [txt2img, files]", "the list is"),
        (CHATFLOW, "operation: over-write", "operation: append", "append of a variable"),
        (CHATFLOW, "conversation.last_prompt#", "conversation.prompt#", "cannot see conversation"),
        (AGENT, 'scale: ""', "scale: 2", "the model fills it"),
        (AGENT, "resize_mode: crop", "resize_mode: cut", "is no option"),
        (AGENT, "mask_blur: 4", "mask_blur: 400", "out of range"),
        (AGENT, 'image_id: ""', "", "image_id is missing"),
        (AGENT, "tool_label: Upscale image", "tool_label: Enlarge", "tool_label is"),
    ],
)
def test_a_broken_example_is_found(name: str, old: str, new: str, words: str) -> None:
    text = EXAMPLES[name].read_text(encoding="utf-8")
    assert old in text
    found = complaints(yaml.safe_load(text.replace(old, new)))
    assert any(words in one for one in found), found
