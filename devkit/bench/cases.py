"""What is measured, and what was measured."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

FLOOR, NAIVE, OURS = "floor", "naive", "ours"
VARIANTS = (FLOOR, NAIVE, OURS)

MB = 2**20


@dataclass(frozen=True, slots=True)
class Case:
    """So many calls at once, each for so many images of one size.

    Attributes:
        pictures: A call.
        side: Width and height in pixels.
        at_once: Calls that are started together.
        runs: How often it is timed, at full length of the benchmark.
        fresh_starts: How often memory is measured, each time in a new process.
    """

    pictures: int
    side: int
    at_once: int = 1
    runs: int = 9
    fresh_starts: int = 1

    @property
    def name(self) -> str:
        """Such as "8×2048²", or "32 at once"."""
        if self.at_once > 1:
            return f"{self.at_once} at once"
        return f"{self.pictures}×{self.side}²"


CASES = (
    Case(1, 512, runs=31),
    Case(1, 1024, runs=31, fresh_starts=3),
    Case(4, 1024, runs=15),
    Case(8, 2048, runs=9, fresh_starts=3),
    Case(1, 1024, at_once=32, runs=5),
    Case(1, 1024, at_once=64, runs=5),
)


@dataclass(frozen=True, slots=True)
class Run:
    """One timed run.

    Attributes:
        seconds: From the first request's writing to the last call's end.
        first_chunk: Seconds to the first blob chunk of any of its calls.
        pictures: Seconds to the last blob chunk: then all images are there.
        cpu_seconds: That the plugin's process spent.
    """

    seconds: float
    first_chunk: float
    pictures: float
    cpu_seconds: float


@dataclass(frozen=True, slots=True)
class FreshRun:
    """The first run of a case in a process that has made nothing but a tiny image.

    Attributes:
        growth: Peak of the resident memory over what it was before, in bytes.
        requests: HTTP requests a call.
        silence: Longest time in seconds without a heartbeat (one was due each second).
        picture_bytes: Of all images together.
    """

    growth: int
    requests: float
    silence: float
    picture_bytes: int


@dataclass(frozen=True, slots=True)
class Figures:
    """Medians of one variant in one case."""

    seconds: float
    first_chunk: float
    pictures: float
    cpu_seconds: float
    growth: float
    requests: float
    silence: float
    picture_bytes: int

    @classmethod
    def of(cls, runs: Sequence[Run], fresh: Sequence[FreshRun]) -> Figures:
        """The medians; of the silences the longest."""
        return cls(
            seconds=statistics.median(run.seconds for run in runs),
            first_chunk=statistics.median(run.first_chunk for run in runs),
            pictures=statistics.median(run.pictures for run in runs),
            cpu_seconds=statistics.median(run.cpu_seconds for run in runs),
            growth=statistics.median(run.growth for run in fresh),
            requests=statistics.median(run.requests for run in fresh),
            silence=max(run.silence for run in fresh),
            picture_bytes=fresh[0].picture_bytes,
        )


@dataclass(frozen=True, slots=True)
class Comparison:
    """All variants in one case."""

    case: Case
    floor: Figures
    naive: Figures
    ours: Figures

    @property
    def to_floor(self) -> float:
        """Whole time against the floor's."""
        return self.ours.seconds / self.floor.seconds

    @property
    def pictures_to_floor(self) -> float:
        """Time until the images are there, against the floor's."""
        return self.ours.pictures / self.floor.pictures

    @property
    def above_floor(self) -> float:
        """Time above the floor's, as a share of what the naive tool takes above it."""
        return (self.ours.seconds - self.floor.seconds) / (self.naive.seconds - self.floor.seconds)

    @property
    def first_chunk_share(self) -> float:
        """When the first blob chunk comes, as a share of the whole time."""
        return self.ours.first_chunk / self.ours.seconds


@dataclass(frozen=True, slots=True)
class Starts:
    """Median seconds from a process's start to its manifest line."""

    ours: float
    empty: float


@dataclass(frozen=True, slots=True)
class Results:
    """All that a benchmark found out."""

    comparisons: tuple[Comparison, ...]
    starts: Starts
