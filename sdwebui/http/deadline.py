"""The point in time at which a call gives up."""

import time
from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Deadline:
    """An end on the monotonic clock, shared by all steps of one call.

    Attributes:
        end: By ``time.monotonic()``.
        seconds: How long it was when it was set.
    """

    end: float
    seconds: float

    @classmethod
    def after(cls, seconds: float) -> Self:
        """Return the deadline that many seconds from now."""
        return cls(time.monotonic() + seconds, seconds)

    def sooner(self, seconds: float) -> "Deadline":
        """Return this deadline, or one that many seconds from now if that comes first."""
        other = Deadline.after(seconds)
        return other if other.end < self.end else self

    @property
    def remaining(self) -> float:
        """Seconds left; 0 once it has passed."""
        return max(0.0, self.end - time.monotonic())

    @property
    def passed(self) -> bool:
        """Whether no time is left."""
        return self.remaining <= 0
