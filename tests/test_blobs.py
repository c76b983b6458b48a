"""Files are sent to Dify in the same chunks as the SDK's, within Dify's size limit."""

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

from bridge.blobs import Blob, as_requested
from sdwebui.images import metadata
from sdwebui.images.formats import PNG, recognise, sniff
from sdwebui.parameters import OutputFormat

STEM = 'a "image"'
META = {"mime_type": "image/png", "filename": f"{STEM}.png"}


class Output(ResponseWriter):
    """A writer that keeps what the SDK would write to standard output."""

    def __init__(self) -> None:
        self.text = ""

    def write(self, data: str) -> None:
        """Keep what is written."""
        self.text += data

    def done(self) -> None:
        """Do nothing."""
        pass


def written(messages: Iterator[ToolInvokeMessage]) -> list[dict[str, Any]]:
    """Return the events that the SDK writes for a tool's messages, with F as id of the file."""
    output = Output()
    generator = (message for message in messages)
    plugin = SimpleNamespace(
        dispatch=lambda *_: generator, executer=None, config=DifyPluginEnv(MAX_REQUEST_TIMEOUT=620)
    )
    Plugin._execute_request(cast(Plugin, plugin), "s1", {}, cast(Any, None), output)
    events: list[dict[str, Any]] = [json.loads(line) for line in output.text.split("\n\n")[:-1]]
    names = {event["data"]["data"]["message"]["id"] for event in events}
    assert len(names) == 1
    for event in events:
        event["data"]["data"]["message"]["id"] = "F"
    return events


def of_the_sdk(data: bytes) -> Generator[ToolInvokeMessage, None, None]:
    """Yield the blob message that the SDK makes."""
    tool = SimpleNamespace(response_type=ToolInvokeMessage)
    yield Tool.create_blob_message(cast(Tool, tool), data, dict(META))


@pytest.mark.parametrize("size", [0, 1, 8191, 8192, 8193, 40_000])
def test_chunks_are_those_of_the_sdk(size: int) -> None:
    data = random.Random(size).randbytes(size)
    blob = Blob.of(data, PNG)
    events = written(chain(blob.chunks(data, STEM), [blob.end(STEM)]))
    assert events == written(of_the_sdk(data))
    ends = [event["data"]["data"]["message"]["end"] for event in events]
    assert ends.index(True) == len(events) - 1


def test_a_file_may_be_renamed_until_it_ends() -> None:
    # Dify takes the name from the last chunk, when the server has reported the seed.
    blob = Blob.of(b"x", PNG)
    assert blob.filename("txt2img-7") == "txt2img-7.png"
    events = written(chain(blob.chunks(b"x", "txt2img-7"), [blob.end("txt2img-9")]))
    assert events[-1]["data"]["data"]["meta"]["filename"] == "txt2img-9.png"


def test_each_file_has_its_own_id() -> None:
    assert Blob.of(b"x", PNG).id != Blob.of(b"x", PNG).id


def encoded(image: Image.Image, kind: str, text: str = "", **options: Any) -> bytes:
    """Return an image file, with generation parameters if given."""
    target = io.BytesIO()
    image.save(target, kind, **options)
    return metadata.with_parameters(target.getvalue(), text) if text else target.getvalue()


def noise(side: int = 128) -> Image.Image:
    """Return an image that cannot be compressed."""
    return Image.frombytes("RGB", (side, side), random.Random(7).randbytes(side * side * 3))


RED = encoded(Image.new("RGB", (64, 64), "red"), "PNG", "a cat\nSteps: 20, Seed: 7, Size: 64x64")


@pytest.mark.parametrize("output_format", ["original", "png"])
def test_an_image_in_the_requested_format_stays_the_same_file(
    output_format: OutputFormat,
) -> None:
    data, kind, reported = as_requested(RED, PNG, output_format)
    assert data is RED
    assert (kind, reported) == (PNG, [])


@pytest.mark.parametrize(("output_format", "name"), [("jpeg", "jpeg"), ("webp", "webp")])
def test_an_image_is_converted_and_keeps_its_parameters(
    output_format: OutputFormat, name: str
) -> None:
    data, kind, reported = as_requested(RED, PNG, output_format)
    assert kind.name == name
    assert recognise(data) == kind
    assert metadata.parameters_of(data) == metadata.parameters_of(RED)
    assert reported == []


def test_an_image_that_cannot_be_converted_is_not_lost() -> None:
    data, kind, (reported,) = as_requested(RED[:-30], PNG, "jpeg")
    assert (data, kind) == (RED[:-30], PNG)
    assert reported.startswith("An image stays a png as the server sent it. An image of ")


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
    data, became, (reported,) = as_requested(before, sniff(before), "original")
    assert (became.name, recognise(data)) == ("jpeg", became)
    assert len(data) <= most
    assert metadata.parameters_of(data) == text
    assert re.match(
        rf"A {kind.lower()} of \d+ MB is more than Dify's \d+ MB a file; {end}$", reported
    )


def test_a_converted_file_is_within_the_limit_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bridge.blobs.MOST_FILE_BYTES", 20_000)
    before = encoded(noise(), "JPEG", quality=50)
    assert len(before) < 20_000
    data, kind, (reported,) = as_requested(before, sniff(before), "png")
    assert kind.name == "jpeg"
    assert len(data) <= 20_000
    assert reported.startswith("A png of ")


@pytest.mark.parametrize("broken", [False, True])
def test_a_file_that_cannot_be_made_smaller_is_sent_with_a_warning(
    monkeypatch: pytest.MonkeyPatch, *, broken: bool
) -> None:
    monkeypatch.setattr("bridge.blobs.MOST_FILE_BYTES", 100)
    frames = [noise(16), noise(16).rotate(90)]
    moving = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:])
    before = RED[:-30] if broken else moving
    data, kind, (reported,) = as_requested(before, sniff(before), "original")
    assert (data, kind) == (before, sniff(before))
    assert reported.endswith("so Dify may refuse it. Ask for a smaller image.")
