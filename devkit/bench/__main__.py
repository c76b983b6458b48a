"""Times the plugin against a floor and a naive tool, and holds it to its goals."""

from __future__ import annotations

import argparse
import base64
import sys
import tempfile
from pathlib import Path

import requests

from devkit.bench.cases import CASES, Case, Comparison, Results
from devkit.bench.measure import CALL_SECONDS, PROMPT, Bench, Contender, drawing
from devkit.bench.report import MARK, tables, write_figures, write_plot

RIVALS = Path(__file__).with_name("rivals")
STARTS = 7


def main(given: list[str]) -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(prog="python -m devkit.bench", description=__doc__)
    parser.add_argument("--effort", type=float, default=1.0, help="1 = all runs, 0.2 = a fifth")
    parser.add_argument("--plot", type=Path, metavar="PNG")
    parser.add_argument("--table", type=Path, metavar="MARKDOWN", help="a page with a mark")
    options = parser.parse_args(given)
    if options.table and MARK not in options.table.read_text(encoding="utf-8"):
        parser.error(f"{options.table} has no line {MARK}")
    with tempfile.TemporaryDirectory() as scratch, Bench(options.effort) as bench:
        results = measured(bench, Path(scratch))
    print(*tables(results), sep="\n\n")
    if options.table:
        write_figures(results, options.table)
    if options.plot:
        write_plot(results, options.plot)


def measured(bench: Bench, scratch: Path) -> Results:
    """Return what the plugin and its rivals need in all cases; the folder is an empty one."""
    naive = Contender(RIVALS, "rival", "naive", bench.credentials, drawing)
    comparisons = [_compared(bench, naive, case, scratch / case.name) for case in CASES]
    return Results(comparisons, *bench.starts((bench.ours(), naive), STARTS))


def _compared(bench: Bench, naive: Contender, case: Case, folder: Path) -> Comparison:
    """Return the medians of all plugins in a case; its images come into the folder."""
    _write_images(bench.credentials["base_url"], case, folder)
    # It reads them in its first call, which is not timed: they are its point, not a cost.
    floor = Contender(RIVALS, "rival", "floor", {}, lambda _case: {"folder": str(folder)})
    return Comparison(case, *bench.compare((floor, naive, bench.ours()), case))


def _write_images(url: str, case: Case, folder: Path) -> None:
    """Let the simulator make the images of a case, and write them for the floor."""
    folder.mkdir()
    body = {**PROMPT, "width": case.side, "height": case.side, "batch_size": case.images}
    response = requests.post(f"{url}/sdapi/v1/txt2img", json=body, timeout=CALL_SECONDS)
    for number, image in enumerate(response.json()["images"]):
        (folder / f"{number}.png").write_bytes(base64.b64decode(image))


if __name__ == "__main__":
    main(sys.argv[1:])
