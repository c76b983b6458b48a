"""Faults of servers, proxies and networks, switched on by the ``fault`` setting.

``FAULTS`` says what each does. Those of the group GENERATION hit the requests that make images,
those of LISTS ``GET /sd-models``, those of ALL every request below ``/sdapi``.
"""

from __future__ import annotations

import base64
import contextlib
import gzip
import http
import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from devkit.simulator.families.base import GENERATIONS
from devkit.simulator.wire import Answer, Request

if TYPE_CHECKING:
    from devkit.simulator.app import Simulation
    from devkit.simulator.families.base import Family
    from devkit.simulator.server import Connection

OUT_OF_MEMORY = (
    "CUDA out of memory. Tried to allocate 4.50 GiB. GPU 0 has a total capacity of 7.79 GiB of "
    "which 1.21 GiB is free. Process 4242 has 6.50 GiB memory in use."
)
NANS = (
    "A tensor with all NaNs was produced in Unet. This could be either because there's not enough "
    "precision to represent the image, or because your video card does not support half type. "
    "Use --disable-nan-check commandline argument to disable this check."
)
NO_CHECKPOINT = "No checkpoints found. Can't run without a checkpoint."
BROKEN_FILE = "Error while deserializing header: MetadataIncompleteBuffer"

HTML = "<html>\r\n<head><title>{0}</title></head>\r\n<body>\r\n<center><h1>{0}</h1></center>\r\n</body></html>\r\n"  # noqa: E501


@dataclass(frozen=True)
class Scene:
    """What a fault has to work with."""

    simulation: Simulation
    family: Family
    requested: Request
    connection: Connection

    def usual(self) -> Answer:
        """The answer without the fault: the job is done, the GPU has worked."""
        return self.simulation.usual_answer(self.family, self.requested)

    @property
    def seconds(self) -> float:
        """The ``fault_seconds`` setting."""
        return self.simulation.settings.fault_seconds

    def misbehave(self, what: Callable[[socket.socket], None]) -> Answer:
        """Leave the socket to ``what``; the journal keeps no status."""
        self.connection.misbehaviour = what
        return Answer(0)


Reach = Literal["generation", "lists", "all"]
Effect = Callable[[Scene], Answer]


@dataclass(frozen=True)
class Fault:
    """A fault: which requests it hits, and what they get."""

    reach: Reach
    effect: Effect
    text: str

    def hits(self, request: Request) -> bool:
        """Whether a request is one of those."""
        if self.reach == "generation":
            return request.method == "POST" and request.path in GENERATIONS
        if self.reach == "lists":
            return request.method == "GET" and request.path == "/sdapi/v1/sd-models"
        return request.path.startswith("/sdapi/")


def drop(connection: socket.socket) -> None:
    """Close the connection without an answer."""
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


def head(answer: Answer, length: str | None = None) -> bytes:
    """Status line and headers as bytes; ``length`` takes the place of the content's length."""
    reason = http.HTTPStatus(answer.status).phrase
    lines = [f"HTTP/1.1 {answer.status} {reason}"]
    lines += [f"{name}: {value}" for name, value in answer.headers.items()]
    lines.append(length or f"Content-Length: {len(answer.body)}")
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode("latin-1")


def _close(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()


def _trickle(connection: socket.socket, data: bytes, seconds: float) -> None:
    """Send byte by byte, with a pause between them of a hundredth of ``seconds``."""
    for number in range(len(data)):
        connection.sendall(data[number : number + 1])
        time.sleep(seconds / 100)
    _close(connection)


def _chunks(data: bytes, size: int = 997) -> Iterable[bytes]:
    """Chunks of odd lengths, a tiny one between each two."""
    at, number = 0, 0
    while at < len(data):
        length = size if number % 2 == 0 else 1 + number % 5
        piece = data[at : at + length]
        yield f"{len(piece):x};n={number}\r\n".encode() + piece + b"\r\n"
        at, number = at + length, number + 1


# What the server answers


def _exception(kind: str, text: str) -> Effect:
    return lambda scene: scene.family.exception(kind, text)


def _error(status: int, detail: str) -> Effect:
    return lambda scene: scene.family.error(status, detail)


def _proxy(status: int) -> Effect:
    title = f"{status} {http.HTTPStatus(status).phrase}"
    return lambda _: Answer.of_text(HTML.format(title), status, "text/html")


def _fixed(body: bytes, media_type: str = "application/json", status: int = 200) -> Effect:
    return lambda _: Answer(status, body, {"Content-Type": media_type})


def _with_images(change: Callable[[list[str]], list[str]]) -> Effect:
    """The usual answer with other images."""

    def effect(scene: Scene) -> Answer:
        return _changed(scene, lambda body: {**body, "images": change(body["images"])})

    return effect


def _changed(scene: Scene, change: Callable[[dict[str, Any]], dict[str, Any]]) -> Answer:
    answer = scene.usual()
    if answer.status != 200:
        return answer
    return Answer.of_json(change(json.loads(answer.body)))


def _without_info(scene: Scene) -> Answer:
    return _changed(scene, lambda body: {k: v for k, v in body.items() if k != "info"})


def _broken_info(scene: Scene) -> Answer:
    return _changed(scene, lambda body: {**body, "info": "{not json"})


def _validation(scene: Scene) -> Answer:
    fault = {
        "loc": ["body", "steps"], "msg": "value is not a valid integer",
        "type": "type_error.integer",
    }  # fmt: skip
    del scene
    return Answer.of_json({"detail": [fault]}, 422)


def _secret(scene: Scene) -> Answer:
    given = scene.requested.header("authorization") or ""
    decoded = ""
    with contextlib.suppress(ValueError):
        decoded = base64.b64decode(given.partition(" ")[2]).decode("utf-8", "replace")
    text = f"could not authenticate upstream: Authorization: {given} ({decoded})"
    return scene.family.exception("RuntimeError", text)


def _gone(scene: Scene) -> Answer:
    if scene.requested.path.startswith("/sdapi/"):
        return Answer.of_json({"detail": "Not Found"}, 404)
    return scene.usual()


def _redirect(other: str | None) -> Effect:
    def effect(scene: Scene) -> Answer:
        host = other or f"http://{scene.requested.header('host')}"
        subpath = scene.simulation.settings.subpath
        if scene.requested.query_string.endswith("redirected"):
            return scene.usual()
        return Answer(307, b"", {"location": f"{host}{subpath}{scene.requested.path}?redirected"})

    return effect


def _gzip(scene: Scene) -> Answer:
    answer = scene.usual()
    headers = {**answer.headers, "Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
    return Answer(answer.status, gzip.compress(answer.body, 1), headers)


# What the network does


def _drop(scene: Scene) -> Answer:
    return scene.misbehave(drop)


def _restart(scene: Scene) -> Answer:
    """Close the connection, refuse others for a while, then say 404 for a second."""
    front, trouble = scene.simulation.front, scene.simulation.trouble
    if front is not None and trouble.begin_restart(scene.seconds):
        front.refuse(scene.seconds)
        return scene.misbehave(drop)
    if trouble.restarting():
        return Answer.of_json({"detail": "Not Found"}, 404)
    return scene.usual()


def _cut_off(scene: Scene) -> Answer:
    answer = scene.usual()

    def send(connection: socket.socket) -> None:
        connection.sendall(head(answer) + answer.body[: len(answer.body) * 2 // 3])
        _close(connection)

    return scene.misbehave(send)


def _cut_off_chunked(scene: Scene) -> Answer:
    answer = scene.usual()

    def send(connection: socket.socket) -> None:
        connection.sendall(head(answer, "Transfer-Encoding: chunked"))
        for chunk in _chunks(answer.body[: len(answer.body) * 2 // 3]):
            connection.sendall(chunk)
        _close(connection)

    return scene.misbehave(send)


def _chunked(scene: Scene) -> Answer:
    answer = scene.usual()

    def send(connection: socket.socket) -> None:
        connection.sendall(head(answer, "Transfer-Encoding: chunked"))
        for chunk in _chunks(answer.body):
            connection.sendall(chunk)
        connection.sendall(b"0\r\n\r\n")
        _close(connection)

    return scene.misbehave(send)


def _huge(scene: Scene) -> Answer:
    answer = Answer(200, b"", {"Content-Type": "application/json"})

    def send(connection: socket.socket) -> None:
        connection.sendall(head(answer, "Transfer-Encoding: chunked"))
        block = b"A" * 65536
        connection.sendall(b'c\r\n{"images":["\r\n')
        while True:
            connection.sendall(b"10000\r\n" + block + b"\r\n")

    return scene.misbehave(send)


def _slow_headers(scene: Scene) -> Answer:
    answer = scene.usual()
    return scene.misbehave(lambda c: _trickle(c, head(answer) + answer.body, scene.seconds))


def _slow_body(scene: Scene) -> Answer:
    answer = scene.usual()

    def send(connection: socket.socket) -> None:
        connection.sendall(head(answer))
        _trickle(connection, answer.body, scene.seconds)

    return scene.misbehave(send)


def _hang(scene: Scene) -> Answer:
    def wait(connection: socket.socket) -> None:
        # Until the client goes away.
        while connection.recv(4096):
            continue
        connection.close()

    return scene.misbehave(wait)


TEXT = base64.b64encode(b"this is not an image, whatever the server says").decode()

_TABLE: dict[str, tuple[Reach, Effect, str]] = {
    "oom": ("generation", _exception("OutOfMemoryError", OUT_OF_MEMORY), "500, memory is full"),
    "nan": ("generation", _exception("NansException", NANS), "500, all NaNs"),
    "no_checkpoint": (
        "generation", _exception("FileNotFoundError", NO_CHECKPOINT), "500, no model at all",
    ),
    "model_load_failed": (
        "generation", _exception("SafetensorError", BROKEN_FILE), "500, broken model file",
    ),
    "extension_missing": (
        "generation", _error(422, "Script 'ADetailer' not found"), "422, no such script",
    ),
    "validation_422": ("generation", _validation, "422 with detail as a list"),
    "rate_limit_429": ("generation", _error(429, "rate limit exceeded"), "429, no Retry-After"),
    "proxy_413": ("generation", _proxy(413), "413, a proxy's HTML"),
    "proxy_502": ("generation", _proxy(502), "502, a proxy's HTML"),
    "proxy_503": ("generation", _proxy(503), "503, a proxy's HTML"),
    "proxy_504": ("generation", _proxy(504), "504, a proxy's HTML"),
    "restarting": ("all", _restart, "closed, then refused, then 404 for a second, then well"),
    "cut_off": ("generation", _cut_off, "closed after two thirds of Content-Length"),
    "cut_off_chunked": ("generation", _cut_off_chunked, "closed between two chunks"),
    "not_json": ("generation", _fixed(b"<html>hello</html>", "text/html"), "200, HTML"),
    "not_json_text": ("generation", _fixed(b"OK", "text/plain"), "200, plain text"),
    "wrong_json": ("generation", _fixed(b'[{"image": 1}]'), "200, a JSON list"),
    "huge": ("generation", _huge, "200, an answer without end"),
    "bad_base64": ("generation", _with_images(lambda i: ["!!no base64!!"] * len(i)), "200"),
    "not_a_picture": ("generation", _with_images(lambda i: [TEXT] * len(i)), "200, base64 text"),
    "empty_picture": ("generation", _with_images(lambda i: [""] * len(i)), "200, empty string"),
    "no_pictures": ("generation", _with_images(lambda _: []), "200, an empty list"),
    "info_missing": ("generation", _without_info, "200 without info"),
    "info_not_json": ("generation", _broken_info, "200 with a broken info"),
    "slow_headers": ("generation", _slow_headers, "headers byte by byte"),
    "slow_body": ("generation", _slow_body, "body byte by byte"),
    "hang": ("generation", _hang, "no answer, the connection stays open"),
    "empty_model_list": ("lists", _fixed(b"[]"), "no models"),
    "models_500": ("lists", _exception("RuntimeError", "no such file"), "500"),
    "models_html": ("lists", _fixed(b"<html>login</html>", "text/html"), "200, HTML"),
    "models_wrong_shape": ("lists", _fixed(b'{"models": ["a"]}'), "200, an object"),
    "no_api": ("all", _gone, "404 below /sdapi, the page at / lives"),
    "unauthorized": ("all", _error(401, "Not authenticated"), "401"),
    "forbidden": ("all", _proxy(403), "403, a proxy's HTML"),
    "redirect_same_origin": ("all", _redirect(None), "307 to the same server"),
    "redirect_other_origin": ("all", _redirect("http://127.0.0.2:9"), "307 to another server"),
    "drop": ("generation", _drop, "closed without an answer"),
    "gzip": ("all", _gzip, "a good answer, gzip encoded"),
    "chunked": ("generation", _chunked, "a good answer in odd chunks"),
    "error_with_secret": ("all", _secret, "500 that repeats the Authorization header"),
}  # fmt: skip

FAULTS = {name: Fault(*row) for name, row in _TABLE.items()}
"""Every fault by the name of the ``fault`` setting."""


def check(name: str | None) -> None:
    """Raise ValueError for a fault that does not exist."""
    if name is not None and name not in FAULTS:
        raise ValueError(f"no fault {name!r}; there are {', '.join(FAULTS)}")


class Trouble:
    """Decides which requests the current fault hits."""

    def __init__(self) -> None:
        self._seen = 0
        self._lock = threading.Lock()
        self._restart_until: float | None = None

    def begin_restart(self, seconds: float) -> bool:
        """Whether this request is the one at which the restart begins."""
        with self._lock:
            if self._restart_until is not None:
                return False
            self._restart_until = time.monotonic() + seconds + 1.0
            return True

    def restarting(self) -> bool:
        """Whether the restarted server listens, but has no routes yet."""
        return self._restart_until is not None and time.monotonic() < self._restart_until

    def answer(
        self, simulation: Simulation, family: Family, requested: Request, connection: Connection
    ) -> Answer:
        """The answer, spoilt or not."""
        name = simulation.settings.fault
        fault = FAULTS[name] if name else None
        if fault is None or not fault.hits(requested) or not self._due(simulation):
            return simulation.usual_answer(family, requested)
        return fault.effect(Scene(simulation, family, requested, connection))

    def _due(self, simulation: Simulation) -> bool:
        with self._lock:
            number = self._seen
            self._seen += 1
        after, count = simulation.settings.fault_after, simulation.settings.fault_count
        return number >= after and (count is None or number < after + count)
