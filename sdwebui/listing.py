"""What a server offers as rows short enough for an agent to read."""

from dataclasses import asdict, dataclass
from typing import Any, get_args

from sdwebui.call import Call
from sdwebui.parameters import ListResources, ResourceKind
from sdwebui.resources.names import Entry, folded

_KINDS: tuple[ResourceKind, ...] = tuple(kind for kind in get_args(ResourceKind) if kind != "all")

MOST_ROWS = 50
"""Rows at most, so that an agent can read them."""

_ROOM_FOR_THE_END = 240
"""Characters of the last lines, which say how many more there are and what is not listed."""

EACH_IN_ALL = 5
"""Rows of each kind in an overview of all."""


@dataclass(frozen=True, slots=True)
class Row:
    """One thing that the server offers; ``detail`` is a remark such as a LoRA's trigger words."""

    kind: str
    name: str
    detail: str


@dataclass(frozen=True, slots=True)
class Listing:
    """The requested rows.

    Attributes:
        rows: At most 50.
        total: How many there are.
        missing: Kinds that this server does not list.
    """

    rows: tuple[Row, ...]
    total: int
    missing: tuple[str, ...]


def list_resources(call: Call, requested: ListResources) -> Listing:
    """List the requested resources.

    Raises:
        WebUIError: The server cannot be reached, or denies access.
    """
    kinds = _KINDS if requested.kind == "all" else (requested.kind,)
    wanted = folded(requested.filter)
    rows: list[Row] = []
    missing = []
    total = 0
    for kind in kinds:
        entries = _entries(call, kind)
        if entries is None:
            missing.append(kind)
            continue
        found = [entry for entry in entries if _fits(entry, wanted)]
        total += len(found)
        shown = found[:EACH_IN_ALL] if requested.kind == "all" and not wanted else found
        rows += (Row(kind, entry.name, entry.detail[:200]) for entry in shown)
    return Listing(tuple(rows[:MOST_ROWS]), total, tuple(missing))


def _fits(entry: Entry, wanted: str) -> bool:
    return not wanted or any(wanted in folded(text) for text in (*entry.spellings, entry.detail))


def _entries(call: Call, kind: ResourceKind) -> tuple[Entry, ...] | None:
    resource = call.dialect.resource(kind)
    entries = call.catalog.entries(resource) if resource else None
    return None if entries is None else tuple(entry for entry in entries if entry.name != "None")


def as_facts(listing: Listing) -> dict[str, Any]:
    """Return the listing as JSON."""
    return {
        "resources": [asdict(row) for row in listing.rows],
        "total": listing.total,
        "not_listed": list(listing.missing),
    }


def in_words(listing: Listing, most_characters: int | None = None) -> str:
    """Return the rows as lines, grouped by kind.

    Args:
        listing: What to tell.
        most_characters: Rows that would pass this length are left out, and counted at the end.
    """
    lines: list[str] = []
    kind = ""
    shown = 0
    room = (most_characters or 10**9) - _ROOM_FOR_THE_END
    for row in listing.rows:
        head = [f"{row.kind}:"] if row.kind != kind else []
        new = [*head, f"- {row.name}{f' ({row.detail})' if row.detail else ''}"]
        room -= sum(len(line) + 1 for line in new)
        if room < 0:
            break
        kind = row.kind
        lines += new
        shown += 1
    more = listing.total - shown
    if more > 0:
        lines.append(f"… and {more} more; narrow the filter, or name one kind.")
    if not listing.total and not listing.missing:
        lines.append("No match.")
    if listing.missing:
        lines.append(f"This server does not list: {', '.join(listing.missing)}.")
    return "\n".join(lines)
