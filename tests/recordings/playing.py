"""A server that plays recorded answers: one for the route in question, a family's own elsewhere."""

from __future__ import annotations

import base64
import gzip
import io
import json
import re
import struct
from collections.abc import Mapping
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import Any

from PIL import Image

from tests.recordings import SHORTENED, Case, cases

NOWHERE: Mapping[str, Case] = {}

Route = tuple[str, str]
"""Method and path."""

ORDINARY = re.compile(r"get-|zimage-get-|extra-version$|pending-tasks-idle$|sdcpp-capabilities$")
"""Names of cases that show how a family answers when nothing is the matter."""

OF_THE_CONNECTION = frozenset({"content-length", "transfer-encoding", "keep-alive", "connection"})
"""Headers that a server makes anew for each answer."""


def route_of(case: Case) -> Route:
    """Return the method and path of a case, without its query."""
    return case.method, case.path.partition("?")[0]


@cache
def ordinary(family: str) -> Mapping[Route, Case]:
    """Return how a family answers each GET when nothing is the matter."""
    found: dict[Route, Case] = {}
    for case in cases(family):
        route = route_of(case)
        before = found.get(route)
        if case.method != "GET" or case.status in (0, 401) or "Authorization" in case.headers:
            continue
        if before is None or _rank(case) < _rank(before):
            found[route] = case
    return found


def _rank(case: Case) -> tuple[int, bool, bool, int]:
    """Order answers by how ordinary they are; a list of hashed checkpoints knows more names."""
    checkpoints = case.answer if case.path.endswith("/sd-models") and case.status == 200 else []
    hashed = sum(bool(one["hash"]) for one in checkpoints)
    return -hashed, not ORDINARY.match(case.name), case.status != 200, -len(checkpoints)


@cache
def unknown_route(family: str) -> Case:
    """Return what a family says to a path that it does not have."""
    return next(
        case
        for case in cases(family)
        if case.status == 404 and case.method == "GET" and re.search(r"/no.such|/docs", case.path)
    )


def body_of(case: Case) -> bytes:
    """Return the bytes of an answer; images that were shortened are drawn anew in their size."""
    if case.answer is None or case.answer == "":
        return b"null" if case.answer is None and _is_json(case) else b""
    if isinstance(case.answer, str) and not _is_json(case):
        return case.answer.encode()
    answer = _with_images(case)
    return json.dumps(answer, ensure_ascii=False, separators=(",", ":")).encode()


def _is_json(case: Case) -> bool:
    return "json" in case.answer_headers.get("content-type", "")


def _with_images(case: Case) -> Any:
    answer = case.answer
    if not isinstance(answer, dict):
        return answer
    if isinstance(answer.get("images"), list):
        sizes = case.sizes + ((0, 0),) * len(answer["images"])
        images = [whole(*one, answer) for one in zip(answer["images"], sizes, strict=False)]
        return answer | {"images": images}
    if isinstance(answer.get("image"), str):
        return answer | {"image": whole(answer["image"], (0, 0), answer)}
    return answer


def whole(text: Any, size: tuple[int, int], answer: Mapping[str, Any]) -> Any:
    """Return an image's base64 as recorded, or a plain one of its size where most is missing."""
    if not isinstance(text, str) or SHORTENED not in text:
        return text
    return plain(size if size[0] else size_in(text) or size_told(answer))


@cache
def plain(size: tuple[int, int]) -> str:
    """Return the base64 of a plain PNG."""
    target = io.BytesIO()
    Image.new("RGB", size, "grey").save(target, "PNG")
    return base64.b64encode(target.getvalue()).decode()


def size_in(text: str) -> tuple[int, int] | None:
    """Return the size in the header of a PNG of which only the beginning is there."""
    start = text.rpartition(",")[2] if text.startswith("data:") else text
    data = base64.b64decode(start[:40])
    if not data.startswith(b"\x89PNG"):
        return None
    width, height = struct.unpack(">II", data[16:24])
    return width, height


def size_told(answer: Mapping[str, Any]) -> tuple[int, int]:
    """Return the size that the first infotext tells."""
    found = re.search(r"Size: (\d+)x(\d+)", str(answer.get("info")))
    assert found, answer
    return int(found[1]), int(found[2])


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        player: Player = self.server.player  # type: ignore[attr-defined]
        case = player.answer_to((self.command, self.path.partition("?")[0]), body)
        if not case.status:
            self.close_connection = True
            return
        data = player.bytes_of(case)
        self.send_response_only(case.status)
        for name, value in case.answer_headers.items():
            if name not in OF_THE_CONNECTION:
                self.send_header(name, value)
        if case.status != 204:
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    do_GET = do_POST = answer  # noqa: N815 - the names of the base class


class Player:
    """Answers as a family did, and on the route in question as one case says.

    Attributes:
        url: Where it listens.
        asked: The requests since a case was put on, in order: their routes and bodies.
    """

    def __init__(self, family: str) -> None:
        self.family = family
        self.requested: list[tuple[Route, bytes]] = []
        self._played: dict[Route, Case] = {}
        self._bytes: dict[str, bytes] = {}
        self._lock = Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._server.daemon_threads = True
        self._server.player = self  # type: ignore[attr-defined]
        self._thread = Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def play(self, *played: Case, at: Mapping[str, Case] = NOWHERE) -> None:
        """Answer the routes of these cases as they say, and all others as the family does.

        Args:
            played: Cases for their own routes.
            at: Cases for a GET of another path.
        """
        with self._lock:
            self._played = {route_of(case): case for case in played}
            self._played |= {("GET", path): case for path, case in at.items()}
            self.requested = []

    def sent(self, path: str) -> list[Any]:
        """Return the JSON of each POST to a path."""
        with self._lock:
            return [json.loads(body) for route, body in self.requested if route == ("POST", path)]

    def answer_to(self, route: Route, body: bytes) -> Case:
        """Return the case that answers a request."""
        with self._lock:
            self.requested.append((route, body))
            played = self._played.get(route)
        return played or ordinary(self.family).get(route) or unknown_route(self.family)

    def bytes_of(self, case: Case) -> bytes:
        """Return the body of an answer as it goes over the line."""
        if case.name not in self._bytes:
            packed = "gzip" in case.answer_headers.get("content-encoding", "")
            self._bytes[case.name] = gzip.compress(body_of(case)) if packed else body_of(case)
        return self._bytes[case.name]

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
