"""What the demo tells people: progress on standard error, a table on standard output."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn
from rich.table import Table

from ..config import format_rate
from .run import Demo, Result, Step


def follow(demo: Demo, console: Console) -> Result:
    """Show the demo's steps until there is a result. Raises LocalError where it fails."""
    with _display(console) as begin:
        for news in demo:
            if isinstance(news, Result):
                return news
            begin(news)
    raise AssertionError("a demo ends in a result or an error")


class _Steps:
    """Steps on a terminal: a bar each, that fills in the time it is expected to take."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self.began = time.monotonic()

    def __call__(self, step: Step) -> None:
        self.finish()
        self.progress.add_task(step.text, total=step.seconds, began=time.monotonic())

    def finish(self) -> None:
        """What began so far is done."""
        for task in self.progress.task_ids:
            self.progress.update(task, total=1.0, completed=1.0)

    def advance(self) -> None:
        """Fill the bar of what is under way by the clock."""
        for task in self.progress.tasks:
            if not task.finished and task.total:
                spent = time.monotonic() - task.fields["began"]
                self.progress.update(task.id, completed=min(spent, 0.97 * task.total))


@contextmanager
def _display(console: Console) -> Iterator[_Steps | _Lines]:
    if not console.is_terminal:
        yield _Lines(console)
        return
    columns = (SpinnerColumn(finished_text="[green]✓"), TextColumn("{task.description}"), BarColumn(24))
    progress = _Ticking(*columns, console=console, refresh_per_second=10)
    with progress:
        progress.steps = _Steps(progress)
        yield progress.steps
        progress.steps.finish()


class _Ticking(Progress):
    """A display that moves on while nothing is told."""

    steps: _Steps | None = None

    def refresh(self) -> None:
        """Fill the bars by the clock, then draw."""
        if self.steps is not None:
            self.steps.advance()
        super().refresh()


class _Lines:
    """Steps as lines, where there is no terminal to move about on."""

    def __init__(self, console: Console) -> None:
        self.console = console

    def __call__(self, step: Step) -> None:
        self.console.print(step.text, highlight=False)


def show(result: Result, console: Console) -> None:
    """Print the result as people read it."""
    plan = result.plan
    console.print(
        f"A flow of {format_rate(plan.flow_rate)} in packets of {plan.packet_size} bytes crosses a link of "
        f"{format_rate(plan.link_rate)},\non which {format_rate(plan.background_rate)} of best-effort "
        "traffic arrives at the same time.\n",
        highlight=False,
    )
    table = Table(
        "", "without reservation", "with reservation", box=None, pad_edge=False, header_style="bold"
    )
    for column in table.columns[1:]:
        column.justify = "right"
    runs = (result.without, result.reserved)
    table.add_row("packets sent", *(str(run.sent) for run in runs))
    table.add_row("packets received", *(str(len(run.arrivals)) for run in runs))
    table.add_row("loss", *(f"{run.loss:.2%}" for run in runs))
    table.add_row("delay, median", *(run.delay_text(0.50) for run in runs))
    table.add_row("delay, 99th percentile", *(run.delay_text(0.99) for run in runs))
    console.print(table)
    if any(run.disturbed for run in runs):
        console.print("\nThis machine was busy with other work: some of the loss and delay is its own.")
    console.print(
        f"\nThe reservation stood {result.setup_ms:.0f} ms after the first Path message: "
        "Path from h1 to h2,\nResv back hop by hop, confirmed at h2.\n",
        highlight=False,
    )
    hops = Table(
        "node", "senders", "reservations", "installed", box=None, pad_edge=False, header_style="bold"
    )
    for hop in result.hops:
        hops.add_row(*(str(hop[key]) for key in ("node", "senders", "reservations", "installed")))
    console.print(hops)


def _table(*headers: str) -> Table:
    return Table(*headers, box=None, pad_edge=False, header_style="bold")
