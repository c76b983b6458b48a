"""Generation parameters as WebUIs write them into images and answers ("infotexts").

A1111, Forge, SD.Next and stable-diffusion.cpp write the prompt, a line ``Negative prompt: …`` and a
last line of ``Name: value`` pairs; KoboldCpp puts everything in one row between bars.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from sdwebui.images import metadata
from sdwebui.infotext.fields import Infotext

__all__ = ["Infotext", "build", "foreign_maker", "parse", "parse_pairs", "read_parameters"]

_NEGATIVE = "Negative prompt:"
_FIELD_NAME = re.compile(r"\s*(\w[\w \-/]*):\s*")
_STEPS = re.compile(r"\s*Steps: \d+\s*(,|$)")
_TEMPLATE = re.compile(r"((?:Negative )?Template): ?(.*)", re.IGNORECASE)
_FIELD_END = re.compile(r"\s*(,|$)")
_JSON = json.JSONDecoder()


def read_parameters(data: bytes) -> str | None:
    """The infotext in a PNG, JPEG or WebP file, or ``None``; never raises on broken files."""
    return metadata.parameters_of(data)


_FOREIGN = {
    "workflow": "ComfyUI",
    "invokeai_metadata": "InvokeAI",
    "sd-metadata": "InvokeAI",
    "Software": "NovelAI",
    "fooocus_scheme": "Fooocus",
}


def foreign_maker(data: bytes) -> str | None:
    """The program that made a PNG and noted it in a format of its own, or ``None``."""
    texts = metadata.png_texts(data)
    return next(
        (
            maker
            for keyword, maker in _FOREIGN.items()
            if keyword in texts and (keyword != "Software" or texts[keyword] == maker)
        ),
        None,
    )


def parse(text: str) -> Infotext:
    """Take an infotext of any family apart.

    Never raises: of a text without fields everything is prompt.
    """
    text = text.replace("\r\n", "\n").strip()
    kobold = _parse_kobold(text)
    if kobold:
        return kobold
    lines = text.split("\n")
    index = _fields_line(lines)
    if index is None:
        return Infotext(*_prompts(lines))
    fields = _parse_fields(lines[index])
    above, below = lines[:index], lines[index + 1 :]
    # SD.Next repeats the prompts as they were before styles, above the fields; the dynamic prompts
    # extension for A1111 does so below them.
    above, templates = _without_templates(above, fields)
    return Infotext(*_prompts(above), templates | _templates(below) | fields)


def _fields_line(lines: list[str]) -> int | None:
    """The last line that begins with the steps; a prompt may hold such lines too, further up."""
    for index in reversed(range(len(lines))):
        if _STEPS.match(lines[index]):
            return index
    # SD.Next leaves out the steps if they are senseless (recording txt2img-steps-minus-1).
    return len(lines) - 1 if len(_parse_fields(lines[-1], strict=True)) >= 3 else None


def _prompts(lines: list[str]) -> tuple[str, str]:
    for index, line in enumerate(lines):
        if line.lstrip().startswith(_NEGATIVE):
            negative = [line.lstrip().removeprefix(_NEGATIVE), *lines[index + 1 :]]
            return "\n".join(lines[:index]).strip(), "\n".join(negative).strip()
    return "\n".join(lines).strip(), ""


def _without_templates(
    lines: list[str], fields: Mapping[str, str]
) -> tuple[list[str], dict[str, str]]:
    """SD.Next's lines apart: prompts, and the templates behind them."""
    if fields.get("App") != "SD.Next":
        return lines, {}
    for index in reversed(range(len(lines))):
        if lines[index].startswith("Template:"):
            return lines[:index], _templates(lines[index:])
    return lines, {}


def _templates(lines: list[str]) -> dict[str, str]:
    templates: dict[str, list[str]] = {}
    parts: list[str] = []
    for line in lines:
        start = _TEMPLATE.match(line)
        if start:
            parts = templates[start[1]] = []
        parts.append(start[2] if start else line)
    return {name: "\n".join(parts) for name, parts in templates.items()}


def parse_pairs(text: str) -> list[tuple[str, str]]:
    """Parse ``Name: value, Name: "quoted, value", Name: {"json": 1}`` into names and values.

    What stands before the first name is left out.
    """
    pairs: list[tuple[str, list[str]]] = []
    for name, value in _parts(text):
        if name:
            pairs.append((name, [value]))
        elif pairs:
            # What follows a comma within an unquoted value.
            pairs[-1][1].append(value)
    return [(name, ",".join(values)) for name, values in pairs]


def _parse_fields(line: str, *, strict: bool = False) -> dict[str, str]:
    """Return the pairs of a line as a dict; the last of a name wins.

    Args:
        line: The line of fields.
        strict: Give nothing unless every part of the line has a name.
    """
    if strict and not all(name for name, _ in _parts(line)):
        return {}
    return dict(parse_pairs(line))


def _parts(line: str) -> Iterator[tuple[str, str]]:
    """Yield name and value of each part between commas; the name is "" where there is none."""
    position = 0
    while position < len(line):
        named = _FIELD_NAME.match(line, position)
        value, position = _value(line, named.end() if named else position)
        yield (named[1].rstrip() if named else ""), value


def _value(line: str, start: int) -> tuple[str, int]:
    """The value that starts there, and where the next field starts."""
    if line[start : start + 1] in ('"', "{", "["):
        try:
            value, end = _JSON.raw_decode(line, start)
        except (ValueError, RecursionError):
            pass
        else:
            comma = _FIELD_END.match(line, end)
            if comma:
                return value if isinstance(value, str) else line[start:end], comma.end()
    comma_at = line.find(",", start)
    end = len(line) if comma_at < 0 else comma_at
    return line[start:end].rstrip(), end + 1


def _parse_kobold(text: str) -> Infotext | None:
    """``Prompt: … | NegativePrompt: … | Steps: … | …``; it appends ", " to both prompts."""
    start, middle, end = "Prompt: ", " | NegativePrompt: ", " | Steps: "
    first, last = text.find(middle), text.rfind(end)
    if not text.startswith(start) or not 0 <= first < last:
        return None
    fields = {}
    for part in text[last + 3 :].split("|"):
        name, _, value = part.partition(":")
        fields[name.strip()] = value.strip()
    return Infotext(
        # LoRAs from the body's ``lora`` field follow the appended comma as tags.
        text[len(start) : first].removesuffix(", ").removeprefix(", ").strip(),
        text[first + len(middle) : last].removesuffix(", ").strip(),
        fields,
    )


def build(prompt: str, negative_prompt: str, fields: Mapping[str, Any]) -> str:
    """An infotext in A1111's format, which every WebUI and :func:`parse` read.

    Args:
        prompt: May have several lines.
        negative_prompt: Likewise.
        fields: In the order wanted; ``Steps`` comes first in any case, since readers know the line
            by it. Those that are ``None`` are left out.
    """
    ordered = {"Steps": fields.get("Steps"), **fields}
    pairs = [f"{name}: {_quoted(value)}" for name, value in ordered.items() if value is not None]
    negative = f"{_NEGATIVE} {negative_prompt}" if negative_prompt else ""
    return "\n".join(filter(None, (prompt, negative, ", ".join(pairs))))


def _quoted(value: Any) -> str:
    """A value in quotes if it would not read back without."""
    text = str(value)
    plain = text == text.strip() and not re.search(r'[,:\x00-\x1f\x85\u2028\u2029]|^"', text)
    return text if plain else json.dumps(text, ensure_ascii=False)
