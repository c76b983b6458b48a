"""Fields of the request's JSON that the user sets besides, or instead of, the parameters."""

from collections.abc import Mapping
from typing import Any

from sdwebui.parameters import Generation

_MODEL_OPTION = "sd_model_checkpoint"


def merged(body: Mapping[str, Any], extra: Mapping[str, Any]) -> dict[str, Any]:
    """Return the body with ``extra`` in it.

    Objects are merged, null takes a field out, and any other value of ``extra`` wins.
    """
    result = dict(body)
    for key, value in extra.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, Mapping) and isinstance(result.get(key), Mapping):
            result[key] = merged(result[key], value)
        else:
            result[key] = value
    return result


def over(fields: Mapping[str, Any], extra: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``extra`` with further fields beneath it; its nulls are kept to take fields out."""
    joined = {**fields, **extra}
    options = (fields.get("override_settings"), extra.get("override_settings"))
    if all(isinstance(option, Mapping) for option in options):
        joined["override_settings"] = {**(options[0] or {}), **(options[1] or {})}
    return joined


def with_its_prompts[Requested: Generation](requested: Requested) -> Requested:
    """Return the parameters with the prompts of the JSON where the form has none."""
    found = {
        name: text
        for name in ("prompt", "negative_prompt")
        if isinstance(text := requested.extra.get(name), str)
        and not getattr(requested, name).strip()
    }
    rest = {name: value for name, value in requested.extra.items() if name not in found}
    return requested.model_copy(update={**found, "extra": rest}) if found else requested


def with_its_seed[Requested: Generation](requested: Requested) -> Requested:
    """Return the parameters with the seed of ``extra``, so that further images count up from it.

    Raises:
        InvalidInput: The seed is out of range or no whole number.
    """
    if "seed" not in requested.extra:
        return requested
    rest = {name: value for name, value in requested.extra.items() if name != "seed"}
    # null is as good as no seed.
    given = {} if requested.extra["seed"] is None else {"seed": requested.extra["seed"]}
    seed = Generation.build(given, {"seed": "more_settings: seed"}).seed
    return requested.model_copy(update={"seed": seed, "extra": rest})


def split_model(extra: Mapping[str, Any]) -> tuple[str | None, Mapping[str, Any]]:
    """Return the checkpoint that ``extra`` names, and ``extra`` without it.

    The checkpoint is sent in the server's own spelling instead. It is "" where ``extra`` asks for
    none, and None where it does not mention it.
    """
    overrides = extra.get("override_settings", {})
    if overrides is None:
        return "", extra
    if not isinstance(overrides, Mapping) or _MODEL_OPTION not in overrides:
        return None, extra
    rest = dict(overrides)
    model = str(rest.pop(_MODEL_OPTION) or "").strip()
    return model, {**extra, "override_settings": rest}
