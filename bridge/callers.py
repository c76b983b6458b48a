"""The caller of a tool: a node of a workflow, a classic agent, or the agent of Dify 1.16.

No caller identifies itself, so it is recognised by the ids of its session and by the parameters
that arrive. How callers differ was observed in Dify 1.13 and 1.16.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, NamedTuple

from dify_plugin import Tool
from dify_plugin.file.file import File

from sdwebui.parameter_checks import Parameters


class Kind(Enum):
    """The kind of a caller, by what it can show and pass on."""

    NODE = "a workflow or chatflow node: files, JSON and variables"
    AGENT = "a classic agent or an Agent node: files and text, but no file as a parameter"
    NEW_AGENT = "the agent of Dify 1.16 and later: text only; files go by reference"


class Owner(NamedTuple):
    """The owner of kept images: a user, in the app and conversation if these are known."""

    user: str
    app: str
    conversation: str


@dataclass(frozen=True, slots=True)
class Caller:
    """The caller of a tool.

    Attributes:
        kind: What it is.
        owner: Who may use its images again.
    """

    kind: Kind
    owner: Owner


def caller_of(tool: Tool, given: Mapping[str, Any], kind: type[Parameters]) -> Caller:
    """Return the caller of a tool.

    Args:
        tool: The SDK's tool of this call.
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
    # without a default. Tools without such a setting make no images, so the kind does not matter.
    blank = {name for name in kind.SETTINGS if not _has_default(kind, name)}
    # Of the agents only the new one hands over files.
    has_file = any(isinstance(item, File) for value in given.values() for item in _items(value))
    is_new = has_file or blank - given.keys()
    return Caller(Kind.NEW_AGENT if is_new else Kind.AGENT, owner)


def _items(value: Any) -> list[Any]:
    """Return a list as it is, and any other value as a list of one."""
    return value if isinstance(value, list) else [value]


def _has_default(kind: type[Parameters], name: str) -> bool:
    """Return whether a parameter has a default that is not blank."""
    default: Any = kind.model_fields[name].get_default(call_default_factory=True)
    return default not in (None, "", ())
