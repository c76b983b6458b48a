"""One job at a time, first come first served, as all the real servers work."""

import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

REMEMBERED_TASKS = 16
"""So many finished tasks A1111 remembers for ``/internal/progress``."""


@dataclass
class Job:
    """One generation. Times are seconds since the epoch."""

    task: str
    kind: str
    prompt: str = ""
    seed: int | None = None
    model: str | None = None
    steps: int = 0
    batches: int = 1
    state: str = "queued"
    started: float | None = None
    ended: float | None = None
    arrived: float = field(default_factory=time.time)

    def __post_init__(self) -> None:
        self.batch = 0
        self.share_of_batch = 0.0
        self._stop = threading.Event()

    def sample(self, steps: int, seconds_a_step: float) -> bool:
        """Spend the time of a batch's steps; return whether nobody interrupted it."""
        for step in range(max(steps, 0)):
            self.share_of_batch = step / steps
            if self.interrupted:
                return False
            if seconds_a_step:
                self._stop.wait(seconds_a_step)
        return not self.interrupted

    def interrupt(self) -> None:
        """Stop as soon as the step at hand ends."""
        self._stop.set()

    @property
    def interrupted(self) -> bool:
        """Whether somebody stopped it."""
        return self._stop.is_set()

    @property
    def share(self) -> float:
        """How much of the sampling is done, 0 to 1."""
        return (self.batch + self.share_of_batch) / max(self.batches, 1)


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
        self.pending: dict[str, Job] = {}
        self.finished: deque[str] = deque(maxlen=REMEMBERED_TASKS)
        self._limit = limit
        self._waiting: deque[Job] = deque()
        self._changed = threading.Condition()

    @contextmanager
    def turn(self, job: Job) -> Iterator[Job]:
        """Wait for the job's turn, hold the server for it, and note how it ended.

        Raises:
            Busy: The queue is full.
        """
        self._wait(job)
        job.state, job.started = "running", time.time()
        try:
            yield job
            job.state = "interrupted" if job.interrupted else "done"
        except BaseException:
            job.state = "failed"
            raise
        finally:
            job.ended = time.time()
            with self._changed:
                if job.task not in self.pending:
                    self.finished.append(job.task)
                self.running = None
                self._changed.notify_all()

    def _wait(self, job: Job) -> None:
        with self._changed:
            ahead = len(self._waiting) + (self.running is not None)
            if self._limit is not None and ahead >= self._limit:
                raise Busy
            self.history.append(job)
            self._waiting.append(job)
            self.pending.setdefault(job.task, job)
            while self.running is not None or self._waiting[0] is not job:
                self._changed.wait()
            self._waiting.popleft()
            self.running = job

    def begin(self, job: Job) -> None:
        """Take the task off the pending list: its images were good, sampling starts."""
        self.pending.pop(job.task, None)

    def told(self) -> list[dict[str, Any]]:
        """Return the facts of all jobs since the start."""
        names = Job.__dataclass_fields__
        return [{name: getattr(job, name) for name in names} for job in list(self.history)]
