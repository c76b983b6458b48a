"""How the families of servers differ: a small class in a file of its own for each.

What is said of a server there was seen in its recorded answers or read in its source. To add a
family, write its file and put its class into the list below.
"""

from sdwebui.dialects.a1111 import Body, Dialect
from sdwebui.dialects.forge import Forge
from sdwebui.dialects.koboldcpp import KoboldCpp
from sdwebui.dialects.probe import Probe
from sdwebui.dialects.sdcpp import SDCpp
from sdwebui.dialects.sdnext import SDNext
from sdwebui.http.deadline import Deadline
from sdwebui.http.transport import Transport
from sdwebui.resources.cache import Cache

__all__ = ["FAMILIES", "Body", "Dialect", "dialect_of", "recognise"]

FAMILIES: tuple[type[Dialect], ...] = (SDNext, Forge, KoboldCpp, SDCpp, Dialect)
"""In the order in which they are tried; AUTOMATIC1111 takes whatever nobody else knows."""


FAMILY_SECONDS = 600.0
"""How long the family of a server is kept; an unexpected 404 ends it sooner."""

PROBE_SECONDS = 20.0
"""For finding it out."""


def dialect_of(transport: Transport, cache: Cache, deadline: Deadline) -> Dialect:
    """Return the family of a server, found out once.

    Raises:
        WebUIError: It cannot be reached or does not let us in.
    """
    return cache.get(
        "family",
        FAMILY_SECONDS,
        lambda: recognise(transport, deadline.sooner(PROBE_SECONDS)),
        deadline,
    )


def recognise(transport: Transport, deadline: Deadline) -> Dialect:
    """Find out which family a server is of, with one to seven GETs.

    Raises:
        Unreachable: No answer.
        ProxyFailed: A proxy answered for the server.
    """
    probe = Probe(transport, deadline)
    found = (family.recognised(probe) for family in FAMILIES)
    return next(dialect for dialect in found if dialect is not None)
