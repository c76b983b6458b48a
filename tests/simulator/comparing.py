"""Holds a simulated answer against a recorded one: status, shape, texts, sizes of images."""

from __future__ import annotations

import base64
import binascii
import json
import re
import struct
from collections.abc import Iterator
from typing import Any

LEAKED = re.compile(
    r", (?:Clip skip: [\d.]+|VAE hash: \w+, VAE: [\w.-]+"
    r"|Module 1: random-vae|Diffusion in Low Bits: float8-e4m3fn)(?=,|$)|(?<=lora: )\w{12}"
    r"|(?<=lora_alias: )\w{12}|(?<=Init image hash: )\w{8}|, VAE: random-vae(?=,|$)",
    re.MULTILINE,
)
"""What settings leaked from earlier requests add to recorded infotexts (see NOTES.txt), and the
hashes of LoRAs, which Forge computes in its own way."""

OTHER_MODEL = (
    ("PNDMScheduler", "EulerAncestralDiscreteScheduler"),
    ("Model: tiny-sd", "Model: tiny-random, Model hash: ac818510da"),
)
"""SD.Next was recorded with a diffusers model loaded at the start, which is not simulated."""

SEED = re.compile(r"(Seed: |Variation seed: |\"seed\": ?)-?\d+")
NUMBERS = ("integer", "number")

CHANCE = {
    "subseed", "all_subseeds", "job_timestamp", "clip_skip", "sd_vae_name", "sd_vae_hash",
}  # fmt: skip
"""Members of ``info`` whose values are random, or leaked in from earlier requests."""

MOMENTARY = {"live_preview", "eta", "current_image", "timestamp", "sd_checkpoint_hash"}
"""There or null, as the moment wants it."""

PARSER = "[json.exception.parse_error.101] parse error at line 1"
"""sd.cpp's JSON library goes on to name what its own parser expected."""

SEVERAL = " validation errors:\n"
"""FastAPI goes on with a line for each."""

FIXED_TEXTS = ("error", "detail", "errors", "message", "caption", "html_info", "textinfo")


def differences(recorded: Any, simulated: Any, *, seeded: bool) -> Iterator[str]:
    """What differs between two bodies; ``seeded`` says that the request fixed the seed."""
    if isinstance(recorded, dict) and isinstance(simulated, dict) and "images" in recorded:
        yield from _generation(recorded, simulated, seeded=seeded)
        return
    if isinstance(recorded, dict) and "openapi" in recorded:
        recorded, simulated = _detectable(recorded), _detectable(simulated)
    yield from _texts(recorded, simulated)
    yield from shape_differences(recorded, simulated, "")


def _detectable(document: dict[str, Any]) -> dict[str, Any]:
    """What a client tells the server's family by: title, routes, fields of the requests."""
    schemas = document["components"]["schemas"]
    requests = ("StableDiffusionProcessingTxt2Img", "StableDiffusionProcessingImg2Img")
    return {
        "title": document["info"]["title"],
        "paths": {
            path: dict.fromkeys(methods)
            for path, methods in document["paths"].items()
            if not re.search("/v2/|/browser|/autocomplete", path)
        },
        "fields": {
            name: dict.fromkeys(schemas[name]["properties"]) for name in requests if name in schemas
        },
    }


def _generation(recorded: Any, simulated: Any, *, seeded: bool) -> Iterator[str]:
    if list(recorded) != list(simulated):
        yield f"keys {list(recorded)} but {list(simulated)}"
        return
    shapes = [picture_shape(text) for text in recorded["images"] or []]
    ours = [picture_shape(text) for text in simulated["images"] or []]
    if shapes != ours:
        yield f"images {shapes} but {ours}"
    if list(recorded.get("parameters") or ()) != list(simulated.get("parameters") or ()):
        yield f"parameters {recorded['parameters']} but {simulated['parameters']}"
    yield from shape_differences(recorded.get("parameters"), simulated.get("parameters"), "P")
    if "info" in recorded:
        yield from _info(recorded["info"], simulated["info"], seeded=seeded)


def _info(recorded: str, simulated: str, *, seeded: bool) -> Iterator[str]:
    try:
        theirs, ours = json.loads(recorded), json.loads(simulated)
    except ValueError:
        if recorded != simulated:
            yield f"info {recorded!r} but {simulated!r}"
        return
    if list(theirs) != list(ours):
        missing, extra = set(theirs) - set(ours), set(ours) - set(theirs)
        yield f"info lacks {missing}, has {extra}, order {list(theirs)[:5]} {list(ours)[:5]}"
    random = CHANCE if seeded else CHANCE | {"seed", "all_seeds"}
    for key in theirs:
        if key == "infotexts":
            yield from _infotexts(theirs[key], ours.get(key), seeded=seeded)
        elif key in random:
            if isinstance(theirs[key], list) and len(theirs[key]) != len(ours.get(key, ())):
                yield f"info.{key}: {theirs[key]} but {ours.get(key)}"
        elif key == "sd_model_hash" and theirs[key] is None:
            continue
        elif LEAKED.sub("", str(theirs[key])) != LEAKED.sub("", str(ours.get(key))):
            yield f"info.{key}: {theirs[key]!r} but {ours.get(key)!r}"


def _infotexts(recorded: list[str], simulated: Any, *, seeded: bool) -> Iterator[str]:
    def plain(text: str) -> str:
        text = LEAKED.sub("", text)
        for other, usual in OTHER_MODEL:
            text = text.replace(other, usual)
        return text if seeded else SEED.sub(r"\1?", text)

    theirs, ours = [plain(text) for text in recorded], [plain(text) for text in simulated or []]
    if theirs != ours:
        whole, mine = "|".join(theirs), "|".join(ours)
        at = next((i for i, (a, b) in enumerate(zip(whole, mine, strict=False)) if a != b), 0)
        start = max(at - 60, 0)
        yield f"infotexts …{whole[start : at + 90]!r} but …{mine[start : at + 90]!r}"


def _texts(recorded: Any, simulated: Any) -> Iterator[str]:
    if not isinstance(recorded, dict) or not isinstance(simulated, dict):
        return
    for key in FIXED_TEXTS:
        theirs = str(recorded.get(key))
        ours = str(simulated.get(key))
        if any(words in theirs and words in ours for words in (PARSER, SEVERAL)):
            continue
        if key in recorded and recorded[key] != simulated.get(key):
            yield f"{key}: {recorded[key]!r} but {simulated.get(key)!r}"
    if "image" in recorded:
        theirs, ours = picture_shape(recorded["image"]), picture_shape(simulated.get("image"))
        if theirs != ours:
            yield f"image {theirs} but {ours}"


def shape_differences(recorded: Any, simulated: Any, place: str) -> Iterator[str]:
    """Keys and types, recursively; of lists, the shapes that occur among the elements."""
    if isinstance(recorded, dict) and isinstance(simulated, dict):
        for key in recorded.keys() - simulated.keys():
            yield f"{place}.{key} is missing"
        for key in simulated.keys() - recorded.keys():
            yield f"{place}.{key} is new"
        for key in (recorded.keys() & simulated.keys()) - MOMENTARY:
            yield from shape_differences(recorded[key], simulated[key], f"{place}.{key}")
    elif isinstance(recorded, list) and isinstance(simulated, list):
        if bool(recorded) != bool(simulated):
            yield f"{place}: {len(recorded)} elements but {len(simulated)}"
        elif recorded and all(isinstance(item, dict) for item in [*recorded, *simulated]):
            theirs, ours = _member_kinds(recorded), _member_kinds(simulated)
            for key in theirs.keys() | ours.keys():
                if not ours.get(key, set()) <= theirs.get(key, set()):
                    yield f"{place}[].{key}: {theirs.get(key)} but {ours.get(key)}"
    elif kind_of(recorded) != kind_of(simulated):
        yield f"{place}: {kind_of(recorded)} but {kind_of(simulated)} ({simulated!r:.60})"


def _member_kinds(items: list[Any]) -> dict[str, set[str]]:
    kinds: dict[str, set[str]] = {}
    for item in items:
        for key, value in item.items():
            kinds.setdefault(key, set()).add(kind_of(value))
    return kinds


def kind_of(value: Any) -> str:
    """JSON's name of the value's type."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    names = {int: "number", float: "number", str: "string", list: "array", dict: "object"}
    return names[type(value)]


def picture_shape(text: Any) -> str:
    """Format and size of a base64 image, also of one cut short."""
    if not isinstance(text, str):
        return kind_of(text)
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
