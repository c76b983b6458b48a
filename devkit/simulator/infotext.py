"""Writes generation parameters as A1111 does: the text below an image."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any


def quoted(value: Any) -> str:
    """A value as it stands after ``Key: ``; in quotes when it would break the line apart."""
    text = str(value)
    return json.dumps(text, ensure_ascii=False) if any(c in text for c in ",\n:") else text


def written(prompt: str, negative_prompt: str, parameters: Mapping[str, Any]) -> str:
    """The three parts of an infotext; parameters that are None are left out."""
    line = ", ".join(
        key if key == value else f"{key}: {quoted(value)}"
        for key, value in parameters.items()
        if value is not None
    )
    negative = f"\nNegative prompt: {negative_prompt}" if negative_prompt else ""
    return f"{prompt}{negative}\n{line}".strip()


def json_line(info: Mapping[str, Any]) -> str:
    """The ``info`` field: JSON in one line, other letters than ASCII escaped."""
    return json.dumps(info)


PAIR = re.compile(r'\s*([\w ./-]+?):\s*("(?:\\.|[^"\\])*"|[^,]*)(?:,|$)')

ALWAYS = {
    "Clip skip": "1",
    "Hires resize-1": 0,
    "Hires resize-2": 0,
    "Hires sampler": "Use same sampler",
    "Hires schedule type": "Use same scheduler",
    "Hires checkpoint": "Use same checkpoint",
    "Hires prompt": "",
    "Hires negative prompt": "",
    "Mask mode": "Inpaint masked",
    "Masked content": "original",
    "Inpaint area": "Whole image",
    "Masked area padding": 32,
    "RNG": "GPU",
    "Schedule type": "Automatic",
    "Schedule max sigma": 0,
    "Schedule min sigma": 0,
    "Schedule rho": 0,
    "VAE Encoder": "Full",
    "VAE Decoder": "Full",
    "FP8 weight": "Disable",
    "Refiner switch by sampling steps": False,
}
"""What A1111 adds to the parameters of every image (recordings png-info-*)."""


def read(text: str) -> dict[str, Any]:
    """The parameters in an infotext, as A1111's ``/png-info`` returns them."""
    lines = text.strip().split("\n")
    last = lines.pop() if lines and len(PAIR.findall(lines[-1])) >= 3 else ""
    prompt: list[str] = []
    negative: list[str] | None = None
    for line in lines:
        if line.startswith("Negative prompt:"):
            negative = [line.removeprefix("Negative prompt:").strip()]
        else:
            (prompt if negative is None else negative).append(line.strip())
    values: dict[str, Any] = {}
    for key, raw in PAIR.findall(last):
        value = json.loads(raw) if raw.startswith('"') else raw.strip()
        size = re.fullmatch(r"(\d+)x(\d+)", value)
        if size:
            values[f"{key}-1"], values[f"{key}-2"] = size[1], size[2]
        else:
            values[key] = value
    values["Prompt"] = "\n".join(prompt)
    values["Negative prompt"] = "\n".join(negative or [])
    return {**values, **{key: value for key, value in ALWAYS.items() if key not in values}}


def pairs(text: str) -> dict[str, Any]:
    """The pairs of an infotext as SD.Next's ``/png-info`` returns them: numbers as numbers."""
    last = text.strip().split("\n")[-1]
    found: dict[str, Any] = {}
    for key, raw in PAIR.findall(last):
        value = raw.strip().strip('"')
        found[key] = _number(value)
        size = re.fullmatch(r"(\d+)x(\d+)", value)
        if size:
            found[f"{key}-1"], found[f"{key}-2"] = int(size[1]), int(size[2])
    if not found:
        return {}
    negative = re.search(r"^Negative prompt: *(.*)$", text, re.MULTILINE)
    prompt = text.partition("\nNegative prompt:")[0] if negative else text.partition("\n")[0]
    return {
        **found, "Prompt": prompt, "Negative prompt": negative[1] or None if negative else None,
    }  # fmt: skip


def _number(text: str) -> Any:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def split_styles(parameters: dict[str, Any], styles: list[dict[str, Any]]) -> None:
    """Take the texts of known styles out of the prompts again, and name the styles."""
    found = []
    for style in styles:
        prompt = _without(parameters["Prompt"], style["prompt"] or "")
        negative = _without(parameters["Negative prompt"], style["negative_prompt"] or "")
        if prompt is not None and negative is not None and style["prompt"]:
            parameters["Prompt"], parameters["Negative prompt"] = prompt, negative
            found.append(style["name"])
    if found:
        parameters["Styles array"] = found


def _without(text: str, addition: str) -> str | None:
    """The text before a style was applied, or None when it was not."""
    if not addition:
        return text
    before, _, after = addition.partition("{prompt}") if "{prompt}" in addition else ("", "", "")
    if "{prompt}" not in addition:
        after = f", {addition}"
    if text.startswith(before) and text.endswith(after) and len(text) >= len(before + after):
        return text[len(before) : len(text) - len(after)]
    return "" if text == addition else None
