"""What a server says it did: the ``info`` of a generation, of which any key may be missing."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from pathlib import PurePosixPath
from typing import Any, Self

from sdwebui.infotext.parse import Infotext, parse


@dataclass(frozen=True, slots=True)
class Info:
    """``info``, completed from its first infotext.

    Attributes:
        said: Whether there was any (SD.Next sends "" when it has failed).
        seeds: Of the images, in order; empty when not told.
        model: File stem of the checkpoint; "" when not told.
        model_hash: Its short hash; "" when not told.
        sampler: As the server spells it; "" when not told or "NONE" (sd.cpp: unset or unknown).
        scheduler: Likewise.
        steps: Of the first pass; None when not told.
        cfg_scale: None when not told.
        first_image: How many images stand before the first real one: 1 when a grid does.
        face_restoration: Whether faces were restored; None when not told.
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
        """Read the rest of an answer; never fails."""
        info = answer.get("info")
        if isinstance(info, str):
            try:
                info = json.loads(info)
            except (ValueError, RecursionError):
                info = {}
        if not isinstance(info, dict):
            info = {}
        infotexts = info.get("infotexts")
        first = max(0, int(_number(info.get("index_of_first_image")) or 0))
        texts = [str(text) for text in infotexts] if isinstance(infotexts, list) else []
        infotext = parse(texts[first] if first < len(texts) else "")
        extra = info.get("extra_generation_params")
        schedule = extra.get("Schedule type") if isinstance(extra, dict) else None
        seeds = info.get("all_seeds")
        steps, cfg_scale = _number(info.get("steps")), _number(info.get("cfg_scale"))
        sampler = str(info.get("sampler_name") or infotext.sampler or "")
        # KoboldCpp and sd.cpp name the file with its extension.
        model = str(info.get("sd_model_name") or infotext.model or "")
        restored = info.get("restore_faces")
        return cls(
            reported=bool(info),
            seeds=tuple(int(seed) for seed in seeds if _number(seed) is not None)
            if isinstance(seeds, list)
            else (),
            model=stem_of(model),
            model_hash=str(info.get("sd_model_hash") or infotext.model_hash or ""),
            sampler="" if sampler == "NONE" else sampler,
            scheduler=str(schedule or infotext.scheduler or ""),
            steps=int(steps) if steps is not None else infotext.steps,
            cfg_scale=cfg_scale if cfg_scale is not None else infotext.cfg_scale,
            first_image=first,
            face_restoration=restored if isinstance(restored, bool) else None,
            infotext=infotext,
        )


def stem_of(model: str) -> str:
    """A checkpoint's name without the extension that some servers give it."""
    path = PurePosixPath(model)
    known = {".safetensors", ".ckpt", ".gguf", ".sft", ".pt", ".pth"}
    return path.stem if path.suffix.lower() in known else path.name


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if isfinite(number) else None
