"""Faults of servers, proxies and networks, switched on by the ``fault`` setting.

``FAULTS`` says what each does. Those that reach "generation" hit the requests that make images,
those of "lists" ``GET /sd-models``, those of "all" every request below ``/sdapi``.
"""

import base64
import gzip
import http
import json
import socket
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal

from devkit.simulator.families.base import GENERATIONS, Family
from devkit.simulator.server import close, drop, head_of
from devkit.simulator.settings import Settings
from devkit.simulator.wire import NOT_FOUND, Answer, Headers, Request

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
NO_INTEGER = (
    b'{"detail":[{"loc":["body","steps"],"msg":"value is not a valid integer",'
    b'"type":"type_error.integer"}]}'
)
NO_IMAGE = base64.b64encode(b"this is not an image, whatever the server says").decode()
PROXY_PAGE = (
    "<html>\r\n<head><title>{0}</title></head>\r\n<body>\r\n<center><h1>{0}</h1></center>\r\n"
    "</body></html>\r\n"
)


class FaultInjector:
    """Decides which requests the current fault hits, and what they get.

    Args:
        refuse: Closes the server's port for some seconds.
    """

    def __init__(self, refuse: Callable[[float], None]) -> None:
        self._refuse = refuse
        self._seen = 0
        self._lock = threading.Lock()
        self._restarted: float | None = None

    def answer(
        self, request: Request, family: Family, settings: Settings, usual: Callable[[], Answer]
    ) -> Answer:
        """Return the usual answer, spoilt or not."""
        fault = FAULTS[settings.fault] if settings.fault else None
        if fault is None or not fault.hits(request) or not self._is_due(settings):
            return usual()
        return fault.effect(Scene(request, family, settings, usual, self))

    def _is_due(self, settings: Settings) -> bool:
        with self._lock:
            number = self._seen
            self._seen += 1
        after, count = settings.fault_after, settings.fault_count
        return number >= after and (count is None or number < after + count)

    def restart(self, scene: "Scene") -> Answer:
        """Close the connection, refuse others for a while, then answer 404 for a second."""
        seconds = scene.settings.fault_seconds
        with self._lock:
            first = self._restarted is None
            if self._restarted is None:
                self._restarted = time.monotonic() + seconds + 1.0
        if first:
            self._refuse(seconds)
            return Answer(sender=drop)
        return NOT_FOUND if time.monotonic() < self._restarted else scene.usual()


@dataclass(frozen=True)
class Scene:
    """What a fault has to work with; ``usual`` does the job and gives the good answer."""

    request: Request
    family: Family
    settings: Settings
    usual: Callable[[], Answer]
    injector: FaultInjector


Reach = Literal["generation", "lists", "all"]
Effect = Callable[[Scene], Answer]


@dataclass(frozen=True)
class Fault:
    """A fault: which requests it hits, and what they get."""

    reach: Reach
    effect: Effect

    def hits(self, request: Request) -> bool:
        """Return whether a request is one of those."""
        if self.reach == "generation":
            return request.method == "POST" and request.path in GENERATIONS
        if self.reach == "lists":
            return request.method == "GET" and request.path == "/sdapi/v1/sd-models"
        return request.path.startswith("/sdapi/")


# What the server, or a proxy before it, answers.


def _exception(kind: str, text: str) -> Effect:
    return lambda scene: scene.family.exception(kind, text)


def _error(status: int, detail: str) -> Effect:
    return lambda scene: scene.family.error(status, detail)


def _proxy(status: int) -> Effect:
    page = PROXY_PAGE.format(f"{status} {http.HTTPStatus(status).phrase}")
    return lambda _: Answer.of_text(page, status)


def _fixed(body: bytes, media_type: str = "application/json", status: int = 200) -> Effect:
    return lambda _: Answer(status, body, {"Content-Type": media_type})


def _changed(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Effect:
    """Return the effect that changes the usual answer of a job that went well."""

    def effect(scene: Scene) -> Answer:
        answer = scene.usual()
        return answer if answer.status != 200 else Answer.of_json(change(json.loads(answer.body)))

    return effect


def _with_images(images: Callable[[int], list[str]]) -> Effect:
    return _changed(lambda body: {**body, "images": images(len(body["images"]))})


def _repeat_secret(scene: Scene) -> Answer:
    given = scene.request.header("authorization") or ""
    decoded = ""
    with suppress(ValueError):
        decoded = base64.b64decode(given.partition(" ")[2]).decode("utf-8", "replace")
    text = f"could not authenticate upstream: Authorization: {given} ({decoded})"
    return scene.family.exception("RuntimeError", text)


def _redirect(other: str | None) -> Effect:
    def effect(scene: Scene) -> Answer:
        if scene.request.query.endswith("redirected"):
            return scene.usual()
        host = other or f"http://{scene.request.header('host')}"
        path = f"{scene.settings.subpath}{scene.request.path}"
        return Answer(307, headers={"location": f"{host}{path}?redirected"})

    return effect


def _gzip(scene: Scene) -> Answer:
    answer = scene.usual()
    headers = {**answer.headers, "Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
    return Answer(answer.status, gzip.compress(answer.body, 1), headers)


# What the network does.


def _hang(connection: socket.socket) -> None:
    # Until the client goes away.
    while connection.recv(4096):
        continue
    connection.close()


def _sent(pieces: Callable[[Answer], Iterable[bytes]]) -> Effect:
    """Return the effect that sends the usual answer in pieces, then closes the connection."""

    def effect(scene: Scene) -> Answer:
        answer = scene.usual()

        def send(connection: socket.socket) -> None:
            for piece in pieces(answer):
                connection.sendall(piece)
            close(connection)

        return Answer(sender=send)

    return effect


def _head(answer: Answer, more: Headers | None = None) -> bytes:
    length = {"Content-Length": str(len(answer.body))} if more is None else more
    return head_of(answer.status, {**answer.headers, **length, "Connection": "close"})


def _chunks(answer: Answer, share: float = 1.0) -> Iterable[bytes]:
    """Yield head and body in chunks of odd lengths, a tiny one between each two."""
    yield _head(answer, {"Transfer-Encoding": "chunked"})
    data, at, number = answer.body[: int(len(answer.body) * share)], 0, 0
    while at < len(data):
        piece = data[at : at + (997 if number % 2 == 0 else 1 + number % 5)]
        yield f"{len(piece):x};n={number}\r\n".encode() + piece + b"\r\n"
        at, number = at + len(piece), number + 1
    if share == 1.0:
        yield b"0\r\n\r\n"


def _cut_off(answer: Answer) -> Iterable[bytes]:
    yield _head(answer) + answer.body[: len(answer.body) * 2 // 3]


def _without_end(_scene: Scene) -> Answer:
    def send(connection: socket.socket) -> None:
        headers = {"Content-Type": "application/json", "Transfer-Encoding": "chunked"}
        connection.sendall(head_of(200, headers) + b'c\r\n{"images":["\r\n')
        block = b"10000\r\n" + b"A" * 0x10000 + b"\r\n"
        while True:
            connection.sendall(block)

    return Answer(sender=send)


def _trickled(*, headers_too: bool) -> Effect:
    def effect(scene: Scene) -> Answer:
        pause = scene.settings.fault_seconds / 100

        def pieces(answer: Answer) -> Iterable[bytes]:
            head = _head(answer)
            slow = head + answer.body if headers_too else answer.body
            if not headers_too:
                yield head
            for number in range(len(slow)):
                yield slow[number : number + 1]
                time.sleep(pause)

        return _sent(pieces)(scene)

    return effect


_OF_GENERATIONS: dict[str, Effect] = {
    "oom": _exception("OutOfMemoryError", OUT_OF_MEMORY),
    "nan": _exception("NansException", NANS),
    "no_checkpoint": _exception("FileNotFoundError", NO_CHECKPOINT),
    "model_load_failed": _exception("SafetensorError", BROKEN_FILE),
    "extension_missing": _error(422, "Script 'ADetailer' not found"),
    "validation_422": _fixed(NO_INTEGER, status=422),
    "rate_limit_429": _error(429, "rate limit exceeded"),
    "proxy_413": _proxy(413),
    "proxy_502": _proxy(502),
    "proxy_503": _proxy(503),
    "proxy_504": _proxy(504),
    "not_json": _fixed(b"<html>hello</html>", "text/html"),
    "not_json_text": _fixed(b"OK", "text/plain"),
    "wrong_json": _fixed(b'[{"image": 1}]'),
    "bad_base64": _with_images(lambda count: ["!!no base64!!"] * count),
    "not_a_picture": _with_images(lambda count: [NO_IMAGE] * count),
    "empty_picture": _with_images(lambda count: [""] * count),
    "no_pictures": _with_images(lambda _: []),
    "info_missing": _changed(lambda body: {"images": body["images"]}),
    "info_not_json": _changed(lambda body: {**body, "info": "{not json"}),
    "cut_off": _sent(_cut_off),
    "cut_off_chunked": _sent(lambda answer: _chunks(answer, 2 / 3)),
    "chunked": _sent(_chunks),
    "huge": _without_end,
    "slow_headers": _trickled(headers_too=True),
    "slow_body": _trickled(headers_too=False),
    "hang": lambda _: Answer(sender=_hang),
    "drop": lambda _: Answer(sender=drop),
}
_OF_LISTS: dict[str, Effect] = {
    "empty_model_list": _fixed(b"[]"),
    "models_500": _exception("RuntimeError", "no such file"),
    "models_html": _fixed(b"<html>login</html>", "text/html"),
    "models_wrong_shape": _fixed(b'{"models": ["a"]}'),
}
_OF_ALL: dict[str, Effect] = {
    "restarting": lambda scene: scene.injector.restart(scene),
    "no_api": lambda _: NOT_FOUND,
    "unauthorized": _error(401, "Not authenticated"),
    "forbidden": _proxy(403),
    "redirect_same_origin": _redirect(None),
    "redirect_other_origin": _redirect("http://127.0.0.2:9"),
    "gzip": _gzip,
    "error_with_secret": _repeat_secret,
}

FAULTS = {
    **{name: Fault("generation", effect) for name, effect in _OF_GENERATIONS.items()},
    **{name: Fault("lists", effect) for name, effect in _OF_LISTS.items()},
    **{name: Fault("all", effect) for name, effect in _OF_ALL.items()},
}
"""Every fault by the name of the ``fault`` setting."""


def check_fault(name: str | None) -> None:
    """Raise ValueError for a fault that does not exist."""
    if name is not None and name not in FAULTS:
        raise ValueError(f"no fault {name!r}; there are {', '.join(FAULTS)}")
