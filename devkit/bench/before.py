"""Times this checkout against an earlier commit, in turn and in one run: ratios, 1 = as fast."""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import yaml

from devkit.bench.cases import CASES, Case
from devkit.bench.cpus import move_to, reserved_cpu
from devkit.bench.memory import cpu_seconds
from devkit.host import PluginHost
from devkit.simulator import Simulator

ROOT = Path(__file__).parents[2]
PNG_BYTES = 1_500_000
STARTS = 15
CALL_SECONDS = 120.0


def main(given: list[str]) -> int:
    """Print how this checkout compares to an earlier commit.

    Returns:
        The exit status: 1 when something takes more than ``--limit`` times as long.
    """
    parser = argparse.ArgumentParser(prog="python -m devkit.bench.before", description=__doc__)
    parser.add_argument("commit", help="such as HEAD~1")
    parser.add_argument("--limit", type=float, default=1.05, help="the largest ratio that will do")
    options = parser.parse_args(given)
    worst = 0.0
    with _checkout(options.commit) as before, ExitStack() as stack:
        cpu = stack.enter_context(reserved_cpu())
        sim = stack.enter_context(Simulator(cache_answers=True, png_bytes=PNG_BYTES))
        folders = (before, ROOT)
        print(f"{'':12} {'before':>10} {'now':>10} {'ratio':>7} {'CPU':>7}")
        for name, seconds, cpu_ratio in _measured(folders, sim, cpu):
            ratio = seconds[1] / seconds[0]
            worst = max(worst, ratio)
            shown = "" if cpu_ratio is None else f"{cpu_ratio:7.2f}"
            print(f"{name:12} {seconds[0]:9.4f}s {seconds[1]:9.4f}s {ratio:7.2f} {shown}")
    return int(worst > options.limit)


@contextmanager
def _checkout(commit: str) -> Iterator[Path]:
    """An earlier commit in a folder of its own."""
    with tempfile.TemporaryDirectory() as scratch:
        archive = subprocess.run(
            ["git", "archive", commit], cwd=ROOT, check=True, capture_output=True
        ).stdout
        subprocess.run(["tar", "-x", "-C", scratch], input=archive, check=True)
        yield Path(scratch)


def _measured(
    folders: tuple[Path, Path], sim: Simulator, cpu: int | None
) -> Iterator[tuple[str, list[float], float | None]]:
    """Yield each case with the medians of both and the ratio of their CPU time."""
    starts: list[list[float]] = [[], []]
    for _ in range(STARTS):
        for folder, seconds in zip(folders, starts, strict=True):
            with PluginHost(folder, keep_data=False) as host:
                seconds.append(host.start_seconds)
    yield "start", [statistics.median(one) for one in starts], None
    with ExitStack() as stack:
        hosts = [stack.enter_context(PluginHost(one, keep_data=False)) for one in folders]
        for host in hosts:
            move_to(cpu, host.process)
        calls = [_call(*pair, sim.url) for pair in zip(folders, hosts, strict=True)]
        for case in CASES:
            times: list[list[float]] = [[], []]
            spent: list[list[float]] = [[], []]
            for number in range(case.runs + 1):
                # Each begins in turn, so that neither always follows the other.
                for at in (number % 2, 1 - number % 2):
                    cpu_before = cpu_seconds(hosts[at].process)
                    began = time.perf_counter()
                    calls[at](case)
                    if number:
                        times[at].append(time.perf_counter() - began)
                        spent[at].append(cpu_seconds(hosts[at].process) - cpu_before)
            medians = [statistics.median(one) for one in times]
            old, new = (statistics.median(one) for one in spent)
            yield case.name, medians, new / old


def _call(folder: Path, host: PluginHost, url: str) -> Callable[[Case], None]:
    """Return what makes the images of a case with a checkout's own name of tool and size."""
    tool = next(
        name for name in ("sd_txt2img", "txt2img") if (folder / f"tools/{name}.py").exists()
    )
    form = yaml.safe_load((folder / f"tools/{tool}.yaml").read_text(encoding="utf-8"))
    has_size = any(one["name"] == "size" for one in form["parameters"])

    def call(case: Case) -> None:
        size: dict[str, Any] = {"width": case.side, "height": case.side}
        requested = {
            "prompt": "a lighthouse on a cliff", "steps": 1, "seed": 7,
            "image_count": case.pictures,
            **({"size": f"{case.side}x{case.side}"} if has_size else size),
        }  # fmt: skip
        access = {"base_url": url, "model": "dreamshaper_8"}
        started = [
            host.start("stable_diffusion", tool, access, requested) for _ in range(case.at_once)
        ]
        for one in started:
            one.wait(CALL_SECONDS)

    return call


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
