"""Generation data as settings: what ``more_settings`` holds, and what an image says of itself.

Both are texts as PNG Info shows them (``Clip skip: 2, VAE: name, Hires upscaler: …``), which
:mod:`sdwebui.planning.setting_keys` maps to parameters.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any, get_args

from sdwebui.errors import InvalidInput
from sdwebui.infotext.fields import folded
from sdwebui.infotext.fields import number as read_number
from sdwebui.infotext.fields import whole as read_whole
from sdwebui.infotext.parse import Infotext, parse, parse_pairs
from sdwebui.parameters import ControlNet, FaceRestorer, Generation, Img2Img, Txt2Img
from sdwebui.planning.setting_keys import (
    CONTROL_MODES,
    DETAILER_ARGUMENTS,
    DETAILER_NAMES,
    FIRST_UNIT,
    PARAMETERS,
    REQUEST,
    RESIZE_MODES,
    SWITCHED,
    TOLD,
    UNIT,
    switch,
    words,
)


@dataclass(frozen=True, slots=True)
class Found:
    """What a text sets.

    Attributes:
        values: By parameter; parts of a hires fix and of a ControlNet unit as ``hires_fix.scale``.
        keys: The text's own name for each of them, for messages.
        unknown: Keys that are not understood.
        elsewhere: Keys whose parameter another tool has.
        told: Keys that say something which no request can ask for.
        whole: It is generation data as a WebUI writes it, so nobody chose each of its keys.
    """

    values: Mapping[str, Any]
    keys: Mapping[str, str]
    unknown: tuple[str, ...]
    elsewhere: tuple[str, ...]
    told: tuple[str, ...] = ()
    whole: bool = True


_DETAILER = re.compile(r"ADetailer (.+?)(?: (2nd|3rd|4th))?", re.IGNORECASE)
_ORDINALS = ("2nd", "3rd", "4th")
_UNIT_KEY = re.compile(r"ControlNet ([01])", re.IGNORECASE)
_STEPS = re.compile(r"Steps: *\d+ *(?:,|$)", re.MULTILINE)

_READERS: Mapping[type, Callable[[str], Any]] = {
    bool: switch, int: read_whole, float: read_number, str: str,
}  # fmt: skip

_BY_KEY = {folded(key): name for name, keys, _ in PARAMETERS for key in keys}
_REQUEST_BY_KEY = {folded(key): key for key in REQUEST}
_TOLD_FOLDED = frozenset(map(folded, TOLD))
_ALL_KEYS = (
    *(keys[0] for _, keys, _ in PARAMETERS), *REQUEST, "ControlNet 0", "ControlNet 1",
    "Pixel Perfect", "Starting control step", "Ending control step", "ADetailer prompt",
)  # fmt: skip


def read_settings(text: str, kind: type[Generation]) -> Found:
    """Read what a user wrote into ``more_settings``: settings, or generation data as a whole.

    Args:
        text: As it was typed or pasted; its line breaks may have been lost.
        kind: The tool's parameters.

    Raises:
        InvalidInput: It is no generation data, a key is not understood, or a value cannot be read.
    """
    infotext, whole = _parsed(_in_usual_case(text), kind)
    if whole and issubclass(kind, Img2Img):
        # The size that another image was made at; this one has its own.
        fields = {key: one for key, one in infotext.fields.items() if folded(key) != "size"}
        infotext = replace(infotext, fields=fields)
    found = settings_of(infotext, kind, source="more_settings: ")
    if found.unknown and not whole:
        raise InvalidInput(_not_understood(kind, *found.unknown))
    return replace(found, whole=whole)


def _not_understood(kind: type[Generation], key: str, *others: str) -> str:
    own = next((name for name in (*kind.LLM, *kind.SETTINGS) if folded(name) == folded(key)), "")
    if own:
        return f"more_settings: {key!r} has a field of its own: write it into {own}."
    by_fold = {folded(known): known for known in _ALL_KEYS}
    near = get_close_matches(folded(key[:60]), by_fold, n=3, cutoff=0.7)
    hint = f" Did you mean {' or '.join(by_fold[one] for one in near)}?" if near else ""
    further = ", ".join(repr(one[:60]) for one in others[:2])
    more = f" and {len(others) - 2} more" if len(others) > 2 else ""
    return (
        f"more_settings: {key[:60]!r} is no setting that is known here.{hint}"
        f"{f' Nor is {further}{more}.' if others else ''} Write the names that PNG info shows, or "
        "the request's own fields as JSON."
    )


def _parsed(text: str, kind: type[Generation]) -> tuple[Infotext, bool]:
    """Return the text as an infotext, and whether it is generation data as a whole.

    Raises:
        InvalidInput: It is neither that nor settings.
    """
    lines = [line.strip() for line in text.replace("\r\n", "\n").split("\n") if line.strip()]
    first = parse_pairs(lines[0])[:1] if lines else []
    key = first[0][0] if first and lines[0].startswith(first[0][0]) else ""
    # What only tells is no setting to begin with, but may begin a prompt ("User: hi").
    if key and _is_known(key) and not _is_kobolds(text) and not _only_tells(key, text):
        pairs = _pairs_of(lines)
        # A prompt may hold colons too, so the first key alone does not tell.
        if folded(key) in {"prompt", "negativeprompt"}:
            as_fields = "Steps" in dict(pairs) or not _STEPS.search(text)
        else:
            as_fields = not _has_prompts(lines)
        if as_fields:
            return Infotext(fields=_in_groups(pairs)), any(map(_STEPS.match, lines))
    if not _is_kobolds(text):
        text = _with_line_breaks(re.sub(r"^\s*Prompt: *", "", text))
    infotext = parse(text)
    if infotext.negative_prompt or "Steps" in infotext.fields:
        return replace(infotext, fields={**infotext.fields, **_below(text)}), True
    if key:
        raise InvalidInput(_not_understood(kind, key))
    raise InvalidInput(
        "more_settings: write settings as PNG info shows them, such as Clip skip: 2, VAE: "
        f'name.safetensors, or JSON such as {{"eta": 0.5}} (got {text.strip()[:40]!r}).'
    )


def _in_usual_case(text: str) -> str:
    """Return a text with the two keys that divide generation data as all WebUIs write them."""
    text = re.sub(r"(?im)^[ \t]*negative prompt:", "Negative prompt:", text)
    return re.sub(r"(?im)^[ \t]*steps:", "Steps:", text)


def _only_tells(key: str, text: str) -> bool:
    tells = folded(key) in _TOLD_FOLDED and folded(key) not in _BY_KEY
    return tells and _STEPS.search(text) is not None


def _pairs_of(lines: list[str]) -> list[tuple[str, str]]:
    """Return the settings of all lines; a line that begins with no known key goes on the last."""
    pairs: list[tuple[str, str]] = []
    for line in lines:
        own = parse_pairs(line)
        if own and line.startswith(own[0][0]) and (not pairs or _begins(own[0][0])):
            pairs += own
        else:
            key, value = pairs[-1]
            pairs[-1] = (key, f"{value}\n{line}")
    return pairs


def _begins(key: str) -> bool:
    """Whether a key can begin a line: one of the text's own, or of the ControlNet unit above."""
    return _is_known(key) or folded(key) in UNIT


def _below(text: str) -> dict[str, str]:
    """Return settings that somebody wrote in lines below pasted generation data."""
    lines = [line.strip() for line in text.split("\n")]
    last = max((at for at, line in enumerate(lines) if _STEPS.match(line)), default=len(lines))
    found = [parse_pairs(line) for line in lines[last + 1 :]]
    own = [pair for pairs in found if pairs and _is_known(pairs[0][0]) for pair in pairs]
    return _in_groups(own)


def _is_kobolds(text: str) -> bool:
    """Whether KoboldCpp wrote it, all in one row between bars."""
    return text.lstrip().startswith("Prompt:") and " | Steps: " in text


def _has_prompts(lines: list[str]) -> bool:
    """Whether a negative prompt stands between the first line and the fields."""
    starts = [number for number, line in enumerate(lines) if _STEPS.match(line)]
    negatives = [number for number, line in enumerate(lines) if line.startswith("Negative prompt:")]
    return bool(starts and negatives) and 0 < negatives[0] < starts[-1]


def _with_line_breaks(text: str) -> str:
    """Put back the line breaks that a one-line form field took away."""
    text = re.sub(r"(?<=[^\n])Negative prompt:", "\nNegative prompt:", text)
    text = "\n".join(map(_with_steps_first, text.split("\n")))
    starts = [match.start() for match in _STEPS.finditer(text)]
    if not starts or any(at == 0 or text[at - 1] == "\n" for at in starts):
        return text
    return f"{text[: starts[-1]].rstrip()}\n{text[starts[-1] :]}"


def _with_steps_first(line: str) -> str:
    """Return a line of settings with the steps in front, by which a line of fields is known."""
    pairs = parse_pairs(line)
    if not pairs or not line.startswith(pairs[0][0]) or not _is_known(pairs[0][0]):
        return line
    steps = dict(pairs).get("Steps", "")
    return f"Steps: {steps}, {line}" if steps.strip().isdigit() else line


def _is_known(key: str) -> bool:
    return (
        folded(key) in {*_BY_KEY, *_REQUEST_BY_KEY, *_TOLD_FOLDED, *FIRST_UNIT}
        or _UNIT_KEY.fullmatch(key) is not None
        or re.fullmatch(r"(?i)(hires )?module \d+", key) is not None
        or _DETAILER.fullmatch(key) is not None
    )


def _in_groups(pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return pairs as fields, those of an unquoted ControlNet unit or LoRA list in its value."""
    fields: dict[str, str] = {}
    group = ""
    for key, value in pairs:
        unit = _UNIT_KEY.fullmatch(group) is not None and folded(key) in UNIT
        if unit or (folded(group) == "lora" and not _is_known(key)):
            fields[group] += f", {key}: {value}"
            continue
        group = key
        fields[key] = value
    return fields


def settings_of(infotext: Infotext, kind: type[Generation], *, source: str = "") -> Found:
    """Return what an infotext sets in a tool.

    Args:
        infotext: What was read.
        kind: The tool's parameters.
        source: Put before a key in messages; "" skips what cannot be read.

    Raises:
        InvalidInput: A value cannot be read, and ``source`` is given.
    """
    values, keys, elsewhere = _of_parameters(infotext, kind, source)
    unknown: list[str] = []
    told: list[str] = []
    fields: list[tuple[str, str, Any]] = []
    detailers: dict[int, dict[str, Any]] = {}
    for key, value in infotext.fields.items():
        if _is_parameter(key):
            if folded(key) in _TOLD_FOLDED and folded(key) not in _BY_KEY:
                told.append(key)
            continue
        if known := _REQUEST_BY_KEY.get(folded(key)):
            fields += _request_field(known, value, infotext, source)
        elif part := _DETAILER.fullmatch(key):
            number = _ORDINALS.index(part[2].lower()) + 1 if part[2] else 0
            if _detailer_name(part[1]) not in DETAILER_ARGUMENTS:
                unknown.append(key)
                continue
            detailers.setdefault(number, {}).update(_detailer(part[1], value))
        elif (unit := _unit_values(key, value)) is None:
            unknown.append(key)
        elif issubclass(kind, ControlNet):
            unknown += _strange_parts(key, value)
            values |= unit
            parts = {name: name.partition(".")[2].replace("_", " ") for name in unit}
            named = _UNIT_KEY.fullmatch(key) is not None
            keys |= {name: f"{key}: {part}" if named else key for name, part in parts.items()}
        else:
            elsewhere.append(key)
    if fields:
        values["fields"] = tuple(fields)
    if detailers:
        # By the number of the unit, so that the second stays the second.
        values["detailers"] = tuple(detailers.get(n, {}) for n in range(max(detailers) + 1))
    return Found(values, keys, tuple(unknown), tuple(elsewhere), tuple(told))


def _is_parameter(key: str) -> bool:
    """Whether a key is read as a parameter, or says nothing that could be asked for."""
    modules = re.fullmatch(r"(Hires )?Module \d+", key)
    return folded(key) in _BY_KEY or folded(key) in _TOLD_FOLDED or modules is not None


def _of_parameters(
    infotext: Infotext, kind: type[Generation], source: str
) -> tuple[dict[str, Any], dict[str, str], list[str]]:
    """Return the values of the tool's parameters, their keys, and the keys of other tools."""
    values: dict[str, Any] = {}
    keys: dict[str, str] = {}
    elsewhere: list[str] = []
    for name, own, read in PARAMETERS:
        value = read(infotext)
        written = infotext.get(*own)
        if (
            value is None
            and written
            and source
            and not _says_nothing(own[0], written, infotext.get("App"))
        ):
            raise InvalidInput(f"{source}{own[0]}: {written[:40]!r} cannot be read.")
        if value is None or value == "" or (name == "size" and not source and not infotext.width):
            continue
        target = _target(name, kind)
        if name == "face_restorer" and not source and value not in get_args(FaceRestorer):
            elsewhere.append(f"{own[0]} {value}")
        elif target:
            values[target] = value
            keys[target] = own[0]
        elif written:
            elsewhere.append(own[0])
    return values, keys, elsewhere


def _says_nothing(key: str, written: str, app: str | None) -> bool:
    """Whether a value stands for "none": sd.cpp's sampler NONE, clip skip -1 and size 0x0.

    SD.Next's "Scheduler" is the class of its sampler.
    """
    if key == "Schedule type" and app == "SD.Next":
        return True
    # sd.cpp puts the schedule type behind it: "NONE karras".
    word = (written.split() or [""])[0].casefold()
    return word in {"none", "undefined", "-1", "0", "0x0"} or key in {
        # On A1111 a factor, on sd.cpp the upscaler's name.
        "Hires upscale", "Hires upscaler",
    }  # fmt: skip


def _target(name: str, kind: type[Generation]) -> str:
    """Return the field of the tool's model that a parameter means; "" where it has none."""
    if name == "denoising_strength" and issubclass(kind, Txt2Img):
        return "hires_fix.denoising_strength"
    base = name.partition(".")[0]
    return name if base in kind.model_fields and base not in kind.USELESS else ""


def _request_field(
    key: str, value: str, infotext: Infotext, source: str
) -> list[tuple[str, str, Any]]:
    """Return a key of the request as name, path and value."""
    if infotext.get("Version") in ("stable-diffusion.cpp", "KoboldCpp"):
        # They write what they did by themselves.
        return []
    path, kind = REQUEST[key]
    if path == "seed_resize_from":
        sides = re.fullmatch(r"\s*(\d+)\s*x\s*(\d+)\s*", value)
        if sides:
            return [(key, f"{path}_{side}", int(sides[at])) for at, side in ((1, "w"), (2, "h"))]
    else:
        read = _READERS[kind](value)
        if isinstance(read, kind):
            return [(key, path, read)]
    if source:
        raise InvalidInput(f"{source}{key}: {value[:40]!r} cannot be read.")
    return []


def _unit_values(key: str, value: str) -> dict[str, Any] | None:
    """Return the parts of a unit that a key of ControlNet sets; None for other keys."""
    if part := FIRST_UNIT.get(folded(key)):
        return _unit_parts("0", [(part, value)])
    number = _UNIT_KEY.fullmatch(key)
    if not number:
        return None
    pairs = [(UNIT[folded(name)], one) for name, one in parse_pairs(value) if folded(name) in UNIT]
    return _unit_parts(number[1], pairs)


def _strange_parts(key: str, value: str) -> list[str]:
    """Return the keys of a ControlNet unit that are not known; those that only tell are."""
    if not _UNIT_KEY.fullmatch(key):
        return []
    known = {*UNIT, "hroption", "lowvram", "enabled", "savedetectedmap"}
    return [name for name, _ in parse_pairs(value) if folded(name) not in known]


def _unit_parts(number: str, pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    meanings = {"mode": CONTROL_MODES, "resize_mode": RESIZE_MODES}
    # The extension writes -1 for what a preprocessor does not have.
    return {
        f"controlnet_{number}.{part}": words(value, meanings.get(part, {}))
        for part, value in pairs
        if not (part in {"processor_res", "threshold_a", "threshold_b"} and value.startswith("-"))
    }


def _detailer_name(key: str) -> str:
    return DETAILER_NAMES.get(folded(key)) or re.sub(r"[ -]+", "_", key.strip()).lower()


def _detailer(key: str, value: str) -> dict[str, Any]:
    """Return one of ADetailer's own settings as the argument of its API."""
    name = _detailer_name(key)
    if name == "version":
        return {}
    read: Any = switch(value)
    if not isinstance(read, bool):
        read = amount if (amount := read_number(value)) is not None else value
        if isinstance(read, float) and read.is_integer() and "." not in value:
            read = int(read)
    found = {f"ad_{name}": read}
    if name in SWITCHED:
        found[f"ad_use_{name}"] = True
    return found
