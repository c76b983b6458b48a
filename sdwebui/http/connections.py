"""Pooled connections that a deadline can shut down.

``requests`` limits the wait for each piece of a response, not for the whole: a server that sends
single bytes is never timed out. So each exchange has a watch that shuts its socket down at the
deadline, during the connection, the TLS handshake, sending or receiving. A DNS lookup cannot be
interrupted; the deadline is checked right after it.
"""

import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from socket import SHUT_RDWR
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager, disable_warnings
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, InsecureRequestWarning

from sdwebui.errors import InvalidInput
from sdwebui.http.deadline import Deadline
from sdwebui.http.server import Server

IDLE_SECONDS = 4.0
"""An idle connection older than this is not used again: uvicorn (SD.Next) closes them after 5."""

KEPT_CONNECTIONS = 16
"""Idle connections kept for each server; more may be open at once, and are closed after use."""


class Watch:
    """Shuts down the connection of one exchange when the deadline passes."""

    def __init__(self, deadline: Deadline) -> None:
        self.expired = False
        self._deadline = deadline
        self._connection: HTTPConnection | None = None
        self._start(deadline.remaining)

    def _start(self, seconds: float) -> None:
        """Start the timer."""
        self._timer = threading.Timer(seconds, self._expire)
        self._timer.daemon = True
        self._timer.start()

    def limit_remaining(self, seconds: float) -> None:
        """Wait at most so long from now on, and never beyond the deadline."""
        self._timer.cancel()
        self._start(min(seconds, self._deadline.remaining))

    def hold(self, connection: HTTPConnection) -> None:
        """Watch this connection from now on."""
        self._connection = connection
        connection.watch = self  # type: ignore[attr-defined]

    def _expire(self) -> None:
        """Shut the socket down, unless the connection serves another exchange."""
        self.expired = True
        connection = self._connection
        # A connection that went back to the pool may already serve another exchange.
        if connection is None or getattr(connection, "watch", None) is not self:
            return
        wire = getattr(connection, "wire", None)
        if wire is not None:
            with suppress(OSError):
                wire.shutdown(SHUT_RDWR)

    def end(self) -> None:
        """Stop watching, since the exchange is over."""
        self._timer.cancel()
        self._connection = None


_current = threading.local()


@contextmanager
def watched(deadline: Deadline) -> Iterator[Watch]:
    """Watch the connection that this thread or greenlet takes inside the block."""
    watch = Watch(deadline)
    _current.watch = watch
    try:
        yield watch
    finally:
        _current.watch = None
        watch.end()


class _Watched:
    """A connection whose watch can shut it down from its first packet on.

    Attributes:
        wire: The socket. The connection drops its own reference when a response ends with it.
        watch: Of the exchange that uses the connection.
    """

    sock: Any
    timeout: Any
    wire: Any = None
    watch: Watch | None = None

    def _new_conn(self) -> Any:
        """Open a socket, and fail if the deadline passed during the DNS lookup."""
        sock = super()._new_conn()  # type: ignore[misc]
        if self.watch and self.watch.expired:
            sock.close()
            raise ConnectTimeoutError(self, "the deadline passed while the name was looked up")
        # The TLS handshake wraps the socket in a new object, so a duplicate is held meanwhile.
        self.wire = sock.dup()
        return sock

    def connect(self) -> None:
        """Connect, and keep the socket for the watch."""
        try:
            super().connect()  # type: ignore[misc]
        finally:
            if self.wire is not None:
                self.wire.close()
            self.wire = self.sock
        self.sock.settimeout(None)

    def request(self, *args: Any, **options: Any) -> None:
        """Send a request without a timeout for its body."""
        # urllib3 would limit sending to the connect timeout; here only the watch limits it.
        if self.sock is not None:
            self.timeout = None
        super().request(*args, **options)  # type: ignore[misc]


class _Connection(_Watched, HTTPConnection):
    """A watched connection over TCP."""


class _TLSConnection(_Watched, HTTPSConnection):
    """A watched connection over TLS."""


class _Pool(HTTPConnectionPool):
    """A pool that registers each connection with the watch of the exchange that takes it."""

    ConnectionCls: type[Any] = _Connection

    def _get_conn(self, timeout: float | None = None) -> Any:
        """Take a connection from the pool, closed if it was idle for too long."""
        connection: Any = super()._get_conn(timeout)
        if time.monotonic() - getattr(connection, "idle_since", 0.0) > IDLE_SECONDS:
            connection.close()
        watch = getattr(_current, "watch", None)
        if watch is not None:
            watch.hold(connection)
        return connection

    def _put_conn(self, conn: Any) -> None:
        """Put a connection back into the pool, without its watch."""
        if conn is not None:
            conn.idle_since = time.monotonic()
            conn.watch = None
        super()._put_conn(conn)


class _TLSPool(_Pool, HTTPSConnectionPool):
    """The same pool for connections over TLS."""

    ConnectionCls: type[Any] = _TLSConnection


class Session(requests.Session):
    """A session that does not process redirects.

    Even with ``allow_redirects=False`` requests would read the body of a redirect, however long,
    and parse its address, however malformed.
    """

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Return None, so that requests takes no response for a redirect."""


class Adapter(HTTPAdapter):
    """Watched connections of one server, with its own certificate authority."""

    def __init__(self, server: Server | None = None) -> None:
        self._tls: dict[str, Any] = {}
        if server and not server.tls_verify:
            # The user chose this; a warning at each request would fill the daemon's log.
            disable_warnings(InsecureRequestWarning)
        if server and server.ca_certificate and server.tls_verify:
            context = ssl.create_default_context()
            try:
                context.load_verify_locations(cadata=server.ca_certificate)
            except (ssl.SSLError, TypeError, ValueError):
                raise InvalidInput(
                    "ca_certificate cannot be read: paste the whole PEM, from "
                    "-----BEGIN CERTIFICATE----- to -----END CERTIFICATE-----."
                ) from None
            self._tls = {"ssl_context": context}
        super().__init__(pool_connections=1, pool_maxsize=KEPT_CONNECTIONS)

    def init_poolmanager(
        self, connections: int, maxsize: int, block: bool = False, **options: Any
    ) -> None:
        """Build the pools with watched connections."""
        super().init_poolmanager(connections, maxsize, block, **options, **self._tls)
        _watch_pools(self.poolmanager)

    def proxy_manager_for(self, proxy: str, **options: Any) -> Any:
        """Build the pools of a proxy of the environment with watched connections."""
        manager = super().proxy_manager_for(proxy, **options, **self._tls)
        _watch_pools(manager)
        return manager


def _watch_pools(manager: PoolManager) -> None:
    """Set the classes of the pools that a manager makes."""
    manager.pool_classes_by_scheme = {"http": _Pool, "https": _TLSPool}
