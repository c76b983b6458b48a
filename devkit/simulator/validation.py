"""Checks a request's fields against the family's table, and answers 422 with recorded findings."""

import json
import operator
from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any

from devkit.simulator.wire import Request

Rule = Mapping[str, Any]
Finding = dict[str, Any]

BOOLEANS = {
    **dict.fromkeys(("1", "on", "t", "true", "y", "yes"), True),
    **dict.fromkeys(("0", "off", "f", "false", "n", "no"), False),
}


BOUNDS: dict[str, Callable[[Any, Any], bool]] = {
    "enum": lambda value, allowed: value not in allowed,
    "minimum": operator.lt,
    "exclusiveMinimum": operator.le,
}


class Invalid(Exception):
    """A body that the server refuses with 422; ``findings`` are the entries of ``detail``."""

    def __init__(self, *findings: Finding) -> None:
        super().__init__("invalid")
        self.findings = findings


class _Unfit(Exception):
    """A value that a rule does not take."""

    def __init__(self, kind: str, limit: Any = None) -> None:
        super().__init__(kind)
        self.kind, self.limit = kind, limit


class Validation:
    """How a family reads the bodies of requests.

    Args:
        recorded: The family's findings by kind, as recorded; the field's name is filled in.
        lenient: Cut fractions off and take numbers for text, as A1111's pydantic 1 does.
    """

    def __init__(self, recorded: Mapping[str, Finding], *, lenient: bool) -> None:
        self._recorded = recorded
        self._lenient = lenient

    def parse(self, request: Request) -> Any:
        """Return the body's JSON; its text where the content type is another, as in FastAPI.

        Raises:
            Invalid: The body is missing or no JSON.
        """
        if not request.body:
            raise Invalid(self._finding("missing", []))
        kind = request.header("content-type")
        if kind is not None and "json" not in kind:
            return request.body.decode("utf-8", "replace")
        try:
            return json.loads(request.body)
        except json.JSONDecodeError as error:
            raise Invalid(self._finding("not json", [error.pos], problem=str(error))) from error

    def check_object(self, body: Any, kind: str = "object") -> dict[str, Any]:
        """Return a body that is an object.

        Raises:
            Invalid: It is none.
        """
        if not isinstance(body, dict):
            raise Invalid(self._finding(kind, [], body))
        return body

    def check(self, rules: Mapping[str, Rule], body: Any) -> dict[str, Any]:
        """Return the fields that have a rule, with every default filled in.

        Raises:
            Invalid: A value does not fit its rule, or one is missing.
        """
        given = self.check_object(body, "no object")
        values: dict[str, Any] = {}
        findings = []
        for name, rule in rules.items():
            try:
                values[name] = self._fitted(rule, name, given)
            except _Unfit as unfit:
                found = self._finding(unfit.kind, [name], given.get(name), limit=unfit.limit)
                findings.append(found)
        if findings:
            raise Invalid(*findings)
        return values

    def _fitted(self, rule: Rule, name: str, given: Mapping[str, Any]) -> Any:
        if name not in given:
            if rule.get("required"):
                raise _Unfit("missing")
            return deepcopy(rule.get("default"))
        value, kind = given[name], rule["type"]
        if value is None and rule.get("null"):
            return None
        if value is None and "null" in self._recorded:
            raise _Unfit("null")
        if kind not in CONVERSIONS:
            return value
        try:
            value = CONVERSIONS[kind](value, self._lenient)
        except (TypeError, ValueError, OverflowError):
            special = f"{kind} {type(value).__name__}"
            raise _Unfit(special if special in self._recorded else kind) from None
        self._check_bounds(rule, value)
        return value

    def _check_bounds(self, rule: Rule, value: Any) -> None:
        """Raise _Unfit for a number out of bounds, where a recording has the words for it."""
        for kind, is_wrong in BOUNDS.items():
            if kind in rule and kind in self._recorded and is_wrong(value, rule[kind]):
                raise _Unfit(kind, str(rule[kind]).strip("[]").removesuffix(".0"))

    def _finding(self, kind: str, place: list[Any], given: Any = None, **words: Any) -> Finding:
        found = deepcopy(self._recorded[kind])
        found["loc"] = ["body", *place]
        found["msg"] = found["msg"].format(**words)
        if found.get("input", "") is None:
            found["input"] = given
        return found


def _integer(value: Any, lenient: bool) -> int:
    if isinstance(value, float) and not value.is_integer() and not lenient:
        raise ValueError(value)
    return int(value)


def _number(value: Any, _lenient: bool) -> float:
    return float(value)


def _boolean(value: Any, _lenient: bool) -> bool:
    if isinstance(value, bool):
        return value
    if str(value).lower() not in BOOLEANS:
        raise ValueError(value)
    return BOOLEANS[str(value).lower()]


def _string(value: Any, lenient: bool) -> str:
    numeric = isinstance(value, int | float) and not isinstance(value, bool)
    if not isinstance(value, str) and not (lenient and numeric):
        raise TypeError(value)
    return str(value)


def _instance(of: type) -> Callable[[Any, bool], Any]:
    def convert(value: Any, _lenient: bool) -> Any:
        if not isinstance(value, of):
            raise TypeError(value)
        return value

    return convert


CONVERSIONS: dict[str, Callable[[Any, bool], Any]] = {
    "integer": _integer, "number": _number, "boolean": _boolean, "string": _string,
    "array": _instance(list), "object": _instance(dict),
}  # fmt: skip
"""How a value becomes one of the type that a rule names; a ValueError or TypeError refuses it."""
