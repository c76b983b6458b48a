"""One running request to a plugin: collects its messages until it ends."""

from __future__ import annotations

import base64
import time
import uuid
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Event
from typing import Any

from devkit.host.results import Message, PluginError, Timings, ToolFile, ToolResult


@dataclass(slots=True)
class _PartialFile:
    """A file of which some chunks have arrived."""

    size: int = 0
    count: int = 0
    chunks: list[bytes] = field(default_factory=list)


class Call:
    """A request that was sent; several may be under way at once.

    Args:
        keep_data: Whether the bytes of files are kept, or counted only.

    Attributes:
        session_id: Names it in the protocol.
        messages: All that came so far, but of a file only the closing chunk.
    """

    def __init__(self, *, keep_data: bool = True) -> None:
        self.session_id = uuid.uuid4().hex
        self.messages: list[Message] = []
        self._keep_data = keep_data
        self._files: list[ToolFile] = []
        self._partial: defaultdict[str, _PartialFile] = defaultdict(_PartialFile)
        self._failure: Exception | None = None
        self._ended = Event()
        self._began = time.perf_counter()
        self._timings = Timings()

    @property
    def over(self) -> bool:
        """Whether the plugin has ended the request."""
        return self._ended.is_set()

    def wait(self, timeout: float | None = None) -> ToolResult:
        """Wait for the end and return what came.

        Raises:
            PluginError: The plugin reported an error.
            PluginDied: Its process ended before the request did.
            TimeoutError: It took longer than ``timeout`` seconds; it goes on in the plugin.
        """
        if not self._ended.wait(timeout):
            raise TimeoutError(f"The plugin has not ended the request within {timeout:g} s.")
        if self._failure:
            raise self._failure
        bodies: dict[str | None, list[Any]] = defaultdict(list)
        for message in self.messages:
            bodies[message.get("type")].append(message.get("message"))
        return ToolResult(
            texts=tuple(body["text"] for body in bodies["text"]),
            jsons=tuple(body["json_object"] for body in bodies["json"]),
            variables={
                body["variable_name"]: body["variable_value"] for body in bodies["variable"]
            },
            files=tuple(self._files),
            timings=self._timings,
            raw_messages=tuple(self.messages),
        )

    def receive(self, kind: str, data: Mapping[str, Any]) -> str:
        """Take in one message of this session and return how it violates the protocol, or ""."""
        now = time.perf_counter() - self._began
        match kind:
            case "stream":
                if data.get("type") == "blob_chunk":
                    return self._receive_chunk(data, now)
                self.messages.append(data)
            case "error":
                self._failure = PluginError(
                    data.get("error_type", ""), data.get("message", ""), data.get("args")
                )
            case "end":
                self._timings.end = now
                self._ended.set()
                # Of a call that failed Dify drops all that came, half a file too.
                if self._partial and not self._failure:
                    return f"{len(self._partial)} files never got their closing chunk"
            case _:
                return f"message of the unknown type {kind!r}"
        return ""

    def fail(self, failure: Exception) -> None:
        """End the request from the host's side."""
        self._failure = failure
        self._ended.set()

    def _receive_chunk(self, message: Message, now: float) -> str:
        if self._timings.first_blob_chunk is None:
            self._timings.first_blob_chunk = now
        chunk = message["message"]
        file = self._partial[chunk["id"]]
        problem = ""
        if chunk["sequence"] != file.count:
            problem = f"chunk {chunk['sequence']} of a file where {file.count} was due"
        encoded: str = chunk["blob"]
        file.count += 1
        file.size += len(encoded) * 3 // 4 - encoded[-2:].count("=")
        if self._keep_data:
            file.chunks.append(base64.b64decode(encoded))
        if chunk["end"]:
            del self._partial[chunk["id"]]
            if file.size != chunk["total_length"]:
                problem = f"a file of {chunk['total_length']} bytes came as {file.size}"
            meta = message.get("meta") or {}
            names = meta.get("mime_type", ""), meta.get("filename", "")
            self._files.append(ToolFile(b"".join(file.chunks), file.size, *names, meta))
            self.messages.append(message)
        return problem
