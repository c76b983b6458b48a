"""``make soak``: thousands of generations through one process; what they leave behind is counted.

The first tenth of them may fill caches and pools; from there on neither memory nor open files,
sockets or threads may grow.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from devkit.host import Call, PluginHost
from devkit.simulator import Simulator

ROOT = Path(__file__).parents[1]
MB = 2**20
MOST_GROWTH = 5 * MB
SIDE = 64
CALL_SECONDS = 60.0

POOL_THREADS = 10
"""Largest size of gevent's thread pool, in which threads come and go."""

# What the last call opened is closed a moment after its end.
SETTLE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Footprint:
    """What a process holds while it does nothing.

    Attributes:
        memory: Resident, in bytes.
        files: Open file descriptors, sockets among them.
        sockets: Internet sockets.
        threads: Threads of the operating system.
    """

    memory: int
    files: int
    sockets: int
    threads: int

    @classmethod
    def of(cls, process: psutil.Process) -> Footprint:
        """Look at it now, after a moment of rest."""
        time.sleep(SETTLE_SECONDS)
        return cls(
            memory=process.memory_info().rss,
            # Windows has handles in the place of file descriptors.
            files=getattr(process, "num_handles" if os.name == "nt" else "num_fds")(),
            sockets=len(process.net_connections()),
            threads=process.num_threads(),
        )


def left_behind(early: Footprint, late: Footprint, at_once: int) -> list[str]:
    """What grew more than it may, in words.

    Args:
        early: After the first part of the generations.
        late: After all.
        at_once: Calls that were under way together; each may keep one connection alive.
    """
    found = []
    if late.memory - early.memory > MOST_GROWTH:
        grown = (late.memory - early.memory) / MB
        found.append(f"Memory grew by {grown:.1f} MB; {MOST_GROWTH / MB:.0f} MB are allowed.")
    pooled = max(0, at_once - early.sockets)
    found += [
        f"{after - before} more {what} are open than there were."
        for what, before, after, allowed in (
            ("files", early.files, late.files, pooled),
            ("sockets", early.sockets, late.sockets, pooled),
            ("threads", early.threads, late.threads, POOL_THREADS),
        )
        if after > before + allowed
    ]
    return found


def generate(host: PluginHost, credentials: Mapping[str, str], count: int, at_once: int) -> int:
    """Make so many images, with so many calls under way all the time.

    Returns:
        How many came back; a failed call raises.
    """
    came = started = 0
    running: list[Call] = []
    while came < count:
        while started < count and len(running) < at_once:
            requested = {"prompt": "a", "size": str(SIDE), "steps": 1, "seed": started % 7}
            running.append(host.start("stable_diffusion", "sd_txt2img", credentials, requested))
            started += 1
        came += len(running.pop(0).wait(CALL_SECONDS).files)
    return came


def main(given: list[str], console: Console) -> int:
    """Run it.

    Returns:
        The exit status: 1 when something was left behind.
    """
    parser = argparse.ArgumentParser(prog="python -m devkit.soak", description=__doc__)
    parser.add_argument("--count", type=int, default=10_000, help="generations in all")
    parser.add_argument("--at-once", type=int, default=8)
    options = parser.parse_args(given)
    first = max(1, options.count // 10)
    with (
        Simulator(cache_answers=True) as sim,
        PluginHost(ROOT, keep_data=False) as host,
        console.status("") as status,
    ):
        credentials = {"base_url": sim.url, "model": "dreamshaper_8"}
        table = Table("Generations", box=SIMPLE_HEAD)
        for name in ("Memory, MB", "Files", "Sockets", "Threads", "A second"):
            table.add_column(name, justify="right")
        done = 0
        early = late = None
        while done < options.count:
            status.update(f"{done:,} of {options.count:,}")
            began = time.perf_counter()
            part = min(first, options.count - done)
            done += generate(host, credentials, part, options.at_once)
            pace = part / (time.perf_counter() - began)
            late = Footprint.of(host.process)
            early = early or late
            table.add_row(
                f"{done:,}",
                f"{late.memory / MB:.1f}",
                *(str(number) for number in (late.files, late.sockets, late.threads)),
                f"{pace:.0f}",
            )
        problems = [f"The protocol was broken: {one}" for one in host.violations[:3]]
    console.print(table)
    if early and late:
        problems += left_behind(early, late, options.at_once)
    for problem in problems:
        console.print(problem, style="bold red")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], Console()))
