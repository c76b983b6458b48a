"""How a family writes infotexts: as A1111 does, and what the others do differently."""

from collections.abc import Mapping, Sequence
from typing import ClassVar, NamedTuple

from sdwebui.resources.names import folded

Fields = Mapping[str, str]
"""Every ``Name: value`` pair of an infotext, names as the server spells them."""


class Parts(NamedTuple):
    """The three parts of an infotext."""

    prompt: str
    negative_prompt: str
    fields: Fields


class Infotexts:
    """How a family writes infotexts; a family overrides what it does otherwise than A1111."""

    __slots__ = ()

    # What its infotexts write where no sampler was set.
    unset_samplers: ClassVar[frozenset[str]] = frozenset()
    # Entries of its lists, folded, that leave sampler or schedule type to the server.
    default_names: ClassVar[frozenset[str]] = frozenset({"automatic"})
    # Whether the field Scheduler holds the class of the sampler, which no request can name.
    scheduler_is_class: ClassVar[bool] = False
    # Whether the fields also hold values that nobody chose, such as "Eta: inf".
    writes_defaults: ClassVar[bool] = False
    # Fields of its own that describe what no request can set.
    own_fields: ClassVar[tuple[str, ...]] = ()

    @classmethod
    def writes(cls, fields: Fields) -> bool:  # noqa: ARG003
        """Return whether this family wrote these fields; A1111 takes what nobody else knows."""
        return False

    @classmethod
    def has_own_form(cls, text: str) -> bool:  # noqa: ARG003
        """Return whether an infotext looks like this family's, where its form is its own."""
        return False

    @classmethod
    def parse_own_form(cls, text: str) -> Parts | None:  # noqa: ARG003
        """Parse an infotext in a form of this family's own; return None for any other."""
        return None

    @classmethod
    def count_prompt_lines(cls, lines: Sequence[str]) -> int:
        """Return how many of the lines above the fields are prompts; templates may follow."""
        return len(lines)

    @classmethod
    def sampler_and_scheduler(cls, fields: Fields) -> tuple[str | None, str | None]:
        """Return what the fields call the sampler and the schedule type."""
        return value_of(fields, "Sampler"), value_of(fields, "Schedule type")

    @classmethod
    def listed_loras(cls, fields: Fields) -> list[tuple[str, float]]:  # noqa: ARG003
        """Return name and weight of LoRAs that stand in the fields instead of the prompt."""
        return []

    @classmethod
    def used_loras(cls, fields: Fields, tags: Sequence[str]) -> tuple[str, ...]:  # noqa: ARG003
        """Return the names of the LoRAs that the server reports as used.

        Args:
            fields: The fields of the infotext.
            tags: The names in the LoRA tags of its prompt, which most families repeat as they are.
        """
        return tuple(read_hashes(value_of(fields, "Lora hashes")))


def value_of(fields: Fields, *names: str) -> str | None:
    """Return the first of these fields that is not empty; case, spaces and ``-`` do not count."""
    values: dict[str, str] = {}
    for name in names:
        # Mostly it is spelled so.
        if value := fields.get(name):
            return value
        values = values or {folded(key): value for key, value in fields.items() if value}
        if value := values.get(folded(name)):
            return value
    return None


def read_hashes(text: str | None) -> dict[str, str]:
    """Return ``name: hash, name: hash`` as a dict; a name without a hash has ""."""
    pairs = (pair.rpartition(": ") for pair in (text or "").split(", "))
    return {
        (name or alone).strip(): alone.strip() if name else "" for name, _, alone in pairs if alone
    }
