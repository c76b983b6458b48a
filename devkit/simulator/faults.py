"""Faults of servers, proxies and networks, switched on by the ``fault`` setting."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from typing import TYPE_CHECKING

from devkit.simulator.wire import Answer, Request

if TYPE_CHECKING:
    from devkit.simulator.app import Simulation
    from devkit.simulator.families.base import Family
    from devkit.simulator.server import Connection

FAULTS: dict[str, str] = {}


def check(name: str | None) -> None:
    """Raise ValueError for a fault that does not exist."""
    if name is not None and name not in FAULTS:
        raise ValueError(f"no fault {name!r}; there are {', '.join(FAULTS)}")


def drop(connection: socket.socket) -> None:
    """Close the connection without an answer."""
    with contextlib.suppress(OSError):
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


class Trouble:
    """Decides which requests the current fault hits."""

    def __init__(self) -> None:
        self._seen = 0
        self._lock = threading.Lock()

    def answer(
        self, simulation: Simulation, family: Family, asked: Request, connection: Connection
    ) -> Answer:
        """The answer, spoilt or not."""
        return simulation.usual_answer(family, asked)
