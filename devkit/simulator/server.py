"""The HTTP server below the Flask application: threads, keep-alive, and hands on the socket.

Werkzeug's own handler closes every connection after one answer. The real servers keep them alive
(uvicorn, sd.cpp's httplib) or speak HTTP/1.0 (KoboldCpp), and faults need the naked socket.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable
from io import BytesIO
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.types import WSGIApplication

from werkzeug.serving import BaseWSGIServer, WSGIRequestHandler
from werkzeug.test import run_wsgi_app

Misbehaviour = Callable[[socket.socket], None]
SUPPORT = "simulator.connection"
"""Key of the WSGI environment under which the connection's handler is found."""


class Connection(WSGIRequestHandler):
    """One client connection; answers whole, in one write, and keeps it open as HTTP says."""

    server: Listener
    misbehaviour: Misbehaviour | None = None
    disable_nagle_algorithm = True
    rbufsize = 65536

    def setup(self) -> None:
        """HTTP/1.0 servers close after each answer."""
        self.protocol_version = "HTTP/1.1" if self.server.keep_alive else "HTTP/1.0"
        super().setup()

    def run_wsgi(self) -> None:
        """Read the whole request, ask the application, send the answer or misbehave."""
        if self.headers.get("Expect", "").lower() == "100-continue":
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        body = self._body()
        environ = self.make_environ()
        environ["wsgi.input"] = BytesIO(body)
        environ["CONTENT_LENGTH"] = str(len(body))
        # The base class tidies a leading double slash away; the real servers do not.
        environ["REQUEST_URI"] = self.requestline.split()[1]
        environ[SUPPORT] = self
        self.misbehaviour = None
        parts, status, headers = run_wsgi_app(self.server.app, environ, buffered=True)
        if self.misbehaviour is not None:
            self.close_connection = True
            with contextlib.suppress(OSError):
                self.misbehaviour(self.connection)
            return
        content = b"".join(parts)
        self._send(status, list(headers), content)

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            content = b""
            while size := int(self.rfile.readline().split(b";")[0] or b"0", 16):
                content += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
            return content
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _send(self, status: str, headers: list[tuple[str, str]], content: bytes) -> None:
        names = {name.lower() for name, _ in headers}
        if not self.server.keep_alive or "connection" in names:
            closing = any(
                name.lower() == "connection" and value.lower() == "close" for name, value in headers
            )
            self.close_connection = self.close_connection or closing or not self.server.keep_alive
        elif self.close_connection:
            headers.append(("Connection", "close"))
        lines = [f"{self.protocol_version} {status}", f"date: {self.date_time_string()}"]
        lines += [f"{name}: {value}" for name, value in headers]
        head = "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"
        with contextlib.suppress(ConnectionError, TimeoutError):
            if self.command == "HEAD" or not content:
                self.connection.sendall(head)
            elif len(content) < 65536:
                self.connection.sendall(head + content)
            else:
                self.connection.sendall(head)
                self.connection.sendall(content)

    def handle(self) -> None:
        """As the base class, but a client that goes away is nothing to report."""
        with contextlib.suppress(ConnectionError, TimeoutError):
            super().handle()

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """The journal keeps the requests."""

    def log(self, type: str, message: str, *args: Any) -> None:
        """Standard output belongs to the line that tells the URL."""


class Listener(ThreadingMixIn, BaseWSGIServer):
    """A threaded server."""

    multithread = True
    daemon_threads = True
    request_queue_size = 256
    allow_reuse_address = True

    def __init__(self, app: WSGIApplication, port: int, host: str, *, keep_alive: bool) -> None:
        self.keep_alive = keep_alive
        super().__init__(host, port, app, handler=Connection)


class Front:
    """A port that can refuse connections for a while, as a server that restarts."""

    def __init__(
        self, app: WSGIApplication, port: int, host: str = "127.0.0.1", *, keep_alive: bool
    ) -> None:
        """Listen at once; port 0 picks a free one."""
        self._app, self._host = app, host
        self._keep_alive = keep_alive
        self._listener = Listener(app, port, host, keep_alive=keep_alive)
        self.port = self._listener.port
        self._serve()

    def _serve(self) -> None:
        threading.Thread(
            target=self._listener.serve_forever, args=(0.05,), name="front", daemon=True
        ).start()

    def refuse(self, seconds: float) -> None:
        """Close the port now and open it again after some seconds, in the background."""
        self._listener.shutdown()
        self._listener.server_close()

        def reopen() -> None:
            time.sleep(seconds)
            self._listener = Listener(self._app, self.port, self._host, keep_alive=self._keep_alive)
            self._serve()

        threading.Thread(target=reopen, name="restart", daemon=True).start()
