"""A CPU for the plugins alone.

The scheduler likes both ends of a pipe on one CPU. Then the plugin's time and that of the process
which reads it add up, in some runs and not in others: 12 ms or 22 ms for the same floor.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import psutil


@contextmanager
def reserved_cpu() -> Iterator[int | None]:
    """Leave one CPU to others: threads and processes that start from here on stay off it.

    Yields:
        Which one; None where there is only one, or the system does not let us choose.
    """
    if sys.platform != "linux" or len(own := os.sched_getaffinity(0)) < 2:
        yield None
        return
    reserved = max(own)
    os.sched_setaffinity(0, own - {reserved})
    try:
        yield reserved
    finally:
        os.sched_setaffinity(0, own)


def move_to(cpu: int | None, process: psutil.Process) -> None:
    """Let all threads of another process run on this CPU only; None leaves them where they are."""
    if sys.platform != "linux" or cpu is None:
        return
    for thread in process.threads():
        with suppress(ProcessLookupError):
            os.sched_setaffinity(thread.id, {cpu})
