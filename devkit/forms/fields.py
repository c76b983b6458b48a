"""How a parameter of ``sdwebui.parameters`` looks as a field of a Dify form."""

from types import NoneType, UnionType
from typing import Any, Literal, get_args, get_origin

from annotated_types import Ge, Le
from pydantic.fields import FieldInfo

from sdwebui.parameters import InputFile

_PRECISION = {int: 0, float: 2}
"""Digits behind the decimal point."""


def describe(field: FieldInfo) -> dict[str, Any]:
    """Type, range, default and options of a field.

    Texts that hold a list or an object (LoRAs, styles, extra fields) are strings in a form.

    Returns:
        The keys ``type``, ``required``, and where they apply ``min``, ``max``, ``precision``,
        ``default`` and ``options`` (values only), as in a tool's YAML.
    """
    kind = _without_none(field.annotation)
    # A required file fails an Agent node and drops the tool from classic agents.
    shown: dict[str, Any] = {"type": _form_type(kind), "required": False}
    if kind in _PRECISION:
        shown |= _range(field) | {"precision": _PRECISION[kind]}
    if field.default_factory is None:
        default = field.default
        # An empty text or list is what a blank field means anyway.
        if default is not None and default != "" and default != ():
            shown["default"] = default
    if get_origin(kind) is Literal:
        shown["options"] = list(get_args(kind))
    return shown


def _without_none(annotation: Any) -> Any:
    """``X`` for ``X | None``."""
    if isinstance(annotation, UnionType):
        (annotation,) = (part for part in get_args(annotation) if part is not NoneType)
    return annotation


def _form_type(kind: Any) -> str:
    """Dify's name of a type."""
    if kind is bool:
        return "boolean"
    if kind in _PRECISION:
        return "number"
    if kind is InputFile:
        return "file"
    if get_origin(kind) is tuple and get_args(kind)[0] is InputFile:
        return "files"
    if get_origin(kind) is Literal:
        return "select"
    return "string"


def _range(field: FieldInfo) -> dict[str, Any]:
    """Smallest and largest value."""
    limits: dict[str, Any] = {}
    for limit in field.metadata:
        if isinstance(limit, Ge):
            limits["min"] = limit.ge
        elif isinstance(limit, Le):
            limits["max"] = limit.le
    return limits
