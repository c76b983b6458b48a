"""Files reach Dify in the SDK's own chunks, only faster."""

import io
import json
import random
import re
from collections.abc import Generator, Iterator
from itertools import chain
from types import SimpleNamespace
from typing import Any, cast

import pytest
from dify_plugin import DifyPluginEnv, Plugin, Tool
from dify_plugin.core.server.__base.response_writer import ResponseWriter
from dify_plugin.entities.tool import ToolInvokeMessage
from PIL import Image

from bridge.blobs import Blob, as_asked
from sdwebui import metadata
from sdwebui.parameters import OutputFormat
from sdwebui.pictures import PNG, recognise, sniff

STEM = 'a "image"'
META = {"mime_type": "image/png", "filename": f"{STEM}.png"}


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
    blob = Blob.of(data, PNG)
    ours = written(chain(blob.chunks(data, STEM), [blob.end(STEM)]))
    assert ours == written(of_the_sdk(data))
    assert [event["data"]["data"]["message"]["end"] for event in ours].index(True) == len(ours) - 1


def test_a_file_may_be_renamed_until_it_ends() -> None:
    """Dify takes the name from the last chunk: by then the true seed is known."""
    blob = Blob.of(b"x", PNG)
    assert blob.filename("txt2img-7") == "txt2img-7.png"
    events = written(chain(blob.chunks(b"x", "txt2img-7"), [blob.end("txt2img-9")]))
    assert events[-1]["data"]["data"]["meta"]["filename"] == "txt2img-9.png"


def test_each_file_has_its_own_id() -> None:
    assert Blob.of(b"x", PNG).id != Blob.of(b"x", PNG).id


def encoded(image: Image.Image, kind: str, text: str = "", **options: Any) -> bytes:
    target = io.BytesIO()
    image.save(target, kind, **options)
    return metadata.with_parameters(target.getvalue(), text) if text else target.getvalue()


def noise(side: int = 128) -> Image.Image:
    """What takes the most bytes a pixel."""
    return Image.frombytes("RGB", (side, side), random.Random(7).randbytes(side * side * 3))


RED = encoded(Image.new("RGB", (64, 64), "red"), "PNG", "a cat\nSteps: 20, Seed: 7, Size: 64x64")


@pytest.mark.parametrize("output_format", ["original", "png"])
def test_an_image_stays_the_very_same_file_where_nothing_is_asked(
    output_format: OutputFormat,
) -> None:
    data, kind, said = as_asked(RED, PNG, output_format)
    assert data is RED
    assert (kind, said) == (PNG, [])


@pytest.mark.parametrize(("output_format", "name"), [("jpeg", "jpeg"), ("webp", "webp")])
def test_an_image_becomes_what_is_asked_and_keeps_its_parameters(
    output_format: OutputFormat, name: str
) -> None:
    data, kind, said = as_asked(RED, PNG, output_format)
    assert kind.name == name
    assert recognise(data) == kind
    assert metadata.parameters_of(data) == metadata.parameters_of(RED)
    assert said == []


def test_an_image_that_cannot_be_converted_is_not_lost() -> None:
    data, kind, (said,) = as_asked(RED[:-30], PNG, "jpeg")
    assert (data, kind) == (RED[:-30], PNG)
    assert said.startswith("An image stays a png as the server sent it. An image of ")


@pytest.mark.parametrize(
    ("kind", "most", "end"),
    [
        ("PNG", 45_000, "it became a JPEG."),
        ("PNG", 14_000, r"it became a JPEG of quality \d\d\."),
        ("PNG", 3_000, r"it became a JPEG of quality 80 and \d+×\d+ pixels\."),
        ("JPEG", 14_000, r"it became a JPEG of quality \d\d\."),
        ("WEBP", 14_000, r"it became a JPEG of quality \d\d\."),
    ],
)
def test_a_file_over_difys_limit_is_made_smaller_until_it_fits(
    monkeypatch: pytest.MonkeyPatch, kind: str, most: int, end: str
) -> None:
    monkeypatch.setattr("bridge.blobs.MOST_FILE_BYTES", most)
    text = "a cat\nSteps: 20, Seed: 7, Size: 128x128"
    before = encoded(noise(), kind, text, quality=100, lossless=True)
    assert len(before) > most
    data, became, (said,) = as_asked(before, sniff(before), "original")
    assert (became.name, recognise(data)) == ("jpeg", became)
    assert len(data) <= most
    assert metadata.parameters_of(data) == text
    assert re.match(rf"A {kind.lower()} of \d+ MB is more than Dify's \d+ MB a file; {end}$", said)


def test_what_was_converted_is_held_to_the_limit_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bridge.blobs.MOST_FILE_BYTES", 20_000)
    before = encoded(noise(), "JPEG", quality=50)
    assert len(before) < 20_000
    data, kind, (said,) = as_asked(before, sniff(before), "png")
    assert kind.name == "jpeg"
    assert len(data) <= 20_000
    assert said.startswith("A png of ")


@pytest.mark.parametrize("broken", [False, True])
def test_a_file_that_cannot_be_made_smaller_is_handed_over_with_a_word(
    monkeypatch: pytest.MonkeyPatch, *, broken: bool
) -> None:
    monkeypatch.setattr("bridge.blobs.MOST_FILE_BYTES", 100)
    frames = [noise(16), noise(16).rotate(90)]
    moving = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    before = RED[:-30] if broken else moving
    data, kind, (said,) = as_asked(before, sniff(before), "original")
    assert (data, kind) == (before, sniff(before))
    assert said.endswith("so Dify may refuse it. Ask for a smaller image.")
