"""Asks a server as the plugin does: the one place where played recordings meet the client's API."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sdwebui import postprocess, provenance, tasks
from sdwebui.catalog import catalog_of
from sdwebui.client import Client
from sdwebui.deadline import Deadline
from sdwebui.listing import list_resources
from sdwebui.parameters import Img2Img, ListResources, Txt2Img, Upscale
from sdwebui.plan import Plan
from sdwebui.planning import Defaults
from sdwebui.postprocess import Upscaled
from sdwebui.server import Server
from sdwebui.sources import prepare, ready

__all__ = [
    "KINDS", "SECONDS", "Made", "Plan", "Server", "Upscaled", "caption", "check", "family",
    "generate", "loaded", "offers", "plan_of", "png_info", "resources", "server_at",
    "told_by_file", "upscale", "whereabouts",
]  # fmt: skip

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
        sizes: Width and height of each, as the client says.
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


def server_at(url: str, **given: str) -> Server:
    """Describe a server as a credential does."""
    return Server.at(url, **given)  # type: ignore[arg-type]


def plan_of(server: Server, job: str, given: Mapping[str, Any], image: bytes) -> Plan:
    """Plan a generation from a tool's parameters; ``image`` is what img2img starts from."""
    planner = Client(server, SECONDS).planner
    if job == "txt2img":
        return planner.txt2img(Txt2Img.build(given))
    asked = Img2Img.build(given)
    prepared = prepare(asked, image, None, not planner.dialect.resize_modes)
    return planner.img2img(asked, prepared)


def generate(server: Server, plan: Plan, seconds: float = SECONDS) -> Made:
    """Make the images of a plan."""
    generation = Client(server, seconds).generate(plan)
    images: list[bytes] = []
    sizes: list[tuple[int, int]] = []
    while True:
        try:
            one = next(generation)
        except StopIteration as end:
            report = end.value
            return Made(
                tuple(images), tuple(sizes), report.seeds, report.model, report.sampler,
                report.scheduler, report.steps, report.cfg_scale, report.warnings,
            )  # fmt: skip
        images.append(one.data)
        sizes.append((one.width, one.height))


def upscale(server: Server, given: Mapping[str, Any], image: bytes) -> Upscaled:
    """Enlarge an image."""
    client = Client(server, SECONDS)
    plan = postprocess.plan_upscale(client, Upscale.build(given))
    return postprocess.upscale(client, plan, *ready(image, "images"), None)


def caption(server: Server, image: bytes, method: str) -> str:
    """Put an image into words."""
    return postprocess.caption(Client(server, SECONDS), ready(image, "image")[1], method)


def png_info(server: Server, image: bytes) -> str:
    """Ask the server how an image was made."""
    return provenance.told_by_server(Client(server, SECONDS), image).text


def told_by_file(image: bytes) -> str:
    """Read from the file how an image was made."""
    origin = provenance.told_by_file(image)
    return origin.text if origin else ""


def check(server: Server, model: str = "") -> None:
    """Check a credential."""
    Client(server, SECONDS, Defaults(model=model)).check()


def resources(server: Server, kind: str) -> list[str] | None:
    """List the names of one kind; None where the server does not list it."""
    listing = list_resources(Client(server, SECONDS), ListResources.build({"kind": kind}))
    return None if listing.missing else [row.name for row in listing.rows]


def offers(server: Server, kind: str) -> list[str] | None:
    """Return the names of one of the catalog's lists; None where the server has none."""
    found = catalog_of(server).offers(kind, Deadline.after(SECONDS))
    return None if found is None else [offer.name for offer in found]


def loaded(server: Server) -> str:
    """Return the checkpoint that is loaded; "" where the server does not say."""
    return catalog_of(server).loaded(Deadline.after(SECONDS))


def family(server: Server) -> tuple[str, bool, bool]:
    """Recognise a server: its family, whether it has task ids, and lists of schedulers."""
    dialect = catalog_of(server).dialect(Deadline.after(SECONDS))
    return dialect.family, dialect.tasks, dialect.schedulers


def whereabouts(server: Server, plan: Plan) -> str:
    """Say where a job stands whose time is up."""
    client = Client(server, SECONDS)
    body = client.catalog.dialect(client.deadline).body(plan)
    return str(tasks.whereabouts(client, plan, body))
