"""Results as tables in Markdown, and as a plot."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Iterator
from pathlib import Path

from devkit.bench.cases import Results, Run

PLUGINS = {"floor": "#b9bec7", "naive": "#d98b5f", "ours": "#2f6f8f"}
"""With the colours of their bars."""

RATIOS = ("time / floor", "above floor / naive's", "first chunk, share")
MARK = "<!-- The figures; `make bench` writes all that follows. -->"


def markdown(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a table of which the columns are as wide as their longest cell."""
    lines = [list(head), *map(list, rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    lines.insert(1, ["-" * width for width in widths])
    return "\n".join(f"| {' | '.join(map(str.ljust, cells, widths))} |" for cells in lines)


def tables(results: Results) -> tuple[str, str]:
    """Return the table of the medians and that of the goals."""
    goals = [
        (name, f"{measured:.2f}", f"≤ {limit:g}", "met" if measured <= limit else "missed")
        for name, measured, limit in results.goals()
    ]
    head = "Case", "Plugin", *results.comparisons[0].ours.columns, *map(str.capitalize, RATIOS)
    return markdown(head, _medians(results)), markdown(("Goal", "Measured", "Limit", ""), goals)


def _medians(results: Results) -> Iterator[list[str]]:
    """Yield a row for each plugin in each case; the ratios stand in the row of ours."""
    for one in results.comparisons:
        for name in PLUGINS:
            run: Run = getattr(one, name)
            cells = [f"{figure:.1f}" for figure in run.columns.values()]
            ratios = [f"{one.figures[ratio]:.2f}" if name == "ours" else "" for ratio in RATIOS]
            yield [one.case.name if name == "floor" else "", name, *cells, *ratios]


def write_figures(results: Results, path: Path) -> None:
    """Replace the figures of a page: all that follows its first line with ``MARK``."""
    medians, goals = tables(results)
    prose, mark, _ = path.read_text(encoding="utf-8").partition(MARK)
    machine = f"Python {platform.python_version()}, {platform.system()}, {os.cpu_count()} CPUs"
    starts = (
        f"Start to the manifest line: {results.start * 1000:.0f} ms; a plugin with next to nothing "
        f"in it {results.empty_start * 1000:.0f} ms. Measured with {machine}."
    )
    path.write_text(
        f"{prose}{mark}\n\n{medians}\n\n{starts}\n\n## Goals\n\n{goals}\n", encoding="utf-8"
    )


def write_plot(results: Results, path: Path) -> None:
    """Draw two panels with a bar for each plugin in each case: whole time, memory growth."""
    # Slow to import, and needed for nothing else.
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(1, 2, figsize=(12, 4.4), layout="constrained")
    cases = [one.case.name for one in results.comparisons]
    for panel, column in zip(panels, ("Time, ms", "Growth, MB"), strict=True):
        for number, (name, colour) in enumerate(PLUGINS.items()):
            heights = [getattr(one, name).columns[column] for one in results.comparisons]
            places = [place + (number - 1) * 0.27 for place in range(len(cases))]
            bars = panel.bar(places, heights, 0.25, label=name, color=colour)
            panel.bar_label(bars, fmt="%.0f", fontsize=7)
        panel.set_title(column, loc="left")
        panel.set_yscale("log")
        panel.set_ylim(bottom=1)
        panel.set_xticks(range(len(cases)), cases)
    panels[0].legend(loc="upper left")
    # No date inside, so that equal figures give an equal file.
    figure.savefig(path, dpi=110, metadata={"Software": None})
    pyplot.close(figure)
