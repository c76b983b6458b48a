"""Runs the variants in turn, so that whatever else the machine does hits them alike."""

from __future__ import annotations

import base64
import itertools
import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from devkit.bench.cases import (
    FLOOR,
    NAIVE,
    OURS,
    VARIANTS,
    Case,
    Comparison,
    Figures,
    FreshRun,
    Run,
    Starts,
)
from devkit.bench.cpus import move_to, reserved_cpu
from devkit.bench.memory import Growth, cpu_seconds
from devkit.bench.plugins import PROVIDER, write_rival
from devkit.host import PluginHost, ToolResult
from devkit.simulator import Simulator

ROOT = Path(__file__).parents[2]
MODEL = "dreamshaper_8"
ASKED = {"prompt": "a lighthouse on a cliff", "steps": 1, "seed": 7}
PNG_BYTES = 1_500_000
"""Size of a 1024x1024 PNG; that of a photograph."""

CALL_SECONDS = 120.0
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Variant:
    """A plugin and how its tool is called.

    Attributes:
        cpu: Where it runs; None leaves that to the system.
    """

    folder: Path
    provider: str
    tool: str
    credentials: Mapping[str, str]
    cpu: int | None

    def host(self) -> PluginHost:
        """Start it. Its heartbeats come each second, so that a late one shows."""
        host = PluginHost(self.folder, env={"HEARTBEAT_INTERVAL": "1"}, keep_data=False)
        move_to(self.cpu, host.process)
        return host


class Bench:
    """A simulator that answers from memory, the variants, and the images in files.

    Args:
        scratch: An empty folder for the rivals and the images.
        stack: Ends the simulator.
    """

    def __init__(self, scratch: Path, stack: ExitStack) -> None:
        # Before any thread starts.
        cpu = stack.enter_context(reserved_cpu())
        self.sim = stack.enter_context(Simulator(cache_answers=True, png_bytes=PNG_BYTES))
        self._scratch = scratch
        access = {"base_url": self.sim.url, "model": MODEL}
        self.variants = {
            FLOOR: Variant(write_rival(FLOOR, scratch / FLOOR), PROVIDER, FLOOR, {}, cpu),
            NAIVE: Variant(write_rival(NAIVE, scratch / NAIVE), PROVIDER, NAIVE, access, cpu),
            OURS: Variant(ROOT, "stable_diffusion", "sd_txt2img", access, cpu),
        }
        self.empty = Variant(write_rival("empty", scratch / "empty"), PROVIDER, "empty", {}, cpu)

    def prepare(self, hosts: Mapping[str, PluginHost], pictures: int, side: int) -> None:
        """Make the images of a case: for the floor in files, for the others in the simulator."""
        folder = self._folder(pictures, side)
        folder.mkdir(parents=True)
        case = Case(pictures, side)
        # Its host keeps no data, so the files are taken from the server.
        for number, data in enumerate(self._pictures(case)):
            (folder / f"{number}.png").write_bytes(data)
        for name in VARIANTS:
            self._invoke(name, hosts[name], case)

    def _pictures(self, case: Case) -> Iterator[bytes]:
        body = {**ASKED, "width": case.side, "height": case.side, "batch_size": case.pictures}
        answer = requests.post(f"{self.sim.url}/sdapi/v1/txt2img", json=body, timeout=CALL_SECONDS)
        yield from map(base64.b64decode, answer.json()["images"])

    def _folder(self, pictures: int, side: int) -> Path:
        return self._scratch / "images" / f"{pictures}x{side}"

    def _invoke(self, name: str, host: PluginHost, case: Case) -> list[ToolResult]:
        variant = self.variants[name]
        requested: dict[str, Any] = {
            **ASKED,
            "size": f"{case.side}x{case.side}",
            "image_count": case.pictures,
        }
        if name == FLOOR:
            requested = {"folder": str(self._folder(case.pictures, case.side))}
        calls = [
            host.start(variant.provider, variant.tool, variant.credentials, requested)
            for _ in range(case.at_once)
        ]
        return [call.wait(CALL_SECONDS) for call in calls]

    def run(self, name: str, host: PluginHost, case: Case) -> Run:
        """Time one run of a case."""
        process = host.process
        cpu = cpu_seconds(process)
        began = time.perf_counter()
        results = self._invoke(name, host, case)
        seconds = time.perf_counter() - began
        chunks = [result.timings.first_blob_chunk for result in results]
        return Run(
            seconds=seconds,
            first_chunk=min(chunk for chunk in chunks if chunk is not None),
            pictures=max(result.timings.last_blob_chunk or 0.0 for result in results),
            cpu_seconds=cpu_seconds(process) - cpu,
        )

    def fresh_run(self, name: str, case: Case) -> FreshRun:
        """Measure the memory of a case in a new process, after one tiny image."""
        with self.variants[name].host() as host:
            self._invoke(name, host, TINY)
            if name == FLOOR:
                # Its images in memory are the point of it, not a cost.
                self._invoke(name, host, Case(case.pictures, case.side))
            asked_before = len(self.sim.journal())
            began = time.monotonic()
            with Growth(host.process) as growth:
                results = self._invoke(name, host, case)
            ended = time.monotonic()
            requests = len(self.sim.journal()) - asked_before
            beats = [beat for beat in host.heartbeats if began < beat < ended]
            gaps = itertools.pairwise([began, *beats, ended])
            if host.violations:
                raise RuntimeError(f"{name} broke the protocol: {host.violations[0]}")
        return FreshRun(
            growth=growth.bytes,
            requests=requests / case.at_once,
            silence=max(later - sooner for sooner, later in gaps),
            picture_bytes=sum(file.size for result in results for file in result.files),
        )

    def compare(self, cases: Sequence[Case], effort: float, say: Say) -> list[Comparison]:
        """Measure all variants in all cases.

        Args:
            cases: In which.
            effort: 1.0 for the full number of runs, less for fewer.
            say: Told what is being done.
        """
        with ExitStack() as stack:
            hosts = {name: stack.enter_context(self.variants[name].host()) for name in VARIANTS}
            for pictures, side in sorted({(case.pictures, case.side) for case in (TINY, *cases)}):
                say(f"making {pictures}×{side}²")
                self.prepare(hosts, pictures, side)
            timed = {case: self._timed(hosts, case, effort, say) for case in cases}
        fresh: dict[Case, dict[str, list[FreshRun]]] = {}
        for case in cases:
            fresh[case] = {name: [] for name in VARIANTS}
            for number in range(_share(case.fresh_starts, effort)):
                say(f"memory of {case.name}, {number + 1}")
                for name in VARIANTS:
                    fresh[case][name].append(self.fresh_run(name, case))
        return [
            Comparison(
                case,
                *(Figures.of(timed[case][name], fresh[case][name]) for name in VARIANTS),
            )
            for case in cases
        ]

    def _timed(
        self, hosts: Mapping[str, PluginHost], case: Case, effort: float, say: Say
    ) -> dict[str, list[Run]]:
        runs: dict[str, list[Run]] = {name: [] for name in VARIANTS}
        count = _share(case.runs, effort)
        for name in VARIANTS:
            self._invoke(name, hosts[name], case)
        for number in range(count):
            say(f"time of {case.name}, {number + 1} of {count}")
            # Each begins in turn, so that none always follows the same other one.
            first = number % len(VARIANTS)
            for name in VARIANTS[first:] + VARIANTS[:first]:
                runs[name].append(self.run(name, hosts[name], case))
        return runs

    def starts(self, effort: float, say: Say) -> Starts:
        """Start the plugin and an empty one in turn."""
        seconds: dict[str, list[float]] = {OURS: [], "empty": []}
        count = _share(STARTS, effort)
        for number in range(count):
            say(f"start, {number + 1} of {count}")
            for name, variant in ((OURS, self.variants[OURS]), ("empty", self.empty)):
                with variant.host() as host:
                    seconds[name].append(host.start_seconds)
        return Starts(*(statistics.median(values) for values in seconds.values()))


TINY = Case(1, 64)
STARTS = 7


def _share(count: int, effort: float) -> int:
    return max(1, round(count * effort))
