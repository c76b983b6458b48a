"""One running request to a plugin: collects its messages until it ends."""

from __future__ import annotations

import base64
import time
import uuid
from collections import defaultdict
from collections.abc import Mapping
from threading import Event
from typing import Any

from devkit.host.results import Message, PluginError, ToolFile, ToolResult


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
        self._chunks: dict[str, list[str]] = defaultdict(list)
        self._failure: Exception | None = None
        self._ended = Event()
        self._began = time.perf_counter()
        self._seconds = 0.0
        self._first_chunk: float | None = None

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
            text="".join(body["text"] for body in bodies["text"]),
            jsons=tuple(body["json_object"] for body in bodies["json"]),
            variables={
                body["variable_name"]: body["variable_value"] for body in bodies["variable"]
            },
            files=tuple(self._files),
            raw_messages=tuple(self.messages),
            seconds=self._seconds,
            first_chunk=self._first_chunk,
        )

    def receive(self, kind: str, data: Mapping[str, Any]) -> str:
        """Take in one message of this session and return how it violates the protocol, or ""."""
        match kind:
            case "stream":
                if data.get("type") == "blob_chunk":
                    return self._receive_chunk(data)
                self.messages.append(data)
            case "error":
                self._failure = PluginError(
                    data.get("error_type", ""), data.get("message", ""), data.get("args")
                )
            case "end":
                self._seconds = time.perf_counter() - self._began
                self._ended.set()
                # Of a call that failed Dify drops all that came, half a file too.
                if self._chunks and not self._failure:
                    return f"{len(self._chunks)} files never got their closing chunk"
            case _:
                return f"message of the unknown type {kind!r}"
        return ""

    def fail(self, failure: Exception) -> None:
        """End the request from the host's side."""
        self._failure = failure
        self._ended.set()

    def _receive_chunk(self, message: Message) -> str:
        if self._first_chunk is None:
            self._first_chunk = time.perf_counter() - self._began
        chunk = message["message"]
        chunks = self._chunks[chunk["id"]]
        problem = ""
        if chunk["sequence"] != len(chunks):
            problem = f"chunk {chunk['sequence']} of a file where {len(chunks)} was due"
        chunks.append(chunk["blob"])
        if chunk["end"]:
            del self._chunks[chunk["id"]]
            size = sum(len(each) * 3 // 4 - each[-2:].count("=") for each in chunks)
            if size != chunk["total_length"]:
                problem = f"a file of {chunk['total_length']} bytes came as {size}"
            data = b"".join(map(base64.b64decode, chunks)) if self._keep_data else b""
            meta = message.get("meta") or {}
            names = meta.get("mime_type", ""), meta.get("filename", "")
            self._files.append(ToolFile(data, size, *names))
            self.messages.append(message)
        return problem
