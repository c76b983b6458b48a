"""Who calls a tool: a node of a workflow, one of two kinds of agent that show files, or a new one.

Nothing else in the plugin knows of this. How they are told apart, and what works for each, was seen
in Dify 1.13 and 1.16: no caller says what it is, so the ids of its session and the parameters that
arrive must tell.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, NamedTuple

from dify_plugin import Tool
from dify_plugin.file.file import File

from sdwebui.parameter_checks import Parameters


class Kind(Enum):
    """What the caller can do with what a tool hands over."""

    NODE = "a workflow or chatflow node: files, JSON and variables"
    AGENT = "a classic agent or an Agent node: files and text, but no file as a parameter"
    NEW_AGENT = "the agent of Dify 1.16 and later: text only; files go by reference"


class Owner(NamedTuple):
    """Whose images are kept: a user, in the app and conversation where these are known."""

    user: str
    app: str
    conversation: str


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, and who it is for."""

    kind: Kind
    owner: Owner


def caller_of(tool: Tool, given: Mapping[str, Any], kind: type[Parameters]) -> Caller:
    """Return who calls a tool.

    Args:
        tool: As the SDK made it for this call.
        given: The parameters that arrived, blank ones included.
        kind: The tool's parameters.
    """
    session = tool.session
    owner = Owner(
        str(tool.runtime.user_id or ""),
        str(session.app_id or ""),
        str(session.conversation_id or ""),
    )
    if session.message_id:
        return Caller(Kind.AGENT, owner)
    if session.app_id:
        return Caller(Kind.NODE, owner)
    # An Agent node hands over blank settings as None, "" or False; the new agent leaves out those
    # without a default. A tool without such a setting makes no images, so it need not know.
    blank = {name for name in kind.SETTINGS if not _has_default(kind, name)}
    # Only the new agent hands over files.
    has_file = any(isinstance(one, File) for value in given.values() for one in _each(value))
    new = has_file or blank - given.keys()
    return Caller(Kind.NEW_AGENT if new else Kind.AGENT, owner)


def _each(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _has_default(kind: type[Parameters], name: str) -> bool:
    default: Any = kind.model_fields[name].get_default(call_default_factory=True)
    return default not in (None, "", ())
