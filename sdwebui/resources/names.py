"""Finding what a user meant in a list of what the server offers."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from sdwebui.errors import UnknownName

SHOWN = 120
"""Characters of the names that an error lists."""

SHOWN_NAME = 60
"""Characters of a wrong name that an error repeats."""


@dataclass(frozen=True, slots=True)
class Offer:
    """One thing that a server offers.

    Attributes:
        name: What the server wants to be sent.
        aliases: Other spellings that mean it.
        label: What people should see, when it differs from the name.
        path: File on the server, where it tells.
        detail: A short remark, such as a LoRA's trigger words.
    """

    name: str
    aliases: tuple[str, ...] = ()
    label: str = ""
    path: str = ""
    detail: str = ""

    @property
    def spellings(self) -> tuple[str, ...]:
        """All names it goes by."""
        return tuple(filter(None, (self.name, self.label, *self.aliases)))


def folded(name: str) -> str:
    """A name without case, spaces, hyphens and underscores: ``Euler a`` and ``euler_a`` are one."""
    return re.sub(r"[\s_-]+", "", name).casefold()


def lookup[T: Offer](wanted: str, offers: Iterable[T]) -> tuple[T, ...]:
    """What the name means, by the best kind of match: exact, any spelling, any case, folded."""
    known = tuple(offers)
    plain = wanted.strip()
    for test in (
        lambda offer: offer.name == plain,
        lambda offer: plain in offer.spellings,
        lambda offer: plain.casefold() in map(str.casefold, offer.spellings),
        lambda offer: folded(plain) in map(folded, offer.spellings),
    ):
        found = tuple(filter(test, known))
        if found:
            return found
    return ()


def find[T: Offer](kind: str, wanted: str, offers: Sequence[T]) -> T:
    """The one thing that the name means.

    Args:
        kind: What is looked for, in the user's words: "sampler", "LoRA".
        wanted: What the user wrote.
        offers: What the server has.

    Raises:
        UnknownName: None fits, or several do; lists the nearest and the first names.
    """
    found = lookup(wanted, offers)
    if len(found) == 1:
        return found[0]
    if found:
        raise UnknownName(
            f"The {kind} {wanted!r} means several: {listed(found)}. "
            "Write one of these names in full."
        )
    raise UnknownName(unknown(kind, wanted, offers))


def unknown(kind: str, wanted: str, offers: Sequence[Offer]) -> str:
    """Return the sentence for a name that the server does not know."""
    name = repr(wanted if len(wanted) <= SHOWN_NAME else f"{wanted[:SHOWN_NAME]}…")
    if not offers:
        return f"The server has no {kind} {name}; it has none at all."
    near = nearest(wanted, offers)
    hint = f" Did you mean {' or '.join(map(repr, near))}?" if near else ""
    return f"The server has no {kind} {name}.{hint} It has: {listed(offers)}."


def listed(offers: Sequence[Offer]) -> str:
    """Return the first names, as many as a message has room for, and where all are shown."""
    names: list[str] = []
    for offer in offers:
        if names and sum(map(len, names)) + 2 * len(names) + len(offer.name) > SHOWN:
            more = len(offers) - len(names)
            return f"{', '.join(names)} and {more} more, which sd_list_resources shows"
        names.append(offer.name)
    return ", ".join(names)


def nearest(wanted: str, offers: Sequence[Offer], most: int = 3) -> list[str]:
    """Up to ``most`` names that look like it, the likest first."""
    goal = folded(wanted)

    def likeness(offer: Offer) -> float:
        best = 0.0
        for spelling in map(folded, offer.spellings):
            ratio = SequenceMatcher(None, goal, spelling).ratio()
            # A part of a long file name is what people remember.
            contained = goal and spelling and (goal in spelling or spelling in goal)
            best = max(best, ratio, 0.8 if contained else 0.0)
        return best

    rated = sorted(((likeness(offer), offer.name) for offer in offers), key=lambda pair: -pair[0])
    return list(dict.fromkeys(name for score, name in rated if score >= 0.6))[:most]
