"""The text of ``more_settings``: settings as PNG Info shows them, or a whole infotext.

``Clip skip: 2, VAE: name, Hires upscaler: …`` are settings, in lines or separated by commas. An
infotext begins with its prompts; a one-line form field may have dropped its line breaks.
"""

import re
from collections.abc import Iterable
from dataclasses import replace
from difflib import get_close_matches

from sdwebui.dialects import has_own_form
from sdwebui.errors import InvalidInput
from sdwebui.infotext.parse import Infotext, parse, parse_pairs
from sdwebui.parameters import Generation, Img2Img
from sdwebui.planning.infotext_settings import (
    Settings,
    is_descriptive,
    is_known,
    is_unit,
    settings_of,
)
from sdwebui.planning.setting_keys import PARAMETERS, REQUEST, UNIT
from sdwebui.resources.names import folded

_STEPS = re.compile(r"Steps: *\d+ *(?:,|$)", re.MULTILINE)

_SUGGESTED_KEYS = (
    *(keys[0] for _, keys, _ in PARAMETERS), *REQUEST, "ControlNet 0", "ControlNet 1",
    "Pixel Perfect", "Starting control step", "Ending control step", "ADetailer prompt",
)  # fmt: skip


def read_settings(text: str, kind: type[Generation]) -> Settings:
    """Parse what a user wrote into ``more_settings``.

    Args:
        text: Settings, or an infotext whose line breaks may be missing.
        kind: The tool's parameters.

    Raises:
        InvalidInput: It is neither, a key is unknown, or a value is invalid.
    """
    infotext, is_infotext = _parsed(_with_usual_case(text), kind)
    if is_infotext and issubclass(kind, Img2Img):
        # The size of the other image; this one has its own.
        fields = {key: value for key, value in infotext.fields.items() if folded(key) != "size"}
        infotext = replace(infotext, fields=fields)
    settings = settings_of(infotext, kind, source="more_settings: ")
    if settings.unknown and not is_infotext:
        raise InvalidInput(_unknown_message(kind, *settings.unknown))
    return replace(settings, is_infotext=is_infotext)


def _unknown_message(kind: type[Generation], key: str, *others: str) -> str:
    """Return the message about unknown keys, with the nearest known ones."""
    fields = (*kind.LLM, *kind.SETTINGS)
    field = next((name for name in fields if folded(name) == folded(key)), "")
    if field:
        return f"more_settings: {key!r} has a field of its own: write it into {field}."
    by_fold = {folded(known): known for known in _SUGGESTED_KEYS}
    near = get_close_matches(folded(key[:60]), by_fold, n=3, cutoff=0.7)
    hint = f" Did you mean {' or '.join(by_fold[name] for name in near)}?" if near else ""
    further = ", ".join(repr(other[:60]) for other in others[:2])
    more = f" and {len(others) - 2} more" if len(others) > 2 else ""
    return (
        f"more_settings: {key[:60]!r} is no setting that is known here.{hint}"
        f"{f' Nor is {further}{more}.' if others else ''} Write the names that PNG info shows, or "
        "the request's own fields as JSON."
    )


def _parsed(text: str, kind: type[Generation]) -> tuple[Infotext, bool]:
    """Return the parsed text, and whether it is a whole infotext.

    Raises:
        InvalidInput: It is neither that nor settings.
    """
    lines = [line.strip() for line in text.replace("\r\n", "\n").split("\n") if line.strip()]
    key = _first_key(lines[0]) if lines else ""
    # A descriptive key may begin a prompt ("User: hi").
    if is_known(key) and not has_own_form(text) and not _is_prompt(key, text):
        pairs = _pairs_of(lines)
        if _are_settings(key, text, lines, pairs):
            return Infotext(fields=_grouped(pairs)), any(map(_STEPS.match, lines))
    if not has_own_form(text):
        text = _with_line_breaks(re.sub(r"^\s*Prompt: *", "", text))
    infotext = parse(text)
    if infotext.negative_prompt or "Steps" in infotext.fields:
        return replace(infotext, fields={**infotext.fields, **_settings_below(text)}), True
    if key:
        raise InvalidInput(_unknown_message(kind, key))
    raise InvalidInput(
        "more_settings: write settings as PNG info shows them, such as Clip skip: 2, VAE: "
        f'name.safetensors, or JSON such as {{"eta": 0.5}} (got {text.strip()[:40]!r}).'
    )


def _with_usual_case(text: str) -> str:
    """Return a text with the two keys that divide an infotext in the case that WebUIs write."""
    text = re.sub(r"(?im)^[ \t]*negative prompt:", "Negative prompt:", text)
    return re.sub(r"(?im)^[ \t]*steps:", "Steps:", text)


def _first_key(line: str) -> str:
    """Return the key that a line begins with, or ""."""
    pairs = parse_pairs(line)
    return pairs[0][0] if pairs and line.startswith(pairs[0][0]) else ""


def _is_prompt(key: str, text: str) -> bool:
    """Return whether a key that begins a text is a part of its prompt."""
    return is_descriptive(key) and _STEPS.search(text) is not None


def _are_settings(key: str, text: str, lines: list[str], pairs: list[tuple[str, str]]) -> bool:
    """Return whether a text that begins with a known key is settings, and not a prompt."""
    if folded(key) in {"prompt", "negativeprompt"}:
        return "Steps" in dict(pairs) or not _STEPS.search(text)
    return not _has_prompts(lines)


def _pairs_of(lines: list[str]) -> list[tuple[str, str]]:
    """Return the settings of all lines; a line without a known key continues the last value."""
    pairs: list[tuple[str, str]] = []
    for line in lines:
        key = _first_key(line)
        if key and (not pairs or is_known(key) or folded(key) in UNIT):
            pairs += parse_pairs(line)
        else:
            last, value = pairs[-1]
            pairs[-1] = (last, f"{value}\n{line}")
    return pairs


def _settings_below(text: str) -> dict[str, str]:
    """Return settings that somebody wrote in lines below a pasted infotext."""
    lines = [line.strip() for line in text.split("\n")]
    last = max((at for at, line in enumerate(lines) if _STEPS.match(line)), default=len(lines))
    below = [parse_pairs(line) for line in lines[last + 1 :]]
    return _grouped(pair for pairs in below if pairs and is_known(pairs[0][0]) for pair in pairs)


def _has_prompts(lines: list[str]) -> bool:
    """Return whether a negative prompt stands between the first line and the fields."""
    starts = [number for number, line in enumerate(lines) if _STEPS.match(line)]
    negatives = [number for number, line in enumerate(lines) if line.startswith("Negative prompt:")]
    return bool(starts and negatives) and 0 < negatives[0] < starts[-1]


def _with_line_breaks(text: str) -> str:
    """Return an infotext with the line breaks that a one-line form field drops."""
    text = re.sub(r"(?<=[^\n])Negative prompt:", "\nNegative prompt:", text)
    text = "\n".join(map(_with_steps_first, text.split("\n")))
    starts = [match.start() for match in _STEPS.finditer(text)]
    if not starts or any(at == 0 or text[at - 1] == "\n" for at in starts):
        return text
    return f"{text[: starts[-1]].rstrip()}\n{text[starts[-1] :]}"


def _with_steps_first(line: str) -> str:
    """Return a line of settings with its steps in front, where the parser looks for them."""
    if not is_known(_first_key(line)):
        return line
    steps = dict(parse_pairs(line)).get("Steps", "")
    return f"Steps: {steps}, {line}" if steps.strip().isdigit() else line


def _grouped(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return pairs as fields; those of an unquoted ControlNet unit or LoRA list join its value."""
    fields: dict[str, str] = {}
    group = ""
    for key, value in pairs:
        in_unit = is_unit(group) and folded(key) in UNIT
        if in_unit or (folded(group) == "lora" and not is_known(key)):
            fields[group] += f", {key}: {value}"
            continue
        group = key
        fields[key] = value
    return fields
