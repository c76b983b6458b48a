"""The benchmark counts what it says, and its goals are held against it."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from devkit.bench.__main__ import main
from devkit.bench.before import check_out
from devkit.bench.before import main as compare_with
from devkit.bench.cases import Case, Comparison, Results, Run
from devkit.bench.machine import cpu_seconds, move_to, peak_memory, reserved_cpu, reset_peak
from devkit.bench.measure import ROOT
from devkit.bench.report import MARK, markdown, tables, write_figures, write_plot

MB = 2**20
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets it be measured")


def run(seconds: float, *, growth: float = 4, requests: float = 1) -> Run:
    return Run(seconds, seconds / 4, seconds / 2, int(growth * MB), requests)


def results(ours: Run, case: Case | None = None) -> Results:
    one = Comparison(case or Case(1, 1024), run(0.020, requests=0), run(0.040), ours)
    return Results([one], start=1.0, empty_start=0.99)


def missed(measured: Results) -> list[str]:
    return [name for name, figure, limit in measured.goals() if figure > limit]


def test_figures_are_medians() -> None:
    runs = [run(seconds, growth=growth) for seconds, growth in ((3, 5), (1, 9), (2, 6))]
    assert Run.median(runs) == run(2, growth=6)


def test_ratios() -> None:
    figures = results(run(0.025)).comparisons[0].figures
    assert figures["time / floor"] == pytest.approx(1.25)
    assert figures["above floor / naive's"] == pytest.approx(0.25)
    assert figures["first chunk, share"] == pytest.approx(0.25)


def test_all_goals_can_be_met() -> None:
    assert missed(results(run(0.022))) == []


def test_each_goal_can_be_missed() -> None:
    assert missed(results(run(0.030, growth=9, requests=2))) == [
        "1×1024²: time / floor",
        "1×1024²: above floor / naive's",
        "1×1024²: memory growth, MB",
        "1×1024²: HTTP requests a call",
    ]
    assert missed(results(run(0.030, growth=46), Case(8, 2048))) == [
        "8×2048²: time / floor",
        "8×2048²: above floor / naive's",
        "8×2048²: memory growth, MB",
        "8×2048²: first chunk, share",
    ]
    crowd = Case(1, 1024, at_once=64)
    assert missed(results(run(0.022, growth=144), crowd)) == ["64 at once: memory growth, MB"]
    assert missed(results(run(0.022, growth=143), crowd)) == []
    assert missed(Results([], start=1.2, empty_start=1.0)) == ["start / empty plugin's"]


@linux_only
def test_growth_is_the_peak_since_the_reset() -> None:
    process = psutil.Process(os.getpid())
    before = b"x" * (64 * MB)
    del before
    held = reset_peak(process)
    within = b"x" * (32 * MB)
    del within
    assert 30 * MB < peak_memory(process) - held < 45 * MB


@linux_only
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


@linux_only
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


def cells(table: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]


def test_columns_are_as_wide_as_their_longest_cell() -> None:
    assert markdown(("a", "b"), [("one", "1")]) == "| a   | b |\n| --- | - |\n| one | 1 |"


def test_the_figures_of_a_page_are_replaced_and_a_plot_is_drawn(tmp_path: Path) -> None:
    measured = results(run(0.022))
    page = tmp_path / "bench.md"
    page.write_text(f"# Title\n\n{MARK}\n\nold figures\n", encoding="utf-8")
    write_figures(measured, page)
    text = page.read_text(encoding="utf-8")
    assert text.startswith(f"# Title\n\n{MARK}\n\n| Case ")
    assert "old figures" not in text
    assert "Start to the manifest line: 1000 ms; a plugin with next to nothing in it 990 ms" in text
    medians, goals = map(cells, tables(measured))
    assert [row[:2] for row in medians[2:]] == [["1×1024²", "floor"], ["", "naive"], ["", "ours"]]
    assert medians[2] == ["1×1024²", "floor", "20.0", "5.0", "10.0", "4.0", "0.0", "", "", ""]
    assert medians[4] == ["", "ours", "22.0", "5.5", "11.0", "4.0", "1.0", "1.10", "0.10", "0.25"]
    assert ["1×1024²: time / floor", "1.10", "≤ 1.15", "met"] in goals
    write_plot(measured, tmp_path / "bench.png")
    assert (tmp_path / "bench.png").read_bytes().startswith(b"\x89PNG")


def test_the_committed_page_can_be_written_anew() -> None:
    assert MARK in (ROOT / "docs/bench.md").read_text(encoding="utf-8")


@pytest.fixture
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    """One start and one round, in the smallest case only."""
    for module in ("__main__", "before"):
        monkeypatch.setattr(f"devkit.bench.{module}.STARTS", 1)
        monkeypatch.setattr(f"devkit.bench.{module}.CASES", [Case(1, 64, runs=1)])


@pytest.mark.usefixtures("brief")
def test_a_short_run_through_all_three_plugins(capsys: pytest.CaptureFixture[str]) -> None:
    main([])
    rows = [row for row in cells(capsys.readouterr().out) if len(row) > 6]
    assert {row[1]: row[6] for row in rows[2:]} == {"floor": "0.0", "naive": "2.0", "ours": "1.0"}


@pytest.mark.usefixtures("brief")
def test_a_short_comparison_with_an_earlier_checkout(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def link(_commit: str, folder: Path) -> None:
        for path in ROOT.iterdir():
            (folder / path.name).symlink_to(path)

    monkeypatch.setattr("devkit.bench.before.check_out", link)
    compare_with(["HEAD~1"])
    rows = cells(capsys.readouterr().out)
    assert [row[0] for row in rows] == ["", "-----", "start", "1×64²"]
    assert all(re.fullmatch(r"\d+\.\d\d", row[3]) for row in rows[2:])


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="a package has no history")
def test_a_commit_is_checked_out_beside_this_one(tmp_path: Path) -> None:
    check_out("HEAD", tmp_path)
    assert (tmp_path / "main.py").exists()
    assert (tmp_path / "tools/sd_txt2img.yaml").exists()
