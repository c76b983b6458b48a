"""What comes back from a plugin, as Dify would see it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Message = Mapping[str, Any]
"""One message of a session: ``{"type": "text", "message": {…}, "meta": …}``."""


class PluginError(Exception):
    """The plugin ended an invocation with an error.

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


class PluginDied(Exception):
    """The plugin's process ended, or never wrote its first line; the text holds its last words."""


@dataclass(frozen=True, slots=True)
class ToolFile:
    """A file put together from its blob chunks."""

    data: bytes  # empty when the host discards them
    size: int  # number of bytes, whether they were kept or not
    mime_type: str  # as the tool reports it, or ""
    filename: str  # as the tool reports it, or ""


@dataclass(frozen=True, slots=True)
class ToolResult:
    """All that an invocation yielded, in order."""

    text: str  # all texts, as a tool node of a workflow joins them
    jsons: tuple[Any, ...]
    variables: Mapping[str, Any]  # of the output schema; the last value of each
    files: tuple[ToolFile, ...]  # in the order in which they were complete
    raw_messages: tuple[Message, ...]  # as the plugin sent them; of a file the closing chunk
    seconds: float  # from the request to the end
    first_chunk: float | None = None  # seconds to the first blob chunk
