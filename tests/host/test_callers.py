"""Each kind of caller hands the tool, the model and the user what Dify's own would."""

from dataclasses import replace
from typing import Any

import pytest

from devkit.host import (
    Agent,
    AgentNode,
    Caller,
    ChatflowNode,
    ClassicAgent,
    NewAgent,
    NotCalled,
    PluginHost,
    ToolResult,
    WorkflowNode,
)
from tests.host.fixture import CREDENTIALS, act, echo
from tests.result_views import IMAGE_SENTENCE, seen_by

OLD_AGENTS = [ClassicAgent(), AgentNode()]


@pytest.mark.parametrize(
    ("caller", "passed"),
    [
        (WorkflowNode(), ["app_id"]),
        (ChatflowNode(), ["app_id", "conversation_id"]),
        (ClassicAgent(), ["app_id", "conversation_id", "message_id"]),
        (AgentNode(), []),
        (NewAgent(), []),
    ],
)
def test_the_session_of_each(host: PluginHost, caller: Caller, passed: list[str]) -> None:
    chosen = replace(caller, app_id="a", conversation_id="c", message_id="m", user_id="u")
    session = act(host, ["session"], caller=chosen).jsons[0]
    assert session.pop("user_id") == "u"
    assert session == {
        name: name[0] if name in passed else None
        for name in ("app_id", "conversation_id", "message_id")
    }


def test_who_names_no_caller_is_a_node_of_an_app(host: PluginHost) -> None:
    call = host.start("fixture", "act", CREDENTIALS, {"script": '[["session"]]'})
    assert call.wait(20).jsons[0]["app_id"]


def test_a_node_hands_over_what_is_mapped_and_set(host: PluginHost) -> None:
    given = {"prompt": "a", "count": "20", "images": [None], "style": None}
    assert echo(host, given, WorkflowNode(), steps=9) == {**given, "steps": 9}


@pytest.mark.parametrize("caller", OLD_AGENTS)
def test_unset_settings_reach_old_agents_blank(host: PluginHost, caller: Caller) -> None:
    assert echo(host, {"prompt": "a"}, caller) == {
        "prompt": "a",
        "style": "",
        "steps": None,
        "tiled": False,
        "format": "png",
    }


@pytest.mark.parametrize("caller", OLD_AGENTS)
def test_settings_reach_old_agents_in_their_types(host: PluginHost, caller: Caller) -> None:
    got = echo(host, {"count": "2"}, caller, style=7, steps="2.5", tiled="no", format="jpeg")
    assert got == {"count": 2, "style": "7", "steps": 2.5, "tiled": False, "format": "jpeg"}


def test_a_false_setting_is_not_replaced_by_a_default(host: PluginHost) -> None:
    got = echo(host, {}, ClassicAgent(), steps=0, tiled=True)
    assert (got["steps"], got["tiled"]) == (0, True)


def test_the_new_agent_leaves_out_what_is_unset(host: PluginHost) -> None:
    assert echo(host, {"prompt": "a"}, NewAgent()) == {"prompt": "a", "count": 1, "format": "png"}


@pytest.mark.parametrize("caller", [*OLD_AGENTS, NewAgent()])
def test_what_the_model_insists_on_wins(host: PluginHost, caller: Agent) -> None:
    with pytest.raises(NotCalled, match=r"echo: the model is not shown steps\."):
        echo(host, {"steps": 5}, caller, steps=9)
    assert echo(host, {"steps": 5}, replace(caller, insists=True), steps=9)["steps"] == 5


@pytest.mark.parametrize("caller", [*OLD_AGENTS, NewAgent()])
@pytest.mark.parametrize("name", ["prompt", "colour"])
def test_only_settings_can_be_set(host: PluginHost, caller: Agent, name: str) -> None:
    with pytest.raises(NotCalled, match=f"echo has no {name} to set"):
        echo(host, {}, caller, **{name: "a"})


@pytest.mark.parametrize("caller", OLD_AGENTS)
def test_old_agents_hide_files(host: PluginHost, caller: Agent) -> None:
    with pytest.raises(NotCalled, match=r"the model is not shown image, images\."):
        echo(host, {"image": "a.png", "images": "b.png"}, caller)
    got = echo(host, {"image": "a.png", "images": "b.png"}, replace(caller, insists=True))
    assert (got["image"], got["images"]) == ("a.png", ["b.png"])


@pytest.mark.parametrize(
    ("caller", "refusal"),
    [
        (ClassicAgent(), "there is not a tool named look"),
        (AgentNode(), "file type parameter image not supported in agent"),
        (
            NewAgent(),
            "tool parameters validation error: tool parameter image not found in tool config, "
            "please check your tool parameters",
        ),
    ],
)
def test_a_tool_that_needs_a_file(host: PluginHost, caller: Caller, refusal: str) -> None:
    with pytest.raises(NotCalled) as caught:
        host.invoke("fixture", "look", CREDENTIALS, {}, caller=caller)
    assert str(caught.value) == refusal


def test_the_new_agent_hands_over_a_users_file(host: PluginHost) -> None:
    given = {"image": host.files.add_for_model(b"a user's", "a.png")}
    image = echo(host, given, NewAgent())["image"]
    assert image.pop("url").startswith("http://127.0.0.1:")
    assert image == {
        "dify_model_identity": "__dify__file__",
        "mime_type": None,
        "filename": None,
        "extension": None,
        "size": -1,
        "type": "custom",
        "text": "a user's",
    }


@pytest.mark.parametrize("mapped", [False, True])
def test_the_new_agent_hands_over_an_address(host: PluginHost, mapped: bool) -> None:
    url = host.files.add(b"a link's", "a.png")["url"]
    value = {"transfer_method": "remote_url", "url": url} if mapped else url
    (image,) = echo(host, {"images": value}, NewAgent())["images"]
    assert (image["url"], image["text"]) == (url, "a link's")
    assert (image["mime_type"], image["extension"]) == ("image/png", ".png")
    assert (image["size"], image["type"]) == (-1, "custom")


@pytest.mark.parametrize(
    "value",
    [
        "",
        "a.png",
        None,
        {"transfer_method": "tool_file", "reference": "dify-file-ref:bm9uZQ=="},
        {"transfer_method": "remote_url", "url": "ftp://a/b.png"},
    ],
)
def test_what_the_new_agent_takes_for_no_file(host: PluginHost, value: Any) -> None:
    with pytest.raises(NotCalled, match="tool parameters validation error: no file"):
        echo(host, {"image": value}, NewAgent())


@pytest.fixture(scope="module")
def image_and_text(fixture_plugin: PluginHost) -> ToolResult:
    return act(fixture_plugin, ["blob", 256, "a.png", "image/png"], ["text", "Made.\n"])


def test_what_a_node_puts_out(host: PluginHost) -> None:
    result = act(
        host,
        ["blob", 256, "a.png", "image/png"],
        ["json", {"größe": [1, "x"]}],
        ["text", "Made.\n"],
        ["variable", "seeds", [1, 2]],
        ["variable", "model", "m"],
    )
    seen = seen_by(WorkflowNode(), result)
    assert seen.model_text == ""
    assert seen.shown == result.files
    assert seen.outputs == {
        "text": "Made.\n",
        "files": list(result.files),
        "json": [{"größe": [1, "x"]}],
        "seeds": [1, 2],
        "model": "m",
    }


def test_a_node_without_json_has_an_empty_one(image_and_text: ToolResult) -> None:
    assert seen_by(WorkflowNode(), image_and_text).outputs["json"] == [{"data": []}]


@pytest.mark.parametrize("caller", OLD_AGENTS)
def test_what_old_agents_see(image_and_text: ToolResult, caller: Caller) -> None:
    seen = seen_by(caller, image_and_text)
    assert seen.model_text == f"{IMAGE_SENTENCE}Made.\n"
    assert seen.shown == image_and_text.files
    assert (len(seen.shown[0].data), seen.shown[0].filename) == (256, "a.png")
    assert seen.outputs == {}


def test_what_a_new_agent_sees(host: PluginHost) -> None:
    seen = seen_by(NewAgent(), act(host, ["text", "Made.\n"], ["text", "![a](http://a/b.png)"]))
    assert seen.model_text == "Made.\n![a](http://a/b.png)"
    assert seen.shown == ()


@pytest.mark.parametrize("caller", [*OLD_AGENTS, NewAgent()])
@pytest.mark.parametrize("step", [["json", {"a": 1}], ["variable", "model", "m"]])
def test_what_no_model_should_read(host: PluginHost, caller: Caller, step: list[Any]) -> None:
    with pytest.raises(ValueError, match=f"would read a {step[0]}"):
        seen_by(caller, act(host, ["text", "a"], step))


def test_no_new_agent_should_read_a_file(image_and_text: ToolResult) -> None:
    with pytest.raises(ValueError, match="would read a blob_chunk"):
        seen_by(NewAgent(), image_and_text)
