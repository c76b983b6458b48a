"""The parts of a prompt that name files on the server: LoRA tags and embeddings."""

import re
from dataclasses import dataclass
from math import isfinite

_LORA_TAG = re.compile(r"<(?:lora|lyco):([^:<>]+)(?::([^<>]*))?>")
_WEIGHT_NAMES = frozenset({"", "te", "unet", "dyn"})
_EMBEDDING = re.compile(r"\bembedding:([^\s,()\[\]{}:<>]+)")


@dataclass(frozen=True, slots=True)
class LoraTag:
    """``<lora:name:weight>`` as it stood in a prompt.

    Attributes:
        name: The name as written.
        weight: The first number behind the name; 1 when there is none, None when it is no number.
        arguments: All that stands behind the name, such as "0.8:0.5" or "te=0.5".
    """

    name: str
    weight: float | None
    arguments: str


def split_loras(prompt: str) -> tuple[str, tuple[LoraTag, ...]]:
    """Return the prompt without its LoRA tags, and the tags.

    Some families read tags, others a list beside the prompt; a dialect puts them where they count.
    """
    found = tuple(_LORA_TAG.finditer(prompt))
    if not found:
        return prompt, ()
    parts = []
    start = 0
    for match in found:
        # The blanks in front of a tag go with it.
        parts.append(prompt[start : match.start()].rstrip())
        start = match.end()
    return "".join([*parts, prompt[start:]]).strip(), tuple(map(_tag, found))


def _tag(match: re.Match[str]) -> LoraTag:
    arguments = (match[2] or "").strip() or "1"
    return LoraTag(match[1].strip(), _weight(arguments), arguments)


def _weight(arguments: str) -> float | None:
    """Return the first number of ``0.8``, ``0.8:0.5`` or ``te=0.8:unet=0.5``.

    An argument of another name, such as ``lbw=ALL``, is no weight: the LoRA counts in full.
    """
    name, _, value = arguments.partition(":")[0].rpartition("=")
    if name.strip() not in _WEIGHT_NAMES:
        return 1.0
    try:
        weight = float(value)
    except ValueError:
        return None
    return weight if isfinite(weight) else None


def embeddings_in(prompt: str) -> tuple[str, ...]:
    """Return the names written as ``embedding:name``, the only ones that stand out as such."""
    return tuple(_EMBEDDING.findall(prompt))


def with_embeddings(prompt: str, names: dict[str, str]) -> str:
    """Return the prompt with each ``embedding:name`` as the bare word that WebUIs look for."""
    return _EMBEDDING.sub(lambda match: names.get(match[1], match[1]), prompt)
