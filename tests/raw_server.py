"""A server of sockets, for whatever a well-behaved library would not send."""

import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import closing, suppress

Script = Callable[[socket.socket, bytes], None]


class RawServer:
    """A server that does to each connection what a script says."""

    def __init__(self, script: Script, tls: ssl.SSLContext | None = None, port: int = 0) -> None:
        self._script = script
        self._tls = tls
        self._socket = socket.create_server(("127.0.0.1", port))
        self.requests: list[bytes] = []
        self.connections = 0
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                self.connections += 1
                threading.Thread(target=self._talk, args=(connection,), daemon=True).start()

    def _talk(self, connection: socket.socket) -> None:
        with closing(connection), suppress(OSError):
            if self._tls:
                connection = self._tls.wrap_socket(connection, server_side=True)
            while request := self._read(connection):
                self.requests.append(request)
                self._script(connection, request)

    def _read(self, connection: socket.socket) -> bytes:
        data = b""
        while b"\r\n\r\n" not in data:
            more = connection.recv(65536)
            if not more:
                return b""
            data += more
            if data.startswith(b"\x16"):
                return data  # a TLS greeting, to which plain HTTP is no answer
        head, _, body = data.partition(b"\r\n\r\n")
        length = 0
        for line in head.split(b"\r\n"):
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        while len(body) < length:
            body += connection.recv(65536)
        return head + b"\r\n\r\n" + body

    def close(self) -> None:
        self._socket.close()


def answering(data: bytes) -> Script:
    return lambda connection, _: connection.sendall(data)
