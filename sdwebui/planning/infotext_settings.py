"""The settings that generation data hold for a tool, by the tables of ``setting_keys``."""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, get_args

from sdwebui.errors import InvalidInput
from sdwebui.infotext.fields import number as read_number
from sdwebui.infotext.fields import sides
from sdwebui.infotext.fields import whole as read_whole
from sdwebui.infotext.parse import Infotext, parse_pairs
from sdwebui.parameter_types import FaceRestorer
from sdwebui.parameters import ControlNet, Generation, Txt2Img
from sdwebui.planning.setting_keys import (
    CONTROL_MODES,
    DESCRIPTIVE,
    DETAILER_ARGUMENTS,
    DETAILER_NAMES,
    FIRST_UNIT,
    PARAMETERS,
    REQUEST,
    RESIZE_MODES,
    SWITCHED,
    UNIT,
    option,
    switch,
)
from sdwebui.resources.names import folded


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of a text.

    Attributes:
        values: By parameter; parts of a hires fix and of a ControlNet unit as ``hires_fix.scale``.
        keys: The text's own key for each of them, for messages.
        unknown: Keys that are not known.
        elsewhere: Keys whose parameter another tool has.
        descriptive: Keys that describe an image and that no request can set.
        is_infotext: Whether it is a whole infotext, of which nobody chose each key.
    """

    values: Mapping[str, Any]
    keys: Mapping[str, str]
    unknown: tuple[str, ...]
    elsewhere: tuple[str, ...]
    descriptive: tuple[str, ...] = ()
    is_infotext: bool = True


_DETAILER = re.compile(r"ADetailer (.+?)(?: (2nd|3rd|4th))?", re.IGNORECASE)
_ORDINALS = ("2nd", "3rd", "4th")
_UNIT_KEY = re.compile(r"ControlNet ([01])", re.IGNORECASE)
_MODULE_KEY = re.compile(r"(Hires )?Module \d+")

_READERS: Mapping[type, Callable[[str], Any]] = {
    bool: switch, int: read_whole, float: read_number, str: str,
}  # fmt: skip

_PARAMETER_KEYS = frozenset(folded(key) for _, keys, _ in PARAMETERS for key in keys)
_REQUEST_KEYS = {folded(key): key for key in REQUEST}
_DESCRIPTIVE_KEYS = frozenset(map(folded, DESCRIPTIVE)) - _PARAMETER_KEYS
_KNOWN_KEYS = frozenset({*_PARAMETER_KEYS, *_REQUEST_KEYS, *_DESCRIPTIVE_KEYS, *FIRST_UNIT})


def is_known(key: str) -> bool:
    """Return whether a key means something outside a ControlNet unit."""
    return (
        folded(key) in _KNOWN_KEYS
        or is_unit(key)
        or re.fullmatch(_MODULE_KEY.pattern, key, re.IGNORECASE) is not None
        or _DETAILER.fullmatch(key) is not None
    )


def is_descriptive(key: str) -> bool:
    """Return whether a key describes an image and cannot be requested."""
    return folded(key) in _DESCRIPTIVE_KEYS


def is_unit(key: str) -> bool:
    """Return whether a key is that of a ControlNet unit, whose value holds keys of its own."""
    return _UNIT_KEY.fullmatch(key) is not None


def settings_of(infotext: Infotext, kind: type[Generation], *, source: str = "") -> Settings:
    """Return the settings of an infotext for a tool.

    Args:
        infotext: The parsed text.
        kind: The tool's parameters.
        source: Put before a key in messages; with "" invalid values are skipped.

    Raises:
        InvalidInput: A value is invalid, and ``source`` is given.
    """
    values, keys, elsewhere = _parameters(infotext, kind, source)
    unknown: list[str] = []
    descriptive: list[str] = []
    fields: list[tuple[str, str, Any]] = []
    detailers: dict[int, dict[str, Any]] = {}
    for key, value in infotext.fields.items():
        if is_descriptive(key):
            descriptive.append(key)
        elif folded(key) in _PARAMETER_KEYS or _MODULE_KEY.fullmatch(key):
            continue
        elif request_key := _REQUEST_KEYS.get(folded(key)):
            fields += _request_fields(request_key, value, infotext, source)
        elif match := _DETAILER.fullmatch(key):
            if _detailer_name(match[1]) not in DETAILER_ARGUMENTS:
                unknown.append(key)
                continue
            number = _ORDINALS.index(match[2].lower()) + 1 if match[2] else 0
            detailers.setdefault(number, {}).update(_detailer_arguments(match[1], value))
        elif (unit := _unit_values(key, value)) is None:
            unknown.append(key)
        elif issubclass(kind, ControlNet):
            unknown += _unknown_unit_keys(key, value)
            values |= unit
            keys |= {name: _unit_label(key, name) for name in unit}
        else:
            elsewhere.append(key)
    if fields:
        values["fields"] = tuple(fields)
    if detailers:
        # By the number of the unit, so that the second stays the second.
        values["detailers"] = tuple(detailers.get(n, {}) for n in range(max(detailers) + 1))
    return Settings(values, keys, tuple(unknown), tuple(elsewhere), tuple(descriptive))


def _parameters(
    infotext: Infotext, kind: type[Generation], source: str
) -> tuple[dict[str, Any], dict[str, str], list[str]]:
    """Return the values of the tool's parameters, their keys, and the keys of other tools."""
    values: dict[str, Any] = {}
    keys: dict[str, str] = {}
    elsewhere: list[str] = []
    for name, (key, *aliases), read in PARAMETERS:
        value = read(infotext)
        text = infotext.get(key, *aliases)
        if value is None and text and source and not _means_none(key, text, infotext):
            raise InvalidInput(f"{source}{key}: {text[:40]!r} cannot be read.")
        if value is None or value == "" or (name == "size" and not source and not infotext.width):
            continue
        field = _field(name, kind)
        if name == "face_restorer" and not source and value not in get_args(FaceRestorer):
            elsewhere.append(f"{key} {value}")
        elif field:
            values[field] = value
            keys[field] = key
        elif text:
            elsewhere.append(key)
    return values, keys, elsewhere


def _means_none(key: str, text: str, infotext: Infotext) -> bool:
    """Return whether a value means "none": sd.cpp's sampler NONE, clip skip -1 and size 0x0."""
    if key == "Schedule type" and infotext.writer.scheduler_is_class:
        return True
    # sd.cpp writes the schedule type behind it: "NONE karras".
    word = (text.split() or [""])[0].casefold()
    return word in {"none", "undefined", "-1", "0", "0x0"} or key in {
        # A factor on A1111, the upscaler's name on sd.cpp.
        "Hires upscale", "Hires upscaler",
    }  # fmt: skip


def _field(name: str, kind: type[Generation]) -> str:
    """Return the field of a tool's model for a parameter; "" if it has none."""
    if name == "denoising_strength" and issubclass(kind, Txt2Img):
        return "hires_fix.denoising_strength"
    base = name.partition(".")[0]
    return name if base in kind.model_fields and base not in kind.USELESS else ""


def _request_fields(
    key: str, value: str, infotext: Infotext, source: str
) -> list[tuple[str, str, Any]]:
    """Return the fields of the request that a key sets, as key, path and value."""
    if infotext.writer.writes_defaults:
        # Nobody chose these values.
        return []
    path, kind = REQUEST[key]
    if path == "seed_resize_from":
        size = sides(value)
        if size:
            return [(key, f"{path}_w", size[0]), (key, f"{path}_h", size[1])]
    else:
        parsed = _READERS[kind](value)
        if isinstance(parsed, kind):
            return [(key, path, parsed)]
    if source:
        raise InvalidInput(f"{source}{key}: {value[:40]!r} cannot be read.")
    return []


def _unit_values(key: str, value: str) -> dict[str, Any] | None:
    """Return the parts of a ControlNet unit that a key sets; None for other keys."""
    if part := FIRST_UNIT.get(folded(key)):
        return _unit_parts("0", [(part, value)])
    match = _UNIT_KEY.fullmatch(key)
    if not match:
        return None
    pairs = [
        (UNIT[folded(name)], text) for name, text in parse_pairs(value) if folded(name) in UNIT
    ]
    return _unit_parts(match[1], pairs)


def _unit_label(key: str, name: str) -> str:
    """Return what messages call a part of a ControlNet unit."""
    return f"{key}: {name.partition('.')[2].replace('_', ' ')}" if is_unit(key) else key


def _unknown_unit_keys(key: str, value: str) -> list[str]:
    """Return the unknown keys in the value of a ControlNet unit."""
    if not is_unit(key):
        return []
    known = {*UNIT, "hroption", "lowvram", "enabled", "savedetectedmap"}
    return [name for name, _ in parse_pairs(value) if folded(name) not in known]


def _unit_parts(number: str, pairs: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Return parts of a ControlNet unit as ``controlnet_0.weight``."""
    options = {"mode": CONTROL_MODES, "resize_mode": RESIZE_MODES}
    # The extension writes -1 for what a preprocessor does not have.
    return {
        f"controlnet_{number}.{part}": option(value, options.get(part, {}))
        for part, value in pairs
        if not (part in {"processor_res", "threshold_a", "threshold_b"} and value.startswith("-"))
    }


def _detailer_name(key: str) -> str:
    """Return the argument of ADetailer's API for a key."""
    return DETAILER_NAMES.get(folded(key)) or re.sub(r"[ -]+", "_", key.strip()).lower()


def _detailer_arguments(key: str, value: str) -> dict[str, Any]:
    """Return a setting of ADetailer as arguments of its API."""
    name = _detailer_name(key)
    if name == "version":
        return {}
    parsed: Any = switch(value)
    if not isinstance(parsed, bool):
        parsed = amount if (amount := read_number(value)) is not None else value
        if isinstance(parsed, float) and parsed.is_integer() and "." not in value:
            parsed = int(parsed)
    arguments = {f"ad_{name}": parsed}
    if name in SWITCHED:
        arguments[f"ad_use_{name}"] = True
    return arguments
