"""The progress line of a cell while it runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
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

from bench.ipc.messages import Heartbeat, Record
from bench.records import derive
from bench.records.types import Epoch, Gate, Start
from bench.records.verdict import failed

REFRESHES_PER_SECOND = 1
"""Seldom, since every refresh takes time from the machine that is being measured."""


def seconds(value: float) -> str:
    """A duration as a person says it."""
    if value < 90:
        return f"{value:.0f} s"
    if value < 90 * 60:
        return f"{value / 60:.0f} min"
    return f"{value / 3600:.1f} h"


@contextmanager
def terminal(config: Any) -> Iterator[Console]:
    """The terminal itself, while pytest, whose `config` it is, captures nothing."""
    capture = config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        console = Console(stderr=True)  # it asks only now whether it is a terminal
        if console.is_terminal:
            console.print()  # leave pytest's half-written line alone
        yield console


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


def progress_updater(bar: Progress, task: TaskID, *, epochs: int) -> Callable[[Record], None]:
    """A listener that turns a cell's records into progress."""
    steps_per_epoch, note = 1, "starting"

    def follow(record: Record) -> None:
        nonlocal steps_per_epoch, note
        match record:
            case Gate():
                for check in record.checks:
                    if not check.passed:
                        bar.console.print(f"gate: {escape(failed(check))}; the run will be invalid")
                bar.update(task, note="starting")
            case Start():
                steps_per_epoch = record.steps_per_epoch
                bar.update(task, total=epochs * steps_per_epoch, note="first epoch")
            case Heartbeat():
                done = (record.epoch - 1) * steps_per_epoch + record.step
                bar.update(task, completed=done, note=f"epoch {record.epoch}/{epochs}  {note}")
            case Epoch():
                rate = derive.images_per_second(record)
                loss = "–" if record.validation_loss is None else f"{record.validation_loss:.3f}"
                note = f"{rate:,.0f} images/s  loss {loss}"
                done = record.epoch * steps_per_epoch
                bar.update(task, completed=done, note=f"epoch {record.epoch}/{epochs}  {note}")

    return follow
