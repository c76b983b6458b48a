"""From images and a report to what Dify shows: blobs, one short text, JSON and variables."""

from collections.abc import Generator, Iterator
from dataclasses import replace
from typing import Any

from dify_plugin import Tool
from dify_plugin.entities.tool import ToolInvokeMessage

from bridge.blobs import blob
from sdwebui.client import Picture
from sdwebui.parameters import OutputFormat
from sdwebui.report import Report

Messages = Generator[ToolInvokeMessage, None, None]


def deliver(
    tool: Tool,
    name: str,
    output_format: OutputFormat,
    pictures: Generator[Picture, None, Report],
) -> Messages:
    """Hand over each image as it comes, then what was done.

    Args:
        tool: Makes the messages.
        name: Beginning of the file names, such as "txt2img".
        output_format: "original" leaves the images as the server sends them.
        pictures: Of :meth:`sdwebui.client.Client.generate`.
    """
    images: list[dict[str, Any]] = []
    warnings: list[str] = []
    while True:
        try:
            picture = next(pictures)
        except StopIteration as end:
            report: Report = end.value
            break
        messages, note, said = blob(
            f"{name}-{picture.seed}", picture.data, picture.format, output_format
        )
        size = {"width": picture.width, "height": picture.height}
        images.append({"seed": picture.seed, **size, **note})
        warnings += said
        # Nothing here may hold the image while the next one is awaited.
        del picture
        yield from messages
        del messages
    for image, seed in zip(images, report.seeds, strict=True):
        image["seed"] = seed
    report = replace(report, warnings=(*report.warnings, *dict.fromkeys(warnings)))
    yield from summary(tool, report, images)


def summary(
    tool: Tool, report: Report, images: list[dict[str, Any]]
) -> Iterator[ToolInvokeMessage]:
    """Text, JSON and variables of a generation."""
    yield tool.create_text_message(_in_words(report, images))
    yield tool.create_json_message(
        {
            "model": report.model,
            "sampler": report.sampler,
            "scheduler": report.scheduler,
            "steps": report.steps,
            "cfg_scale": report.cfg_scale,
            "width": images[0]["width"],
            "height": images[0]["height"],
            "seeds": list(report.seeds),
            "images": images,
            "warnings": list(report.warnings),
            "seconds": round(report.seconds, 2),
        }
    )
    yield tool.create_variable_message("seeds", list(report.seeds))
    yield tool.create_variable_message("model", report.model)
    yield tool.create_variable_message("warnings", list(report.warnings))


def _in_words(report: Report, images: list[dict[str, Any]]) -> str:
    """A line about the images, and one about what went otherwise than asked."""
    many = len(images) > 1
    facts = [
        f"{len(images)} images" if many else "1 image",
        f"{images[0]['width']}×{images[0]['height']}",
        f"model {report.model}" if report.model else "",
        " ".join(filter(None, (report.sampler, report.scheduler))),
        f"{report.steps} steps",
        f"seed{'s' if many else ''} {', '.join(map(str, report.seeds))}",
        f"{report.seconds:.1f} s",
    ]
    line = f"{', '.join(filter(None, facts))}."
    return "\n".join([line, f"Warning: {' '.join(report.warnings)}"] if report.warnings else [line])
