"""One running request to a plugin: collects its messages until it ends."""

from __future__ import annotations

import base64
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Event
from typing import Any

from devkit.host.results import Message, PluginError, Timings, ToolFile, ToolResult


@dataclass(slots=True)
class _Blob:
    """A file of which some chunks have arrived."""

    total: int
    size: int = 0
    chunks: list[bytes] = field(default_factory=list)
    count: int = 0


class Call:
    """A request that was sent; several may be on their way at once.

    Args:
        session_id: Names it in the protocol.
        keep_data: Whether the bytes of files are kept, or counted only.
    """

    def __init__(self, session_id: str, *, keep_data: bool = True) -> None:
        self.session_id = session_id
        self.messages: list[Message] = []
        self.files: list[ToolFile] = []
        self._keep = keep_data
        self._blobs: dict[str, _Blob] = {}
        self._failure: Exception | None = None
        self._over = Event()
        self._began = time.perf_counter()
        self._first_message: float | None = None
        self._first_blob_chunk: float | None = None
        self._last_blob_chunk: float | None = None
        self._end = 0.0

    @property
    def over(self) -> bool:
        """Whether the plugin has ended the request."""
        return self._over.is_set()

    def wait(self, timeout: float | None = None) -> ToolResult:
        """Wait for the end and hand out what came.

        Raises:
            PluginError: The plugin reported an error.
            PluginDied: Its process ended before the request did.
            TimeoutError: It took longer than ``timeout`` seconds; it goes on in the plugin.
        """
        if not self._over.wait(timeout):
            raise TimeoutError(f"The plugin has not ended the request within {timeout:g} s.")
        if self._failure:
            raise self._failure
        reported = [(message.get("type"), message.get("message")) for message in self.messages]
        return ToolResult(
            texts=tuple(body["text"] for kind, body in reported if kind == "text" and body),
            jsons=tuple(body["json_object"] for kind, body in reported if kind == "json" and body),
            variables={
                body["variable_name"]: body["variable_value"]
                for kind, body in reported
                if kind == "variable" and body
            },
            files=tuple(self.files),
            timings=Timings(
                self._first_message, self._first_blob_chunk, self._last_blob_chunk, self._end
            ),
            raw_messages=tuple(self.messages),
        )

    def take(self, kind: str, data: Mapping[str, Any]) -> str:
        """Take in one message of this session; called by the host's reader.

        Returns:
            What is wrong with the message by the protocol, or "".
        """
        now = time.perf_counter() - self._began
        match kind:
            case "stream":
                if self._first_message is None:
                    self._first_message = now
                if data.get("type") == "blob_chunk":
                    return self._take_chunk(data, now)
                self.messages.append(data)
            case "error":
                self._failure = PluginError(
                    str(data.get("error_type", "")),
                    str(data.get("message", "")),
                    data.get("args"),
                )
            case "end":
                self._end = now
                self._over.set()
                # Of a call that failed Dify drops all that came, half a file too.
                if self._blobs and not self._failure:
                    return f"{len(self._blobs)} files never got their closing chunk"
            case _:
                return f"message of the unknown type {kind!r}"
        return ""

    def fail(self, failure: Exception) -> None:
        """End the request from the host's side."""
        self._failure = failure
        self._over.set()

    def _take_chunk(self, message: Message, now: float) -> str:
        if self._first_blob_chunk is None:
            self._first_blob_chunk = now
        self._last_blob_chunk = now
        chunk = message["message"]
        blob = self._blobs.setdefault(chunk["id"], _Blob(chunk["total_length"]))
        text: str = chunk["blob"]
        problem = ""
        if chunk["sequence"] != blob.count:
            problem = f"chunk {chunk['sequence']} of a file where {blob.count} was due"
        blob.count += 1
        blob.size += len(text) * 3 // 4 - text[-2:].count("=")
        if self._keep:
            blob.chunks.append(base64.b64decode(text))
        if chunk["end"]:
            del self._blobs[chunk["id"]]
            if blob.size != blob.total:
                problem = f"a file of {blob.total} bytes came as {blob.size}"
            meta = message.get("meta") or {}
            self.files.append(
                ToolFile(
                    data=b"".join(blob.chunks),
                    size=blob.size,
                    mime_type=meta.get("mime_type", ""),
                    filename=meta.get("filename", ""),
                    meta=meta,
                )
            )
            self.messages.append(message)
        return problem
