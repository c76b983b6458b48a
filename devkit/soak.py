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

from devkit.host import Call, PluginHost
from devkit.simulator import Simulator

ROOT = Path(__file__).parents[1]
MB = 2**20
MOST_GROWTH = 5 * MB
CALL_SECONDS = 60.0

POOL_THREADS = 10
"""Largest size of gevent's thread pool, in which threads come and go."""

# What the last call opened is closed a moment after its end.
SETTLE_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Footprint:
    """What a process holds while it does nothing: bytes, file descriptors, and the rest."""

    memory: int
    files: int
    sockets: int
    threads: int

    @classmethod
    def of(cls, process: psutil.Process) -> Footprint:
        """Measure it after a moment of rest."""
        time.sleep(SETTLE_SECONDS)
        return cls(
            memory=process.memory_info().rss,
            # Windows has handles in the place of file descriptors.
            files=getattr(process, "num_handles" if os.name == "nt" else "num_fds")(),
            sockets=len(process.net_connections()),
            threads=process.num_threads(),
        )


def left_behind(early: Footprint, late: Footprint, at_once: int) -> list[str]:
    """Return what grew more than it may, in words; each call at once may keep a connection."""
    found = []
    if late.memory - early.memory > MOST_GROWTH:
        grown = (late.memory - early.memory) / MB
        found.append(f"Memory grew by {grown:.1f} MB; {MOST_GROWTH / MB:.0f} MB are allowed.")
    connections = max(0, at_once - early.sockets)
    allowed = {"files": connections, "sockets": connections, "threads": POOL_THREADS}
    for what, more in allowed.items():
        growth = getattr(late, what) - getattr(early, what)
        if growth > more:
            found.append(f"{growth} more {what} are open than there were.")
    return found


def generate(host: PluginHost, credentials: Mapping[str, str], count: int, at_once: int) -> None:
    """Make so many images, with so many calls under way all the time; a failed one raises."""
    running: list[Call] = []
    for number in range(count):
        given = {"prompt": "a", "size": "64", "steps": 1, "seed": number % 7}
        running.append(host.start("stable_diffusion", "sd_txt2img", credentials, given))
        if len(running) == at_once:
            running.pop(0).wait(CALL_SECONDS)
    for call in running:
        call.wait(CALL_SECONDS)


def main(given: list[str]) -> int:
    """Run it; return the exit status, 1 when something was left behind."""
    parser = argparse.ArgumentParser(prog="python -m devkit.soak", description=__doc__)
    parser.add_argument("--count", type=int, default=10_000, help="generations in all")
    parser.add_argument("--at-once", type=int, default=8)
    options = parser.parse_args(given)
    part = max(1, options.count // 10)
    footprints = []
    with Simulator(cache_answers=True) as sim, PluginHost(ROOT, keep_data=False) as host:
        credentials = {"base_url": sim.url, "model": "dreamshaper_8"}
        for done in range(part, options.count + 1, part):
            began = time.perf_counter()
            generate(host, credentials, part, options.at_once)
            pace = part / (time.perf_counter() - began)
            now = Footprint.of(host.process)
            footprints.append(now)
            print(
                f"{done:,} generations: {now.memory / MB:.1f} MB, {now.files} files, "
                f"{now.sockets} sockets, {now.threads} threads; {pace:.0f} a second",
                flush=True,
            )
        problems = [f"The protocol was broken: {one}" for one in host.violations[:3]]
    problems += left_behind(footprints[0], footprints[-1], options.at_once)
    print(*problems, sep="\n", end="\n" if problems else "")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
