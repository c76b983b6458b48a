"""Conversations with agents, and what is read in their answers."""

import io
import itertools
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from PIL import Image

from devkit.host import (
    Agent,
    AgentNode,
    Caller,
    ClassicAgent,
    NewAgent,
    PluginError,
    PluginHost,
    ToolFile,
)
from devkit.simulator import Simulator
from tests.e2e.conftest import PROVIDER, credentials
from tests.result_views import Seen, seen_by

MOST_CHARACTERS = 600
"""Of what a model reads for one image."""

SETTINGS: dict[str, dict[str, Any]] = {
    "sd_txt2img": {"size": "64x64", "steps": 2},
    "sd_img2img": {"steps": 2},
    "sd_inpaint": {"steps": 2},
    "sd_outpaint": {"steps": 2},
    "sd_controlnet": {"size": "64x64", "steps": 2, "control_module": "canny"},
}
"""What the builder of the app has set; all else is blank."""

ID = re.compile(r"img-[0-9a-f]{16}")
OLD_AGENTS = [ClassicAgent, AgentNode]
_users = itertools.count()


@dataclass
class Talk:
    """A conversation of one user with an agent."""

    plugin: PluginHost
    sim: Simulator
    caller: Caller
    access: dict[str, Any] = field(init=False)

    def __post_init__(self) -> None:
        self.access = credentials(self.sim)

    def call(self, tool: str, **given: Any) -> Seen:
        """What is seen of a call with what the model gives."""
        settings = SETTINGS.get(tool, {})
        result = self.plugin.invoke(
            PROVIDER, tool, self.access, given, caller=self.caller, settings=settings
        )
        kinds = {message["type"] for message in result.raw_messages}
        if isinstance(self.caller, NewAgent):
            assert kinds == {"text"}
        elif isinstance(self.caller, Agent):
            assert kinds <= {"text", "blob_chunk"}
        return seen_by(self.caller, result)

    def refusal(self, tool: str, **given: Any) -> str:
        with pytest.raises(PluginError) as caught:
            self.call(tool, **given)
        assert caught.value.error_type == "InvokeBadRequestError"
        return caught.value.message

    def as_other(self, **ids: Any) -> "Talk":
        """The same plugin and server, with another caller."""
        return Talk(self.plugin, self.sim, replace(self.caller, **ids))


Start = Callable[..., Talk]


def starting(plugin: PluginHost, sim: Simulator) -> Start:
    """How conversations begin with this plugin and server; each user is a new one."""

    def start(kind: type[Caller], host: PluginHost = plugin, **ids: Any) -> Talk:
        return Talk(host, sim, kind(**{"user_id": f"agents-{next(_users)}", **ids}))

    return start


def only_file(seen: Seen) -> ToolFile:
    (file,) = seen.shown
    assert isinstance(file, ToolFile)
    return file


def only_id(seen: Seen) -> str:
    (found,) = ID.findall(seen.model_text)
    return str(found)


def size_of(data: bytes) -> tuple[int, int]:
    return Image.open(io.BytesIO(data)).size


def is_same(one: bytes, other: bytes) -> bool:
    """Whether two files show the same; an image changed with strength 0 does."""
    shown = [Image.open(io.BytesIO(data)).convert("RGB").tobytes() for data in (one, other)]
    return shown[0] == shown[1]


def assert_clean(text: str) -> None:
    """One line for a model: no JSON, no variables, no bytes; what Dify adds stands apart."""
    assert text.endswith("\n")
    assert text.count("\n") == 1
    assert not re.search(r"[{}]|variable_|tool response|blob=|\\x|base64", text)
    assert len(text) <= MOST_CHARACTERS
