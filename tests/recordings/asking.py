"""Asks a server as the plugin does: the one place where played recordings meet the client's API."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sdwebui.answers.images import Image
from sdwebui.application import SCRIPT
from sdwebui.client import WebUI
from sdwebui.dialects.plan import Plan
from sdwebui.generation import generate as make
from sdwebui.http.server import Server
from sdwebui.images.files import ImageFile
from sdwebui.jobs import handle_timeout as where_it_stands
from sdwebui.parameters import Caption, Img2Img, ListResources, PngInfo, Txt2Img, Upscale
from sdwebui.planning.sources import prepare
from sdwebui.resources.kinds import Resource

KINDS = {
    "/sdapi/v1/loras": "loras", "/sdapi/v1/samplers": "samplers",
    "/sdapi/v1/schedulers": "schedulers", "/sdapi/v1/upscalers": "upscalers",
    "/sdapi/v1/prompt-styles": "styles", "/sdapi/v1/embeddings": "embeddings",
    "/controlnet/model_list": "controlnet_models", "/adetailer/v1/ad_model": "face_detailers",
}  # fmt: skip
"""The kinds of the tool sd_list_resources, by the path that each is read from."""

SECONDS = 20.0
"""Far more than any played answer takes."""


@dataclass(frozen=True, slots=True)
class Made:
    """What came of a generation.

    Attributes:
        images: Bytes of each.
        sizes: Width and height of each, as the client reports.
    """

    images: tuple[bytes, ...] = field(repr=False)
    sizes: tuple[tuple[int, int], ...]
    seeds: tuple[int, ...]
    model: str
    sampler: str
    scheduler: str
    steps: int
    cfg_scale: float
    warnings: tuple[str, ...]


def client_at(url: str, **given: str) -> WebUI:
    """Return the client of a server, described as a credential does."""
    return WebUI(Server.at(url, **given))  # type: ignore[arg-type]


def plan_of(webui: WebUI, job: str, given: Mapping[str, Any], image: bytes) -> Plan:
    """Plan a generation from a tool's parameters; ``image`` is what img2img starts from."""
    planner = webui.call(SECONDS).planner
    if job == "txt2img":
        return planner.txt2img(Txt2Img.build(given))
    requested = Img2Img.build(given)
    prepared = prepare(requested, image, None, not planner.dialect.resize_modes)
    return planner.img2img(requested, prepared)


def generate(webui: WebUI, plan: Plan, seconds: float = SECONDS) -> Made:
    """Make the images of a plan."""
    images = make(webui.call(seconds), plan)
    made = list(images)
    report = images.report
    return Made(
        tuple(image.data for image in made), tuple((image.width, image.height) for image in made),
        report.seeds, report.model, report.sampler, report.scheduler, report.steps,
        report.cfg_scale, report.warnings,
    )  # fmt: skip


def upscale(webui: WebUI, given: Mapping[str, Any], image: bytes) -> tuple[Image, tuple[str, ...]]:
    """Enlarge an image; return it and the warnings."""
    files = {"images": [ImageFile(image)]}
    images = webui.upscale(Upscale.build({**given, **files}), seconds=SECONDS)
    (made,) = images
    return made, images.report.warnings


def caption(webui: WebUI, image: bytes, method: str) -> str:
    """Put an image into words."""
    requested = Caption.build({"image": ImageFile(image), "method": method})
    return webui.caption(requested, seconds=SECONDS).caption


def png_info(webui: WebUI, image: bytes) -> str:
    """Return how an image was made."""
    return webui.png_info(PngInfo(image=ImageFile(image)), seconds=SECONDS).text


def check(webui: WebUI) -> None:
    """Check a credential."""
    webui.check(seconds=SECONDS)


def resources(webui: WebUI, kind: str) -> list[str] | None:
    """List the names of one kind; None where the server does not list it."""
    listing = webui.list_resources(ListResources.build({"kind": kind}), seconds=SECONDS)
    return None if listing.missing else [row.name for row in listing.rows]


def entries(webui: WebUI, resource: Resource) -> list[str] | None:
    """Return the names of one of the catalog's lists; None where the server has none."""
    found = webui.call(SECONDS).catalog.entries(resource)
    return None if found is None else [entry.name for entry in found]


def loaded(webui: WebUI) -> str:
    """Return the checkpoint that is loaded; "" where the server does not report it."""
    return webui.call(SECONDS).catalog.loaded()


def family(webui: WebUI) -> tuple[str, bool, bool]:
    """Recognise a server: its family, whether it has task ids, and lists of schedulers."""
    dialect = webui.call(SECONDS).dialect
    return dialect.family, dialect.tasks, dialect.schedulers


def handle_timeout(webui: WebUI, plan: Plan) -> str:
    """Return what is reported of a job whose time is up."""
    call = webui.call(SECONDS)
    task = call.dialect.body(plan).get("force_task_id")
    return str(where_it_stands(call.transport, call.deadline, plan, task, SCRIPT))
