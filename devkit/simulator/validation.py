"""Checks request bodies as the FastAPI servers do: pydantic 1 (A1111) or 2 (Forge, SD.Next)."""

from __future__ import annotations

import json
import operator
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from devkit.simulator.wire import Request

Field = Mapping[str, Any]
Fault = dict[str, Any]

TRUE = {"1", "on", "t", "true", "y", "yes"}
FALSE = {"0", "off", "f", "false", "n", "no"}


class Invalid(Exception):
    """A body that the server refuses with 422; ``faults`` are the entries of ``detail``."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("invalid")
        self.faults = faults


class Rules:
    """How one version of pydantic converts values and words its complaints."""

    url: str | None = None

    def parsed(self, request: Request) -> Any:
        """The body's JSON. Raises Invalid when it is missing or no JSON.

        Without a JSON content type the text itself counts as the body, as in FastAPI; without
        any content type it is taken for JSON (recording txt2img-no-content-type).
        """
        if not request.body:
            raise Invalid([self.missing(["body"], None)])
        kind = request.header("content-type")
        if kind is not None and "json" not in kind:
            return request.body.decode("utf-8", "replace")
        try:
            return json.loads(request.body)
        except json.JSONDecodeError as problem:
            raise Invalid([self.no_json(problem)]) from problem

    def checked(self, fields: Mapping[str, Field], body: Any) -> dict[str, Any]:
        """The body's known fields with every default filled in. Raises Invalid."""
        if not isinstance(body, dict):
            raise Invalid([self.no_object(body)])
        values: dict[str, Any] = {}
        faults: list[Fault] = []
        for name, rule in fields.items():
            if name not in body:
                if rule.get("required"):
                    faults.append(self.missing(["body", name], body))
                values[name] = deepcopy(rule.get("default"))
                continue
            value, fault = self.converted(rule, body[name])
            if fault:
                faults.append({**fault, "loc": ["body", name]})
            values[name] = value
        if faults:
            raise Invalid([self.ordered(fault, body) for fault in faults])
        return values

    def converted(self, rule: Field, value: Any) -> tuple[Any, Fault | None]:
        """The value as the field's type, or the complaint without its place."""
        raise NotImplementedError

    def ordered(self, fault: Fault, _body: Any) -> Fault:
        """The complaint with its keys in the server's order."""
        return fault

    def missing(self, place: list[str], _body: Any) -> Fault:
        """The complaint about a field that has to be there."""
        raise NotImplementedError

    def no_json(self, problem: json.JSONDecodeError) -> Fault:
        """The complaint about text that is no JSON."""
        raise NotImplementedError

    def no_object(self, _body: Any) -> Fault:
        """The complaint about a body that is no object."""
        raise NotImplementedError


class Pydantic1(Rules):
    """A1111 1.10.1: cuts fractions off, takes numbers for text (recordings txt2img-*)."""

    def converted(self, rule: Field, value: Any) -> tuple[Any, Fault | None]:
        """As ``Rules.converted``."""
        if value is None:
            if rule.get("null"):
                return None, None
            return None, {
                "msg": "none is not an allowed value", "type": "type_error.none.not_allowed",
            }  # fmt: skip
        kind = rule["type"]
        if kind == "integer":
            return self._integer(rule, value)
        if kind == "number":
            return self._number(rule, value)
        if kind == "boolean":
            return _boolean(value, {
                "msg": "value could not be parsed to a boolean", "type": "type_error.bool",
            })  # fmt: skip
        if kind == "string":
            if isinstance(value, str | int | float) and not isinstance(value, bool):
                return str(value), None
            return None, {"msg": "str type expected", "type": "type_error.str"}
        shapes: dict[str, tuple[type, str]] = {"object": (dict, "dict"), "array": (list, "list")}
        if kind in shapes and not isinstance(value, shapes[kind][0]):
            name = shapes[kind][1]
            return None, {"msg": f"value is not a valid {name}", "type": f"type_error.{name}"}
        return value, None

    def _integer(self, rule: Field, value: Any) -> tuple[Any, Fault | None]:
        try:
            number = int(value)
        except (TypeError, ValueError, OverflowError):
            return None, {"msg": "value is not a valid integer", "type": "type_error.integer"}
        if "enum" in rule and number not in rule["enum"]:
            allowed = ", ".join(map(str, rule["enum"]))
            return None, {
                "msg": f"unexpected value; permitted: {allowed}",
                "type": "value_error.const",
                "ctx": {"given": value, "permitted": rule["enum"]},
            }
        return number, self._bounds(rule, number)

    def _number(self, rule: Field, value: Any) -> tuple[Any, Fault | None]:
        try:
            number = float(value)
        except (TypeError, ValueError):
            return None, {"msg": "value is not a valid float", "type": "type_error.float"}
        return number, self._bounds(rule, number)

    def _bounds(self, rule: Field, number: float) -> Fault | None:
        for key, wrong, words, name in (
            ("exclusiveMinimum", operator.le, "greater than", "gt"),
            ("minimum", operator.lt, "greater than or equal to", "ge"),
            ("maximum", operator.gt, "less than or equal to", "le"),
        ):
            if key in rule and wrong(number, rule[key]):
                limit = int(rule[key])
                return {
                    "msg": f"ensure this value is {words} {limit}",
                    "type": f"value_error.number.not_{name}",
                    "ctx": {"limit_value": limit},
                }
        return None

    def ordered(self, fault: Fault, _body: Any) -> Fault:
        """``loc`` first."""
        return {"loc": fault["loc"], **{k: v for k, v in fault.items() if k != "loc"}}

    def missing(self, place: list[str], _body: Any) -> Fault:
        """As ``Rules.missing``."""
        return {"loc": place, "msg": "field required", "type": "value_error.missing"}

    def no_json(self, problem: json.JSONDecodeError) -> Fault:
        """As ``Rules.no_json``."""
        return {
            "loc": ["body", problem.pos],
            "msg": str(problem),
            "type": "value_error.jsondecode",
            "ctx": {
                "msg": problem.msg, "doc": problem.doc, "pos": problem.pos,
                "lineno": problem.lineno, "colno": problem.colno,
            },
        }  # fmt: skip

    def no_object(self, _body: Any) -> Fault:
        """As ``Rules.no_object``."""
        return {"loc": ["body"], "msg": "value is not a valid dict", "type": "type_error.dict"}


class Pydantic2(Rules):
    """Forge and SD.Next: whole numbers as text are taken, fractions are refused."""

    def __init__(self, url: str | None = None) -> None:
        """``url`` is the address that each complaint ends with, as in Forge."""
        self.url = url

    def fault(self, kind: str, message: str, value: Any, **context: Any) -> Fault:
        """A complaint in pydantic 2's shape, its place left to the caller."""
        fault: Fault = {"type": kind, "loc": [], "msg": message, "input": value}
        if context:
            fault["ctx"] = context
        if self.url:
            fault["url"] = f"{self.url}/{kind}"
        return fault

    def converted(self, rule: Field, value: Any) -> tuple[Any, Fault | None]:
        """As ``Rules.converted``."""
        if value is None and rule.get("null"):
            return None, None
        kind = rule["type"]
        if isinstance(kind, list):
            results = [self.converted({**rule, "type": each}, value) for each in kind]
            return next((r for r in results if r[1] is None), results[-1])
        if kind == "integer":
            return self._integer(rule, value)
        if kind == "number":
            return self._number(rule, value)
        if kind == "boolean":
            message = "Input should be a valid boolean, unable to interpret input"
            return _boolean(value, self.fault("bool_parsing", message, value))
        shapes: dict[str, tuple[type, str, str]] = {
            "string": (str, "string_type", "string"),
            "object": (dict, "dict_type", "dictionary"),
            "array": (list, "list_type", "list"),
        }
        if kind in shapes and not isinstance(value, shapes[kind][0]):
            _, code, name = shapes[kind]
            return None, self.fault(code, f"Input should be a valid {name}", value)
        return value, None

    def _integer(self, rule: Field, value: Any) -> tuple[Any, Fault | None]:
        words = "Input should be a valid integer"
        if isinstance(value, str):
            try:
                return int(value), None
            except ValueError:
                text = f"{words}, unable to parse string as an integer"
                return None, self.fault("int_parsing", text, value)
        if isinstance(value, float) and not value.is_integer():
            text = f"{words}, got a number with a fractional part"
            return None, self.fault("int_from_float", text, value)
        if not isinstance(value, int | float):
            return None, self.fault("int_type", words, value)
        return int(value), self._bounds(rule, int(value))

    def _number(self, rule: Field, value: Any) -> tuple[Any, Fault | None]:
        words = "Input should be a valid number"
        if isinstance(value, str):
            try:
                return float(value), None
            except ValueError:
                text = f"{words}, unable to parse string as a number"
                return None, self.fault("float_parsing", text, value)
        if not isinstance(value, int | float):
            return None, self.fault("float_type", words, value)
        return float(value), self._bounds(rule, value)

    def _bounds(self, rule: Field, number: float) -> Fault | None:
        if "enum" in rule and number not in rule["enum"]:
            allowed = " or ".join(map(str, rule["enum"]))
            return self.fault(
                "literal_error", f"Input should be {allowed}", number, expected=allowed
            )
        for key, wrong, words, kind, name in (
            ("exclusiveMinimum", operator.le, "greater than", "greater_than", "gt"),
            ("minimum", operator.lt, "greater than or equal to", "greater_than_equal", "ge"),
            ("maximum", operator.gt, "less than or equal to", "less_than_equal", "le"),
        ):
            if key in rule and wrong(number, rule[key]):
                text = f"Input should be {words} {rule[key]:g}"
                return self.fault(kind, text, number, **{name: float(rule[key])})
        return None

    def missing(self, place: list[str], _body: Any) -> Fault:
        """As ``Rules.missing``."""
        return {**self.fault("missing", "Field required", _body), "loc": place}

    def no_json(self, problem: json.JSONDecodeError) -> Fault:
        """As ``Rules.no_json``."""
        return {
            "type": "json_invalid",
            "loc": ["body", problem.pos],
            "msg": "JSON decode error",
            "input": {},
            "ctx": {"error": problem.msg},
        }

    def no_object(self, _body: Any) -> Fault:
        """As ``Rules.no_object``."""
        text = "Input should be a valid dictionary or object to extract fields from"
        return {**self.fault("model_attributes_type", text, _body), "loc": ["body"]}


def _boolean(value: Any, fault: Fault) -> tuple[Any, Fault | None]:
    if isinstance(value, bool):
        return value, None
    text = str(value).lower()
    if text in TRUE:
        return True, None
    if text in FALSE:
        return False, None
    return None, fault
