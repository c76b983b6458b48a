"""What the plugin is to reach, held against what was measured."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from devkit.bench.cases import MB, Results

LONGEST_SILENCE = 15.0
"""Seconds; the daemon asks for a heartbeat every 10 and kills after 120."""


@dataclass(frozen=True, slots=True)
class Goal:
    """A measured value and the most that it may be."""

    name: str
    measured: float
    limit: float
    unit: str = ""

    @property
    def met(self) -> bool:
        """Whether it is within the limit."""
        return self.measured <= self.limit


def goals(results: Results) -> Iterator[Goal]:
    """All goals for which something was measured."""
    for one in results.comparisons:
        name = one.case.name
        match name:
            case "1×1024²":
                yield Goal(f"{name}: prompt to image / floor", one.pictures_to_floor, 1.3)
                yield Goal(f"{name}: whole time / floor", one.to_floor, 1.15)
                yield Goal(f"{name}: above the floor / naive's", one.above_floor, 0.4)
                yield Goal(f"{name}: memory growth", one.ours.growth / MB, 8, "MB")
            case "8×2048²":
                yield Goal(f"{name}: whole time / floor", one.to_floor, 1.2)
                yield Goal(f"{name}: above the floor / naive's", one.above_floor, 0.3)
                yield Goal(f"{name}: memory growth", one.ours.growth / MB, 45, "MB")
                yield Goal(f"{name}: first chunk, share", one.first_chunk_share, 0.1)
            case "64 at once":
                most = one.ours.picture_bytes / MB + 50
                yield Goal(f"{name}: memory growth", one.ours.growth / MB, most, "MB")
                yield Goal(f"{name}: longest silence", one.ours.silence, LONGEST_SILENCE, "s")
        yield Goal(f"{name}: HTTP requests a call", one.ours.requests, 1)
    yield Goal("start / empty plugin's", results.starts.ours / results.starts.empty, 1.05)
