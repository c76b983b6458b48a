"""The HTTP server: a thread for each connection, which answers in one write or misbehaves."""

import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from threading import Thread, Timer
from typing import Any

from devkit.simulator.wire import Answer, Headers, Request

Respond = Callable[[Request], Answer]

WRITTEN_AT_ONCE = 65536
"""Bytes up to which head and body are joined; copying more costs more than a second write."""


def head_of(status: int, headers: Headers, protocol: str = "HTTP/1.1") -> bytes:
    """Return status line and headers as they go over the wire."""
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = ""
    lines = [f"{protocol} {status} {phrase}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


class Connection(BaseHTTPRequestHandler):
    """One client connection; it stays open for further requests where the family does so."""

    server: "Listener"
    disable_nagle_algorithm = True
    rbufsize = 65536

    def setup(self) -> None:
        """Speak the family's version of HTTP: 1.0 closes after each answer."""
        self.protocol_version = "HTTP/1.1" if self.server.keep_alive else "HTTP/1.0"
        super().setup()

    def handle(self) -> None:
        """Serve the connection; a client that goes away is nothing to report."""
        with suppress(ConnectionError, TimeoutError):
            super().handle()

    def answer(self) -> None:
        """Read the whole request, let it be answered, send the answer or misbehave."""
        path, _, query = self.path.partition("?")
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        answer = self.server.respond(Request(self.command, path, query, dict(self.headers), body))
        if answer.sender is None:
            self._send(answer)
            return
        self.close_connection = True
        with suppress(OSError):
            answer.sender(self.connection)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_OPTIONS = answer  # noqa: N815

    def _send(self, answer: Answer) -> None:
        headers = {**answer.headers, "Content-Length": str(len(answer.body))}
        if self.close_connection:
            headers["Connection"] = "close"
        head = head_of(answer.status, headers, self.protocol_version)
        if self.command == "HEAD" or len(answer.body) < WRITTEN_AT_ONCE:
            self.connection.sendall(head + (b"" if self.command == "HEAD" else answer.body))
        else:
            self.connection.sendall(head)
            self.connection.sendall(answer.body)

    def log_message(self, format: str, *args: Any) -> None:
        """Print nothing: standard output belongs to the addresses, the journal keeps requests."""


class Listener(ThreadingTCPServer):
    """The listening socket."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 256

    def __init__(self, respond: Respond, host: str, port: int, *, keep_alive: bool) -> None:
        self.respond = respond
        self.keep_alive = keep_alive
        super().__init__((host, port), Connection)


class Front:
    """A port that can refuse connections for a while, as that of a server that restarts.

    Args:
        respond: Answers a request.
        host: Where to listen.
        port: 0 picks a free one.
        keep_alive: Whether connections stay open after an answer.
    """

    def __init__(
        self, respond: Respond, host: str = "127.0.0.1", port: int = 0, *, keep_alive: bool = True
    ) -> None:
        self._respond, self._host, self._keep_alive = respond, host, keep_alive
        self.port = port
        self._open()

    def _open(self) -> None:
        self._listener = Listener(self._respond, self._host, self.port, keep_alive=self._keep_alive)
        self.port = self._listener.server_address[1]
        Thread(target=self._listener.serve_forever, args=(0.05,), daemon=True).start()

    def refuse(self, seconds: float) -> None:
        """Close the port now and open it again after some seconds, in the background."""
        self._listener.shutdown()
        self._listener.server_close()
        reopening = Timer(seconds, self._open)
        reopening.daemon = True
        reopening.start()


def close(connection: socket.socket) -> None:
    """Close a connection once what was written has been sent."""
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()


def drop(connection: socket.socket) -> None:
    """Close the connection without an answer."""
    with suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
