"""Lookup of a name that a user wrote in a server's list."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache

from sdwebui.errors import UnknownName

SHOWN = 120
"""Characters of all the names that an error lists."""

SHOWN_NAME = 60
"""Characters of a wrong name that an error repeats."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a server's list.

    Attributes:
        name: What is sent to the server.
        aliases: Other names of it.
        label: What people should see, if it differs from the name.
        path: File on the server, if the server reports it.
        detail: A short remark, such as a LoRA's trigger words.
    """

    name: str
    aliases: tuple[str, ...] = ()
    label: str = ""
    path: str = ""
    detail: str = ""

    @property
    def spellings(self) -> tuple[str, ...]:
        """All names of the entry."""
        return tuple(filter(None, (self.name, self.label, *self.aliases)))


def folded(name: str) -> str:
    """Return a name without case, spaces, hyphens and underscores: ``euler_a`` is ``Euler a``."""
    # The same names come up in each call; what is longer than any name is not kept.
    return _folded(name) if len(name) <= SHOWN else _folded.__wrapped__(name)


@lru_cache(maxsize=4096)
def _folded(name: str) -> str:
    return re.sub(r"[\s_-]+", "", name).casefold()


def lookup[T: Entry](wanted: str, entries: Iterable[T]) -> tuple[T, ...]:
    """Return the entries of a name, by the best match: exact, any spelling, any case, folded."""
    known = tuple(entries)
    plain = wanted.strip()
    for test in (
        lambda entry: entry.name == plain,
        lambda entry: plain in entry.spellings,
        lambda entry: plain.casefold() in map(str.casefold, entry.spellings),
        lambda entry: folded(plain) in map(folded, entry.spellings),
    ):
        found = tuple(filter(test, known))
        if found:
            return found
    return ()


def find[T: Entry](kind: str, wanted: str, entries: Sequence[T]) -> T:
    """Return the only entry of a name.

    Args:
        kind: What messages call it: "sampler", "LoRA".
        wanted: What the user wrote.
        entries: The server's list.

    Raises:
        UnknownName: No entry matches, or several do; the message lists the nearest names.
    """
    found = lookup(wanted, entries)
    if len(found) == 1:
        return found[0]
    if found:
        raise UnknownName(
            f"The {kind} {wanted!r} means several: {listed(found)}. "
            "Write one of these names in full.",
            shortened=is_shortened(found),
        )
    raise UnknownName(unknown(kind, wanted, entries), shortened=is_shortened(entries))


def unknown(kind: str, wanted: str, entries: Sequence[Entry]) -> str:
    """Return the message about a name that the server does not know."""
    name = repr(wanted if len(wanted) <= SHOWN_NAME else f"{wanted[:SHOWN_NAME]}…")
    if not entries:
        return f"The server has no {kind} {name}; it has none at all."
    near = nearest(wanted, entries)
    hint = f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
    return f"The server has no {kind} {name}.{hint} It has: {listed(entries)}."


def listed(entries: Sequence[Entry]) -> str:
    """Return the first names, up to :data:`SHOWN` characters, and how many more there are."""
    names = _first(entries)
    more = len(entries) - len(names)
    return f"{', '.join(names)} and {more} more" if more else ", ".join(names)


def is_shortened(entries: Sequence[Entry]) -> bool:
    """Return whether :func:`listed` leaves some of them out."""
    return len(_first(entries)) < len(entries)


def _first(entries: Sequence[Entry]) -> list[str]:
    """Return the first names, up to :data:`SHOWN` characters."""
    names: list[str] = []
    for entry in entries:
        if names and sum(map(len, names)) + 2 * len(names) + len(entry.name) > SHOWN:
            break
        names.append(entry.name)
    return names


def nearest(wanted: str, entries: Sequence[Entry], most: int = 3) -> list[str]:
    """Return up to ``most`` similar names, the most similar first."""
    goal = folded(wanted)

    def similarity(entry: Entry) -> float:
        best = 0.0
        for spelling in map(folded, entry.spellings):
            ratio = SequenceMatcher(None, goal, spelling).ratio()
            # People remember a part of a long file name.
            contained = goal and spelling and (goal in spelling or spelling in goal)
            best = max(best, ratio, 0.8 if contained else 0.0)
        return best

    rated = sorted(
        ((similarity(entry), entry.name) for entry in entries), key=lambda pair: -pair[0]
    )
    return list(dict.fromkeys(name for score, name in rated if score >= 0.6))[:most]
