"""Work on finished images: enlarging them, and putting them into words."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sdwebui.answers.stream import AnswerReader
from sdwebui.client import Client
from sdwebui.errors import (
    InvalidInput,
    ModelMissing,
    NoPicture,
    ServerFault,
    Unsupported,
)
from sdwebui.http.transport import Request, transport_to
from sdwebui.images.formats import PictureFormat, size_of, sniff
from sdwebui.images.inputs import PreparedPicture
from sdwebui.images.metadata import with_parameters
from sdwebui.infotext.parse import read_parameters
from sdwebui.parameters import Upscale
from sdwebui.planning.sources import ready
from sdwebui.resources.names import Offer

MOST_FILE_BYTES = 30 * 2**20
"""What Dify takes of a file (PLUGIN_MAX_FILE_SIZE); newer versions take 50 MB."""

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
class Upscaled:
    """An enlarged image, and what was done otherwise than asked."""

    data: bytes = field(repr=False)
    format: PictureFormat
    width: int
    height: int
    upscaler: str
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class UpscalePlan:
    """How images will be enlarged, every name in the server's own spelling."""

    asked: Upscale
    upscaler: str
    upscaler_2: str | None

    @property
    def sides(self) -> tuple[int | None, int | None]:
        """Width and height that were asked for; (None, None) where the scale counts."""
        size = self.asked.size
        return (size.width, size.height) if size else (None, None)

    def target(self, size: tuple[int, int]) -> tuple[int, int]:
        """Width and height in pixels that an image of this size will have."""
        width, height = self.sides
        if width and height:
            return width, height
        if width:
            return width, max(1, round(size[1] * width / size[0]))
        if height:
            return max(1, round(size[0] * height / size[1])), height
        return int(size[0] * self.asked.scale), int(size[1] * self.asked.scale)

    def require_room(self, picture: PreparedPicture) -> None:
        """Refuse what would be larger than Dify takes, by arithmetic, before the server works.

        Raises:
            InvalidInput: With the largest scale and the smaller formats.
        """
        width, height = self.target(picture.size)
        chosen = self.asked.output_format
        bytes_made = width * height * _BYTES_A_PIXEL[chosen]
        if bytes_made <= MOST_FILE_BYTES and not (chosen == "webp" and max(width, height) > 16383):
            return
        most = (
            MOST_FILE_BYTES / _BYTES_A_PIXEL[chosen] / (picture.size[0] * picture.size[1])
        ) ** 0.5
        smaller = "" if chosen in {"jpeg", "webp"} else ", or set output_format to jpeg or webp"
        raise InvalidInput(
            f"{picture.name}: {width}×{height} pixels as {chosen} would take about "
            f"{bytes_made / 2**20:.0f} MB, and Dify takes {MOST_FILE_BYTES >> 20} MB a file. "
            f"Ask for a scale of at most {max(1.0, int(most * 10) / 10):g}{smaller}."
        )


def plan_upscale(client: Client, asked: Upscale) -> UpscalePlan:
    """Decide how to enlarge.

    Raises:
        UnknownName: No such upscaler.
        Unsupported: The server cannot enlarge.
    """
    catalog, deadline = client.catalog, client.deadline
    dialect = catalog.dialect(deadline)
    known = catalog.offers("upscalers", deadline)
    useful = [offer for offer in known or () if offer.name != "None"]
    if dialect.family == "sdcpp" or (known is not None and not useful):
        raise Unsupported(
            f"{dialect.title} cannot enlarge images: it has no upscaler. Start it with one where "
            "it takes one (KoboldCpp: --sdupscaler), or use another server."
        )
    restores = asked.gfpgan_visibility or asked.codeformer_visibility
    named = asked.upscaler
    if named:
        upscaler = catalog.one("upscalers", "upscaler", named, deadline).name
    elif restores and asked.scale == 1 and not asked.size:
        upscaler = "None"
    else:
        upscaler = _best(useful) if useful else "Lanczos"
    second = asked.upscaler_2
    return UpscalePlan(
        asked,
        upscaler,
        catalog.one("upscalers", "upscaler", second, deadline).name if second else None,
    )


def _best(offers: list[Offer]) -> str:
    """The upscaler that people would choose, when the user leaves it to the plugin."""
    for pattern in _PREFERRED:
        for offer in offers:
            if re.search(pattern, offer.name, re.IGNORECASE):
                return offer.name
    return offers[0].name


def enlarged(
    client: Client, plan: UpscalePlan, files: Sequence[bytes], run: Callable[..., Any]
) -> Iterator[Upscaled]:
    """Enlarge images one after the other.

    Args:
        client: Where.
        plan: How.
        files: The images.
        run: Calls a function with arguments; CPU work goes through it.

    Raises:
        InvalidInput: One of them is no image that can be sent, or would become too large.
        WebUIError: Any of the tree.
    """
    for number, data in enumerate(files, 1):
        name = f"images[{number}]" if len(files) > 1 else "images"
        picture, sent = run(ready, data, name)
        plan.require_room(picture)
        yield upscale(client, plan, picture, sent, read_parameters(data))


def upscale(
    client: Client,
    plan: UpscalePlan,
    picture: PreparedPicture,
    encoded: str,
    parameters: str | None,
) -> Upscaled:
    """Enlarge one image.

    Args:
        client: Where.
        plan: How.
        picture: What; its size decides the target.
        encoded: The image as base64.
        parameters: Its generation parameters, which servers drop here and the result keeps.

    Raises:
        NoPicture: The server answered without one.
        WebUIError: Any of the tree.
    """
    asked = plan.asked
    body: dict[str, Any] = {
        "image": encoded,
        "upscaler_1": plan.upscaler,
        "gfpgan_visibility": asked.gfpgan_visibility,
        "codeformer_visibility": asked.codeformer_visibility,
        "codeformer_weight": asked.codeformer_weight,
    }
    width, height = plan.target(picture.size)
    if asked.size:
        body |= {
            "resize_mode": 1,
            "upscaling_resize_w": width,
            "upscaling_resize_h": height,
            "upscaling_crop": False,
        }
    else:
        body |= {"resize_mode": 0, "upscaling_resize": asked.scale}
    if plan.upscaler_2:
        body |= {
            "upscaler_2": plan.upscaler_2,
            "extras_upscaler_2_visibility": asked.upscaler_2_visibility,
        }
    reader = AnswerReader()
    request = Request("POST", "/sdapi/v1/extra-single-image", "upscale", body)
    made: list[bytes] = []
    with transport_to(client.server).exchange(request, client.deadline) as answer:
        for chunk in answer.chunks():
            made += reader.feed(chunk)
    reader.finish()
    if not made or not made[0]:
        raise NoPicture(
            f"The server at {client.server.url} failed at enlarging and sent no image. See "
            "whether it has an upscaler, and look into its console."
        )
    data = made[0]
    kind, size = sniff(data), size_of(data)
    if parameters and not read_parameters(data):
        data = with_parameters(data, parameters)
    warnings = list(picture.warnings)
    # A1111 keeps the aspect ratio within width × height when it may not crop.
    if max(abs(size[0] - width), abs(size[1] - height)) > 8:
        warnings.append(f"The server made {size[0]}×{size[1]} pixels instead of {width}×{height}.")
    return Upscaled(data, kind, *size, plan.upscaler, tuple(warnings))


def caption(client: Client, encoded: str, method: str) -> str:
    """Words for an image, usable as a prompt.

    A1111 and Forge have ``/interrogate``, SD.Next ``/caption`` and ``/tagger``; KoboldCpp asks its
    vision model.

    Args:
        client: Where.
        encoded: The image as base64.
        method: "clip" for a sentence, "deepbooru" for tags.

    Raises:
        ModelMissing: The server lacks the weights for it.
        Unsupported: The server cannot do it.
    """
    family = client.catalog.dialect(client.deadline).family
    if family == "sdcpp":
        raise Unsupported("stable-diffusion.cpp cannot put images into words.")
    if family == "sdnext":
        path, body, key = (
            ("/sdapi/v1/tagger", {"image": encoded, "model": "deepbooru"}, "tags")
            if method == "deepbooru"
            else ("/sdapi/v1/openclip", {"image": encoded}, "caption")
        )
    else:
        model = "deepdanbooru" if method == "deepbooru" else "clip"
        path, body, key = "/sdapi/v1/interrogate", {"image": encoded, "model": model}, "caption"
    request = Request("POST", path, "caption", body)
    try:
        answer = transport_to(client.server).post(request, client.deadline)
    except ServerFault as error:
        if "list index out of range" in str(error):
            # A1111 and Forge without DeepDanbooru's file (interrogate-deepdanbooru-model-file-…).
            raise _no_weights(method) from None
        raise
    said = str(answer.get(key) or "") if isinstance(answer, Mapping) else ""
    # Without weights A1111 says "<error>" and SD.Next "CLIP error: …" or "", all with 200.
    if not said.strip() or said.startswith("<error>") or said.startswith("CLIP error"):
        raise _no_weights(method)
    return said.strip().removesuffix("<error>").strip()


def _no_weights(method: str) -> ModelMissing:
    return ModelMissing(
        f"The server could not put the image into words: it seems to lack the weights for "
        f"{method}. Run the interrogator once in the WebUI, which downloads them, or choose the "
        "other method."
    )
