"""Images as files for Dify: in the requested format, in the chunks that Dify joins."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

from dify_plugin.entities.tool import ToolInvokeMessage
from pybase64 import b64encode_as_string

from bridge.offload import run_in_thread
from bridge.servers import MOST_FILE_BYTES
from sdwebui.errors import InvalidInput, NotAnImage
from sdwebui.images.conversion import convert, shrunk
from sdwebui.images.formats import ImageFormat, sniff
from sdwebui.parameter_types import OutputFormat

CHUNK_BYTES = 8192
"""Bytes of a file in one message, as in the SDK; Dify refuses longer ones."""


def as_requested(
    data: bytes, kind: ImageFormat, output_format: OutputFormat
) -> tuple[bytes, ImageFormat, list[str]]:
    """Return an image in the requested format and within Dify's size limit.

    Its generation parameters are kept. The image has cost GPU time, so no failure loses it: one
    that cannot be converted stays as it is, and one over Dify's limit becomes a JPEG, then one of
    lower quality, then a smaller one.

    Args:
        data: The image as the server made it.
        kind: Its format.
        output_format: "original" leaves it as it is.

    Returns:
        The file, its format, and warnings for the user.
    """
    warnings = []
    if output_format not in {"original", kind.name}:
        try:
            data = run_in_thread(convert, data, output_format)
            kind = sniff(data)
        except (NotAnImage, InvalidInput) as error:
            warnings.append(f"An image stays a {kind.name} as the server sent it. {error}")
    if len(data) > MOST_FILE_BYTES:
        large = (
            f"A {kind.name} of {len(data) / 2**20:.0f} MB is more than Dify's "
            f"{MOST_FILE_BYTES >> 20} MB a file"
        )
        try:
            data, became = run_in_thread(shrunk, data, MOST_FILE_BYTES)
        except NotAnImage:
            became = ""
        kind = sniff(data)
        warnings.append(
            f"{large}; it became {became}."
            if became
            else f"{large}, so Dify may refuse it. Ask for a smaller image."
        )
    return data, kind, warnings


@dataclass(frozen=True, slots=True)
class Blob:
    """A file on its way to Dify in chunks.

    Attributes:
        id: Joins the chunks.
        size: Bytes of the file.
        kind: Its format.
    """

    id: str
    size: int
    kind: ImageFormat

    @classmethod
    def of(cls, data: bytes, kind: ImageFormat) -> "Blob":
        """Return the blob of a file."""
        return cls(uuid.uuid4().hex, len(data), kind)

    def chunks(self, data: bytes, stem: str) -> Iterator[ToolInvokeMessage]:
        """Yield all messages of a file but the last, as the SDK makes them of a blob message.

        The SDK validates, dumps and encodes each chunk of 8 KB as a pydantic model, which takes
        10 ms for 1.5 MB. It accepts dicts as well (``ResponseWriter.stream_object``), which takes
        half as long; see docs/bench.md. A test compares these chunks with the SDK's.
        """
        view = memoryview(data)
        meta = self._meta(stem)
        for sequence, start in enumerate(range(0, self.size, CHUNK_BYTES)):
            yield self._chunk(sequence, view[start : start + CHUNK_BYTES], meta)

    def end(self, stem: str) -> ToolInvokeMessage:
        """Return the empty last chunk, from which Dify takes the file's name."""
        return self._chunk(-(-self.size // CHUNK_BYTES), b"", self._meta(stem), end=True)

    def filename(self, stem: str) -> str:
        """Return the file's name."""
        return f"{stem}.{self.kind.extension}"

    def _meta(self, stem: str) -> dict[str, str]:
        """Return what Dify has to know about the file."""
        return {"mime_type": self.kind.mime_type, "filename": self.filename(stem)}

    def _chunk(
        self, sequence: int, part: Any, meta: dict[str, str], *, end: bool = False
    ) -> ToolInvokeMessage:
        """Return one message of the file."""
        message = {
            "type": "blob_chunk",
            "message": {
                "id": self.id,
                "sequence": sequence,
                "total_length": self.size,
                "blob": b64encode_as_string(part),
                "end": end,
            },
            "meta": meta,
        }
        return cast(ToolInvokeMessage, message)
