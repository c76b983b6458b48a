"""What real servers answered: packed recordings, read as cases (README.md tells their format)."""

import base64
import binascii
import json
import lzma
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent

FAMILIES = ("a1111", "forge", "sdnext", "sdcpp", "koboldcpp")
"""The families that the plugin speaks with; the packs have more."""

SHORTENED = "…<base64, "
"""Stands in place of most of a long image; no base64."""

PACKS = tuple(sorted(path.name.removesuffix(".jsonl.xz") for path in FOLDER.glob("*.jsonl.xz")))
"""All families that were recorded."""

Record = dict[str, Any]
"""One recording as it is packed."""


@dataclass(frozen=True, slots=True)
class Case:
    """One recorded request with its answer.

    Attributes:
        name: Of the case, unique in its family.
        headers: Of the request, without those that every client sets anew.
        body: Of the request, as it was sent.
        status: 0 where the connection was closed without an answer.
        answer: The parsed JSON, or the text of what is no JSON.
        answer_headers: By lower-case name.
        elapsed: Seconds until the answer was complete.
        sizes: Width and height of the answered images, where the recorder told them.
    """

    family: str
    name: str
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes = field(repr=False)
    status: int
    answer: Any = field(repr=False)
    answer_headers: Mapping[str, str] = field(repr=False)
    elapsed: float
    sizes: tuple[tuple[int, int], ...] = ()

    @property
    def requested(self) -> Any:
        """The JSON of the request; None where its body is no JSON."""
        try:
            return json.loads(self.body)
        except ValueError:
            return None


@cache
def records(family: str) -> Mapping[str, Record]:
    """Return a family's recordings as they are packed, by name; not to be changed."""
    packed = lzma.decompress((FOLDER / f"{family}.jsonl.xz").read_bytes())
    return {record["name"]: record for record in map(json.loads, packed.splitlines())}


@cache
def cases(family: str) -> tuple[Case, ...]:
    """Return the recordings of a family that are one request with one answer, by name."""
    return tuple(
        case_of(family, record)
        for record in records(family).values()
        if "request" in record and (record["status"] is not None or record.get("closed"))
    )


def case(family: str, name: str) -> Case:
    """Return one recording."""
    return case_of(family, records(family)[name])


def case_of(family: str, record: Record) -> Case:
    """Read a packed recording."""
    request = record["request"]
    return Case(
        family,
        record["name"],
        request["method"],
        request["path"],
        request["headers"],
        body_of(request),
        record.get("status") or 0,
        record.get("body"),
        record.get("headers", {}),
        record.get("elapsed", 0.0),
        tuple((width, height) for width, height in record.get("image_sizes", ())),
    )


def body_of(request: Record) -> bytes:
    """Return the bytes of a request's body."""
    if "raw_body" in request:
        raw: str = request["raw_body"]
        return raw.encode(request.get("coding", "utf-8"))
    return json.dumps(request["body"]).encode() if "body" in request else b""


def strings(family: str) -> Iterator[tuple[str, str, str]]:
    """Case, place and text of each string of a family's recordings, JSON in strings included."""
    for name, record in records(family).items():
        for place, text in _strings_in(record, ""):
            yield name, place, text


def _strings_in(value: Any, place: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, member in value.items():
            yield from _strings_in(member, f"{place}/{key}")
    elif isinstance(value, list):
        for member in value:
            yield from _strings_in(member, place)
    elif isinstance(value, str):
        yield place, value
        if value.startswith("{"):
            try:
                inner = json.loads(value)
            except json.JSONDecodeError:
                return
            yield from _strings_in(inner, place)


def answered_images(family: str) -> dict[bytes, str]:
    """Return the whole images that a family of servers sent, each with one case it stood in."""
    images: dict[bytes, str] = {}
    for name, place, text in strings(family):
        if place in ("/body/images", "/body/image") and SHORTENED not in text:
            try:
                images[base64.b64decode(text.partition(",")[2] or text, validate=True)] = name
            except binascii.Error:
                continue
    return {data: name for data, name in images.items() if data}
