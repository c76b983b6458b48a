"""Times this checkout against an earlier commit, in turn and in one run: ratios, 1 = as fast."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

from devkit.bench.cases import CASES
from devkit.bench.measure import ROOT, Bench
from devkit.bench.report import markdown

STARTS = 15


def main(given: list[str]) -> None:
    """Print how this checkout compares to an earlier commit."""
    parser = argparse.ArgumentParser(prog="python -m devkit.bench.before", description=__doc__)
    parser.add_argument("commit", help="such as HEAD~1")
    parser.add_argument("--effort", type=float, default=1.0, help="1 = all runs, 0.2 = a fifth")
    options = parser.parse_args(given)
    with tempfile.TemporaryDirectory() as scratch, Bench(options.effort) as bench:
        check_out(options.commit, Path(scratch))
        contenders = bench.ours(Path(scratch)), bench.ours()
        rows = [_row("start", *bench.starts(contenders, STARTS))]
        for case in CASES:
            before, now = bench.compare(contenders, case)
            cpu = f"{now.cpu_seconds / before.cpu_seconds:.2f}"
            rows.append(_row(case.name, before.seconds, now.seconds, cpu))
    print(markdown(("", "Before, ms", "Now, ms", "Time, ratio", "CPU, ratio"), rows))


def check_out(commit: str, folder: Path) -> None:
    """Write the files of a commit into a folder."""
    command = ["git", "archive", commit]
    archive = subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout
    subprocess.run(["tar", "-x", "-C", folder], input=archive, check=True)


def _row(name: str, before: float, now: float, cpu: str = "") -> tuple[str, ...]:
    return name, f"{before * 1000:.1f}", f"{now * 1000:.1f}", f"{now / before:.2f}", cpu


if __name__ == "__main__":
    main(sys.argv[1:])
