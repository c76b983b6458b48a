"""The benchmark counts what it says, and its goals are held against it."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from rich.console import Console

from devkit.bench.__main__ import main
from devkit.bench.cases import Case, Comparison, Figures, FreshRun, Results, Run, Starts
from devkit.bench.cpus import move_to, reserved_cpu
from devkit.bench.goals import goals
from devkit.bench.memory import Growth, cpu_seconds
from devkit.bench.report import rows, write_plot, write_table

MB = 2**20


def figures(seconds: float, *, growth: float = 4, requests: float = 1) -> Figures:
    fresh = FreshRun(int(growth * MB), requests, silence=1.0, picture_bytes=3 * MB // 2)
    return Figures.of([Run(seconds, seconds / 4, seconds * 0.9, seconds / 2)], [fresh])


def results(ours: Figures, case: Case | None = None) -> Results:
    one = Comparison(case or Case(1, 1024), figures(0.020, requests=0), figures(0.040), ours)
    return Results((one,), Starts(ours=1.0, empty=0.99))


def missed(measured: Results) -> list[str]:
    return [goal.name for goal in goals(measured) if not goal.met]


def test_figures_are_medians_and_the_longest_silence() -> None:
    runs = [Run(seconds, seconds / 10, seconds, 0.0) for seconds in (3.0, 1.0, 2.0)]
    fresh = [FreshRun(growth, 1, silence, 7) for growth, silence in ((5, 1.0), (9, 3.0), (6, 2.0))]
    of = Figures.of(runs, fresh)
    assert (of.seconds, of.first_chunk, of.growth, of.silence) == (2.0, 0.2, 6, 3.0)


def test_ratios() -> None:
    (one,) = results(figures(0.025)).comparisons
    assert one.to_floor == pytest.approx(1.25)
    assert one.above_floor == pytest.approx(0.25)
    assert one.first_chunk_share == pytest.approx(0.25)


def test_all_goals_can_be_met() -> None:
    assert missed(results(figures(0.022))) == []


def test_each_goal_can_be_missed() -> None:
    assert missed(results(figures(0.030, growth=9, requests=2))) == [
        "1×1024²: prompt to image / floor",
        "1×1024²: whole time / floor",
        "1×1024²: above the floor / naive's",
        "1×1024²: memory growth",
        "1×1024²: HTTP requests a call",
    ]
    assert "8×2048²: first chunk, share" in missed(results(figures(0.022), Case(8, 2048)))
    slow_start = Results((), Starts(ours=1.2, empty=1.0))
    assert missed(slow_start) == ["start / empty plugin's"]
    crowd = Case(1, 1024, at_once=64)
    assert "64 at once: memory growth" in missed(results(figures(0.022, growth=52), crowd))
    assert missed(results(figures(0.022, growth=51), crowd)) == []


def test_growth_is_the_peak_within_the_block() -> None:
    process = psutil.Process(os.getpid())
    before = b"x" * (64 * MB)
    del before
    with Growth(process) as growth:
        within = b"x" * (32 * MB)
        time.sleep(0.05)
        del within
    assert 30 * MB < growth.bytes < 45 * MB


@pytest.mark.skipif(
    sys.platform != "linux", reason="elsewhere psutil's clock ticks are all there is"
)
def test_cpu_time_is_counted_in_less_than_clock_ticks() -> None:
    process = psutil.Process(os.getpid())
    before = cpu_seconds(process)
    end = time.process_time() + 0.003
    while time.process_time() < end:
        pass
    assert 0.003 <= cpu_seconds(process) - before < 0.1


@pytest.mark.skipif(
    sys.platform != "linux" or len(os.sched_getaffinity(0)) < 2,
    reason="only Linux lets a process choose CPUs, and it needs two",
)
def test_the_plugin_has_a_cpu_to_itself() -> None:
    ours = psutil.Process()
    before = ours.cpu_affinity()
    with reserved_cpu() as cpu:
        assert cpu is not None
        assert cpu not in ours.cpu_affinity()
        with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
            move_to(cpu, psutil.Process(child.pid))
            assert psutil.Process(child.pid).cpu_affinity() == [cpu]
            child.communicate(b"\n")
    assert ours.cpu_affinity() == before


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets a process choose CPUs")
def test_a_single_cpu_is_shared() -> None:
    ours = psutil.Process()
    before = ours.cpu_affinity()
    ours.cpu_affinity(before[:1])
    try:
        with reserved_cpu() as cpu:
            assert cpu is None
            move_to(cpu, ours)
            assert ours.cpu_affinity() == before[:1]
    finally:
        ours.cpu_affinity(before)


def test_the_table_and_the_plot_are_written(tmp_path: Path) -> None:
    measured = results(figures(0.022))
    write_table(measured, list(goals(measured)), tmp_path / "bench.md")
    text = (tmp_path / "bench.md").read_text(encoding="utf-8")
    assert "| 1×1024² | floor | 20.0 |" in text
    assert "|  | ours | 22.0 | 5.5 | 11.0 | 4.0 | 1 | 1.10 | 0.10 | 0.25 |" in text
    assert "| 1×1024²: whole time / floor | 1.10 | ≤ 1.15 | met |" in text
    write_plot(measured, tmp_path / "bench.png")
    assert (tmp_path / "bench.png").read_bytes().startswith(b"\x89PNG")


def test_rows_name_each_case_once() -> None:
    measured = results(figures(0.022)).comparisons
    assert [row[:2] for row in rows(measured)] == [
        ("1×1024²", "floor"),
        ("", "naive"),
        ("", "ours"),
    ]


def test_a_short_run_through_all_three_plugins(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    table = tmp_path / "bench.md"
    given = ["--effort", "0.01", "--case", "1×512²", "--table", str(table)]
    assert main(given, Console(width=120)) == 0
    assert "Goals" in capsys.readouterr().out
    lines = table.read_text(encoding="utf-8")
    requests = {
        name: re.search(rf"\| {name} \|(?: [\d.]+ \|){{4}} (\d) \|", lines)
        for name in ("floor", "naive", "ours")
    }
    assert {name: found and found[1] for name, found in requests.items()} == {
        "floor": "0",
        "naive": "2",
        "ours": "1",
    }
