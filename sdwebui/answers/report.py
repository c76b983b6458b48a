"""The report of a generation, over all the requests that it took."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from sdwebui.answers.info import Info
from sdwebui.answers.receipt import Received, differences
from sdwebui.dialects import Body
from sdwebui.dialects.plan import Plan


@dataclass(frozen=True, slots=True)
class Report:
    """What was done for all images of a call.

    Attributes:
        model: The checkpoint's file stem. Where the server does not report it, this, the sampler
            and the numbers are what was requested, and a warning says so; "" where nothing was.
        sampler: The sampler as the server spells it.
        scheduler: The schedule type as the server spells it.
        steps: Steps of the first pass.
        cfg_scale: CFG scale of the first pass.
        seeds: Seeds of the images, in order.
        warnings: Differences from what was requested, in sentences.
        seconds: Time from the first request to the last byte.
    """

    model: str
    sampler: str
    scheduler: str
    steps: int
    cfg_scale: float
    seeds: tuple[int, ...]
    warnings: tuple[str, ...]
    seconds: float


@dataclass(slots=True)
class Batch:
    """One request of a generation, and what was received for it.

    Attributes:
        plan: What was planned.
        body: What was sent.
        most: How many images the body asks for.
        received: The images.
        info: What the server reports; None until, or unless, it arrived.
    """

    plan: Plan
    body: Body
    most: int
    received: list[Received] = field(default_factory=list)
    info: Info | None = None


def shortfall(plan: Plan, batches: list[Batch]) -> Iterator[str]:
    """Yield a warning where fewer images were made than requested."""
    made = sum(len(batch.received) for batch in batches)
    wanted = batches[0].most if {"batch_size", "n_iter"} & set(plan.extra) else plan.count
    if made < wanted and "script_name" not in plan.extra:
        yield (
            f"The server made {made} of {wanted} images; somebody probably interrupted the job "
            "in the WebUI."
        )


def report_of(plan: Plan, batches: list[Batch], warnings: list[str], seconds: float) -> Report:
    """Return the report of a call.

    Args:
        plan: What was planned for the whole call.
        batches: The requests that were made for it.
        warnings: Warnings that are known already.
        seconds: How long it took.
    """
    info = next((batch.info for batch in batches if batch.info), Info.read({}))
    for batch in batches:
        if batch.info:
            warnings += differences(batch.plan, batch.body, batch.info, batch.received)
    return Report(
        model=info.model or (plan.checkpoint.stem if plan.checkpoint else ""),
        sampler=info.sampler or (plan.sampler.name if plan.sampler else ""),
        scheduler=info.scheduler or (plan.scheduler.name if plan.scheduler else ""),
        steps=plan.steps if info.steps is None else info.steps,
        cfg_scale=plan.cfg_scale if info.cfg_scale is None else info.cfg_scale,
        seeds=tuple(seed for batch in batches for seed in _seeds_of(batch)),
        # The batches of a call mostly differ from the plan in the same way.
        warnings=tuple(dict.fromkeys(warnings)),
        seconds=seconds,
    )


def _seeds_of(batch: Batch) -> list[int]:
    """Return the seeds that the server reports, and the expected ones where it reports too few."""
    expected = [image.seed for image in batch.received]
    reported = list(batch.info.seeds[: len(expected)]) if batch.info else []
    return reported + expected[len(reported) :]
