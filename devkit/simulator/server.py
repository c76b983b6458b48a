"""The HTTP server: a thread for each connection, which answers or misbehaves."""

import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from threading import Thread, Timer
from typing import Any

from devkit.simulator.wire import Answer, Headers, Request

Respond = Callable[[Request], Answer]


def head_of(status: int, headers: Headers, protocol: str = "HTTP/1.1") -> bytes:
    """Return status line and headers as they go over the wire."""
    lines = [f"{protocol} {status} {HTTPStatus(status).phrase}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


class Connection(BaseHTTPRequestHandler):
    """One client connection; HTTP/1.1 keeps it for further requests, HTTP/1.0 does not."""

    disable_nagle_algorithm = True
    rbufsize = 65536

    def __init__(self, respond: Respond, protocol: str, *connection: Any) -> None:
        self.respond, self.protocol_version = respond, protocol
        super().__init__(*connection)

    def handle(self) -> None:
        """Serve the connection; a client that goes away is nothing to report."""
        with suppress(ConnectionError, TimeoutError):
            super().handle()

    def answer(self) -> None:
        """Read the whole request, let it be answered, send the answer or misbehave."""
        path, _, query = self.path.partition("?")
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        answer = self.respond(Request(self.command, path, query, dict(self.headers), body))
        if answer.sender is not None:
            self.close_connection = True
            with suppress(OSError):
                answer.sender(self.connection)
            return
        headers = {**answer.headers, "Content-Length": str(len(answer.body))}
        if self.close_connection:
            headers["Connection"] = "close"
        self.connection.sendall(head_of(answer.status, headers, self.protocol_version))
        # Apart from the head: to join them would copy an answer of 64 MB.
        self.connection.sendall(answer.body)

    do_GET = do_POST = answer  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:
        """Print nothing: standard output belongs to the replies, the journal keeps requests."""


class Listener(ThreadingTCPServer):
    """The listening socket."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 256


class Front:
    """A port that can refuse connections for a while, as that of a server that restarts."""

    def __init__(self, respond: Respond, host: str, port: int, *, keep_alive: bool) -> None:
        self._host, self.port = host, port
        self._handler = partial(Connection, respond, "HTTP/1.1" if keep_alive else "HTTP/1.0")
        self._open()

    def _open(self) -> None:
        self._listener = Listener((self._host, self.port), self._handler)
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
    connection.shutdown(socket.SHUT_RDWR)
    connection.close()


def drop(connection: socket.socket) -> None:
    """Close a connection without an answer."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
