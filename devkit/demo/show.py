"""What the demonstration prints: lines, a progress bar on a terminal, a table at the end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from devkit.demo.outcome import Outcome
from devkit.demo.steps import Step

WORDS = 60
"""So many characters of a text are shown in the table."""


class Show:
    """Prints to a console; on anything but a terminal in plain lines."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def say(self, line: str) -> None:
        """Print a line of plain text."""
        self._console.print(escape(line), highlight=False, soft_wrap=True)

    def complain(self, line: str) -> None:
        """Print a line about something that went wrong."""
        self._console.print(f"[bold red]{escape(line)}[/]", highlight=False, soft_wrap=True)

    @contextmanager
    def progress(self, steps: list[Step]) -> Iterator[Iterator[Step]]:
        """Go through the steps, showing how far it is."""
        if not self._console.is_terminal:
            yield self._in_lines(steps)
            return
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=self._console, transient=True) as progress:
            yield self._on_bar(progress, steps)

    def _in_lines(self, steps: list[Step]) -> Iterator[Step]:
        for number, step in enumerate(steps, 1):
            self.say(f"  {number}/{len(steps)} {step.tool}: {step.title}")
            yield step

    @staticmethod
    def _on_bar(progress: Progress, steps: list[Step]) -> Iterator[Step]:
        task = progress.add_task("", total=len(steps))
        for step in steps:
            progress.update(task, description=escape(f"{step.tool}: {step.title}"))
            yield step
            progress.advance(task)

    def table(self, title: str, outcomes: Iterable[Outcome]) -> None:
        """Print all that came back, and the warnings below."""
        outcomes = list(outcomes)
        table = Table(title=title, title_justify="left", box=SIMPLE_HEAD, pad_edge=False)
        table.add_column("Call and files", overflow="fold")
        for name in ("Seed", "Size", "Bytes"):
            table.add_column(name, justify="right", no_wrap=True)
        table.add_column("MIME type", no_wrap=True)
        table.add_column("Seconds", justify="right", no_wrap=True)
        for outcome in outcomes:
            for row in _rows(outcome):
                table.add_row(*map(escape, row))
        self._console.print(table)
        for outcome in outcomes:
            for warning in outcome.warnings:
                self.say(f"Warning ({outcome.step.title}): {warning}")


def _rows(outcome: Outcome) -> Iterator[tuple[str, ...]]:
    """Yield the call with its time, then its files or the beginning of its words."""
    call = f"{outcome.step.tool}: {outcome.step.title}"
    yield (call, "", "", "", "", f"{outcome.seconds:.2f}")
    if not outcome.shots:
        first, *rest = outcome.text.splitlines() or [""]
        shown = first if len(first) <= WORDS else f"{first[:WORDS]}…"
        yield (f" “{shown}”" + (" …" if rest else ""), "", "", "", "text", "")
    for shot in outcome.shots:
        yield (
            f" {shot.path.name}",
            "" if shot.seed is None else str(shot.seed),
            f"{shot.width}×{shot.height}",
            f"{shot.file.size:,}",
            shot.file.mime_type,
            "",
        )
