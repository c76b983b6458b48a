"""Parameters completed from texts: generation data in ``more_settings``, and an image to repeat."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from sdwebui.errors import InvalidInput
from sdwebui.form_texts import read_object
from sdwebui.infotext.fields import folded
from sdwebui.infotext.parse import Infotext, foreign_maker, parse, read_parameters
from sdwebui.parameters import Generation
from sdwebui.planning.more_settings import Found, read_settings, settings_of
from sdwebui.planning.setting_keys import INSTEAD

MORE = "more_settings: "

_OVERRULED = {
    # It would have no say beside a size.
    "aspect_ratio": "size",
    # The form's one field says both.
    "sampler": "scheduler",
    "model": "model_hash",
}
"""Fields of the form, and what of a text they overrule beside the field of their own name."""

_BESIDE = (
    ("refiner_switch_at", "refiner", "Refiner"),
    ("variation_seed", "variation_strength", "Variation seed strength"),
    ("detailers", "face_detailer", "ADetailer model"),
)
"""Settings that count only beside another, and what that is called."""


def completed[Requested: Generation](requested: Requested, file: bytes | None = None) -> Requested:
    """Return the parameters with what the user's texts say filled in wherever a field is blank.

    A field of the form wins over ``more_settings``, and that over the image to repeat.

    Args:
        requested: As the form gave them.
        file: An image whose generation data are used again.

    Raises:
        InvalidInput: A text cannot be understood, or holds values that no WebUI would take.
    """
    text = requested.more_settings.strip()
    extra: Mapping[str, Any] = {}
    sources: list[tuple[str, Found]] = []
    if file is not None:
        sources.append(
            ("reproduce: the image's ", settings_of(_infotext_of(file), type(requested)))
        )
    if text.startswith(("{", "```")):
        extra = _object(text)
    elif text:
        sources.append((MORE, read_settings(text, type(requested))))
    return _merged(requested, sources, extra) if sources or extra else requested


def _gathered(
    sources: list[tuple[str, Found]],
) -> tuple[dict[str, Any], dict[str, str], dict[str, str], list[str]]:
    """Return what all texts set, what messages call it, what somebody chose key by key, notes."""
    flat: dict[str, Any] = {}
    names: dict[str, str] = {}
    written: dict[str, str] = {}
    notes: list[str] = []
    for source, found in sources:
        if "model" in found.values:
            flat.pop("model_hash", None)
        flat |= found.values
        names |= {name: f"{source}{key}" for name, key in found.keys.items()}
        if not found.whole:
            written |= {name: found.keys.get(name, "ADetailer") for name in found.values}
        notes += _notes(source, found)
    return flat, names, written, notes


def _merged[Requested: Generation](
    requested: Requested, sources: list[tuple[str, Found]], extra: Mapping[str, Any]
) -> Requested:
    explicit = requested.explicit
    flat, names, written, notes = _gathered(sources)
    if "hires_fix" not in explicit and (
        not _has_hires(flat) or "hires_fix" in requested.model_fields_set
    ):
        # Traces of an image to image job, or "off" in the form.
        lost = [name for name in flat if name.startswith("hires_fix.")]
        if "hires_fix" not in requested.model_fields_set:
            notes += _useless(written, lost, "a hires fix (Hires upscale)")
        flat = {name: one for name, one in flat.items() if name not in lost}
    for name, overruled in _OVERRULED.items():
        if name in explicit:
            flat.pop(overruled, None)
    for name, needed, words in _BESIDE:
        if name in flat and not (flat.get(needed) or explicit.get(needed)):
            notes += _useless(written, [name], words)
    values = _nested(flat)
    for name, value in explicit.items():
        whole = values.get(name)
        if isinstance(value, BaseModel) and isinstance(whole, dict):
            values[name] = whole | value.model_dump(exclude_none=True)
        else:
            values[name] = value
        names.pop(name, None)
    image = sources[0][1].values if sources and sources[0][0] != MORE else {}
    values |= {
        "extra": dict(extra),
        "repeated": frozenset(name for name in image if values.get(name) == image[name]),
        "lenient": frozenset(name.partition(".")[0] for name in flat) - explicit.keys(),
        "notes": tuple(notes),
    }
    return type(requested).build(values, names)


def _useless(written: Mapping[str, str], lost: list[str], needed: str) -> list[str]:
    """Return what to say of settings that somebody wrote and that do nothing by themselves."""
    own = [written[name] for name in lost if name in written]
    return [f"more_settings: {', '.join(own)} counts only beside {needed}."] if own else []


def _has_hires(flat: Mapping[str, Any]) -> bool:
    return any(flat.get(f"hires_fix.{part}") for part in ("scale", "upscaler", "size"))


def _nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``{"hires_fix.scale": 2}`` as ``{"hires_fix": {"scale": 2}}``."""
    values: dict[str, Any] = {}
    for name, value in flat.items():
        whole, dot, part = name.partition(".")
        if dot:
            values.setdefault(whole, {})[part] = value
        else:
            values[name] = value
    return values


def _notes(source: str, found: Found) -> list[str]:
    place = source.partition(":")[0]
    notes = []
    if found.unknown:
        notes.append(f"{place}: left out, since not understood: {_listed(found.unknown)}.")
    if found.told and not found.whole:
        told = tuple(
            f"{key} (write {INSTEAD[folded(key)]})" if folded(key) in INSTEAD else key
            for key in found.told
        )
        notes.append(f"{place}: left out, since it only tells: {_listed(told)}.")
    if found.elsewhere and place == "more_settings":
        notes.append(
            f"{place}: left out, since this tool has no use for it: {_listed(found.elsewhere)}."
        )
    return notes


def _listed(keys: tuple[str, ...]) -> str:
    shown = ", ".join(key[:40] for key in keys[:8])
    return f"{shown} and {len(keys) - 8} more" if len(keys) > 8 else shown


_FORMS_OWN = frozenset(
    {
        "aspect_ratio", "face_detailer", "hires_fix", "image_count", "model", "model_family",
        "more_settings", "output_format", "refiner", "sampler", "size",
    }
)  # fmt: skip
"""Names of the forms that no server's request has."""


def _object(text: str) -> dict[str, Any]:
    try:
        found = read_object(text)
    except ValueError as error:
        raise InvalidInput(f"more_settings: {error}.") from None
    for name in map(str, found):
        if name in _FORMS_OWN or (name != name.lower() and " " in name):
            raise InvalidInput(
                f"more_settings: JSON holds fields of the server's request, and {name[:40]!r} is "
                "none. Write it into its field of the form, or as Name: value without braces."
            )
    return found


def _infotext_of(file: bytes) -> Infotext:
    text = read_parameters(file)
    infotext = parse(text) if text else None
    if infotext is None or not infotext.fields:
        maker = foreign_maker(file)
        raise InvalidInput(
            f"reproduce: the image was made by {maker}, whose notes cannot be repeated here."
            if maker
            else "reproduce: the image holds no generation parameters. Take the file that the "
            "WebUI made: messengers, editors and screenshots drop them."
        )
    return infotext
