"""A point in time after which nobody waits any more."""

import time
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Deadline:
    """An end on the monotonic clock, shared by all steps of one call."""

    end: float
    seconds: float

    @classmethod
    def after(cls, seconds: float) -> Self:
        """The moment that many seconds from now."""
        return cls(time.monotonic() + seconds, seconds)

    def sooner(self, seconds: float) -> "Deadline":
        """This deadline, or one that many seconds from now when that comes first."""
        other = Deadline.after(seconds)
        return other if other.end < self.end else self

    @property
    def remaining(self) -> float:
        """Seconds that are left; 0 when it has passed."""
        return max(0.0, self.end - time.monotonic())

    @property
    def passed(self) -> bool:
        """Whether the time is up."""
        return self.remaining <= 0
