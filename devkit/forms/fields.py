"""How a parameter of ``sdwebui.parameters`` looks as a field of a Dify form."""

from types import NoneType, UnionType
from typing import Any, Literal, get_args, get_origin

from annotated_types import Ge, Le
from pydantic.fields import FieldInfo

from sdwebui.parameters import InputFile

_TYPES: dict[Any, str] = {
    bool: "boolean",
    int: "number",
    float: "number",
    InputFile: "file",
    tuple[InputFile, ...]: "files",
}
_PRECISION = {int: 0, float: 2}
"""Digits behind the decimal point."""


def form_type(field: FieldInfo) -> str:
    """Return Dify's name of a field's type; a list or an object is a text in a form."""
    kind = _kind_of(field)
    return _TYPES.get(kind, "select" if get_origin(kind) is Literal else "string")


def options(field: FieldInfo) -> list[str]:
    """Return the values of a fixed dropdown; none for all other fields."""
    kind = _kind_of(field)
    return list(get_args(kind)) if get_origin(kind) is Literal else []


def limits(field: FieldInfo) -> dict[str, Any]:
    """Return ``min``, ``max``, ``precision`` and ``default``, where they apply."""
    shown: dict[str, Any] = {}
    kind = _kind_of(field)
    if kind in _PRECISION:
        for limit in field.metadata:
            if isinstance(limit, Ge):
                shown["min"] = limit.ge
            elif isinstance(limit, Le):
                shown["max"] = limit.le
        shown["precision"] = _PRECISION[kind]
    # An empty text or list is what a blank field means anyway.
    if field.default_factory is None and field.default not in (None, "", ()):
        shown["default"] = field.default
    return shown


def _kind_of(field: FieldInfo) -> Any:
    """Return a field's type; ``X`` for ``X | None``."""
    kind: Any = field.annotation
    if isinstance(kind, UnionType):
        (kind,) = (part for part in get_args(kind) if part is not NoneType)
    return kind
