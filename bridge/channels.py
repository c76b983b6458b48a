"""How an image gets to its viewer, for each kind of caller."""

import base64
import json
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import IO

from dify_plugin import Tool
from dify_plugin.entities.tool import ToolInvokeMessage

from bridge.blobs import Blob
from bridge.callers import Caller, Kind
from bridge.image_store import KeptImage, images

_SHOW_IT = (
    "The user sees an image only when you copy its line that begins with ![ unchanged, alone on a "
    "line, into your answer."
)

_IN_MEMORY = 64 * 1024
"""Bytes of an image that needs no disk."""

_UPLOAD_ADDRESS = "FILES_URL (or INTERNAL_FILES_URL) must be set in Dify."
_UPLOAD_REFUSED = "Dify did not take the upload. Its log says why; try again."


class Channel(ABC):
    """Takes the images of one call, one at a time, and names them once their seeds are known."""

    @abstractmethod
    def take(self, blob: Blob, data: bytes, stem: str) -> Iterator[ToolInvokeMessage]:
        """Take an image over; nothing of it stays in memory."""

    @abstractmethod
    def finish(self, stems: list[str]) -> Iterator[ToolInvokeMessage]:
        """Give the images their names, in their order."""

    def notes(self, remake: list[str]) -> list[str]:  # noqa: ARG002
        """Return what the caller's model has to know of the images.

        Args:
            remake: How to make each again, as half a sentence.
        """
        return []


class Files(Channel):
    """Files, for a workflow or chatflow node."""

    def __init__(self) -> None:
        self._blobs: list[Blob] = []

    def take(self, blob: Blob, data: bytes, stem: str) -> Iterator[ToolInvokeMessage]:
        """Hand it over while the next one is awaited; only its last, empty chunk waits."""
        self._blobs.append(blob)
        return blob.chunks(data, stem)

    def finish(self, stems: list[str]) -> Iterator[ToolInvokeMessage]:
        """End each file."""
        for blob, stem in zip(self._blobs, stems, strict=True):
            yield blob.end(stem)


class KeptFiles(Files):
    """Files that are shown in the chat, each also kept under an id that the model can repeat."""

    def __init__(self, caller: Caller) -> None:
        super().__init__()
        self._owner = caller.owner
        self._kept: list[KeptImage | None] = []

    def take(self, blob: Blob, data: bytes, stem: str) -> Iterator[ToolInvokeMessage]:
        """Hand it over, and keep it."""
        self._kept.append(images.keep(self._owner, data))
        return super().take(blob, data, stem)

    def notes(self, remake: list[str]) -> list[str]:
        """Return the ids."""
        for image, words in zip(self._kept, remake, strict=True):
            if image:
                image.remake = words
        ids = [image.name for image in self._kept if image]
        if not ids:
            return []
        return [f"Image id{'s' if len(ids) > 1 else ''} for other tools: {', '.join(ids)}."]


class Uploads(Channel):
    """Files that are uploaded to Dify and shown by a line of Markdown in the model's answer.

    A blob would land as text in the context of the new agent's model, and nobody would see it.
    """

    def __init__(self, tool: Tool) -> None:
        self._tool = tool
        self._waiting: list[tuple[Blob, IO[bytes]]] = []
        self._lines: list[str] = []

    def take(self, blob: Blob, data: bytes, stem: str) -> Iterator[ToolInvokeMessage]:  # noqa: ARG002
        """Put it aside on the disk until its seed is known."""
        file = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 - closed when uploaded
        try:
            file.write(data)
            file.flush()
        except OSError:
            # A full disk: it has cost GPU time, so it stays in memory.
            file = tempfile.SpooledTemporaryFile()  # noqa: SIM115
            file.write(data)
        self._waiting.append((blob, file))
        return iter(())

    def finish(self, stems: list[str]) -> Iterator[ToolInvokeMessage]:
        """Upload each."""
        for (blob, file), stem in zip(self._waiting, stems, strict=True):
            with file:
                file.seek(0)
                self._lines += self._upload(blob.filename(stem), file.read(), blob.kind.mime_type)
        yield from ()

    def _upload(self, filename: str, data: bytes, mime_type: str) -> list[str]:
        try:
            done = self._tool.session.file.upload(filename, data, mime_type)
        except Exception as error:  # noqa: BLE001 - of the SDK, which raises what it likes; images are paid for
            done, fault = None, str(error)
        else:
            fault = ""
        if done is None or not done.preview_url:
            return [
                f"{filename} was made but could not be uploaded to Dify, so the user cannot see "
                f"it: {_UPLOAD_ADDRESS if 'Invalid URL' in fault else _UPLOAD_REFUSED}"
            ]
        reference = {"transfer_method": "tool_file", "reference": _reference(done.id)}
        return [
            f"![{filename}]({done.preview_url})",
            f"Other tools take this image as {json.dumps(reference)}",
        ]

    def notes(self, remake: list[str]) -> list[str]:  # noqa: ARG002
        """Return the Markdown lines and references, and what to do with them."""
        return (
            [_SHOW_IT, *self._lines] if any(line[0] == "!" for line in self._lines) else self._lines
        )


def _reference(file_id: str) -> str:
    """Return how Dify's new agent names one of its files to a tool."""
    record = json.dumps({"record_id": file_id}, separators=(",", ":"))
    return f"dify-file-ref:{base64.urlsafe_b64encode(record.encode()).decode()}"


def channel_for(tool: Tool, caller: Caller) -> Channel:
    """Return the way that images take to a caller."""
    match caller.kind:
        case Kind.NODE:
            return Files()
        case Kind.AGENT:
            return KeptFiles(caller)
        case Kind.NEW_AGENT:
            return Uploads(tool)
