"""Finished images enlarged, and faces in them restored."""

import re
import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any

from sdwebui.answers.images import Image, Images
from sdwebui.answers.stream import AnswerReader
from sdwebui.application import Application
from sdwebui.call import Call
from sdwebui.errors import InvalidInput, NoImage, Unsupported
from sdwebui.http.transport import Request
from sdwebui.images.dimensions import size_of
from sdwebui.images.files import required
from sdwebui.images.formats import sniff
from sdwebui.images.inputs import PreparedImage
from sdwebui.images.metadata import with_parameters
from sdwebui.infotext.parse import read_parameters
from sdwebui.parameters import Upscale
from sdwebui.planning.sources import ready
from sdwebui.resources.kinds import Resource
from sdwebui.resources.names import Entry

_BYTES_A_PIXEL = {"original": 1.6, "png": 1.6, "jpeg": 0.7, "webp": 0.5}
"""What enlarged images take, seen on photos and drawings; noise takes more."""

_PREFERRED = (
    r"ultrasharp",
    r"remacri",
    r"r-?esrgan 4x\+$",
    r"esrgan",
    r"\bdat\b",
    r"swinir",
    r"lanczos",
)


@dataclass(frozen=True, slots=True)
class UpscaleReport:
    """What was done to all images of a call.

    Attributes:
        upscaler: As the server spells it.
        warnings: Differences from what was requested, in sentences.
        seconds: From the first request to the last byte.
    """

    upscaler: str
    warnings: tuple[str, ...]
    seconds: float


@dataclass(frozen=True, slots=True)
class UpscalePlan:
    """How images will be enlarged, every name in the server's own spelling."""

    requested: Upscale
    upscaler: str
    upscaler_2: str | None

    def target(self, size: tuple[int, int]) -> tuple[int, int]:
        """Return width and height in pixels that an image of this size will have."""
        wanted = self.requested.size
        width, height = (wanted.width, wanted.height) if wanted else (None, None)
        if width and height:
            return width, height
        if width:
            return width, max(1, round(size[1] * width / size[0]))
        if height:
            return max(1, round(size[0] * height / size[1])), height
        return int(size[0] * self.requested.scale), int(size[1] * self.requested.scale)

    def require_room(self, image: PreparedImage, application: Application) -> None:
        """Refuse what would be larger than the application takes, before the server works.

        Raises:
            InvalidInput: With the largest scale and the smaller formats.
        """
        most_bytes = application.most_file_bytes
        if most_bytes is None:
            return
        width, height = self.target(image.size)
        chosen = self.requested.output_format
        bytes_made = width * height * _BYTES_A_PIXEL[chosen]
        if bytes_made <= most_bytes and not (chosen == "webp" and max(width, height) > 16383):
            return
        most = (most_bytes / _BYTES_A_PIXEL[chosen] / (image.size[0] * image.size[1])) ** 0.5
        smaller = "" if chosen in {"jpeg", "webp"} else ", or set output_format to jpeg or webp"
        raise InvalidInput(
            f"{image.name}: {width}×{height} pixels as {chosen} would take about "
            f"{bytes_made / 2**20:.0f} MB, and {application.name} takes {most_bytes >> 20} MB a "
            f"file. Ask for a scale of at most {max(1.0, int(most * 10) / 10):g}{smaller}."
        )


def upscale(call: Call, requested: Upscale) -> Images[UpscaleReport]:
    """Enlarge images one after the other.

    Raises:
        UnknownName: No such upscaler.
        Unsupported: The server cannot enlarge.
        InvalidInput: One of the files cannot be sent, or would become too large; raised while the
            images are taken, as any other of the tree.
    """
    required(next(iter(requested.images), None), "images")
    plan = plan_upscale(call, requested)
    # All are fetched and checked before the first costs GPU time.
    files = [file.read() for file in requested.images]
    return Images(_enlarged(call, plan, files))


def plan_upscale(call: Call, requested: Upscale) -> UpscalePlan:
    """Return the plan for enlarging.

    Raises:
        UnknownName: No such upscaler.
        Unsupported: The server cannot enlarge.
    """
    catalog, dialect = call.catalog, call.dialect
    known = catalog.entries(Resource.UPSCALERS)
    useful = [entry for entry in known or () if entry.name != "None"]
    if not dialect.upscales or (known is not None and not useful):
        raise Unsupported(
            f"{dialect.title} cannot enlarge images: it has no upscaler. {dialect.upscaler_hint}"
        )
    restores = requested.gfpgan_visibility or requested.codeformer_visibility
    if requested.upscaler:
        upscaler = catalog.find(Resource.UPSCALERS, requested.upscaler).name
    elif restores and requested.scale == 1 and not requested.size:
        upscaler = "None"
    else:
        upscaler = _best(useful) if useful else "Lanczos"
    second = requested.upscaler_2
    return UpscalePlan(
        requested, upscaler, catalog.find(Resource.UPSCALERS, second).name if second else None
    )


def _best(entries: list[Entry]) -> str:
    """Return the upscaler that people would choose, when it is left to the client."""
    for pattern in _PREFERRED:
        for entry in entries:
            if re.search(pattern, entry.name, re.IGNORECASE):
                return entry.name
    return entries[0].name


def _enlarged(
    call: Call, plan: UpscalePlan, files: Sequence[bytes]
) -> Generator[Image, None, UpscaleReport]:
    started = time.monotonic()
    warnings: list[str] = []
    for number, data in enumerate(files, 1):
        name = f"images[{number}]" if len(files) > 1 else "images"
        # Not kept in a variable: nothing here may hold an image that was handed over.
        yield _enlarge(call, plan, data, name, warnings)
    unique = tuple(dict.fromkeys(warnings))
    return UpscaleReport(plan.upscaler, unique, time.monotonic() - started)


def _enlarge(call: Call, plan: UpscalePlan, data: bytes, name: str, warnings: list[str]) -> Image:
    """Return one image enlarged; differences from the request are added to ``warnings``."""
    source, encoded = call.application.run(ready, data, name)
    plan.require_room(source, call.application)
    made = _with_parameters_of(data, _request(call, _body(plan, source, encoded)))
    width, height = size_of(made)
    warnings += source.warnings
    wanted = plan.target(source.size)
    # A1111 keeps the aspect ratio within width × height when it may not crop.
    if max(abs(width - wanted[0]), abs(height - wanted[1])) > 8:
        warnings.append(
            f"The server made {width}×{height} pixels instead of {wanted[0]}×{wanted[1]}."
        )
    return Image(made, sniff(made), None, width, height)


def _body(plan: UpscalePlan, source: PreparedImage, encoded: str) -> dict[str, Any]:
    requested = plan.requested
    body: dict[str, Any] = {
        "image": encoded,
        "upscaler_1": plan.upscaler,
        "gfpgan_visibility": requested.gfpgan_visibility,
        "codeformer_visibility": requested.codeformer_visibility,
        "codeformer_weight": requested.codeformer_weight,
    }
    if requested.size:
        width, height = plan.target(source.size)
        body |= {
            "resize_mode": 1,
            "upscaling_resize_w": width,
            "upscaling_resize_h": height,
            "upscaling_crop": False,
        }
    else:
        body |= {"resize_mode": 0, "upscaling_resize": requested.scale}
    if plan.upscaler_2:
        body |= {
            "upscaler_2": plan.upscaler_2,
            "extras_upscaler_2_visibility": requested.upscaler_2_visibility,
        }
    return body


def _request(call: Call, body: dict[str, Any]) -> bytes:
    reader = AnswerReader()
    request = Request("POST", "/sdapi/v1/extra-single-image", "upscale", body)
    made: list[bytes] = []
    with call.transport.exchange(request, call.deadline) as answer:
        for chunk in answer.chunks():
            made += reader.feed(chunk)
    reader.finish()
    if not made or not made[0]:
        raise NoImage(
            f"The server at {call.server.url} failed at enlarging and sent no image. See "
            "whether it has an upscaler, and look into its console."
        )
    return made[0]


def _with_parameters_of(source: bytes, made: bytes) -> bytes:
    """Return an image with the source's generation parameters, which servers drop here."""
    parameters = read_parameters(source)
    return with_parameters(made, parameters) if parameters and not read_parameters(made) else made
