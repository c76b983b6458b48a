"""Messages to Dify with the images, the text and the variables of a call."""

from collections.abc import Generator, Iterable, Iterator, Mapping
from typing import Any

from dify_plugin import Tool
from dify_plugin.entities.tool import ToolInvokeMessage

from bridge.blobs import Blob, as_requested
from bridge.callers import Caller, Kind
from bridge.channels import channel_for
from sdwebui.answers.images import Image, Images
from sdwebui.answers.report import Report
from sdwebui.images.dimensions import size_of
from sdwebui.parameter_types import OutputFormat
from sdwebui.upscale import UpscaleReport

Messages = Generator[ToolInvokeMessage, None, None]


def answer(
    tool: Tool,
    caller: Caller,
    text: str,
    facts: Mapping[str, Any],
    variables: Mapping[str, Any],
) -> Iterator[ToolInvokeMessage]:
    """Yield the text of an answer, and for nodes its JSON and variables.

    An agent's model would read JSON and variables as further copies of the text, so agents get the
    text alone. Its line break at the end separates it from what Dify appends.
    """
    if caller.kind is not Kind.NODE:
        yield tool.create_text_message(f"{text.rstrip()}\n")
        return
    yield tool.create_text_message(text)
    yield tool.create_json_message(facts)
    for name, value in variables.items():
        yield tool.create_variable_message(name, value)


class _Outbox:
    """The images of one call that are sent to its caller."""

    def __init__(self, tool: Tool, caller: Caller, output_format: OutputFormat) -> None:
        self.images: list[dict[str, Any]] = []
        self.warnings: list[str] = []
        self._channel = channel_for(tool, caller)
        self._output_format = output_format
        self._blobs: list[Blob] = []

    def send(self, image: Image, stem: str) -> Iterator[ToolInvokeMessage]:
        """Yield the messages for an image, whose name may change until :meth:`finish`."""
        data, kind, warnings = as_requested(image.data, image.format, self._output_format)
        self.warnings += [f"{stem}: {warning}" for warning in warnings]
        blob = Blob.of(data, kind)
        self._blobs.append(blob)
        # An image over Dify's limit may have been scaled down.
        width, height = (image.width, image.height) if data is image.data else size_of(data)
        self.images.append({"width": width, "height": height, "bytes": blob.size})
        return self._channel.take(blob, data, stem)

    def finish(self, stems: list[str]) -> Iterator[ToolInvokeMessage]:
        """Yield the messages that give the images their names."""
        for image, blob, stem in zip(self.images, self._blobs, stems, strict=True):
            image["filename"] = blob.filename(stem)
        return self._channel.finish(stems)

    def sizes(self) -> str:
        """Return the sizes of the images, or a single one if all are equal."""
        all_sizes = [f"{image['width']}×{image['height']}" for image in self.images]
        return ", ".join(all_sizes if len(set(all_sizes)) > 1 else all_sizes[:1])

    def text_for_model(self, summary: str, warnings: Iterable[str], remake: list[str]) -> str:
        """Return the text for an agent's model: summary, warnings, how to use the images."""
        warning = [f"Warning: {' '.join(warnings)}"] if warnings else []
        notes = self._channel.notes(remake)
        return "\n".join([" ".join([summary, *warning, *notes[:1]]), *notes[1:]])


def deliver(
    tool: Tool,
    caller: Caller,
    name: str,
    output_format: OutputFormat,
    images: Images[Report] | Images[UpscaleReport],
) -> Messages:
    """Yield the messages for each image as it arrives, then those of the report.

    Args:
        tool: Makes the messages.
        caller: Who gets them.
        name: Beginning of the file names, such as "txt2img".
        output_format: "original" leaves the images as the server sends them.
        images: Of the call.
    """
    outbox = _Outbox(tool, caller, output_format)
    for image in images:
        number = len(outbox.images) + 1 if image.seed is None else image.seed
        messages = outbox.send(image, f"{name}-{number}")
        # No reference may keep the image in memory while the next one is made.
        del image
        yield from messages
        del messages
    report = images.report
    if isinstance(report, UpscaleReport):
        stems = [f"{name}-{number}" for number in range(1, len(outbox.images) + 1)]
        remake = [f"sd_{name}, from the image it came of" for _ in stems]
    else:
        # The server may have used other seeds than the requested ones.
        stems = [f"{name}-{seed}" for seed in report.seeds]
        remake = [f"sd_{name} and seed {seed}" for seed in report.seeds]
    yield from outbox.finish(stems)
    warnings = list(dict.fromkeys([*report.warnings, *outbox.warnings]))
    facts: dict[str, Any]
    if isinstance(report, UpscaleReport):
        facts = {"upscaler": report.upscaler, "images": outbox.images, "warnings": warnings}
        summary = details = f"{len(stems)} enlarged with {report.upscaler}: {outbox.sizes()}."
        variables = ["warnings"]
    else:
        facts = _facts(report, outbox.images, warnings)
        summary, details = _summary(report, outbox), _details(report, outbox)
        variables = ["seeds", "model", "warnings"]
    if caller.kind is Kind.NODE:
        text = f"{details}\nWarning: {' '.join(warnings)}" if warnings else details
    else:
        text = outbox.text_for_model(summary, warnings, remake)
    yield from answer(tool, caller, text, facts, {name: facts[name] for name in variables})


def _facts(report: Report, images: list[dict[str, Any]], warnings: list[str]) -> dict[str, Any]:
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
        "warnings": warnings,
        "seconds": round(report.seconds, 2),
    }


def _summary(report: Report, outbox: _Outbox) -> str:
    """Return a line about the images for an agent's model."""
    many = len(report.seeds) > 1
    return (
        f"Made {len(report.seeds)} image{'s' if many else ''}: {outbox.sizes()}, "
        f"seed{'s' if many else ''} {', '.join(map(str, report.seeds))}."
    )


def _details(report: Report, outbox: _Outbox) -> str:
    """Return a line about the images for a person."""
    many = len(report.seeds) > 1
    facts = [
        f"{len(report.seeds)} images" if many else "1 image",
        outbox.sizes(),
        f"model {report.model}" if report.model else "",
        " ".join(filter(None, (report.sampler, report.scheduler))),
        f"{report.steps} steps",
        f"seed{'s' if many else ''} {', '.join(map(str, report.seeds))}",
        f"{report.seconds:.1f} s",
    ]
    return f"{', '.join(filter(None, facts))}."
