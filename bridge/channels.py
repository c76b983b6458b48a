"""The delivery of images to each kind of caller."""

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

_INSTRUCTION = (
    "The user sees an image only when you copy its line that begins with ![ unchanged, alone on a "
    "line, into your answer."
)

_IN_MEMORY = 64 * 1024
"""Bytes of an image up to which it is kept in memory instead of on the disk."""

_UPLOAD_ADDRESS = "FILES_URL (or INTERNAL_FILES_URL) must be set in Dify."
_UPLOAD_REFUSED = "Dify did not take the upload. Its log says why; try again."


class Channel(ABC):
    """Sends the images of one call, one at a time, and names them once their seeds are known."""

    @abstractmethod
    def take(self, blob: Blob, data: bytes, stem: str) -> Iterator[ToolInvokeMessage]:
        """Yield the messages for an image, without keeping it in memory."""

    @abstractmethod
    def finish(self, stems: list[str]) -> Iterator[ToolInvokeMessage]:
        """Yield the messages that give all images their names."""

    def notes(self, remake: list[str]) -> list[str]:  # noqa: ARG002
        """Return what the caller's model has to know about the images.

        Args:
            remake: How to make each image again, as half a sentence.
        """
        return []


class Files(Channel):
    """Files, for a workflow or chatflow node."""

    def __init__(self) -> None:
        self._blobs: list[Blob] = []

    def take(self, blob: Blob, data: bytes, stem: str) -> Iterator[ToolInvokeMessage]:
        """Yield all chunks of a file but the last, which is empty and holds its name."""
        self._blobs.append(blob)
        return blob.chunks(data, stem)

    def finish(self, stems: list[str]) -> Iterator[ToolInvokeMessage]:
        """Yield the last chunk of each file."""
        for blob, stem in zip(self._blobs, stems, strict=True):
            yield blob.end(stem)


class KeptFiles(Files):
    """Files that are shown in the chat, each also kept under an id for other tools."""

    def __init__(self, caller: Caller) -> None:
        super().__init__()
        self._owner = caller.owner
        self._images: list[KeptImage | None] = []

    def take(self, blob: Blob, data: bytes, stem: str) -> Iterator[ToolInvokeMessage]:
        """Keep an image, and yield all chunks of its file but the last."""
        self._images.append(images.keep(self._owner, data))
        return super().take(blob, data, stem)

    def notes(self, remake: list[str]) -> list[str]:
        """Return the ids of the kept images."""
        for image, sentence in zip(self._images, remake, strict=True):
            if image:
                image.remake = sentence
        ids = [image.name for image in self._images if image]
        if not ids:
            return []
        return [f"Image id{'s' if len(ids) > 1 else ''} for other tools: {', '.join(ids)}."]


class Uploads(Channel):
    """Files that are uploaded to Dify and shown by a line of Markdown in the model's answer.

    The new agent would put a blob as text into its model's context and show it to nobody.
    """

    def __init__(self, tool: Tool) -> None:
        self._tool = tool
        self._pending: list[tuple[Blob, IO[bytes]]] = []
        self._lines: list[str] = []

    def take(self, blob: Blob, data: bytes, stem: str) -> Iterator[ToolInvokeMessage]:  # noqa: ARG002
        """Keep an image on the disk until its seed is known."""
        file = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115 - closed when uploaded
        try:
            file.write(data)
            file.flush()
        except OSError:
            # The disk is full, so the image stays in memory: it has cost GPU time.
            file = tempfile.SpooledTemporaryFile()  # noqa: SIM115
            file.write(data)
        self._pending.append((blob, file))
        return iter(())

    def finish(self, stems: list[str]) -> Iterator[ToolInvokeMessage]:
        """Upload all images; there are no messages."""
        for (blob, file), stem in zip(self._pending, stems, strict=True):
            with file:
                file.seek(0)
                self._lines += self._upload(blob.filename(stem), file.read(), blob.kind.mime_type)
        yield from ()

    def _upload(self, filename: str, data: bytes, mime_type: str) -> list[str]:
        """Upload an image, and return the lines about it for the model."""
        try:
            uploaded = self._tool.session.file.upload(filename, data, mime_type)
        except Exception as error:  # noqa: BLE001 - the SDK raises anything, and no image may be lost
            uploaded, failure = None, str(error)
        else:
            failure = ""
        if uploaded is None or not uploaded.preview_url:
            return [
                f"{filename} was made but could not be uploaded to Dify, so the user cannot see "
                f"it: {_UPLOAD_ADDRESS if 'Invalid URL' in failure else _UPLOAD_REFUSED}"
            ]
        reference = {"transfer_method": "tool_file", "reference": _reference(uploaded.id)}
        return [
            f"![{filename}]({uploaded.preview_url})",
            f"Other tools take this image as {json.dumps(reference)}",
        ]

    def notes(self, remake: list[str]) -> list[str]:  # noqa: ARG002
        """Return the Markdown lines and references, and what to do with them."""
        shown = any(line.startswith("!") for line in self._lines)
        return [_INSTRUCTION, *self._lines] if shown else self._lines


def _reference(file_id: str) -> str:
    """Return the reference by which Dify's new agent hands a file to a tool."""
    record = json.dumps({"record_id": file_id}, separators=(",", ":"))
    return f"dify-file-ref:{base64.urlsafe_b64encode(record.encode()).decode()}"


def channel_for(tool: Tool, caller: Caller) -> Channel:
    """Return the channel for a caller."""
    match caller.kind:
        case Kind.NODE:
            return Files()
        case Kind.AGENT:
            return KeptFiles(caller)
        case Kind.NEW_AGENT:
            return Uploads(tool)
