"""How the families of servers differ: each in one class, in a file of its own.

What a class states of its family was seen in recorded responses or read in the source. To add a
family, write its file and put its class into ``FAMILIES``.
"""

from sdwebui.dialects.a1111 import Body, Dialect
from sdwebui.dialects.forge import Forge
from sdwebui.dialects.infotexts import Fields, Parts
from sdwebui.dialects.koboldcpp import KoboldCpp
from sdwebui.dialects.probe import Probe
from sdwebui.dialects.sdcpp import SDCpp
from sdwebui.dialects.sdnext import SDNext
from sdwebui.http.deadline import Deadline
from sdwebui.http.transport import Transport
from sdwebui.resources.cache import Cache
from sdwebui.resources.catalog import LIST_DEADLINE
from sdwebui.resources.names import folded

__all__ = [
    "FAMILIES",
    "Body",
    "Dialect",
    "dialect_of",
    "has_own_form",
    "is_default_name",
    "is_unset_sampler",
    "parse_own_form",
    "recognise",
    "writer_of",
]

FAMILIES: tuple[type[Dialect], ...] = (SDNext, Forge, KoboldCpp, SDCpp, Dialect)
"""In the order in which they are tried; AUTOMATIC1111 takes whatever nobody else knows."""

FAMILY_SECONDS = 600.0
"""How long the family of a server is kept; an unexpected 404 ends it sooner."""


def dialect_of(transport: Transport, cache: Cache, deadline: Deadline) -> Dialect:
    """Return the dialect of a server, which is found out once and then kept.

    Raises:
        WebUIError: The server cannot be reached or denies access.
    """
    return cache.get(
        "family",
        FAMILY_SECONDS,
        lambda: recognise(transport, deadline.sooner(LIST_DEADLINE)),
        deadline,
    )


def recognise(transport: Transport, deadline: Deadline) -> Dialect:
    """Return the dialect of a server, found out with one to seven GETs.

    Raises:
        Unreachable: No response.
        ProxyFailed: A proxy responded in the server's place.
    """
    probe = Probe(transport, deadline)
    found = (family.recognised(probe) for family in FAMILIES)
    return next(dialect for dialect in found if dialect is not None)


def writer_of(fields: Fields) -> type[Dialect]:
    """Return the family that wrote an infotext with these fields."""
    return next((family for family in FAMILIES if family.writes(fields)), Dialect)


def has_own_form(text: str) -> bool:
    """Return whether a text looks like an infotext in a form that one family has for itself."""
    return any(family.has_own_form(text) for family in FAMILIES)


def parse_own_form(text: str) -> Parts | None:
    """Parse an infotext in a form that one family has for itself; return None for other forms."""
    return next(filter(None, (family.parse_own_form(text) for family in FAMILIES)), None)


def is_unset_sampler(name: str) -> bool:
    """Return whether an infotext of any family writes this where no sampler was set."""
    return any(name in family.unset_samplers for family in FAMILIES)


def is_default_name(name: str) -> bool:
    """Return whether any family lists this to leave sampler or schedule type to the server."""
    return any(folded(name) in family.default_names for family in FAMILIES)
