"""Runs plugins in turn, so that whatever else the machine does hits them alike."""

from __future__ import annotations

import statistics
import sys
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from devkit.bench.cases import Case, Run
from devkit.bench.machine import cpu_seconds, move_to, peak_memory, reserved_cpu, reset_peak
from devkit.host import PluginHost, ToolResult
from devkit.simulator import Simulator

ROOT = Path(__file__).parents[2]
PROMPT = {"prompt": "a lighthouse on a cliff", "steps": 1, "seed": 7}
PNG_BYTES = 1_500_000
"""Size of a 1024x1024 PNG; that of a photograph."""

CALL_SECONDS = 120.0
TINY = Case(1, 64)


def drawing(case: Case) -> dict[str, Any]:
    """Return parameters of ``sd_txt2img`` for the images of a case."""
    return {**PROMPT, "size": f"{case.side}x{case.side}", "image_count": case.images}


@dataclass(frozen=True, eq=False)
class Contender:
    """A plugin under measurement."""

    folder: Path
    provider: str
    tool: str
    credentials: Mapping[str, str]
    parameters: Callable[[Case], Mapping[str, Any]]  # of the tool for a case


class Bench(ExitStack):
    """A simulator that answers from memory, and a CPU for the plugins alone.

    Args:
        effort: 1.0 for the full number of runs, less for fewer.
    """

    def __init__(self, effort: float) -> None:
        super().__init__()
        self._effort = effort
        # Before any thread starts.
        self._cpu = self.enter_context(reserved_cpu())
        self._sim = self.enter_context(Simulator(cache_answers=True, png_bytes=PNG_BYTES))
        self.credentials = {"base_url": self._sim.url, "model": "dreamshaper_8"}

    def ours(self, folder: Path = ROOT) -> Contender:
        """Return the plugin of a checkout."""
        return Contender(folder, "stable_diffusion", "sd_txt2img", self.credentials, drawing)

    def starts(self, contenders: tuple[Contender, Contender], count: int) -> tuple[float, float]:
        """Return the median seconds to the manifest line of two plugins, started in turn."""
        seconds: dict[Contender, list[float]] = {one: [] for one in contenders}
        for _ in self._rounds("start", count):
            for one in contenders:
                with self._start(one) as host:
                    seconds[one].append(host.start_seconds)
        first, second = map(statistics.median, seconds.values())
        return first, second

    def compare(self, contenders: tuple[Contender, ...], case: Case) -> list[Run]:
        """Return the medians of each plugin in a case.

        Growth and requests are those of the first run in a new process, which has made nothing but
        a tiny image; that run is not timed.
        """
        with ExitStack() as stack:
            hosts = {one: stack.enter_context(self._start(one)) for one in contenders}
            for one in contenders:
                self._invoke(one, hosts[one], TINY)
            first = {one: self._run(one, hosts[one], case) for one in contenders}
            runs: dict[Contender, list[Run]] = {one: [] for one in contenders}
            order = deque(contenders)
            for _ in self._rounds(case.name, case.runs):
                for one in order:
                    runs[one].append(self._run(one, hosts[one], case))
                # Each begins in turn, so that none always follows the same other one.
                order.rotate(-1)
        return [
            replace(Run.median(runs[one]), growth=first[one].growth, requests=first[one].requests)
            for one in contenders
        ]

    def _rounds(self, name: str, count: int) -> range:
        rounds = max(1, round(count * self._effort))
        print(f"{name}: {rounds} rounds", file=sys.stderr, flush=True)
        return range(rounds)

    def _start(self, contender: Contender) -> PluginHost:
        host = PluginHost(contender.folder, keep_data=False)
        move_to(self._cpu, host.process)
        return host

    def _run(self, contender: Contender, host: PluginHost, case: Case) -> Run:
        """Measure one run of a case."""
        requests_before = len(self._sim.journal())
        memory_before = reset_peak(host.process)
        cpu_before = cpu_seconds(host.process)
        began = time.perf_counter()
        results = self._invoke(contender, host, case)
        seconds = time.perf_counter() - began
        cpu = cpu_seconds(host.process) - cpu_before
        if host.violations:
            raise RuntimeError(f"{contender.tool} broke the protocol: {host.violations[0]}")
        return Run(
            seconds=seconds,
            first_chunk=min(result.first_chunk or seconds for result in results),
            cpu_seconds=cpu,
            growth=max(0, peak_memory(host.process) - memory_before),
            requests=(len(self._sim.journal()) - requests_before) / case.at_once,
        )

    @staticmethod
    def _invoke(one: Contender, host: PluginHost, case: Case) -> list[ToolResult]:
        """Start all calls of a case together and wait for their results."""
        calls = [
            host.start(one.provider, one.tool, one.credentials, one.parameters(case))
            for _ in range(case.at_once)
        ]
        return [call.wait(CALL_SECONDS) for call in calls]
