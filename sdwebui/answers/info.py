"""What a server reports of a generation: its ``info``, of which any key may be missing."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from pathlib import PurePosixPath
from typing import Any, Self

from sdwebui.dialects import is_unset_sampler
from sdwebui.infotext.parse import Infotext, parse


@dataclass(frozen=True, slots=True)
class Info:
    """``info``, completed from its first infotext.

    An attribute is "", None or empty where the server does not report it.

    Attributes:
        reported: Whether there was any ``info`` (SD.Next sends "" when it has failed).
        seeds: Seeds of the images, in order.
        model: File stem of the checkpoint.
        model_hash: Short hash of the checkpoint.
        sampler: The sampler as the server spells it.
        scheduler: The schedule type as the server spells it.
        steps: Steps of the first pass.
        cfg_scale: CFG scale of the first pass.
        first_image: How many images stand before the first real one: 1 where a grid does.
        face_restoration: Whether faces were restored.
        infotext: Parameters of the first image, as the server wrote them.
    """

    reported: bool
    seeds: tuple[int, ...]
    model: str
    model_hash: str
    sampler: str
    scheduler: str
    steps: int | None
    cfg_scale: float | None
    first_image: int
    face_restoration: bool | None
    infotext: Infotext

    @classmethod
    def read(cls, answer: Mapping[str, Any]) -> Self:
        """Return what an answer reports beside its images; never raises."""
        info = _object(answer.get("info"))
        first = max(0, int(_number(info.get("index_of_first_image")) or 0))
        texts = _list(info.get("infotexts"))
        infotext = parse(str(texts[first]) if first < len(texts) else "")
        schedule = _object(info.get("extra_generation_params")).get("Schedule type")
        steps, cfg_scale = _number(info.get("steps")), _number(info.get("cfg_scale"))
        sampler = str(info.get("sampler_name") or infotext.sampler or "")
        restored = info.get("restore_faces")
        return cls(
            reported=bool(info),
            seeds=tuple(int(s) for s in _list(info.get("all_seeds")) if _number(s) is not None),
            model=stem_of(str(info.get("sd_model_name") or infotext.model or "")),
            model_hash=str(info.get("sd_model_hash") or infotext.model_hash or ""),
            sampler="" if is_unset_sampler(sampler) else sampler,
            scheduler=str(schedule or infotext.scheduler or ""),
            steps=int(steps) if steps is not None else infotext.steps,
            cfg_scale=cfg_scale if cfg_scale is not None else infotext.cfg_scale,
            first_image=first,
            face_restoration=restored if isinstance(restored, bool) else None,
            infotext=infotext,
        )


def stem_of(model: str) -> str:
    """Return a checkpoint's name without its folder and the extension that some servers add."""
    path = PurePosixPath(model)
    known = {".safetensors", ".ckpt", ".gguf", ".sft", ".pt", ".pth"}
    return path.stem if path.suffix.lower() in known else path.name


def _object(value: Any) -> dict[str, Any]:
    """Return a JSON object, which may be written as text; an empty one for anything else."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return {}
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if isfinite(number) else None
