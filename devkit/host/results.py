"""What comes back from a plugin, as Dify would see it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Message = Mapping[str, Any]
"""One message of a session: ``{"type": "text", "message": {…}, "meta": …}``."""


class PluginError(Exception):
    """The plugin ended an invocation with an error; devkit.host.error_views has what Dify shows.

    Attributes:
        error_type: Class of the exception raised in the plugin, such as "InvokeBadRequestError".
        message: The exception's text.
        details: The SDK's ``args``: "traceback", and "description" of its own model errors.
    """

    def __init__(
        self, error_type: str, message: str, details: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.error_type = error_type
        self.message = message
        self.details = details or {}

    @property
    def traceback(self) -> str:
        """Where it was raised."""
        return str(self.details.get("traceback", ""))


class PluginDied(Exception):
    """The plugin's process ended, or never said its first line; the text holds its last words."""


@dataclass(frozen=True, slots=True)
class ToolFile:
    """A file put together from its blob chunks.

    Attributes:
        data: The bytes; empty when the host was told to discard them.
        size: Number of bytes, whether they were kept or not.
        mime_type: As the tool says; "" when it says nothing.
        filename: As the tool says; "" when it says nothing.
        meta: Everything that the tool said of the file.
    """

    data: bytes
    size: int
    mime_type: str
    filename: str
    meta: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Timings:
    """Seconds since the request was written; None for what did not come."""

    first_message: float | None
    first_blob_chunk: float | None
    last_blob_chunk: float | None
    end: float


@dataclass(frozen=True, slots=True)
class ToolResult:
    """All that an invocation yielded, in order.

    Attributes:
        texts: Text messages.
        jsons: JSON messages.
        variables: Variables of the output schema; the last value of each.
        files: Files, in the order in which they were complete.
        timings: When it came.
        raw_messages: Every message as the plugin sent it, but of a file only the closing chunk.
    """

    texts: tuple[str, ...]
    jsons: tuple[Any, ...]
    variables: Mapping[str, Any]
    files: tuple[ToolFile, ...]
    timings: Timings
    raw_messages: tuple[Message, ...]

    @property
    def text(self) -> str:
        """All texts, as a tool node of a workflow joins them."""
        return "".join(self.texts)


@dataclass(frozen=True, slots=True)
class Seen:
    """What a user and a model get of an invocation.

    Attributes:
        model_text: What an agent's model reads; "" for a node.
        shown: The images that Dify stores and shows; for one sent as a link its address.
        outputs: A node's output variables; empty for agents.
    """

    model_text: str = ""
    shown: tuple[ToolFile | str, ...] = ()
    outputs: Mapping[str, Any] = field(default_factory=dict)
