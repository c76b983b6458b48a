"""The limits of a family of servers: features that it lacks, and the largest values it accepts.

A feature that a field of the form requests is an error. One that generation data request is left
out with a note.
"""

from typing import Any

from sdwebui.dialects import Dialect
from sdwebui.errors import Unsupported
from sdwebui.infotext.prompts import split_loras
from sdwebui.parameter_types import Hires
from sdwebui.parameters import Generation, Img2Img
from sdwebui.resources.names import folded

_MASK_OPTIONS = ("mask_blur", "masked_content", "inpaint_area", "mask_padding")
_HIRES_PARTS = ("sampler", "scheduler", "prompt", "negative_prompt", "cfg_scale")


def without_unsupported[Requested: Generation](dialect: Dialect, requested: Requested) -> Requested:
    """Return the parameters without those of generation data that the family lacks.

    Raises:
        Unsupported: A field of the form requests a feature that it lacks.
    """
    left_out: dict[str, Any] = {}
    features = []
    if "scheduler" in requested.lenient and folded(requested.scheduler or "") == "automatic":
        # Newer WebUIs write it behind every sampler; it means no particular schedule type.
        left_out["scheduler"] = None
    for name, remark in dialect.unsupported.items():
        if not getattr(requested, name, None) or name in left_out:
            continue
        if name not in requested.lenient:
            raise Unsupported(f"{dialect.title} cannot do {name}: {remark}. Leave {name} blank.")
        left_out[name] = type(requested).model_fields[name].get_default(call_default_factory=True)
        if name != "detailers":
            features.append(f"{name} ({remark})")
    if not left_out:
        return requested
    notes = requested.notes
    if features:
        notes += (f"Left out, since {dialect.title} cannot do it: {', '.join(features)}.",)
    return requested.model_copy(update={**left_out, "notes": notes})


def hires_without_unsupported(dialect: Dialect, hires: Hires) -> tuple[Hires, tuple[str, ...]]:
    """Return a hires fix without the parts that the family lacks, and a note on those."""
    lost = [
        part
        for part in _HIRES_PARTS
        if getattr(hires, part) is not None and part not in dialect.hires_parts
    ]
    note = f"{dialect.title} has no {' or '.join(lost)} of the hires fix; left out."
    return hires.model_copy(update=dict.fromkeys(lost)), (note,) if lost else ()


def mask_notes(dialect: Dialect, requested: Img2Img) -> tuple[str, ...]:
    """Return notes on the settings of a mask that the family lacks."""
    if dialect.mask_options:
        return ()
    return tuple(
        f"{dialect.title} knows no {name}, so it was left out."
        for name in _MASK_OPTIONS
        if name in requested.explicit
    )


def request_fields(dialect: Dialect, requested: Generation) -> tuple[dict[str, Any], list[str]]:
    """Return further fields of A1111's request, and a note on those that the family ignores."""
    body: dict[str, Any] = {}
    ignored = []
    for key, path, value in requested.fields:
        if not dialect.takes(path):
            ignored.append(key)
            continue
        option = path.removeprefix("override_settings.")
        if option == path:
            body[path] = value
        else:
            body.setdefault("override_settings", {})[option] = value
    keys = ", ".join(dict.fromkeys(ignored))
    return body, [f"{dialect.title} has no setting for {keys}; left out."] if ignored else []


def check_limits(dialect: Dialect, requested: Generation) -> None:
    """Check the values that the family limits.

    Raises:
        Unsupported: A value is too large, or a required prompt is missing.
    """
    for name, most in (("steps", dialect.most_steps), ("cfg_scale", dialect.most_cfg_scale)):
        given = getattr(requested, name)
        if given is not None and given > most:
            raise Unsupported(f"{dialect.title} takes {name} up to {most:g} (got {given:g}).")
    last_seed = requested.seed + requested.image_count - 1
    if last_seed > dialect.most_seed:
        raise Unsupported(
            f"{dialect.title} takes seeds up to {dialect.most_seed}; the last of these "
            f"images would have {last_seed}."
        )
    if dialect.needs_prompt and not split_loras(requested.prompt)[0]:
        raise Unsupported(f"{dialect.title} needs a prompt.")
