"""One object for each server, shared by all calls to it."""

import threading
from collections import OrderedDict
from collections.abc import Callable

from sdwebui.http.server import Server

KEPT_SERVERS = 32
"""Servers that something is kept for; the least recently used goes first."""


class PerServer[Kept]:
    """Makes an object for a server when it is first asked for, and remembers it.

    Args:
        make: Makes one.
        let_go: Called with one that is dropped; calls that still use it go on.
    """

    def __init__(
        self, make: Callable[[Server], Kept], let_go: Callable[[Kept], None] = lambda _: None
    ) -> None:
        self._make = make
        self._let_go = let_go
        self._kept: OrderedDict[Server, Kept] = OrderedDict()
        self._lock = threading.Lock()

    def __call__(self, server: Server) -> Kept:
        """The object of this server."""
        with self._lock:
            if server not in self._kept:
                self._kept[server] = self._make(server)
            self._kept.move_to_end(server)
            while len(self._kept) > KEPT_SERVERS:
                self._let_go(self._kept.popitem(last=False)[1])
            return self._kept[server]
