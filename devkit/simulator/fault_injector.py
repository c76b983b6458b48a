"""Faults of servers, proxies and networks, switched on by the ``fault`` setting."""

import base64
import gzip
import json
import socket
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from devkit.simulator.families.base import GENERATIONS, Family
from devkit.simulator.inventory import data_of
from devkit.simulator.server import close, drop, head_of
from devkit.simulator.settings import Settings
from devkit.simulator.wire import JSON, NOT_FOUND, Answer, Headers, Request

NO_INTEGER = '{"detail": [{"loc": ["body", "steps"], "msg": "value is not a valid integer"}]}'
NO_IMAGE = base64.b64encode(b"this is not an image, whatever the server says").decode()
PROXY_PAGE = "<html><head><title>{0}</title></head><body><h1>{0}</h1></body></html>"


class FaultInjector:
    """Decides which requests the current fault hits, and what they get.

    Args:
        refuse: Closes the server's port for some seconds.
        settings: Name the fault; ValueError for one that does not exist.
    """

    def __init__(self, refuse: Callable[[float], None], settings: Settings) -> None:
        if settings.fault not in (None, *FAULTS):
            raise ValueError(f"no fault {settings.fault!r}; there are {', '.join(FAULTS)}")
        self._refuse, self._settings = refuse, settings
        self._seen = 0
        self._lock = threading.Lock()
        self._back = 0.0

    def answer(self, request: Request, family: Family, usual: Callable[[], Answer]) -> Answer:
        """Return the usual answer, spoilt or not."""
        settings = self._settings
        if settings.fault is None:
            return usual()
        hits, effect = FAULTS[settings.fault]
        if not hits(request):
            return usual()
        with self._lock:
            number = self._seen - settings.fault_after
            self._seen += 1
        if number < 0 or (settings.fault_count is not None and number >= settings.fault_count):
            return usual()
        return effect(Exchange(request, family, settings, usual, self))

    def restart(self, exchange: "Exchange") -> Answer:
        """Close the connection, refuse others for a while, then answer 404 for a second."""
        with self._lock:
            is_first = not self._back
            self._back = self._back or time.monotonic() + exchange.settings.fault_seconds + 1.0
        if is_first:
            self._refuse(exchange.settings.fault_seconds)
            return Answer(sender=drop)
        return NOT_FOUND if time.monotonic() < self._back else exchange.usual()


@dataclass(frozen=True)
class Exchange:
    """What a fault has to work with; ``usual`` does the job and gives the good answer."""

    request: Request
    family: Family
    settings: Settings
    usual: Callable[[], Answer]
    injector: FaultInjector


Effect = Callable[[Exchange], Answer]

# What the server, or a proxy before it, answers.


def _fixed(body: str, media_type: str = JSON, status: int = 200) -> Effect:
    return lambda _: Answer.of_text(body, status, media_type)


def _proxy(status: int) -> Effect:
    return _fixed(PROXY_PAGE.format(f"{status} {HTTPStatus(status).phrase}"), "text/html", status)


def _error(status: int, detail: str) -> Effect:
    return lambda exchange: exchange.family.error(status, detail)


def _limit_rate(exchange: Exchange) -> Answer:
    # SD.Next counts a request, and refuses it, after the work was done.
    exchange.usual()
    return exchange.family.error(429, "rate limit exceeded")


def _exception(kind: str, text: str) -> Effect:
    return lambda exchange: exchange.family.exception(kind, text)


def _changed(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Effect:
    """Return the effect that changes the usual answer of a job that went well."""

    def effect(exchange: Exchange) -> Answer:
        answer = exchange.usual()
        return answer if answer.status != 200 else Answer.of_json(change(json.loads(answer.body)))

    return effect


def _all_images(text: str) -> Effect:
    return _changed(lambda body: {**body, "images": [text] * len(body["images"])})


def _repeat_secret(exchange: Exchange) -> Answer:
    given = exchange.request.header("authorization")
    decoded = base64.b64decode(given.partition(" ")[2]).decode("utf-8", "replace")
    text = f"could not authenticate upstream: Authorization: {given} ({decoded})"
    return exchange.family.exception("RuntimeError", text)


def _redirect(other: str) -> Effect:
    def effect(exchange: Exchange) -> Answer:
        if exchange.request.query.endswith("redirected"):
            return exchange.usual()
        host = other or f"http://{exchange.request.header('host')}"
        return Answer(307, headers={"location": f"{host}{exchange.request.path}?redirected"})

    return effect


def _gzip(exchange: Exchange) -> Answer:
    answer = exchange.usual()
    headers = {**answer.headers, "Content-Encoding": "gzip"}
    return Answer(answer.status, gzip.compress(answer.body, 1), headers)


# What the network does.


def _hang(connection: socket.socket) -> None:
    # Until the client goes away.
    while connection.recv(4096):
        continue
    connection.close()


def _sent(pieces: Callable[[Answer], Iterable[bytes]], pause: float = 0.0) -> Effect:
    """Return the effect that sends the usual answer in pieces, then closes the connection.

    ``pause`` is the share of ``fault_seconds`` that passes before each piece.
    """

    def effect(exchange: Exchange) -> Answer:
        answer = exchange.usual()

        def send(connection: socket.socket) -> None:
            for piece in pieces(answer):
                time.sleep(pause * exchange.settings.fault_seconds)
                connection.sendall(piece)
            close(connection)

        return Answer(sender=send)

    return effect


def _head(answer: Answer, length: Headers | None = None) -> bytes:
    length = length or {"Content-Length": str(len(answer.body))}
    return head_of(answer.status, {**answer.headers, **length, "Connection": "close"})


def _chunks(answer: Answer, share: float = 1.0) -> Iterable[bytes]:
    """Yield head and body in chunks, each with an extension that nobody knows."""
    yield _head(answer, {"Transfer-Encoding": "chunked"})
    for start in range(0, int(len(answer.body) * share), 997):
        piece = answer.body[start : start + 997]
        yield f"{len(piece):x};start={start}\r\n".encode() + piece + b"\r\n"
    if share == 1.0:
        yield b"0\r\n\r\n"


def _byte(value: int) -> bytes:
    return bytes([value])


def _send_without_end(connection: socket.socket) -> None:
    headers = {"Content-Type": JSON, "Transfer-Encoding": "chunked"}
    connection.sendall(head_of(200, headers) + b'c\r\n{"images":["\r\n')
    while True:
        connection.sendall(b"10000\r\n" + b"A" * 0x10000 + b"\r\n")


_OF_GENERATIONS: dict[str, Effect] = {
    **{name: _exception(*raised) for name, raised in data_of("failures")["faults"].items()},
    **{f"proxy_{status}": _proxy(status) for status in (413, 502, 503, 504)},
    "extension_missing": _error(422, "Script 'ADetailer' not found"),
    "validation_422": _fixed(NO_INTEGER, status=422),
    "rate_limit_429": _limit_rate,
    "not_json": _fixed("<html>hello</html>", "text/html"),
    "not_json_text": _fixed("OK", "text/plain"),
    "wrong_json": _fixed('[{"image": 1}]'),
    "bad_base64": _all_images("!!no base64!!"),
    "not_an_image": _all_images(NO_IMAGE),
    "empty_image": _all_images(""),
    "no_images": _changed(lambda body: {**body, "images": []}),
    "info_missing": _changed(lambda body: {"images": body["images"]}),
    "info_not_json": _changed(lambda body: {**body, "info": "{not json"}),
    "cut_off": _sent(lambda answer: (_head(answer), answer.body[: len(answer.body) * 2 // 3])),
    "cut_off_chunked": _sent(lambda answer: _chunks(answer, 2 / 3)),
    "chunked": _sent(_chunks),
    "slow_headers": _sent(lambda answer: map(_byte, _head(answer) + answer.body), pause=0.01),
    "slow_body": _sent(lambda answer: (_head(answer), *map(_byte, answer.body)), pause=0.01),
    "huge": lambda _: Answer(sender=_send_without_end),
    "hang": lambda _: Answer(sender=_hang),
    "drop": lambda _: Answer(sender=drop),
}
_OF_LISTS: dict[str, Effect] = {
    "empty_model_list": _fixed("[]"),
    "models_500": _exception("RuntimeError", "no such file"),
    "models_html": _fixed("<html>login</html>", "text/html"),
    "models_wrong_shape": _fixed('{"models": ["a"]}'),
}
_OF_ALL: dict[str, Effect] = {
    "restarting": lambda exchange: exchange.injector.restart(exchange),
    "no_api": lambda _: NOT_FOUND,
    "unauthorized": _error(401, "Not authenticated"),
    "forbidden": _proxy(403),
    "redirect_same_origin": _redirect(""),
    "redirect_other_origin": _redirect("http://127.0.0.2:9"),
    "gzip": _gzip,
    "error_with_secret": _repeat_secret,
}
REACHES: tuple[tuple[Callable[[Request], bool], dict[str, Effect]], ...] = (
    (lambda request: request.path in GENERATIONS, _OF_GENERATIONS),
    (lambda request: request.path == "/sdapi/v1/sd-models", _OF_LISTS),
    (lambda request: request.path.startswith("/sdapi/"), _OF_ALL),
)
FAULTS = {name: (hits, effect) for hits, all_ in REACHES for name, effect in all_.items()}
"""Every fault by the name of the ``fault`` setting: which requests it hits, what they get."""
