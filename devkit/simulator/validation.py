"""Checks a request's fields against the family's table; what is wrong is reported as recorded."""

import json
from collections.abc import Mapping
from typing import Any

Finding = dict[str, Any]

BOOLEANS = {
    **dict.fromkeys(("1", "on", "t", "true", "y", "yes"), True),
    **dict.fromkeys(("0", "off", "f", "false", "n", "no"), False),
}
SHAPES: dict[str, type] = {"array": list, "object": dict}


class Invalid(Exception):
    """A body that the server refuses with 422; its arguments are the entries of ``detail``."""


class Validation:
    """How a family reads the bodies of requests.

    Args:
        recorded: The family's findings by the type that a field wants, or by that and the type
            given; the field's name is filled in.
    """

    def __init__(self, recorded: Mapping[str, Finding]) -> None:
        self._recorded = recorded

    def parse(self, body: bytes) -> dict[str, Any]:
        """Return the JSON object in a body; raise Invalid where there is none."""
        try:
            value = json.loads(body)
        except ValueError:
            value = None
        if not isinstance(value, dict):
            raise Invalid(self._finding("object", [], value))
        return value

    def check(self, rules: Mapping[str, Mapping[str, Any]], given: Mapping[str, Any]) -> Any:
        """Return the fields that have a rule with every default; raise Invalid for misfits."""
        values, findings = {}, []
        for name, rule in rules.items():
            kind = rule["type"]
            special = f"{kind} {type(given.get(name)).__name__}"
            if name not in given:
                values[name] = rule.get("default")
                if rule.get("required"):
                    findings.append(self._finding("missing", [name], None))
                continue
            try:
                values[name] = _converted(kind, given[name], is_strict=special in self._recorded)
            except (KeyError, TypeError, ValueError, OverflowError):
                known = special if special in self._recorded else kind
                findings.append(self._finding(known, [name], given[name]))
        if findings:
            raise Invalid(*findings)
        return values

    def _finding(self, kind: str, place: list[str], given: Any) -> Finding:
        found = {**self._recorded[kind], "loc": ["body", *place]}
        return {**found, "input": given} if "input" in found else found


def _converted(kind: str, value: Any, *, is_strict: bool) -> Any:
    """Return a value as a rule's type wants it; an exception refuses it.

    ``is_strict`` refuses fractions as integers and numbers as text, as pydantic 2 does.
    """
    match kind:
        case "integer" if not is_strict or isinstance(value, str) or value == int(value):
            return int(value)
        case "number":
            return float(value)
        case "boolean":
            return BOOLEANS[str(value).lower()]
        case "string" if isinstance(value, int | float) and not is_strict:
            return str(value)
    if kind != "any" and not isinstance(value, SHAPES.get(kind, str)):
        raise TypeError(value)
    return value
