"""From a recorded request to a tool's parameters for which the recorded answer is a fitting one.

What the request leaves to the server is taken from the answer, since the tools always say it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from tests.recordings import Case

Given = dict[str, Any]
"""Parameters of a tool."""

_PARAMETERS = frozenset(
    {"prompt", "negative_prompt", "seed", "steps", "cfg_scale", "sampler_name", "scheduler",
     "width", "height", "batch_size", "n_iter", "init_images", "send_images"}
)  # fmt: skip
"""Fields of a request that the tools have parameters for, or always say themselves."""

_TOLD = {"seed": r"Seed: (\d+)", "steps": r"Steps: (\d+)", "cfg_scale": r"CFG ?[sS]cale: ([\d.]+)",
         "width": r"Size: (\d+)x", "height": r"Size: \d+x(\d+)"}  # fmt: skip

_OTHERWISE = {"seed": 1, "steps": 20, "cfg_scale": 7.0, "width": 512, "height": 512}


def info_of(answer: Any) -> dict[str, Any]:
    """Return the parsed ``info`` of a generation; empty where there is none."""
    try:
        info = json.loads(answer["info"])
    except (TypeError, KeyError, ValueError):
        return {}
    return info if isinstance(info, dict) else {}


def infotext_of(answer: Any) -> str:
    """Return the infotext of the first real image; "" where there is none."""
    info = info_of(answer)
    texts = info.get("infotexts") or [""]
    return str(texts[min(info.get("index_of_first_image") or 0, len(texts) - 1)])


def told(answer: Any, name: str) -> float | None:
    """Return a number that the answer tells of its first image."""
    info = info_of(answer)
    if name == "seed" and info.get("all_seeds"):
        return float(info["all_seeds"][0])
    if isinstance(info.get(name), int | float):
        return float(info[name])
    found = re.search(_TOLD[name], infotext_of(answer))
    return float(found[1]) if found else None


def number(case: Case, name: str) -> float:
    """Return a number of the request; where it leaves that to the server, the answer's."""
    value = case.requested.get(name)
    if isinstance(value, int | float) and not isinstance(value, bool) and value >= 0:
        return value
    reported = told(case.answer, name)
    return _OTHERWISE[name] if reported is None or reported < 0 else reported


def count_of(case: Case) -> int:
    """Return how many images a request asks for, by its family's rule."""
    batch, n_iter = (case.requested.get(name, 1) for name in ("batch_size", "n_iter"))
    whole = all(type(one) is int and one > 0 for one in (batch, n_iter))
    if case.family == "koboldcpp" or not whole:
        return 1
    return min(8, int(batch if case.family == "sdcpp" else batch * n_iter))


def parameters_of(case: Case) -> Given:
    """Return the request as a user of the tool would ask for it."""
    body = case.requested
    extra = {name: value for name, value in body.items() if name not in _PARAMETERS}
    width, height = (int(number(case, name)) for name in ("width", "height"))
    given: Given = {
        "prompt": body.get("prompt") or "a cat",
        "negative_prompt": body.get("negative_prompt") or "",
        "image_count": count_of(case),
        "seed": int(number(case, "seed")),
        "steps": int(number(case, "steps")),
        "cfg_scale": number(case, "cfg_scale"),
        "sampler": body.get("sampler_name"),
        "scheduler": body.get("scheduler"),
        "extra": extra,
    }
    if all(side % 8 == 0 and 64 <= side <= 4096 for side in (width, height)):
        return given | {"size": f"{width}x{height}"}
    return given | {"extra": extra | {"width": width, "height": height}}


def raw_parameters(case: Case) -> Given:
    """Return parameters for a request that the tool would not send: its fields as they are."""
    body = case.requested if isinstance(case.requested, dict) else {}
    extra = {
        name: value
        for name, value in body.items()
        if value is not None and name not in ("init_images", "send_images", "seed", "prompt")
    }
    overrides = extra.get("override_settings")
    if isinstance(overrides, Mapping):
        # A checkpoint that the server lacks is not asked for; then it says which it used instead.
        kept = {key: value for key, value in overrides.items() if key != "sd_model_checkpoint"}
        extra["override_settings"] = kept
    seed = told(case.answer, "seed")
    plain = {
        name: told(case.answer, name)
        for name in ("steps", "cfg_scale", "width", "height")
        if name not in extra and told(case.answer, name) is not None
    }
    return {
        "prompt": "a cat",
        "seed": int(seed) if seed is not None and 0 <= seed < 2**31 else 1,
        "steps": 1,
        "size": "64x64",
        "extra": {**plain, **extra},
    }
