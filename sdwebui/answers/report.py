"""What came of a generation, over all the requests that it took."""

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
        model: The checkpoint's file stem. Where the server does not tell, this, the sampler and
            the numbers are what was asked, and a warning says so; "" when nothing was.
        sampler: As the server spells it. Likewise ``scheduler``.
        seeds: Of the images, in order.
        warnings: Differences from what was asked, in sentences.
        seconds: From the first request to the last byte.
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
    """One request of a generation and what came of it."""

    plan: Plan
    body: Body
    most: int
    received: list[Received] = field(default_factory=list)
    info: Info | None = None


def shortfall(plan: Plan, rounds: list[Batch]) -> Iterator[str]:
    """What to say when fewer images were made than asked for."""
    made = sum(len(one.received) for one in rounds)
    wanted = rounds[0].most if {"batch_size", "n_iter"} & set(plan.extra) else plan.count
    if made < wanted and "script_name" not in plan.extra:
        yield (
            f"The server made {made} of {wanted} images; somebody probably interrupted the job "
            "in the WebUI."
        )


def report_of(plan: Plan, rounds: list[Batch], warnings: list[str], seconds: float) -> Report:
    """The report of all requests of a call.

    Args:
        plan: What was wanted.
        rounds: The requests that were made for it, and what came of each.
        warnings: What is to be said already.
        seconds: How long it took.
    """
    told = next((done.info for done in rounds if done.info), None)
    for done in rounds:
        if done.info:
            warnings += differences(done.plan, done.body, done.info, done.received)
    return Report(
        model=(told.model if told else "") or (plan.checkpoint.stem if plan.checkpoint else ""),
        sampler=(told.sampler if told else "") or (plan.sampler.name if plan.sampler else ""),
        scheduler=(told.scheduler if told else "")
        or (plan.scheduler.name if plan.scheduler else ""),
        steps=told.steps if told and told.steps is not None else plan.steps,
        cfg_scale=told.cfg_scale if told and told.cfg_scale is not None else plan.cfg_scale,
        seeds=tuple(seed for done in rounds for seed in _seeds_of(done)),
        # The rounds of one call mostly differ in the same way: each thing is said once.
        warnings=tuple(dict.fromkeys(warnings)),
        seconds=seconds,
    )


def _seeds_of(done: Batch) -> list[int]:
    """The seeds that the server tells, filled up with the expected ones."""
    expected = [one.seed for one in done.received]
    told = list(done.info.seeds[: len(expected)]) if done.info else []
    return told + expected[len(told) :]
