"""The progress of a cell while it runs, as two lines of a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console, RenderableType
from rich.markup import escape
from rich.progress import (
    BarColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from bench.ipc.messages import Heartbeat, Record
from bench.records import derive
from bench.records.types import Epoch, Gate, Start
from bench.records.words import check_text

REFRESHES_PER_SECOND = 1
"""Low, because every refresh takes time from the machine that is being measured."""


def format_seconds(value: float) -> str:
    """A duration in seconds, minutes or hours."""
    if value < 90:
        return f"{value:.0f} s"
    if value < 90 * 60:
        return f"{value / 60:.0f} min"
    return f"{value / 3600:.1f} h"


@contextmanager
def terminal(config: Any) -> Iterator[Console]:
    """The terminal, with pytest's capturing switched off; `config` is pytest's."""
    capture = config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        console = Console(stderr=True)  # made here, because it looks now whether it is a terminal
        if console.is_terminal:
            console.print()  # ends the line that pytest has begun
        yield console


class ProgressBar(Progress):
    """Two live lines: what runs, and how far it is. Both fit into the 80 columns of a new terminal.

    Shows nothing if there is no terminal.
    """

    def __init__(self, console: Console, heading: str) -> None:
        self._heading = Text(heading, no_wrap=True, overflow="ellipsis")
        super().__init__(
            BarColumn(bar_width=16),
            TextColumn("{task.fields[note]}"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=console,
            refresh_per_second=REFRESHES_PER_SECOND,
            disable=not console.is_terminal,
            transient=True,
        )

    def add(self, note: str) -> TaskID:
        """The one thing that is shown; its length is not known yet."""
        return self.add_task("", total=None, note=note)

    def get_renderables(self) -> Iterable[RenderableType]:
        yield self._heading
        yield self.make_tasks_table(self.tasks)


def progress_updater(bar: ProgressBar, task: TaskID, *, epochs: int) -> Callable[[Record], None]:
    """A callback that shows a cell's records on the progress bar."""
    steps_per_epoch, note = 1, "starting"

    def follow(record: Record) -> None:
        nonlocal steps_per_epoch, note
        match record:
            case Gate():
                for check in record.checks:
                    if not check.passed:
                        bar.console.print(f"gate: {escape(check_text(check))}; the run will be invalid")
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
