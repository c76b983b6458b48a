"""Checks a request's fields against the family's table; what is wrong is told as recorded."""

import json
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

Finding = dict[str, Any]

BOOLEANS = {
    **dict.fromkeys(("1", "on", "t", "true", "y", "yes"), True),
    **dict.fromkeys(("0", "off", "f", "false", "n", "no"), False),
}
SHAPES: dict[str, type] = {"array": list, "object": dict}


class Invalid(Exception):
    """A body that the server refuses with 422; ``findings`` are the entries of ``detail``."""

    def __init__(self, *findings: Finding) -> None:
        super().__init__("invalid")
        self.findings = findings


class Validation:
    """How a family reads the bodies of requests.

    Args:
        recorded: The family's findings by the type that a field wants, and the type given where
            that has a finding of its own; the field's name is filled in.
    """

    def __init__(self, recorded: Mapping[str, Finding]) -> None:
        self._recorded = recorded

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
        values = {name: deepcopy(rule.get("default")) for name, rule in rules.items()}
        findings = [
            self._finding("missing", [name], None)
            for name, rule in rules.items()
            if rule.get("required") and name not in given
        ]
        for name in (name for name in rules if name in given):
            kind, value = rules[name]["type"], given[name]
            special = f"{kind} {type(value).__name__}"
            try:
                values[name] = _converted(kind, value)
            except (KeyError, TypeError, ValueError, OverflowError):
                kind = special if special in self._recorded else kind
                findings.append(self._finding(kind, [name], value))
            else:
                # pydantic 2 refuses fractions as integers, and numbers as text.
                if special in self._recorded and type(value) is not str and value != values[name]:
                    findings.append(self._finding(special, [name], value))
        if findings:
            raise Invalid(*findings)
        return values

    def _finding(self, kind: str, place: list[str], given: Any) -> Finding:
        found = {**self._recorded[kind], "loc": ["body", *place]}
        return {**found, "input": given} if "input" in found else found


def _converted(kind: str, value: Any) -> Any:
    """Return a value as a rule's type wants it; an exception refuses it."""
    match kind:
        case "integer":
            return int(value)
        case "number":
            return float(value)
        case "boolean":
            return BOOLEANS[str(value).lower()]
        case "string" if isinstance(value, str | int | float):
            return str(value)
        case "any":
            return value
    if not isinstance(value, SHAPES.get(kind, str)):
        raise TypeError(value)
    return value
