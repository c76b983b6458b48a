"""Requests and answers as the simulated servers see and make them."""

import json
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Headers = dict[str, str]
JSON = "application/json"


@dataclass(frozen=True)
class Request:
    """One HTTP request; ``path`` has no query."""

    method: str
    path: str
    query: str = ""
    headers: Headers = field(default_factory=dict)
    body: bytes = b""

    def header(self, name: str) -> str:
        """Return a header's value, whatever the case of its name; "" without it."""
        return next((value for key, value in self.headers.items() if key.lower() == name), "")


@dataclass(frozen=True)
class Answer:
    """One HTTP answer; ``sender`` writes to the socket in its place, and closes it."""

    status: int = 200
    body: bytes = b""
    headers: Headers = field(default_factory=dict)
    sender: Callable[[socket.socket], None] | None = None

    @classmethod
    def of_json(cls, value: Any, status: int = 200) -> "Answer":
        """Return JSON, written compactly as Starlette does."""
        text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
        return cls.of_text(text, status, JSON)

    @classmethod
    def of_text(cls, text: str, status: int = 200, media_type: str = "text/html") -> "Answer":
        """Return text, HTML unless said otherwise."""
        return cls(status, text.encode("utf-8", "surrogatepass"), {"Content-Type": media_type})


NOT_FOUND = Answer.of_json({"detail": "Not Found"}, 404)
"""FastAPI's answer for a route that does not exist."""
