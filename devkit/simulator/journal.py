"""What the server was asked, for tests that promise what a client does and does not send."""

import json
import time
from typing import Any

from devkit.simulator.wire import Request

LONGEST_STRING = 200

HARMFUL = {
    ("POST", "/sdapi/v1/options"),
    ("GET", "/sdapi/v1/cmd-flags"),
    ("POST", "/sdapi/v1/unload-checkpoint"),
    ("POST", "/sdapi/v1/reload-checkpoint"),
}
"""Requests that change the server for everybody, or reveal passwords."""


class Journal:
    """The requests in the order of their arrival.

    Attributes:
        entries: One for each; ``status`` and ``seconds`` are filled when it is answered.
    """

    def __init__(self) -> None:
        self.entries: list[dict[str, Any]] = []

    def note(self, request: Request) -> dict[str, Any]:
        """Add a request and return its entry."""
        entry = {
            "method": request.method, "path": request.path, "query": request.query,
            "headers": request.headers, "body": _readable(request.body), "time": time.time(),
            "status": None, "seconds": None,
            "harmful": (request.method, request.path) in HARMFUL,
        }  # fmt: skip
        self.entries.append(entry)
        return entry


def _readable(body: bytes) -> Any:
    """Return a body as JSON with its images cut short, or the start of its text."""
    try:
        return _shortened(json.loads(body)) if body else None
    except ValueError:
        return body[:LONGEST_STRING].decode("latin-1")


def _shortened(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _shortened(member) for key, member in value.items()}
    if isinstance(value, list):
        return [_shortened(member) for member in value]
    if isinstance(value, str) and len(value) > LONGEST_STRING and " " not in value[:60]:
        return f"{value[:40]}...<{len(value)} characters>"
    return value
