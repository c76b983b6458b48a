"""What is measured, what came of it, and what it is to be."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass
from typing import Self

MB = 2**20


@dataclass(frozen=True, slots=True)
class Case:
    """So many calls at once, each for so many images of one size.

    Attributes:
        images: A call.
        side: Width and height in pixels.
        at_once: Calls that are started together.
        runs: How often it is timed, at full length of the benchmark.
    """

    images: int
    side: int
    at_once: int = 1
    runs: int = 5

    @property
    def name(self) -> str:
        """Such as "8×2048²", or "32 at once"."""
        return f"{self.at_once} at once" if self.at_once > 1 else f"{self.images}×{self.side}²"


CASES = (
    Case(1, 512, runs=31),
    Case(1, 1024, runs=31),
    Case(4, 1024, runs=15),
    Case(8, 2048, runs=9),
    Case(1, 1024, at_once=32),
    Case(1, 1024, at_once=64),
)

LIMITS: Mapping[str, Mapping[str, float]] = {
    "1×1024²": {"time / floor": 1.15, "above floor / naive's": 0.4, "memory growth, MB": 8},
    "8×2048²": {
        "time / floor": 1.2,
        "above floor / naive's": 0.3,
        "memory growth, MB": 45,
        "first chunk, share": 0.1,
    },
    # The images of all calls, and 50 MB.
    "64 at once": {"memory growth, MB": 143},
}
"""The most that a figure may be, by the name of the case."""

LIMIT_OF_ALL = {"HTTP requests a call": 1.0}
START_LIMIT = 1.05


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a case, or the medians of several."""

    seconds: float  # from the first request's writing to the last call's end
    first_chunk: float  # seconds to the first blob chunk of any of its calls
    cpu_seconds: float  # that the plugin's process spent
    growth: float  # peak of the resident memory over what it was before, in bytes
    requests: float  # HTTP requests a call

    @classmethod
    def median(cls, runs: Sequence[Self]) -> Self:
        """Return the median of each figure."""
        return cls(*map(statistics.median, zip(*map(astuple, runs), strict=True)))

    @property
    def columns(self) -> dict[str, float]:
        """What the table shows of it, by heading."""
        return {
            "Time, ms": self.seconds * 1000,
            "First chunk, ms": self.first_chunk * 1000,
            "CPU, ms": self.cpu_seconds * 1000,
            "Growth, MB": self.growth / MB,
            "Requests": self.requests,
        }


@dataclass(frozen=True, slots=True)
class Comparison:
    """A case with the medians of all plugins."""

    case: Case
    floor: Run
    naive: Run
    ours: Run

    @property
    def figures(self) -> dict[str, float]:
        """What is held against limits: ours, mostly as a share of the others."""
        above_floor = [run.seconds - self.floor.seconds for run in (self.ours, self.naive)]
        return {
            "time / floor": self.ours.seconds / self.floor.seconds,
            "above floor / naive's": above_floor[0] / above_floor[1],
            "first chunk, share": self.ours.first_chunk / self.ours.seconds,
            "memory growth, MB": self.ours.growth / MB,
            "HTTP requests a call": self.ours.requests,
        }


@dataclass(frozen=True, slots=True)
class Results:
    """All that a benchmark found out; starts are the median seconds to the manifest line."""

    comparisons: Sequence[Comparison]
    start: float
    empty_start: float

    def goals(self) -> Iterator[tuple[str, float, float]]:
        """Yield each goal: its name, what was measured, and the most that it may be."""
        for one in self.comparisons:
            for figure, limit in {**LIMITS.get(one.case.name, {}), **LIMIT_OF_ALL}.items():
                yield f"{one.case.name}: {figure}", one.figures[figure], limit
        yield "start / empty plugin's", self.start / self.empty_start, START_LIMIT
