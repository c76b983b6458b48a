"""A CPU for the plugins alone, and what their processes spend and hold.

Only on Linux can CPUs be chosen, peaks be reset, and CPU time be read in less than ticks of 10 ms.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil


@contextmanager
def reserved_cpu() -> Iterator[int | None]:
    """Leave one CPU to others: threads and processes that start from here on stay off it.

    The scheduler likes both ends of a pipe on one CPU. Then the plugin's time and that of its
    reader add up, in some runs and not in others: 12 ms or 22 ms for the same floor.

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
    if sys.platform == "linux" and cpu is not None:
        for thread in process.threads():
            with suppress(ProcessLookupError):
                os.sched_setaffinity(thread.id, {cpu})


def cpu_seconds(process: psutil.Process) -> float:
    """Return the CPU time that all threads of a process have spent so far."""
    if sys.platform == "linux":
        # The clock of a process by its id, see clock_getcpuclockid(3).
        return time.clock_gettime((~process.pid << 3) | 2)
    spent = process.cpu_times()
    return spent.user + spent.system


def reset_peak(process: psutil.Process) -> int:
    """Let the peak of a process's memory begin anew; return the bytes that it holds now."""
    if sys.platform == "linux":
        Path(f"/proc/{process.pid}/clear_refs").write_text("5")
    return process.memory_info().rss


def peak_memory(process: psutil.Process) -> int:
    """Return the most bytes held since the reset; those held now where there is none."""
    if sys.platform != "linux":
        return process.memory_info().rss
    status = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM:"))
