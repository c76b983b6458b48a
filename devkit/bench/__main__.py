"""Times the plugin against a floor and a naive tool, and holds it to its goals."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from devkit.bench.cases import CASES, Results
from devkit.bench.goals import goals
from devkit.bench.measure import Bench
from devkit.bench.report import HEAD, goal_rows, rows, write_plot, write_table


def main(given: list[str], console: Console) -> int:
    """Run the benchmark.

    Returns:
        The exit status: 1 with ``--strict`` when a goal is missed.
    """
    parser = argparse.ArgumentParser(prog="python -m devkit.bench", description=__doc__)
    parser.add_argument("--effort", type=float, default=1.0, help="1 = all runs, 0.2 = a fifth")
    parser.add_argument("--case", action="append", help='such as "8×2048²"; all if left out')
    parser.add_argument("--plot", type=Path, metavar="PNG")
    parser.add_argument("--table", type=Path, metavar="MARKDOWN")
    parser.add_argument("--strict", action="store_true", help="fail when a goal is missed")
    options = parser.parse_args(given)
    cases = [case for case in CASES if not options.case or case.name in options.case]
    if not cases:
        parser.error(f"there are the cases {', '.join(case.name for case in CASES)}")
    with (
        tempfile.TemporaryDirectory() as scratch,
        ExitStack() as stack,
        console.status("") as status,
    ):
        bench = Bench(Path(scratch), stack)
        results = Results(
            tuple(bench.compare(cases, options.effort, status.update)),
            bench.starts(options.effort, status.update),
        )
    reached = list(goals(results))
    _print(console, "Medians", HEAD, rows(results.comparisons))
    _print(console, "Goals", ("Goal", "Measured", "Limit", ""), goal_rows(reached))
    if options.table:
        write_table(results, reached, options.table)
    if options.plot:
        write_plot(results, options.plot)
    return 1 if options.strict and not all(goal.met for goal in reached) else 0


def _print(
    console: Console, title: str, head: tuple[str, ...], body: Iterable[tuple[str, ...]]
) -> None:
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in head:
        table.add_column(
            name, justify="left" if name in {"Case", "Plugin", "Goal", ""} else "right"
        )
    for row in body:
        table.add_row(*row)
    console.print(table)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], Console()))
