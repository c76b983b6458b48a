"""One job at a time, first come first served, as all the real servers work."""

import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Job:
    """One generation. Times are seconds since the epoch.

    Attributes:
        has_begun: Its images were good and sampling starts; A1111 never takes others off its list.
        stop: Set by whoever interrupts it; it ends as soon as the step at hand does.
        share_of_batch: How much of the batch at hand is done, 0 to 1.
    """

    task: str = ""
    prompt: str = ""
    steps: int = 0
    batches: int = 1
    batch: int = 0
    share_of_batch: float = 0.0
    state: str = "queued"
    has_begun: bool = False
    started: float | None = None
    ended: float | None = None
    stop: threading.Event = field(default_factory=threading.Event)

    def sample(self, steps: int, seconds_a_step: float) -> bool:
        """Spend the time of a batch's steps; return whether nobody interrupted it."""
        for step in range(steps):
            self.share_of_batch = step / steps
            if seconds_a_step and self.stop.wait(seconds_a_step):
                return False
        return not self.stop.is_set()


class Busy(Exception):
    """The queue takes no more (KoboldCpp: one running and nine waiting)."""


class Queue:
    """Lets one job run at a time in the thread of its request.

    A client that goes away changes nothing: its thread goes on (recordings
    client-disconnect-progress-samples of A1111 and Forge).

    Args:
        limit: The largest number of jobs at once, the running one included.
    """

    def __init__(self, limit: int | None = None) -> None:
        self.history: list[Job] = []
        self.running: Job | None = None
        self._limit = limit
        self._waiting: deque[Job] = deque()
        self._changed = threading.Condition()

    @contextmanager
    def turn(self, job: Job) -> Iterator[Job]:
        """Wait for the job's turn, hold the server for it, and note how it ended.

        Raise Busy when the queue is full.
        """
        with self._changed:
            if self._limit and len(self._waiting) + bool(self.running) >= self._limit:
                raise Busy
            self.history.append(job)
            self._waiting.append(job)
            self._changed.wait_for(lambda: self.running is None and self._waiting[0] is job)
            self.running = self._waiting.popleft()
        job.state, job.started = "running", time.time()
        try:
            yield job
            job.state = "interrupted" if job.stop.is_set() else "done"
        except BaseException:
            job.state = "failed"
            raise
        finally:
            job.ended = time.time()
            with self._changed:
                self.running = None
                self._changed.notify_all()

    def reported(self) -> list[dict[str, Any]]:
        """Return the facts of all jobs since the start."""
        return [{**vars(job), "stop": job.stop.is_set()} for job in list(self.history)]
