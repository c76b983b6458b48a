"""What real servers answered, where the recordings lie beside the checkout."""

import base64
import binascii
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

RECORDINGS = Path(__file__).parents[1].parent / "shared" / "facts" / "recordings"


def needs_recordings[Test: Callable[..., None]](test: Test) -> Test:
    """Skip a test where there are none, and do without it in coverage, as they would there."""
    skip = pytest.mark.skipif(not RECORDINGS.is_dir(), reason="no recordings beside the checkout")
    marked: Test = pytest.mark.unmeasured(skip(test))
    return marked


def strings(family: str) -> Iterator[tuple[str, str, str]]:
    """Case, place and text of each string of a family's recordings, JSON in strings included."""
    for path in sorted((RECORDINGS / family).glob("*.json")):
        for place, text in _strings_in(json.loads(path.read_text()), ""):
            yield path.stem, place, text


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


def answered_pictures(family: str) -> dict[bytes, str]:
    """The whole images that a family of servers sent, each with one case it stood in."""
    pictures: dict[bytes, str] = {}
    for case, place, text in strings(family):
        if place in ("/body/images", "/body/image") and "…" not in text:
            try:
                pictures[base64.b64decode(text.partition(",")[2] or text, validate=True)] = case
            except binascii.Error:
                continue
    return {data: case for data, case in pictures.items() if data}
