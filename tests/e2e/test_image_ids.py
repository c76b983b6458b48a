"""Ids of images: which tools take them, and for whom they open something."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from devkit.host import (
    Agent,
    AgentNode,
    Caller,
    ChatflowNode,
    ClassicAgent,
    NewAgent,
    PluginHost,
    WorkflowNode,
)
from devkit.simulator import Simulator
from tests.e2e.conftest import PROVIDER
from tests.e2e.patched import patched
from tests.e2e.talks import (
    ID,
    OLD_AGENTS,
    Start,
    only_file,
    only_id,
    starting,
)


@pytest.fixture
def talk(plugin: PluginHost, sim: Simulator) -> Start:
    """Begin a conversation: ``talk(ClassicAgent)``."""
    return starting(plugin, sim)


@pytest.mark.parametrize("kind", OLD_AGENTS)
@pytest.mark.parametrize(
    ("tool", "given"),
    [
        ("sd_img2img", {"prompt": "a"}),
        ("sd_inpaint", {"prompt": "a", "mask_area": "0, 0, 100, 40"}),
        ("sd_outpaint", {"prompt": "a", "expand_left": 64}),
        ("sd_controlnet", {"prompt": "a"}),
        ("sd_upscale", {}),
        ("sd_caption", {}),
        ("sd_png_info", {}),
    ],
)
def test_every_tool_for_images_takes_an_id(
    talk: Start, kind: type[Agent], tool: str, given: dict[str, Any]
) -> None:
    ann = talk(kind)
    name = only_id(ann.call("sd_txt2img", prompt="a house", seed=5))
    assert ann.call(tool, **given, image_id=name).model_text
    assert ann.refusal(tool, **given, image_id="img-0123456789abcdef") == (
        "image_id: there is no image 'img-0123456789abcdef' in this conversation. Give an id that "
        'a tool named ("img-…"), or "last" for the newest image.'
    )


@pytest.mark.parametrize("kind", OLD_AGENTS)
def test_an_id_and_what_a_builder_has_set_as_blank(talk: Start, kind: type[Agent]) -> None:
    ann = talk(kind)
    ann.call("sd_txt2img", prompt="a house")
    # All settings that nobody filled in arrive as None, "" or False; so may what the model leaves.
    made = ann.call("sd_img2img", prompt="b", negative_prompt="", image_id=" LAST ", model="string")
    assert "Made 1 image: 64×64" in made.model_text


@pytest.mark.parametrize("kind", OLD_AGENTS)
@pytest.mark.parametrize("word", ["", "none", "null"])
def test_no_id_asks_for_one(talk: Start, kind: type[Agent], word: str) -> None:
    assert talk(kind).refusal("sd_img2img", prompt="a", image_id=word) == (
        "image is missing: hand over an image file. An agent whose tools get no files gives "
        "image_id instead."
    )


def other_ids(kind: type[Agent]) -> Iterator[dict[str, str]]:
    yield {"user_id": "agents-somebody-else"}
    if kind is ClassicAgent:
        yield {"app_id": "app-2"}
        yield {"conversation_id": "conversation-2"}


@pytest.mark.parametrize(
    ("kind", "ids"), [(kind, ids) for kind in OLD_AGENTS for ids in other_ids(kind)]
)
def test_the_images_of_others_stay_closed(
    talk: Start, kind: type[Agent], ids: dict[str, str]
) -> None:
    ann = talk(kind)
    name = only_id(ann.call("sd_txt2img", prompt="a house"))
    other = ann.as_other(**ids)
    reported = other.refusal("sd_png_info", image_id=name)
    assert reported.startswith(f"image_id: there is no image '{name}' in this conversation.")
    assert other.refusal("sd_png_info", image_id="last") == (
        "There is no earlier image in this conversation, or it is no longer kept: make one first, "
        "or give the reference that a tool named with it."
    )
    assert ann.call("sd_png_info", image_id=name).model_text.startswith("a house\n")


def test_an_image_that_is_gone_names_its_seed(talk: Start, tmp_path: Path) -> None:
    with patched(tmp_path, "bridge.image_store", "images._most_bytes = 30_000") as host:
        ann = talk(ClassicAgent, host)
        made = ann.call("sd_txt2img", prompt="a house", seed=5)
        size = only_file(made).size
        for _ in range(30_000 // size + 1):
            last = ann.call("sd_txt2img", prompt="another house", seed=6)
        first = only_id(made)
        assert ann.refusal("sd_upscale", image_id=first) == (
            f"The image {first} is no longer kept (2 hours at most, and 256 MB for all). Make it "
            "again with sd_txt2img and seed 5."
        )
        assert ann.call("sd_png_info", image_id=only_id(last)).model_text


@pytest.mark.parametrize("kind", OLD_AGENTS)
def test_a_model_that_fills_a_hidden_file_parameter(talk: Start, kind: type[Agent]) -> None:
    ann = talk(kind)
    name = only_id(ann.call("sd_txt2img", prompt="a house"))
    insists = ann.as_other(insists=True)
    for given in ({"image": name}, {"image": "house.png", "image_id": name}, {"image": "last"}):
        assert insists.call("sd_png_info", **given).model_text.startswith("a house\n")
    assert insists.refusal("sd_png_info", image="house.png") == (
        "image_id: there is no image 'house.png' in this conversation. Give an id that a tool "
        'named ("img-…"), or "last" for the newest image.'
    )


@pytest.mark.parametrize("kind", OLD_AGENTS)
def test_a_model_that_fills_a_hidden_list_of_files(talk: Start, kind: type[Agent]) -> None:
    """Dify makes a list of it."""
    ann = talk(kind)
    name = only_id(ann.call("sd_txt2img", prompt="a house"))
    insists = ann.as_other(insists=True)
    for given in ({"images": name}, {"images": "house.png", "image_id": name}):
        assert "1 enlarged with" in insists.call("sd_upscale", **given).model_text
    assert "image_id" in insists.refusal("sd_upscale", images="house.png")


@pytest.mark.parametrize("kind", [WorkflowNode, ChatflowNode])
def test_nothing_is_kept_for_nodes(talk: Start, kind: type[Caller]) -> None:
    node = talk(kind, conversation_id="")
    made = node.plugin.invoke(
        PROVIDER, "sd_txt2img", node.access, {"prompt": "a", "size": "64"}, caller=node.caller
    )
    assert not ID.search(made.text)
    assert made.jsons
    assert made.variables["seeds"]
    # As an agent of the very same app, user and conversation.
    agent = talk(ClassicAgent, user_id=node.caller.user_id, conversation_id="")
    assert agent.refusal("sd_png_info", image_id="last").startswith("There is no earlier image")


def test_nothing_is_kept_for_the_new_agent(talk: Start) -> None:
    new = talk(NewAgent)
    assert not ID.search(new.call("sd_txt2img", prompt="a house").model_text)
    agent = talk(AgentNode, user_id=new.caller.user_id)
    assert agent.refusal("sd_png_info", image_id="last").startswith("There is no earlier image")


@pytest.mark.parametrize("written", ["{}.", "`{}`", "image {}", "[{}]", "*{}*"])
def test_an_id_is_found_in_what_models_put_around_it(talk: Start, written: str) -> None:
    ann = talk(ClassicAgent)
    name = only_id(ann.call("sd_txt2img", prompt="a house", seed=5))
    assert ann.call("sd_caption", image_id=written.format(name)).model_text


def test_several_ids_are_several_images(talk: Start) -> None:
    ann = talk(ClassicAgent)
    ids = [only_id(ann.call("sd_txt2img", prompt="a house", seed=seed)) for seed in (5, 6)]
    seen = ann.as_other(insists=True).call("sd_upscale", images=ids)
    assert "2 enlarged with" in seen.model_text


def test_a_word_for_nothing_in_a_hidden_file_parameter_is_nothing(talk: Start) -> None:
    ann = talk(ClassicAgent)
    ann.call("sd_txt2img", prompt="a house", seed=5)
    requested = {"prompt": "a", "mask_area": "0, 0, 100, 40", "image_id": "last", "mask": "none"}
    assert ann.as_other(insists=True).call("sd_inpaint", **requested).model_text
