"""What a fleet shows while it runs: a table of its hosts, or lines where there is no terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Literal

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

State = Literal[
    "waiting",
    "connecting",
    "setting up",
    "starting",
    "running",
    "ending its epoch",
    "lost",
    "done",
    "incomplete",
    "failed",
    "stopped",
    "set up",
    "running on",
]
"""What a host does, or how it ended. `incomplete`: its file has failed, invalid or skipped cells.
`running on`: it measures, and the fleet has left it."""
ENDS: tuple[State, ...] = ("done", "incomplete", "failed", "stopped", "set up", "running on")
STYLES: dict[State, str] = {
    "running": "green",
    "done": "bold green",
    "set up": "bold green",
    "lost": "yellow",
    "incomplete": "yellow",
    "stopped": "yellow",
    "failed": "bold red",
}
MOST_LETTERS = 200
"""Of a sentence that a host has sent."""
REFRESHES_PER_SECOND = 2
GONE = (OSError, SystemExit)
"""What rich raises once the terminal is closed; for a pipe that nobody reads it is SystemExit."""


@dataclass(kw_only=True)
class Row:
    """One host as it is shown."""

    name: str
    state: State = "waiting"
    cell: str = ""
    cells_done: int = 0
    cells: int = 0
    epoch: int = 0
    epochs: int = 0
    seconds_left: float | None = None
    warnings: dict[str, str] = field(default_factory=dict)
    """A kind -> its sentence, so that one that comes again is told once."""
    why: str = ""

    def where(self) -> str:
        """The cell and its place among all."""
        return f"{self.cells_done + 1}/{self.cells} {self.cell}" if self.cell and self.cells else ""

    def note(self) -> str:
        """Why it is as it is, and how many warnings there are; each was told when it came."""
        count = len(self.warnings)
        warned = f"{count} warning{'s' * (count != 1)}" if count else ""
        return "; ".join(part for part in (self.why, warned) if part)


def shown(text: str, most: int = MOST_LETTERS) -> str:
    """What a host has sent as one safe line: no control characters, no more than so many letters."""
    plain = "".join(c if c.isprintable() else " " for c in text[: 4 * most])
    plain = " ".join(plain.split())
    return plain if len(plain) <= most else f"{plain[: most - 1]}…"


def duration(seconds: float | None) -> str:
    """As `make bench` says it."""
    if seconds is None:
        return ""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 90 * 60 else f"{seconds / 3600:.1f} h"


def table(rows: Iterable[Row]) -> Table:
    """One line a host."""
    whole = Table(box=None, padding=(0, 1), header_style="bold")
    for name in ("host", "state", "cell", "epoch", "left", ""):
        whole.add_column(name, no_wrap=name != "", overflow="fold" if name == "" else "ellipsis")
    for row in rows:
        measuring = row.state in ("running", "ending its epoch", "lost", "running on")
        whole.add_row(
            Text(row.name),
            Text(row.state, STYLES.get(row.state, "")),
            Text(row.where() if measuring else ""),
            Text(f"{row.epoch}/{row.epochs}" if measuring and row.epochs else ""),
            Text(duration(row.seconds_left) if measuring else ""),
            Text(row.note()),
        )
    return whole


class Screen:
    """Shows the rows: as a live table in a terminal, else a line for each change of a host."""

    def __init__(self, console: Console, rows: Sequence[Row]) -> None:
        self._console, self._rows = console, rows
        self._live: Live | None = None
        self._told: dict[str, tuple[str, ...]] = {}
        self._warned: set[tuple[str, str]] = set()

    @contextmanager
    def live(self) -> Iterator[None]:
        """Shows them until the end of the context, and once more then."""
        if not self._console.is_terminal:
            yield
            self._tell_changes()
            return
        self._live = Live(
            get_renderable=lambda: table(self._rows),
            console=self._console,
            refresh_per_second=REFRESHES_PER_SECOND,
        )
        try:
            with suppress(*GONE):
                self._live.start()
            yield
        finally:
            with suppress(*GONE):
                self._live.stop()
            self._live = None

    def say(self, sentence: str) -> None:
        """Prints a line, above the table if there is one; nothing once the terminal is gone."""
        with suppress(*GONE):
            self._console.print(Text(sentence), soft_wrap=True)

    def changed(self) -> None:
        """To be called after a row was changed. A warning is told once, as a line of its own."""
        for row in self._rows:
            for warning in row.warnings.values():
                if (row.name, warning) not in self._warned:
                    self._warned.add((row.name, warning))
                    self.say(f"{row.name}: warning: {warning}")
        if self._live is None:
            self._tell_changes()

    def _tell_changes(self) -> None:
        for row in self._rows:
            # A line an epoch would fill a log: only a new state, cell or reason is told.
            now = (row.state, row.where() if row.state == "running" else "", row.why)
            if self._told.get(row.name) != now:
                self._told[row.name] = now
                self.say(f"{row.name}: " + "; ".join(part for part in now if part))
