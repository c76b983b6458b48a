"""What the server was asked, for tests that promise what a client does and does not send."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

from devkit.simulator.wire import Request

LONGEST_STRING = 200

HARMFUL = (
    ("POST", "/options"),
    ("GET", "/cmd-flags"),
    ("POST", "/unload-checkpoint"),
    ("POST", "/reload-checkpoint"),
)
"""Method and end of the path of requests that change the server for all, or reveal passwords."""


def shortened(value: Any) -> Any:
    """The value with long strings (images) cut, their length told."""
    if isinstance(value, dict):
        return {key: shortened(member) for key, member in value.items()}
    if isinstance(value, list):
        return [shortened(member) for member in value]
    if isinstance(value, str) and len(value) > LONGEST_STRING and " " not in value[:60]:
        return f"{value[:40]}...<{len(value)} characters>"
    return value


class Journal:
    """The requests in the order of their arrival."""

    def __init__(self) -> None:
        self._entries: list[dict[str, Any]] = []
        self._lock = threading.Lock()

    def note(self, request: Request) -> dict[str, Any]:
        """Add a request; the entry's ``status`` and ``seconds`` are filled when it is answered."""
        try:
            body = shortened(json.loads(request.body)) if request.body else None
        except ValueError:
            body = request.body[:LONGEST_STRING].decode("latin-1")
        entry = {
            "method": request.method,
            "path": request.path,
            "query": request.query_string,
            "headers": dict(request.headers),
            "body": body,
            "time": time.time(),
            "status": None,
            "seconds": None,
            "harmful": any(
                request.method == method and request.path.rstrip("/").endswith(end)
                for method, end in HARMFUL
            ),
        }
        with self._lock:
            self._entries.append(entry)
        return entry

    def entries(self) -> list[dict[str, Any]]:
        """All entries so far."""
        with self._lock:
            return [dict(entry) for entry in self._entries]
