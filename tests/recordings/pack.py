"""Packs recordings of a server: ``python -m tests.recordings.pack FOLDER`` (see README.md).

The folder's name is the family; its recordings are added to those of the family's pack, and take
the place of those of the same name.
"""

from __future__ import annotations

import json
import lzma
import re
import sys
from pathlib import Path
from typing import Any

from tests.recordings import FOLDER, Record, records

WHOLE = 18_000
"""Characters of base64 up to which an image is kept whole."""

HEADER = 56
"""Characters of base64 that tell the format and size of most images; kept of each."""

LONGEST_PAGE = 1_000
"""Characters of a web page that are kept."""

SET_ANEW = frozenset({"host", "content-length", "connection"})
"""Headers of a request that belong to its connection."""

MOMENTARY = frozenset({"date", "x-process-time", "process-time"})
"""Headers of an answer that say nothing of it."""

UNWANTED = re.compile(r".*sysinfo")
"""Cases that are not packed: they describe the machine of the recording."""

_BASE64 = re.compile(r"(?P<kind>data:[\w/+.-]+;base64,)?[A-Za-z0-9+/]{600,}={0,2}")
_DECORATION = re.compile(r"<(script|style)\b.*?</\1>|<link\b[^>]*>|<!--.*?-->", re.DOTALL)
_SHORTENED = re.compile(r"(?:…|\.\.\.)<(?:base64, )?(\d+) chars>")
"""What the recorders wrote in place of most of a long image."""

_CLOSED = re.compile(r"RemoteDisconnected|ConnectionReset")
_MACHINE = re.compile(r"/(?:home|root|work)/[^\"\s]*")
"""A path of the machine of the recording."""


def packed(name: str, recorded: Record) -> Record:
    """Return a recording in the form of the packs, whichever recorder wrote it."""
    request = recorded.get("request")
    record: Record = {"name": name}
    if isinstance(request, dict):
        record["request"] = _request(name, request)
    record["status"] = recorded.get("status")
    if _CLOSED.search(str(recorded.get("exception"))):
        record["closed"] = True
    if "reason" in recorded:
        record["reason"] = recorded["reason"]
    if recorded.get("headers"):
        record["headers"] = {
            key.lower(): value
            for key, value in dict(recorded["headers"]).items()
            if key.lower() not in MOMENTARY
        }
    if "body" in recorded:
        record["body"] = _shortened(recorded["body"])
    if "elapsed" in recorded or "elapsed_s" in recorded:
        record["elapsed"] = recorded.get("elapsed", recorded.get("elapsed_s"))
    sizes = [image["size"] for image in recorded.get("images_decoded") or () if "size" in image]
    if sizes:
        record["image_sizes"] = sizes
    for key in ("note", "exception", "samples"):
        if key in recorded:
            record[key] = _shortened(recorded[key])
    return record


def _request(name: str, request: Record) -> Record:
    headers = dict(request.get("headers") or request.get("headers_sent") or {})
    kept: Record = {
        "method": request["method"],
        "path": request["path"],
        "headers": {k: v for k, v in headers.items() if k.lower() not in SET_ANEW},
    }
    body, raw = request.get("body"), request.get("raw_body")
    if raw is None and request.get("body_is_raw_text") and isinstance(body, str):
        raw = body
    if raw is not None:
        kept["raw_body"] = _shortened(raw)
        if "invalid-utf8" in name:
            # Its bytes were written down as the letters of the same numbers.
            kept["coding"] = "latin-1"
    elif body is not None:
        kept["body"] = _shortened(body)
    return kept


def _shortened(value: Any) -> Any:
    """Return an answer without the weight that no test reads: large images, pages' scripts."""
    if isinstance(value, dict):
        return {key: _shortened(member) for key, member in value.items()}
    if isinstance(value, list):
        return [_shortened(member) for member in value]
    if not isinstance(value, str):
        return value
    if len(value) > WHOLE and (match := _BASE64.fullmatch(value)):
        start = len(match["kind"] or "") + HEADER
        return f"{value[:start]}…<base64, {len(value)} chars>"
    if value.lstrip()[:9].lower() == "<!doctype" or value.startswith("<html"):
        value = _DECORATION.sub("", value)[:LONGEST_PAGE]
    return _MACHINE.sub("/srv/webui", _SHORTENED.sub(r"…<base64, \1 chars>", value))


def write(family: str, recordings: dict[str, Record]) -> Path:
    """Write a family's pack; the same recordings give the same bytes."""
    lines = [
        json.dumps(recordings[name], ensure_ascii=False, separators=(",", ":"))
        for name in sorted(recordings)
    ]
    data = "".join(f"{line}\n" for line in lines).encode()
    path = FOLDER / f"{family}.jsonl.xz"
    path.write_bytes(lzma.compress(data, preset=9 | lzma.PRESET_EXTREME))
    return path


def add(folder: Path) -> Path:
    """Add the recordings of a folder to the pack of the family that it is named for."""
    family = folder.resolve().name
    known = dict(records(family)) if (FOLDER / f"{family}.jsonl.xz").exists() else {}
    for path in folder.glob("*.json"):
        recorded = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(recorded, dict) and not UNWANTED.match(path.stem):
            known[path.stem] = packed(path.stem, recorded)
    return write(family, known)


if __name__ == "__main__":
    written = add(Path(sys.argv[1]))
    sys.stdout.write(f"{written.name}: {written.stat().st_size:,} bytes\n")
