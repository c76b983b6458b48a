"""Images as files for Dify: in the format that was asked for, in the chunks that Dify joins."""

import uuid
from collections.abc import Iterator
from typing import Any, cast

from dify_plugin.entities.tool import ToolInvokeMessage
from pybase64 import b64encode_as_string

from bridge.offload import run_in_thread
from sdwebui.errors import InvalidInput, NotAPicture
from sdwebui.parameters import OutputFormat
from sdwebui.pictures import PictureFormat, convert, sniff
from sdwebui.postprocess import MOST_FILE_BYTES

CHUNK_BYTES = 8192
"""Of a file in one message, as the SDK cuts it; Dify refuses longer ones."""


def blob(
    stem: str, data: bytes, kind: PictureFormat, output_format: OutputFormat
) -> tuple[Iterator[ToolInvokeMessage], dict[str, Any], list[str]]:
    """An image as messages, in the format that was asked for and within what Dify takes.

    Its generation parameters are kept. A file over Dify's limit would be lost, so it becomes a
    JPEG; one that cannot be converted stays as it is.

    Args:
        stem: Of the file's name.
        data: The image as the server made it.
        kind: Its format.
        output_format: "original" leaves it as it is.

    Returns:
        The messages, the file's name and size for the JSON, and what is to be said of it.
    """
    said = []
    if output_format not in {"original", kind.name}:
        try:
            data = run_in_thread(convert, data, output_format)
            kind = sniff(data)
        except (NotAPicture, InvalidInput) as error:
            # It has cost GPU time, and others of the same call may already have been handed over.
            said.append(f"{stem} stays a {kind.name} as the server sent it. {error}")
    if len(data) > MOST_FILE_BYTES:
        large = (
            f"A {kind.name} of {len(data) / 2**20:.0f} MB is more than Dify's "
            f"{MOST_FILE_BYTES >> 20} MB a file"
        )
        smaller = run_in_thread(convert, data, "jpeg")
        if smaller is data:
            # A JPEG, or an animation.
            said.append(f"{large}, so Dify may refuse it. Ask for a smaller image.")
        else:
            said.append(f"{large}; it became a JPEG.")
        data, kind = smaller, sniff(smaller)
    filename = f"{stem}.{kind.extension}"
    meta = {"mime_type": kind.mime_type, "filename": filename}
    return chunks(data, meta), {"filename": filename, "bytes": len(data)}, said


def chunks(data: bytes, meta: dict[str, str]) -> Iterator[ToolInvokeMessage]:
    """A file as the messages that the SDK makes of a blob message, ready to be written.

    The SDK checks, dumps and encodes each of its 8 KB as a pydantic model: 10 ms for 1.5 MB. It
    takes dicts as well (``ResponseWriter.stream_object``), and these cost it half as much; see
    docs/bench.md. Its own chunks are the measure of these: a test holds them against each other.

    Args:
        data: The file.
        meta: Its ``mime_type`` and ``filename``.
    """
    name = uuid.uuid4().hex
    view = memoryview(data)
    # The last one is empty and says that the file ends.
    starts = (*range(0, len(data), CHUNK_BYTES), len(data))
    for sequence, start in enumerate(starts):
        message = {
            "type": "blob_chunk",
            "message": {
                "id": name,
                "sequence": sequence,
                "total_length": len(data),
                "blob": b64encode_as_string(view[start : start + CHUNK_BYTES]),
                "end": start == len(data),
            },
            "meta": meta,
        }
        yield cast(ToolInvokeMessage, message)
