"""Files reach Dify in the SDK's own chunks, only faster."""

import io
import json
import random
from collections.abc import Generator, Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest
from dify_plugin import DifyPluginEnv, Plugin, Tool
from dify_plugin.core.server.__base.response_writer import ResponseWriter
from dify_plugin.entities.tool import ToolInvokeMessage
from PIL import Image

from bridge.blobs import blob, chunks
from sdwebui.pictures import sniff

META = {"mime_type": "image/png", "filename": 'a "image".png'}


class Wire(ResponseWriter):
    """Keeps what the SDK would write to standard output."""

    def __init__(self) -> None:
        self.text = ""

    def write(self, data: str) -> None:
        self.text += data

    def done(self) -> None:
        pass


def written(messages: Iterator[ToolInvokeMessage]) -> list[dict[str, Any]]:
    """The events that the SDK writes for what a tool yields; every file is called F."""
    wire = Wire()
    generator = (message for message in messages)
    plugin = SimpleNamespace(
        dispatch=lambda *_: generator, executer=None, config=DifyPluginEnv(MAX_REQUEST_TIMEOUT=620)
    )
    Plugin._execute_request(cast(Plugin, plugin), "s1", {}, cast(Any, None), wire)
    events: list[dict[str, Any]] = [json.loads(line) for line in wire.text.split("\n\n")[:-1]]
    names = {event["data"]["data"]["message"]["id"] for event in events}
    assert len(names) == 1
    for event in events:
        event["data"]["data"]["message"]["id"] = "F"
    return events


def of_the_sdk(data: bytes) -> Generator[ToolInvokeMessage, None, None]:
    tool = SimpleNamespace(response_type=ToolInvokeMessage)
    yield Tool.create_blob_message(cast(Tool, tool), data, dict(META))


@pytest.mark.parametrize("size", [0, 1, 8191, 8192, 8193, 40_000])
def test_chunks_are_those_of_the_sdk(size: int) -> None:
    data = random.Random(size).randbytes(size)
    ours = written(chunks(data, dict(META)))
    assert ours == written(of_the_sdk(data))
    assert [event["data"]["data"]["message"]["end"] for event in ours].index(True) == len(ours) - 1


def test_a_picture_that_cannot_be_converted_is_not_lost() -> None:
    target = io.BytesIO()
    Image.new("RGB", (64, 64), "red").save(target, "PNG")
    data = target.getvalue()[:-30]
    messages, note, (said,) = blob("txt2img-7", data, sniff(data), "jpeg")
    assert note == {"filename": "txt2img-7.png", "bytes": len(data)}
    assert said.startswith("txt2img-7 stays a png as the server sent it. An image of ")
    (first, *_) = written(messages)
    assert first["data"]["data"]["meta"]["mime_type"] == "image/png"


@pytest.mark.parametrize(
    ("kind", "end"), [("PNG", "it became a JPEG."), ("JPEG", "smaller image.")]
)
def test_a_file_over_difys_limit_is_made_smaller_or_told(
    monkeypatch: pytest.MonkeyPatch, kind: str, end: str
) -> None:
    monkeypatch.setattr("bridge.blobs.MOST_FILE_BYTES", 100)
    target = io.BytesIO()
    Image.new("RGB", (64, 64), "red").save(target, kind)
    data = target.getvalue()
    _, note, (said,) = blob("txt2img-7", data, sniff(data), "original")
    assert note["filename"] == "txt2img-7.jpg"
    assert said.endswith(end)


def test_each_file_has_its_own_name() -> None:
    first, second = (
        cast(dict[str, Any], next(chunks(b"x", dict(META))))["message"]["id"] for _ in range(2)
    )
    assert first != second
