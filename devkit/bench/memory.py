"""Memory and CPU time of another process."""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path
from typing import Self

import psutil

SAMPLE_SECONDS = 0.005


def cpu_seconds(process: psutil.Process) -> float:
    """CPU time that the process has spent so far, all its threads together."""
    if sys.platform == "linux":
        # The clock of a process by its id, see clock_getcpuclockid(3); psutil reads a counter that
        # moves in steps of 10 ms.
        return time.clock_gettime((~process.pid << 3) | 2)
    spent = process.cpu_times()
    return spent.user + spent.system


class Growth:
    """Peak of a process's resident memory within a ``with`` block, over that at its beginning.

    Linux keeps the peak and lets it be reset; elsewhere it is sampled.

    Attributes:
        bytes: The growth; known after the block.
    """

    def __init__(self, process: psutil.Process) -> None:
        self.bytes = 0
        self._process = process
        self._proc = Path("/proc") / str(process.pid)
        self._over = threading.Event()
        self._sampler: threading.Thread | None = None
        self._peak = self._before = 0

    def __enter__(self) -> Self:
        self._before = self._peak = self._process.memory_info().rss
        try:
            (self._proc / "clear_refs").write_text("5")
        except OSError:
            self._sampler = threading.Thread(target=self._sample, daemon=True)
            self._sampler.start()
        return self

    def __exit__(self, *_failure: object) -> None:
        if self._sampler:
            self._over.set()
            self._sampler.join()
        else:
            status = (self._proc / "status").read_text()
            line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
            self._peak = int(line.split()[1]) * 1024
        self.bytes = max(0, self._peak - self._before)

    def _sample(self) -> None:
        while not self._over.wait(SAMPLE_SECONDS):
            self._peak = max(self._peak, self._process.memory_info().rss)
