"""What the terminal shows: a progress line for each cell while it runs, and the summary at the end."""

from __future__ import annotations

from collections.abc import Callable
from statistics import median
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from bench.records import Beat, Epoch, Record, Start
from bench.run import Run
from bench.session import Session, why_unfinished

REFRESHES_PER_SECOND = 1
"""Seldom, since every refresh takes time from the machine that is being measured."""


def seconds(value: float) -> str:
    """A duration as a person says it."""
    if value < 90:
        return f"{value:.0f} s"
    if value < 90 * 60:
        return f"{value / 60:.0f} min"
    return f"{value / 3600:.1f} h"


def progress(console: Console) -> Progress:
    """The live line; it shows nothing where there is no terminal."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        TextColumn("{task.fields[note]}"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=console,
        refresh_per_second=REFRESHES_PER_SECOND,
        disable=not console.is_terminal,
        transient=True,
    )


def follower(bar: Progress, task: TaskID, *, epochs: int) -> Callable[[Record], None]:
    """A listener that turns a cell's records into progress."""
    steps_per_epoch, note = 1, "starting"

    def follow(record: Record) -> None:
        nonlocal steps_per_epoch, note
        match record:
            case Start():
                steps_per_epoch = record.steps_per_epoch
                bar.update(task, total=epochs * steps_per_epoch, note="first epoch")
            case Beat():
                done = (record.epoch - 1) * steps_per_epoch + record.step
                bar.update(task, completed=done, note=f"epoch {record.epoch}/{epochs}  {note}")
            case Epoch():
                rate = record.images / record.train_seconds
                loss = "–" if record.validation_loss is None else f"{record.validation_loss:.3f}"
                note = f"{rate:,.0f} images/s  loss {loss}"
                done = record.epoch * steps_per_epoch
                bar.update(task, completed=done, note=f"epoch {record.epoch}/{epochs}  {note}")

    return follow


LEGEND = (
    "s/epoch: median of all epochs but the first. fed: images/s as a share of the same step on a batch"
    " already on the device. peak: host, + device where it is counted apart. test: the best"
    " validation epoch's weights. converged: where patience ran out, else the cap was met first."
)


def summary(session: Session) -> Table:
    """One line a cell, with the conditions in the title. What was not measured is a dash."""
    title = f"{session.setting()}\ndata: {session.data_line()}"
    table = Table(
        title=escape(title),
        title_justify="left",
        title_style="bold",
        caption=LEGEND,
        caption_justify="left",
        box=None,
    )
    table.add_column("cell", no_wrap=True)
    for column in (
        "epochs", "s/epoch", "images/s", "fed", "peak MB", "parameters", "test %", "converged",
    ):  # fmt: skip
        table.add_column(column, justify="right")
    for run in session.runs:
        table.add_row(run.cell.id, *_figures(run))
    for skipped in session.skipped:
        table.add_row(skipped.cell.id, "skipped")
    return table


def _figures(run: Run) -> list[str]:
    reason = why_unfinished(run)
    if reason or run.result is None or run.start is None:
        return ["invalid" if run.result else "failed"]
    result, rounds = run.result, run.epochs[1:]
    device = result.peak_device_bytes
    peaks = [result.peak_host_bytes, *([device] if device is not None else [])]
    return [
        str(result.epochs),
        f"{median(epoch.train_seconds for epoch in rounds):.2f}",
        f"{result.epoch_images_per_second:,.0f}",
        f"{result.pipeline_ratio:.2f}",
        " + ".join(f"{peak / 1e6:,.0f}" for peak in peaks),
        f"{run.start.parameters:,}",
        "–" if result.test_accuracy is None else f"{100 * result.test_accuracy:.1f}",
        f"epoch {result.converged_at}" if result.converged_at else "not yet",
    ]


def explanations(session: Session) -> list[str]:
    """A sentence for each cell that has no figures, with the end of its log where there is one."""
    lines = []
    for run in session.runs:
        if reason := why_unfinished(run):
            lines.append(f"{run.cell.id} {'is invalid' if run.result else 'failed'}: {reason}")
            if run.failure and run.failure.log_tail:
                lines += [f"    {line}" for line in run.failure.log_tail.splitlines()[-8:]]
    for reason in sorted({skipped.reason for skipped in session.skipped}):
        names = [s.cell.id for s in session.skipped if s.reason == reason]
        lines.append(f"{', '.join(names)} skipped: {reason}")
    return lines


def rendered(thing: Any, *, width: int, colour: bool) -> str:
    """What rich would print, as text for pytest's own terminal writer."""
    console = Console(width=max(width, 110), force_terminal=colour, no_color=not colour)
    with console.capture() as capture:
        console.print(thing)
    return capture.get()
