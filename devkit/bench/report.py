"""Results as a table in Markdown, and as a plot."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator, Sequence
from pathlib import Path

from devkit.bench.cases import FLOOR, MB, NAIVE, OURS, VARIANTS, Comparison, Figures, Results
from devkit.bench.goals import Goal

HEAD = (
    "Case", "Plugin", "Time, ms", "First chunk, ms", "CPU, ms", "Growth, MB", "Requests",
    "Time / floor", "Above floor / naive's", "First chunk, share",
)  # fmt: skip

COLOURS = {FLOOR: "#b9bec7", NAIVE: "#d98b5f", OURS: "#2f6f8f"}


def rows(comparisons: Sequence[Comparison]) -> Iterator[tuple[str, ...]]:
    """A row for each variant in each case; the ratios stand in the row of ours."""
    for one in comparisons:
        for name in VARIANTS:
            figures: Figures = getattr(one, name)
            ratios = ("", "", "")
            if name == OURS:
                ratios = (
                    f"{one.to_floor:.2f}", f"{one.above_floor:.2f}",
                    f"{one.first_chunk_share:.2f}",
                )  # fmt: skip
            yield (
                one.case.name if name == VARIANTS[0] else "",
                name,
                f"{figures.seconds * 1000:.1f}",
                f"{figures.first_chunk * 1000:.1f}",
                f"{figures.cpu_seconds * 1000:.1f}",
                f"{figures.growth / MB:.1f}",
                f"{figures.requests:g}",
                *ratios,
            )


def goal_rows(goals: Sequence[Goal]) -> Iterator[tuple[str, str, str, str]]:
    """A row for each goal: its name, what was measured, the limit, met or missed."""
    for goal in goals:
        unit = f" {goal.unit}" if goal.unit else ""
        yield (
            goal.name,
            f"{goal.measured:.2f}{unit}",
            f"≤ {goal.limit:g}{unit}" if goal.limit < 100 else f"≤ {goal.limit:.0f}{unit}",
            "met" if goal.met else "missed",
        )


def machine() -> str:
    """What it ran on, without names that are nobody's business."""
    return f"Python {platform.python_version()}, {platform.system()}, {os.cpu_count()} CPUs"


def write_table(results: Results, goals: Sequence[Goal], path: Path) -> None:
    """The page with all figures."""
    comparisons = results.comparisons
    sizes = ", ".join(
        f"{one.case.name} {one.ours.picture_bytes / MB:.1f} MB" for one in comparisons
    )
    path.write_text(
        f"""# What the plugin costs

Written by `make bench`: medians of one run on one machine ({machine()}). **floor** is a tool that
hands over the same images from memory, as the SDK's `create_blob_message` does it; **naive** one
that posts to `/options` and `/txt2img`, reads the whole answer, decodes it and hands it over; they
and ours are run in turn. Ours cuts the images into Dify's chunks itself (`bridge/blobs.py`), in
half the SDK's time, so it can come out below the floor: then its time above it is negative.

The WebUI is simulated and answers at once, so this is the plugin's own share of the time. Where
there are two CPUs or more, the plugins have one to themselves: now and then the system puts a
plugin and its reader on one, and their times add up. Growth is the peak of the resident memory in
the first run of a new process; requests are HTTP requests a call. "At once" means so many calls of
one 1024² image each. Images of a case together: {sizes}.

![Whole time and memory growth of each case](bench.png)

{_markdown(HEAD, rows(comparisons))}

Start to the manifest line: {results.starts.ours * 1000:.0f} ms; a plugin with an empty tool
{results.starts.empty * 1000:.0f} ms.

## Goals

{_markdown(("Goal", "Measured", "Limit", ""), goal_rows(goals))}
""",
        encoding="utf-8",
    )


def _markdown(head: tuple[str, ...], body: Iterator[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *body]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def write_plot(results: Results, path: Path) -> None:
    """Two panels, each with a bar for each variant in each case: whole time, memory growth."""
    # Slow to import, and needed for nothing else.
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(1, 2, figsize=(12, 4.4), layout="constrained")
    names = [one.case.name for one in results.comparisons]
    for panel, title, factor, field in (
        (panels[0], "Whole time, milliseconds", 1000.0, "seconds"),
        (panels[1], "Peak memory growth, MB", 1 / MB, "growth"),
    ):
        for number, variant in enumerate(VARIANTS):
            heights = [
                getattr(getattr(one, variant), field) * factor for one in results.comparisons
            ]
            places = [place + (number - 1) * 0.27 for place in range(len(names))]
            bars = panel.bar(places, heights, 0.25, label=variant, color=COLOURS[variant], zorder=2)
            panel.bar_label(bars, fmt="%.0f", fontsize=7, padding=1)
        panel.set_title(title, loc="left", fontsize=11)
        panel.set_yscale("log")
        panel.set_ylim(bottom=1)
        panel.set_xticks(range(len(names)), names)
        panel.grid(axis="y", color="#e5e5e5", zorder=0)
        panel.spines[["top", "right"]].set_visible(False)
    panels[0].legend(frameon=False, loc="upper left")
    # No date inside, so that equal figures give an equal file.
    figure.savefig(path, dpi=110, metadata={"Software": None})
    pyplot.close(figure)
