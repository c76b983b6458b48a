"""Parsing of the text fields of a form: sizes, hires fix, areas, LoRAs, lists, objects.

Each function takes what Dify hands over, text in most cases. The message of its ``ValueError`` is
what the user reads, behind the parameter's name.
"""

import ast
import json
import re
from typing import Any

_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)")
_OFF = frozenset({"off", "none", "no", "false", "0"})
_ON = frozenset({"on", "yes", "true"})

_HIRES_KEYS = {
    "hires upscale": "scale",
    "hires scale": "scale",
    "hires upscaler": "upscaler",
    "hires steps": "steps",
    "denoising strength": "denoising_strength",
    "hires denoising strength": "denoising_strength",
}
"""Keys of generation data for the parts of a hires fix."""

_SHOWN = 40
"""Characters of a wrong value that a message repeats."""


def shown(value: Any) -> str:
    """Return a wrong value as a message repeats it, shortened if it is long."""
    text = str(value).strip()
    return repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…")


def number(text: str) -> float | None:
    """Return the number of a plain decimal text, or None, as for "nan", "1e9" and "1_000"."""
    return float(text) if _NUMBER.fullmatch(text) else None


def plain_number(value: float) -> str:
    """Return a number as text, without a trailing ".0"."""
    return str(value).removesuffix(".0")


def read_size(value: Any) -> Any:
    """Parse ``832x1216``, ``832×1216``, ``832*1216``, ``832 1216`` or ``832,1216``.

    A single number is a square. A side may be left out (``832x``): it follows from the other one.

    Raises:
        ValueError: It is no size.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = plain_number(value)
    if isinstance(value, tuple) and len(value) == 2:
        return {"width": value[0], "height": value[1]}
    if not isinstance(value, str):
        return value
    sides = re.fullmatch(
        r"(\d{0,9})(?:\.0+)?(?: ?(?:px)? ?[x×*,;] ?| )(\d{0,9})(?:\.0+)?(?: ?px)?"
        r"|(\d{1,9})(?:\.0+)?(?: ?px)?",
        " ".join(value.split()),
        re.IGNORECASE,
    )
    if not sides:
        raise ValueError(f"write width x height, such as 832x1216 (got {shown(value)})")
    if sides[3]:
        return {"width": sides[3], "height": sides[3]}
    if not sides[1] and not sides[2]:
        return None
    return {"width": sides[1] or None, "height": sides[2] or None}


def read_hires_fix(value: Any) -> Any:
    """Parse ``1.5, 4x-UltraSharp, 0.4``: scale, upscaler, denoising strength, steps.

    The first number is the scale. A later one of at most 1 is the denoising strength, a whole one
    above 1 the steps; any other text is the upscaler. The keys of generation data are accepted too
    (``Hires upscale: 1.5, Hires upscaler: Latent``). "off", "none" and 0 mean no hires fix.

    Raises:
        ValueError: A part is none of these, or is there twice.
    """
    if isinstance(value, bool):
        return {} if value else None
    if isinstance(value, int | float):
        value = plain_number(value)
    if not isinstance(value, str):
        return value
    text = value.strip()
    if text.casefold() in _OFF:
        return None
    if text.casefold() in _ON:
        return {}
    if re.search(r"(?:^|[,\s])\d+,\d+(?:$|[,\s])", text):
        raise ValueError(
            f"write decimal numbers with a point and a blank behind each comma, such as 1.5, "
            f"4x-UltraSharp, 0.4 (got {shown(text)})"
        )
    parts: dict[str, Any] = {}
    for part in filter(None, (part.strip() for part in re.split(r"[,\n]", text))):
        name, value = _hires_part(part, parts)
        if name in parts:
            raise ValueError(
                f"{part!r} is one part too many; write scale, upscaler and denoising strength, "
                "such as 1.5, 4x-UltraSharp, 0.4, with a point in decimal numbers"
            )
        parts[name] = value
    return parts


def _hires_part(part: str, earlier: dict[str, Any]) -> tuple[str, str]:
    """Return name and value of a part; the meaning of a number depends on the earlier parts."""
    key, colon, rest = part.partition(":")
    if colon and (name := _HIRES_KEYS.get(" ".join(key.split()).casefold())):
        return name, rest.strip()
    amount = number(part)
    if amount is None and "scale" not in earlier:
        # "1.5x" and "x2" are scales; "4x-UltraSharp" is an upscaler.
        times = re.fullmatch(r"[x×]?(\d+\.?\d*)[x×]?", part, re.IGNORECASE)
        if times:
            return "scale", times[1]
    if amount is None:
        return "upscaler", part
    if "scale" not in earlier:
        return "scale", part
    if amount <= 1:
        return "denoising_strength", part
    if amount.is_integer():
        return "steps", str(int(amount))
    raise ValueError(
        f"write scale, upscaler, denoising strength, such as 1.5, 4x-UltraSharp, 0.4; "
        f"{part!r} is neither a denoising strength (0–1) nor a number of steps"
    )


def read_area(value: Any) -> Any:
    """Parse ``left, top, right, bottom`` in percent of the image, such as ``0, 0, 100, 40``.

    Raises:
        ValueError: These are not four numbers from 0 to 100 that enclose an area.
    """
    if isinstance(value, dict):
        value = [value.get(side) for side in ("left", "top", "right", "bottom")]
    if isinstance(value, list | tuple):
        value = ", ".join(map(str, value))
    if not isinstance(value, str):
        value = str(value)
    parts = re.sub(r"[%()\[\]]", " ", value)
    sides = [number(part) for part in re.split(r"[\s,;]+", parts.strip())]
    if len(sides) != 4 or None in sides:
        raise ValueError(
            "write left, top, right, bottom in percent of the image, such as 0, 0, 100, 40 for the "
            f"upper 40 % (got {shown(value)})"
        )
    left, top, right, bottom = (side or 0.0 for side in sides)
    if max(left, top, right, bottom) <= 1:
        raise ValueError(
            f"write percent, not shares of 1: 0, 0, 100, 40 is the upper 40 % (got {shown(value)})"
        )
    if not (0 <= left < right <= 100 and 0 <= top < bottom <= 100):
        raise ValueError(
            "left must be less than right and top less than bottom, each from 0 to 100 percent "
            f"(got {shown(value)})"
        )
    return (left, top, right, bottom)


def read_loras(value: Any) -> Any:
    """Parse ``name:weight, other``; the weight stands behind the last colon.

    Raises:
        ValueError: A weight is not a number.
    """
    if not isinstance(value, str):
        return value
    if value.strip().casefold() in {"none", "off"}:
        return []
    loras = []
    # Tags need no comma between them, as in a prompt.
    for part in filter(None, (part.strip() for part in re.split(r"[,\n]|(?<=>)\s*(?=<)", value))):
        if number(part) is not None:
            raise ValueError(f"write it as name:0.8, …, with a point (got {shown(value)})")
        tag = re.fullmatch(r"<lora:(.*)>", part)
        name, colon, weight = (tag[1] if tag else part).rpartition(":")
        if not colon:
            name, weight = weight, "1"
        try:
            loras.append({"name": name.strip(), "weight": float(weight)})
        except ValueError:
            raise ValueError(
                f"write it as name:weight, …; {weight.strip()!r} is not a number"
            ) from None
    return loras


def read_names(value: Any) -> Any:
    """Parse a comma-separated list, or JSON's ``["a, b", "c"]`` for names that hold commas.

    Raises:
        ValueError: It begins with a bracket and is not a JSON list.
    """
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("["):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            raise ValueError('not a JSON list; write ["a, b", "c"], or names by commas') from None
    return [name for name in (part.strip() for part in re.split(r"[,\n]", value)) if name]


def read_object(value: Any) -> dict[str, Any]:
    """Parse a JSON object, or a Python dict, which Dify makes of an object variable.

    Raises:
        ValueError: It is neither, or holds a value that JSON cannot represent.
    """
    if isinstance(value, str):
        # Language models often write a Markdown fence around JSON.
        fenced = re.fullmatch(r"\s*```\w*\n(.*)```\s*", value, re.DOTALL)
        value = fenced[1] if fenced else value
    parsed = _parse_object(value) if isinstance(value, str) else value
    if not isinstance(parsed, dict):
        raise ValueError('not a JSON object; write one such as {"eta": 0.5}')  # noqa: TRY004
    try:
        # Python accepts NaN, infinite numbers (1e999) and lone surrogates, no server does.
        json.dumps(parsed, allow_nan=False, ensure_ascii=False).encode()
    except (ValueError, TypeError, RecursionError):
        raise ValueError(
            "it holds a value that JSON cannot carry, such as NaN or half a character"
        ) from None
    return parsed


def _parse_object(text: str) -> Any:
    """Parse JSON, or a Python literal."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        try:
            return ast.literal_eval(text.strip())
        except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
            place = (
                f", at character {error.pos + 1}" if isinstance(error, json.JSONDecodeError) else ""
            )
            raise ValueError(f'not JSON{place}; write an object such as {{"eta": 0.5}}') from None
