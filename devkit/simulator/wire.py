"""Requests and answers as the simulated servers see and make them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl

Headers = dict[str, str]


@dataclass(frozen=True)
class Request:
    """One HTTP request; ``path`` is the raw one, without the query and the sub-path."""

    method: str
    path: str
    query_string: str = ""
    headers: Headers = field(default_factory=dict)
    body: bytes = b""
    client: str = "127.0.0.1"

    def header(self, name: str) -> str | None:
        """A header's value, whatever the case of its name."""
        return self.headers.get(name.lower())

    @cached_property
    def query(self) -> Headers:
        """The query's parameters, the last of each name."""
        return dict(parse_qsl(self.query_string, keep_blank_values=True))

    @cached_property
    def json(self) -> Any:
        """The body as JSON; raises ValueError."""
        return json.loads(self.body)


@dataclass
class Answer:
    """One HTTP answer. ``headers`` are added to what the server always sends."""

    status: int = 200
    body: bytes = b""
    headers: Headers = field(default_factory=dict)

    @classmethod
    def of_json(
        cls,
        value: Any,
        status: int = 200,
        *,
        headers: Headers | None = None,
        separators: tuple[str, str] = (",", ":"),
        ascii_only: bool = False,
        media_type: str = "application/json",
    ) -> Answer:
        """A JSON answer, written compactly as Starlette does unless said otherwise."""
        text = json.dumps(value, ensure_ascii=ascii_only, separators=separators)
        body = text.encode("utf-8", "surrogatepass")
        return cls(status, body, {"Content-Type": media_type, **(headers or {})})

    @classmethod
    def of_text(
        cls, text: str, status: int = 200, media_type: str = "text/html; charset=utf-8"
    ) -> Answer:
        """An answer of text, HTML if not said otherwise."""
        return cls(status, text.encode(), {"Content-Type": media_type})
