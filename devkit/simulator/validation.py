"""Checks a request's fields against the family's table; what is wrong is told as recorded."""

import json
from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any

Finding = dict[str, Any]

TRUE, FALSE = {"1", "on", "t", "true", "y", "yes"}, {"0", "off", "f", "false", "n", "no"}


class Invalid(Exception):
    """A body that the server refuses with 422; ``findings`` are the entries of ``detail``."""

    def __init__(self, *findings: Finding) -> None:
        super().__init__("invalid")
        self.findings = findings


class Validation:
    """How a family reads the bodies of requests.

    Args:
        recorded: The family's findings by kind; the field's name is filled in.
        lenient: Cut fractions off and take numbers for text, as A1111's pydantic 1 does.
    """

    def __init__(self, recorded: Mapping[str, Finding], *, lenient: bool) -> None:
        self._recorded, self._lenient = recorded, lenient

    def parse(self, body: bytes) -> dict[str, Any]:
        """Return the JSON object in a body.

        Raises:
            Invalid: There is none.
        """
        try:
            value = json.loads(body)
        except ValueError:
            value = None
        if not isinstance(value, dict):
            raise Invalid(self._finding("object", [], value))
        return value

    def check(self, rules: Mapping[str, Mapping[str, Any]], given: Mapping[str, Any]) -> Any:
        """Return the fields that have a rule, with every default filled in.

        Raises:
            Invalid: Values that do not fit their rules.
        """
        values: dict[str, Any] = {}
        findings = []
        for name, rule in rules.items():
            if name not in given and rule.get("required"):
                findings.append(self._finding("missing", [name], None))
            values[name] = value = given.get(name, deepcopy(rule.get("default")))
            if value is None or name not in given or rule["type"] == "any":
                continue
            try:
                values[name] = CONVERSIONS[rule["type"]](value, self._lenient)
            except (TypeError, ValueError, OverflowError):
                kind = f"{rule['type']} {type(value).__name__}"
                kind = kind if kind in self._recorded else rule["type"]
                findings.append(self._finding(kind, [name], value))
        if findings:
            raise Invalid(*findings)
        return values

    def _finding(self, kind: str, place: list[str], given: Any) -> Finding:
        found = {**self._recorded[kind], "loc": ["body", *place]}
        return {**found, "input": given} if "input" in found else found


def _integer(value: Any, lenient: bool) -> int:
    if isinstance(value, float) and not value.is_integer() and not lenient:
        raise ValueError(value)
    return int(value)


def _number(value: Any, _lenient: bool) -> float:
    return float(value)


def _boolean(value: Any, _lenient: bool) -> bool:
    text = str(value).lower()
    if text not in TRUE | FALSE:
        raise ValueError(value)
    return text in TRUE


def _string(value: Any, lenient: bool) -> str:
    if not isinstance(value, str) and not (lenient and type(value) in (int, float)):
        raise TypeError(value)
    return str(value)


def _instance_of(kind: type) -> Callable[[Any, bool], Any]:
    def check(value: Any, _lenient: bool) -> Any:
        if not isinstance(value, kind):
            raise TypeError(value)
        return value

    return check


CONVERSIONS: Mapping[str, Callable[[Any, bool], Any]] = {
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
    "string": _string,
    "array": _instance_of(list),
    "object": _instance_of(dict),
}
"""How a value becomes one of the type that a rule names; a ValueError or TypeError refuses it."""
