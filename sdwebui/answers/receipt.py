"""What was requested, compared with what the server reports and what the images show."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sdwebui.answers.info import Info, stem_of
from sdwebui.dialects import is_default_name
from sdwebui.dialects.plan import Plan
from sdwebui.errors import WrongModel
from sdwebui.resources.names import Entry, folded, lookup
from sdwebui.resources.readers import Checkpoint

_DEFAULT_CLIP_SKIP = frozenset({None, 0, 1, -1})


def require_model(requested: Checkpoint | None, info: Info) -> None:
    """Raise WrongModel for images that another checkpoint made.

    A1111, Forge and SD.Next keep silent about a checkpoint that they cannot find or load and use
    the one at hand (recording txt2img-override-model-non-existent).

    Raises:
        WrongModel: The server names another checkpoint than the one requested.
    """
    if requested is None or not (info.model or info.model_hash):
        return
    if requested.hash and info.model_hash:
        same = requested.hash == info.model_hash
    else:
        names = {folded(stem_of(spelling)) for spelling in requested.spellings}
        same = not info.model or folded(info.model) in names
    if not same:
        raise WrongModel(
            f"The server made these images with {info.model or info.model_hash!r}, not with "
            f"{requested.stem or requested.name!r} as asked, without saying so. See in the WebUI "
            "whether that checkpoint loads (its console tells why not), then try again."
        )


@dataclass(frozen=True, slots=True)
class Received:
    """One image as it was received.

    Attributes:
        seed: The seed that the plan expects.
        width: Width in pixels, from the image's own header: ``info`` is wrong about sizes.
        height: Height, likewise.
    """

    seed: int
    width: int
    height: int


def differences(
    plan: Plan, body: Mapping[str, Any], info: Info, images: list[Received]
) -> Iterator[str]:
    """Yield one sentence for each thing that was done otherwise than requested.

    Args:
        plan: What was planned.
        body: What was sent; ``extra`` may have changed the plan's fields.
        info: What the server reports.
        images: What was received.
    """
    if not info.reported:
        yield "The server did not say what it did, so only the images' number and size is known."
    yield from _model(plan, info)
    yield from _sampling(plan, body, info)
    yield from _numbers(body, info)
    yield from _faces(body, info)
    yield from _seeds(info, images)
    yield from _sizes(body, images)
    if info.infotext.fields:
        yield from _loras(plan, info)
        yield from _clip_skip(body, info)
        yield from _vae(plan, body, info)
        yield from _extensions(plan, info)


def _model(plan: Plan, info: Info) -> Iterator[str]:
    if plan.checkpoint and info.reported and not (info.model or info.model_hash):
        yield f"The server does not say that it used the model {plan.checkpoint.stem!r}."


def _sampling(plan: Plan, body: Mapping[str, Any], info: Info) -> Iterator[str]:
    sampler = body.get("sampler_name")
    if is_default_name(str(sampler or "")):
        sampler = None
    if sampler and info.sampler and not _same(str(sampler), plan.sampler, info.sampler):
        yield f"The server used the sampler {info.sampler!r} instead of {sampler!r}."
    elif sampler and info.reported and not info.sampler:
        yield f"The server does not say that it used the sampler {sampler!r}."
    scheduler = str(body.get("scheduler") or "")
    requested = bool(scheduler) and not is_default_name(scheduler)
    if requested and info.scheduler and not _same(scheduler, plan.scheduler, info.scheduler):
        yield f"The server used the scheduler {info.scheduler!r} instead of {scheduler!r}."
    elif requested and info.reported and not info.scheduler:
        yield f"The server does not say that it used the scheduler {scheduler!r}."


def _numbers(body: Mapping[str, Any], info: Info) -> Iterator[str]:
    for name, done in (("steps", info.steps), ("cfg_scale", info.cfg_scale)):
        wanted = body.get(name)
        if isinstance(wanted, int | float) and done is not None and abs(done - wanted) > 0.01:
            yield f"The server used {name} {done:g} instead of {wanted:g}."


def _faces(body: Mapping[str, Any], info: Info) -> Iterator[str]:
    if body.get("restore_faces") and info.face_restoration is False:
        yield "The server did not restore faces."


def _same(sent: str, entry: Entry | None, done: str) -> bool:
    """Return whether the server's name for it is what was sent, or an alias of that."""
    if folded(sent) == folded(done):
        return True
    return entry is not None and entry.name == sent and bool(lookup(done, [entry]))


def _seeds(info: Info, images: list[Received]) -> Iterator[str]:
    done = info.seeds[: len(images)]
    wanted = tuple(image.seed for image in images[: len(done)])
    if done != wanted:
        yield f"The server used {_plural(done)} instead of {', '.join(map(str, wanted))}."


def _plural(seeds: tuple[int, ...]) -> str:
    return f"seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}"


def expected_size(body: Mapping[str, Any]) -> tuple[float, float] | None:
    """Return width and height in pixels that a request asks for; None where they are unknown."""
    width, height = body.get("width"), body.get("height")
    if not isinstance(width, int | float) or not isinstance(height, int | float):
        return None
    if not body.get("enable_hr"):
        return width, height
    # 2 is A1111's own where it is left out.
    scale = body.get("hr_scale", 2.0)
    if body.get("hr_resize_x") or body.get("hr_resize_y") or not isinstance(scale, int | float):
        return None
    return width * scale, height * scale


def has_size(body: Mapping[str, Any], width: int, height: int) -> bool:
    """Return whether an image is as large as its request asks for, as far as that is known."""
    expected = expected_size(body)
    # Servers round to the latent's 8 pixels in their own ways, as is usual after a hires fix.
    slack = 8 if body.get("enable_hr") else 1
    return expected is None or (
        abs(width - expected[0]) < slack and abs(height - expected[1]) < slack
    )


def _sizes(body: Mapping[str, Any], images: list[Received]) -> Iterator[str]:
    wanted = "×".join(str(round(side)) for side in expected_size(body) or ())
    for width, height in sorted({(image.width, image.height) for image in images}):
        if not has_size(body, width, height):
            yield f"The server made {width}×{height} pixels instead of {wanted}."


def _loras(plan: Plan, info: Info) -> Iterator[str]:
    # sd.cpp lists the file's name without its folder (recording txt2img-lora-wrong-shape).
    used = {folded(stem_of(name)) for name in info.infotext.applied_loras}
    for lora in plan.loras:
        names = {folded(stem_of(name)) for name in (lora.name, lora.path, *lora.aliases) if name}
        if lora.weight and not names & used:
            yield f"The server does not list the LoRA {lora.name!r} among those it used."


def _clip_skip(body: Mapping[str, Any], info: Info) -> Iterator[str]:
    """Yield a warning where another clip skip was in force than the one requested.

    It may come from the WebUI's settings or from somebody else's request: A1111 keeps overrides
    other than the model for later requests (recordings txt2img-leak-*).
    """
    clip_skip = info.infotext.clip_skip
    requested = info.infotext.writer.requested_clip_skip(body)
    if requested in _DEFAULT_CLIP_SKIP and clip_skip not in _DEFAULT_CLIP_SKIP:
        yield (
            f"Clip skip {clip_skip} was in force on the server although nobody asked for it here; "
            "set clip_skip to 1, or reset it in the WebUI."
        )
    elif requested not in _DEFAULT_CLIP_SKIP and clip_skip != requested:
        yield f"The server does not say that it used clip skip {requested}."


def _vae(plan: Plan, body: Mapping[str, Any], info: Info) -> Iterator[str]:
    """Yield a warning where a VAE was in force that was not requested, or the other way round."""
    vae = info.infotext.vae or ", ".join(info.infotext.modules)
    family = info.infotext.writer
    if vae and not family.requested_vae(body):
        yield (
            f"The VAE {vae!r} was in force on the server although nobody asked for it here; "
            f"{family.leaked_vae_hint}"
        )
    elif plan.vaes and plan.vaes[0] not in {"Automatic", "None"} and not vae:
        yield f"The server does not say that it used the VAE {plan.vaes[0]!r}."


def _extensions(plan: Plan, info: Info) -> Iterator[str]:
    fields = info.infotext.fields
    if plan.detailers and not any(name.startswith("ADetailer") for name in fields):
        detector = plan.detailers[0]["ad_model"]
        yield f"The server does not say that it used the face detailer {detector!r}."
    if plan.controls and not any(name.startswith("ControlNet") for name in fields):
        yield "The server does not say that ControlNet guided these images."
    if plan.refiner and "Refiner" not in fields:
        yield "The server does not say that the refiner took over."
