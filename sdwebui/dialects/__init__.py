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

__all__ = ["FAMILIES", "Body", "Dialect", "recognise"]

FAMILIES: tuple[type[Dialect], ...] = (SDNext, Forge, KoboldCpp, SDCpp, Dialect)
"""In the order in which they are tried; AUTOMATIC1111 takes whatever nobody else knows."""


def recognise(transport: Transport, deadline: Deadline) -> Dialect:
    """Find out which family a server is of, with one to seven GETs.

    Raises:
        Unreachable: No answer.
        ProxyFailed: A proxy answered for the server.
    """
    probe = Probe(transport, deadline)
    found = (family.recognised(probe) for family in FAMILIES)
    return next(dialect for dialect in found if dialect is not None)
