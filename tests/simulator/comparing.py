"""Holds a simulated answer against a recorded one: all that the plugin reads of it.

The recorded answers themselves are played to the plugin elsewhere; here headers, the order of keys
and what nobody reads may differ.
"""

import base64
import binascii
import json
import re
import struct
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from sdwebui.answers.info import Info
from sdwebui.http.server import Server
from sdwebui.http.status_errors import error_from_response
from sdwebui.resources import readers
from tests.simulator.recordings import Case

SERVER = Server.at("http://127.0.0.1:7860")

LISTS: dict[str, Callable[[Any], Any]] = {
    "/sdapi/v1/sd-models": readers.checkpoints,
    "/sdapi/v1/samplers": readers.named,
    "/sdapi/v1/schedulers": readers.named,
    "/sdapi/v1/upscalers": readers.named,
    "/sdapi/v1/latent-upscale-modes": readers.named,
    "/sdapi/v1/sd-vae": readers.files,
    "/sdapi/v1/sd-modules": readers.files,
    "/sdapi/v1/loras": readers.loras,
    "/sdapi/v1/prompt-styles": readers.styles,
    "/sdapi/v1/embeddings": readers.embeddings,
    "/sdapi/v1/detailers": readers.detectors,
    "/controlnet/model_list": readers.names_under("model_list"),
    "/controlnet/module_list": readers.names_under("module_list"),
}
"""How the plugin reads each list."""

PROGRAM = {
    f"/sdapi/v1/{name}" for name in ("samplers", "schedulers", "upscalers", "latent-upscale-modes")
}
"""Lists that a program brings along; the others are of the machine's files."""

REPORTED = (
    "model", "model_hash", "sampler", "scheduler", "steps", "cfg_scale", "face_restoration",
    "first_image",
)  # fmt: skip
WRITTEN = (
    "prompt", "negative_prompt", "steps", "sampler", "scheduler", "cfg_scale", "width", "height",
    "variation_strength", "denoising_strength", "hires_upscaler", "hires_scale",
    "hires_size", "hires_steps", "refiner", "face_restoration", "tiling", "loras", "applied_loras",
    "clip_skip", "vae", "modules",
)  # fmt: skip
"""What the plugin takes from ``info`` and from the infotext of the first image."""

MASKS = ("Mask blur", "Mask mode", "Inpaint area", "Masked content")

LEAKED = {"clip_skip": "clip_skip|CLIP_stop", "vae": "sd_vae", "modules": "modules"}
"""Settings that leaked from earlier requests into recordings (see their NOTES.txt): these are
compared where the request itself names them."""

DIFFUSERS = "tiny-sd"
"""SD.Next was recorded with a diffusers model loaded at the start, which is not simulated."""


def differences(case: Case, status: int, body: Any) -> list[str]:
    """Return what the plugin would read otherwise than it was recorded."""
    if status != case.status:
        return [f"status {case.status} but {status}: {body!r:.300}"]
    if status >= 400:
        theirs, ours = _error(case, case.answer), _error(case, body)
        return [f"{theirs!r} but {ours!r}"] if theirs != ours else []
    return list(_differences(case, case.answer, body))


def _error(case: Case, body: Any) -> tuple[str, str]:
    """Return the exception that the plugin raises, and its words."""
    text = body if isinstance(body, str) else json.dumps(body)
    error = error_from_response(SERVER, case.status, {}, text.encode(), job=case.path)
    return type(error).__name__, str(error).partition("Current path")[0]


def _differences(case: Case, theirs: Any, ours: Any) -> Iterator[str]:
    if case.path in LISTS:
        read = LISTS[case.path]
        yield from _other("list", *(_names(case.path, read(body)) for body in (theirs, ours)))
    elif case.path.endswith("2img"):
        yield from _generation(case, theirs, ours)
    elif case.path == "/openapi.json":
        yield from _other("document", _recognisable(theirs), _recognisable(ours))
    elif case.path == "/internal/progress":
        for key in ("active", "queued", "completed", "textinfo"):
            yield from _other(key, theirs.get(key), ours.get(key))
        yield from _other("progress", *(type(body.get("progress")) for body in (theirs, ours)))
    elif case.path == "/internal/pending-tasks":
        yield from _other("waiting", bool(theirs["tasks"]), bool(ours["tasks"]))
    elif case.path == "/sdapi/v1/options" and case.method == "GET":
        models = [str(body.get("sd_model_checkpoint")) for body in (theirs, ours)]
        if DIFFUSERS not in models[0]:
            yield from _other("model", *(re.sub(r"( \[\w+\]|\.safetensors)+$", "", one)
                                         for one in models))  # fmt: skip
    elif case.path == "/sdapi/v1/extra-single-image":
        yield from _other("image", image_shape(theirs["image"]), image_shape(ours["image"]))
    elif case.path in ("/sdapi/v1/png-info", "/sdapi/v1/interrogate", "/sdapi/v1/openclip"):
        for key in ("info", "caption"):
            yield from _other(key, theirs.get(key), ours.get(key))
    elif case.path == "/api/extra/version":
        yield from _other("program", theirs["result"], ours["result"])


def _other(name: str, theirs: Any, ours: Any) -> Iterator[str]:
    if theirs != ours:
        yield f"{name}: {theirs!r:.500} but {ours!r:.500}"


def _names(path: str, listed: Any) -> list[Any]:
    """Return what a list offers, in no order; of files their names, since hashes come later."""
    if path in PROGRAM:
        return sorted((one.name, one.aliases, one.label) for one in listed)
    return sorted(one.name for one in listed if DIFFUSERS not in one.name)


def _recognisable(document: Mapping[str, Any]) -> tuple[str, set[str], bool]:
    """Return what the plugin knows a server's family by."""
    schemas = (document.get("components") or {}).get("schemas") or {}
    tasks = any("force_task_id" in (one.get("properties") or {}) for one in schemas.values())
    routes = {"/sdapi/v1/schedulers", "/sdapi/v1/sd-modules", "/internal/progress"}
    return document["info"]["title"], routes & set(document["paths"]), tasks


def _generation(case: Case, theirs: Any, ours: Any) -> Iterator[str]:
    shapes = ([image_shape(one) for one in body["images"] or ()] for body in (theirs, ours))
    yield from _other("images", *shapes)
    recorded, made = Info.read(theirs), Info.read(ours)
    yield from _other("reported", recorded.reported, made.reported)
    if case.seeded:
        yield from _other("seeds", recorded.seeds, made.seeds)
    yield from _other("number of seeds", len(recorded.seeds), len(made.seeds))
    foreign = {"model", "model_hash"} if recorded.model == DIFFUSERS else set()
    for name in REPORTED:
        if name not in foreign:
            yield from _other(name, getattr(recorded, name), getattr(made, name))
    for key in MASKS:
        yield from _other(key, *(one.infotext.get(key) for one in (recorded, made)))
    for name in WRITTEN:
        if name not in LEAKED or re.search(LEAKED[name], case.body.decode("latin-1")):
            values = (getattr(one.infotext, name) for one in (recorded, made))
            yield from _other(f"infotext.{name}", *values)


def image_shape(text: Any) -> str:
    """Return format and size of a base64 image, also of one cut short."""
    if not isinstance(text, str):
        return type(text).__name__
    start = re.split(r"\.\.\.|…", text)[0][:56]
    try:
        data = base64.b64decode(start[: len(start) // 4 * 4])
    except binascii.Error:
        return text[:30]
    if data.startswith(b"\x89PNG") and len(data) >= 24:
        width, height = struct.unpack(">II", data[16:24])
        return f"png {width}x{height}"
    if data.startswith(b"\xff\xd8"):
        return "jpeg"
    return "webp" if data.startswith(b"RIFF") else text[:30]
