"""From images and a report to what Dify shows, for each kind of caller."""

from collections.abc import Generator, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Protocol

from dify_plugin import Tool
from dify_plugin.entities.tool import ToolInvokeMessage

from bridge.blobs import Blob, as_asked
from bridge.callers import Caller, Kind
from bridge.channels import channel_for
from sdwebui.answers.report import Report
from sdwebui.client import Picture
from sdwebui.images.formats import PictureFormat, size_of
from sdwebui.parameters import OutputFormat
from sdwebui.postprocess import Upscaled

Messages = Generator[ToolInvokeMessage, None, None]


class _Image(Protocol):
    """An image as a client hands it out."""

    @property
    def data(self) -> bytes: ...
    @property
    def format(self) -> PictureFormat: ...
    @property
    def width(self) -> int: ...
    @property
    def height(self) -> int: ...


def answer(
    tool: Tool,
    caller: Caller,
    text: str,
    facts: Mapping[str, Any],
    variables: Mapping[str, Any],
) -> Iterator[ToolInvokeMessage]:
    """Yield the words of an answer: text, and for nodes JSON and variables.

    Agents' models would read these two or three times over, so they get one clean text; its line
    break at the end keeps apart what Dify puts behind it.
    """
    if caller.kind is not Kind.NODE:
        yield tool.create_text_message(f"{text.rstrip()}\n")
        return
    yield tool.create_text_message(text)
    yield tool.create_json_message(facts)
    for name, value in variables.items():
        yield tool.create_variable_message(name, value)


class _Handover:
    """The images of one call on their way to its caller."""

    def __init__(self, tool: Tool, caller: Caller, output_format: OutputFormat) -> None:
        self.images: list[dict[str, Any]] = []
        self.warnings: list[str] = []
        self._channel = channel_for(tool, caller)
        self._output_format = output_format
        self._blobs: list[Blob] = []

    def send(self, image: _Image, stem: str) -> Iterator[ToolInvokeMessage]:
        """Hand over one image, under a name that may change until :meth:`finish`."""
        data, kind, said = as_asked(image.data, image.format, self._output_format)
        self.warnings += [f"{stem}: {sentence}" for sentence in said]
        blob = Blob.of(data, kind)
        self._blobs.append(blob)
        # What did not fit may have become smaller.
        width, height = (image.width, image.height) if data is image.data else size_of(data)
        self.images.append({"width": width, "height": height, "bytes": blob.size})
        return self._channel.take(blob, data, stem)

    def finish(self, stems: list[str]) -> Iterator[ToolInvokeMessage]:
        """Give the images their names."""
        for image, blob, stem in zip(self.images, self._blobs, stems, strict=True):
            image["filename"] = blob.filename(stem)
        return self._channel.finish(stems)

    def sizes(self) -> str:
        """Return the sizes, one where all are alike."""
        all_sizes = [f"{image['width']}×{image['height']}" for image in self.images]
        return ", ".join(all_sizes if len(set(all_sizes)) > 1 else all_sizes[:1])

    def line(self, words: str, warnings: Iterable[str], remake: list[str]) -> str:
        """Return the text for an agent's model: what was made, warnings, how to go on with it."""
        said = [f"Warning: {' '.join(warnings)}"] if warnings else []
        notes = self._channel.notes(remake)
        return "\n".join([" ".join([words, *said, *notes[:1]]), *notes[1:]])


def deliver(
    tool: Tool,
    caller: Caller,
    name: str,
    output_format: OutputFormat,
    pictures: Generator[Picture, None, Report],
) -> Messages:
    """Hand over each image as it comes, then say what was done.

    Args:
        tool: Makes the messages.
        caller: Who gets them.
        name: Beginning of the file names, such as "txt2img".
        output_format: "original" leaves the images as the server sends them.
        pictures: Of :meth:`sdwebui.client.Client.generate`.
    """
    handover = _Handover(tool, caller, output_format)
    while True:
        try:
            picture = next(pictures)
        except StopIteration as end:
            report: Report = end.value
            break
        messages = handover.send(picture, f"{name}-{picture.seed}")
        # Nothing here may hold the image while the next one is awaited.
        del picture
        yield from messages
        del messages
    # The server may have used other seeds than it was asked for.
    yield from handover.finish([f"{name}-{seed}" for seed in report.seeds])
    warnings = (*report.warnings, *dict.fromkeys(handover.warnings))
    report = replace(report, warnings=warnings)
    facts = _facts(report, handover.images)
    if caller.kind is Kind.NODE:
        text = _in_words(report, handover)
    else:
        remake = [f"sd_{name} and seed {seed}" for seed in report.seeds]
        text = handover.line(_made(report, handover), warnings, remake)
    variables = {key: facts[key] for key in ("seeds", "model", "warnings")}
    yield from answer(tool, caller, text, facts, variables)


def _facts(report: Report, images: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the JSON of a generation."""
    return {
        "model": report.model,
        "sampler": report.sampler,
        "scheduler": report.scheduler,
        "steps": report.steps,
        "cfg_scale": report.cfg_scale,
        "width": images[0]["width"],
        "height": images[0]["height"],
        "seeds": list(report.seeds),
        "images": [
            {"seed": seed, **image} for seed, image in zip(report.seeds, images, strict=True)
        ],
        "warnings": list(report.warnings),
        "seconds": round(report.seconds, 2),
    }


def _made(report: Report, handover: _Handover) -> str:
    many = len(report.seeds) > 1
    return (
        f"Made {len(report.seeds)} image{'s' if many else ''}: {handover.sizes()}, "
        f"seed{'s' if many else ''} {', '.join(map(str, report.seeds))}."
    )


def _in_words(report: Report, handover: _Handover) -> str:
    """Return a line about the images, and one about what went otherwise than asked."""
    many = len(report.seeds) > 1
    facts = [
        f"{len(report.seeds)} images" if many else "1 image",
        handover.sizes(),
        f"model {report.model}" if report.model else "",
        " ".join(filter(None, (report.sampler, report.scheduler))),
        f"{report.steps} steps",
        f"seed{'s' if many else ''} {', '.join(map(str, report.seeds))}",
        f"{report.seconds:.1f} s",
    ]
    line = f"{', '.join(filter(None, facts))}."
    return "\n".join([line, f"Warning: {' '.join(report.warnings)}"] if report.warnings else [line])


def deliver_upscaled(
    tool: Tool, caller: Caller, output_format: OutputFormat, enlarged: Iterator[Upscaled]
) -> Messages:
    """Hand over enlarged images as they come, then say what was done.

    Args:
        tool: Makes the messages.
        caller: Who gets them.
        output_format: "original" leaves the images as the server sends them.
        enlarged: Of :func:`sdwebui.postprocess.enlarged`.
    """
    handover = _Handover(tool, caller, output_format)
    warnings: list[str] = []
    upscaler = ""
    for number, image in enumerate(enlarged, 1):
        upscaler = image.upscaler
        warnings += image.warnings
        messages = handover.send(image, f"upscale-{number}")
        del image
        yield from messages
        del messages
    stems = [f"upscale-{number}" for number in range(1, len(handover.images) + 1)]
    yield from handover.finish(stems)
    warnings = list(dict.fromkeys([*warnings, *handover.warnings]))
    sizes = ", ".join(f"{one['width']}×{one['height']}" for one in handover.images)
    words = f"{len(handover.images)} enlarged with {upscaler}: {sizes}."
    if caller.kind is Kind.NODE:
        text = f"{words}\nWarning: {' '.join(warnings)}" if warnings else words
    else:
        text = handover.line(
            words, warnings, ["sd_upscale, from the image it came of" for _ in stems]
        )
    facts = {"upscaler": upscaler, "images": handover.images, "warnings": warnings}
    yield from answer(tool, caller, text, facts, {"warnings": warnings})
