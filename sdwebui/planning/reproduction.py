"""Parameters completed from generation data: of ``more_settings``, and of an image to repeat."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from sdwebui.errors import InvalidInput
from sdwebui.form_texts import read_object
from sdwebui.infotext.makers import foreign_maker
from sdwebui.infotext.parse import Infotext, parse, read_parameters
from sdwebui.parameters import Generation
from sdwebui.planning.infotext_settings import Settings, settings_of
from sdwebui.planning.more_settings import read_settings
from sdwebui.planning.setting_keys import INSTEAD
from sdwebui.resources.names import folded

MORE = "more_settings: "

_OVERRIDDEN = {
    # It has no effect beside a size.
    "aspect_ratio": "size",
    # The sampler's field holds both.
    "sampler": "scheduler",
    "model": "model_hash",
}
"""Fields of the form, and the setting that each overrides beside the one of its own name."""

_DEPENDENT = (
    ("refiner_switch_at", "refiner", "Refiner"),
    ("variation_seed", "variation_strength", "Variation seed strength"),
    ("detailers", "face_detailer", "ADetailer model"),
)
"""Settings that have an effect only beside another, and the key of that one."""


def completed[Requested: Generation](requested: Requested, file: bytes | None = None) -> Requested:
    """Return the parameters with blank fields filled in from generation data.

    A field of the form wins over ``more_settings``, and that over the image to repeat.

    Args:
        requested: The values of the form.
        file: An image whose generation data are used again.

    Raises:
        InvalidInput: A text cannot be parsed, or holds a value that no WebUI accepts.
    """
    text = requested.more_settings.strip()
    extra: Mapping[str, Any] = {}
    sources: list[tuple[str, Settings]] = []
    if file is not None:
        sources.append(
            ("reproduce: the image's ", settings_of(_infotext_of(file), type(requested)))
        )
    if text.startswith(("{", "```")):
        extra = _read_request_json(text)
    elif text:
        sources.append((MORE, read_settings(text, type(requested))))
    return _merged(requested, sources, extra) if sources or extra else requested


@dataclass(slots=True)
class _Merged:
    """The settings of all texts together.

    Attributes:
        values: By parameter, parts as ``hires_fix.scale``.
        labels: What messages call each of them.
        written: The keys of those that somebody wrote one by one.
        notes: Warnings for the user.
    """

    values: dict[str, Any] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    written: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def add(self, source: str, settings: Settings) -> None:
        """Add the settings of a text, which win over the earlier ones."""
        if "model" in settings.values:
            self.values.pop("model_hash", None)
        self.values |= settings.values
        self.labels |= {name: f"{source}{key}" for name, key in settings.keys.items()}
        if not settings.is_infotext:
            self.written |= {name: settings.keys.get(name, "ADetailer") for name in settings.values}
        self.notes += _notes(source, settings)

    def drop_hires_fix(self, *, noted: bool) -> None:
        """Drop the parts of a hires fix, with a note on those that somebody wrote."""
        dropped = [name for name in self.values if name.startswith("hires_fix.")]
        if noted:
            self.note_needed(dropped, "a hires fix (Hires upscale)")
        for name in dropped:
            del self.values[name]

    def note_needed(self, names: list[str], needed: str) -> None:
        """Note that written settings have no effect without another."""
        keys = [self.written[name] for name in names if name in self.written]
        if keys:
            self.notes.append(f"more_settings: {', '.join(keys)} counts only beside {needed}.")


def _merged[Requested: Generation](
    requested: Requested, sources: list[tuple[str, Settings]], extra: Mapping[str, Any]
) -> Requested:
    """Return the parameters with the settings of all sources filled in.

    Raises:
        InvalidInput: A value is out of range.
    """
    explicit = requested.explicit
    merged = _Merged()
    for source, settings in sources:
        merged.add(source, settings)
    is_off = "hires_fix" in requested.model_fields_set
    if "hires_fix" not in explicit and (is_off or not _has_hires_fix(merged.values)):
        merged.drop_hires_fix(noted=not is_off)
    for name, overridden in _OVERRIDDEN.items():
        if name in explicit:
            merged.values.pop(overridden, None)
    for name, needed, key in _DEPENDENT:
        if name in merged.values and not (merged.values.get(needed) or explicit.get(needed)):
            merged.note_needed([name], key)
    values = _nested(merged.values)
    for name, value in explicit.items():
        parts = values.get(name)
        if isinstance(value, BaseModel) and isinstance(parts, dict):
            values[name] = parts | value.model_dump(exclude_none=True)
        else:
            values[name] = value
        merged.labels.pop(name, None)
    image = sources[0][1].values if sources and sources[0][0] != MORE else {}
    values |= {
        "extra": dict(extra),
        "repeated": frozenset(name for name in image if values.get(name) == image[name]),
        "lenient": frozenset(name.partition(".")[0] for name in merged.values) - explicit.keys(),
        "notes": tuple(merged.notes),
    }
    return type(requested).build(values, merged.labels)


def _has_hires_fix(flat: Mapping[str, Any]) -> bool:
    """Return whether settings switch a hires fix on."""
    return any(flat.get(f"hires_fix.{part}") for part in ("scale", "upscaler", "size"))


def _nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``{"hires_fix.scale": 2}`` as ``{"hires_fix": {"scale": 2}}``."""
    values: dict[str, Any] = {}
    for name, value in flat.items():
        base, dot, part = name.partition(".")
        if dot:
            values.setdefault(base, {})[part] = value
        else:
            values[name] = value
    return values


def _notes(source: str, settings: Settings) -> list[str]:
    """Return the notes on keys of a text that are left out."""
    place = source.partition(":")[0]
    notes = []
    if settings.unknown:
        notes.append(f"{place}: left out, since not understood: {_listed(settings.unknown)}.")
    if settings.descriptive and not settings.is_infotext:
        keys = tuple(
            f"{key} (write {INSTEAD[folded(key)]})" if folded(key) in INSTEAD else key
            for key in settings.descriptive
        )
        notes.append(f"{place}: left out, since it cannot be requested: {_listed(keys)}.")
    if settings.elsewhere and place == "more_settings":
        notes.append(
            f"{place}: left out, since this tool does not use it: {_listed(settings.elsewhere)}."
        )
    return notes


def _listed(keys: tuple[str, ...]) -> str:
    """Return keys as a list for a message, shortened if there are many."""
    shown = ", ".join(key[:40] for key in keys[:8])
    return f"{shown} and {len(keys) - 8} more" if len(keys) > 8 else shown


_FORM_FIELDS = frozenset(
    {
        "aspect_ratio", "face_detailer", "hires_fix", "image_count", "model", "model_family",
        "more_settings", "output_format", "refiner", "sampler", "size",
    }
)  # fmt: skip
"""Fields of the forms that no server's request has."""


def _read_request_json(text: str) -> dict[str, Any]:
    """Parse fields of the server's request from JSON.

    Raises:
        InvalidInput: It is no object, or a name belongs to the form or to generation data.
    """
    try:
        fields = read_object(text)
    except ValueError as error:
        raise InvalidInput(f"more_settings: {error}.") from None
    for name in map(str, fields):
        if name in _FORM_FIELDS or (name != name.lower() and " " in name):
            raise InvalidInput(
                f"more_settings: JSON holds fields of the server's request, and {name[:40]!r} is "
                "none. Write it into its field of the form, or as Name: value without braces."
            )
    return fields


def _infotext_of(file: bytes) -> Infotext:
    """Return the infotext of an image file.

    Raises:
        InvalidInput: It has none.
    """
    text = read_parameters(file)
    infotext = parse(text) if text else None
    if infotext is None or not infotext.fields:
        maker = foreign_maker(file)
        raise InvalidInput(
            f"reproduce: the image was made by {maker}, whose generation data cannot be used here."
            if maker
            else "reproduce: the image holds no generation parameters. Take the file that the "
            "WebUI made: messengers, editors and screenshots drop them."
        )
    return infotext
