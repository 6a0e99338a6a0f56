"""Rebuilding one run from its journal, for a session that resumes."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from alexnet.frameworks.protocol import Device
from bench.records import journal
from bench.records.journal import DamagedLine, Line
from bench.records.run import Interrupted, SessionRun
from bench.records.types import Cell, Plan, Record, Roofline, Run, record_types

PARTS: dict[str, type[Record]] = {**record_types(Run), "roofline": Roofline}
"""The parts of a cell's journal: those of its run, and the roofline that its gate measured."""


@dataclass(kw_only=True)
class CellHistory:
    """One cell's run, built up line by line from its journal.

    After a damaged line, lines that depend on it are ignored (`_sound` is False) until the run begins
    anew or resumes after an epoch that is known. `last_at` is the time of the last undamaged line.
    """

    run: SessionRun
    rooflines: dict[tuple[str, Device], Roofline] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    last_at: str | None = None
    _sound: bool = True

    def add(self, line: Line) -> None:
        """Updates the run by the next line."""
        run, record = self.run, line.record
        self.last_at = line.at
        match line.part:
            case "gate":
                run.gate = record
            case "roofline":
                self.rooflines[run.cell.engine, run.cell.device] = record
            case "plan":  # the run begins, for the first time or anew
                run.begin_anew(record)
                self._sound = True
            case "interruptions":
                self._sound = record.resumed_after <= len(run.epochs)
                if self._sound:
                    run.resume_after(record)
            case "failure":
                run.failure = record
                run.interrupted = run.interrupted or Interrupted(stopped_at=line.at, why=record.reason)
            case "epochs" if not self._sound:
                # The damaged line may be the one that resumed the run before this epoch. Then this epoch
                # was trained again, and the known one and those after it are of an older attempt.
                run.epochs = run.epochs[: max(record.epoch - 1, 0)]
            case part if self._sound:
                self._append(part, line)

    def _append(self, part: str, line: Line) -> None:
        """Adds a record that is valid only if nothing before it is missing."""
        run, record = self.run, line.record
        if part == "epochs":
            if run.start is None or record.epoch != len(run.epochs) + 1:
                self._sound = False
                return
            run.epochs.append(record)
        elif part == "result":
            if record.epochs != len(run.epochs):
                self._sound = False
                return
            run.result = record
        elif part in ("before", "start", "after"):
            setattr(run, part, record)

    def add_damaged(self, path: Path, line: DamagedLine) -> None:
        """Notes a damaged line as a problem."""
        self.problems.append(journal.describe(path, line))
        self._sound = False


def read_history(path: Path, cell: Cell, plan: Plan) -> CellHistory:
    """Reads a cell's journal; without one, the run has not begun. Raises OSError.

    A run that had begun and has no result was interrupted where its journal ends.
    """
    history = CellHistory(run=SessionRun.of_cell(cell, plan))
    if not path.exists():
        return history
    for line in journal.read(path, PARTS):
        match line:
            case DamagedLine():
                history.add_damaged(path, line)
            case Line():
                history.add(line)
    run = history.run
    if run.result:
        run.interrupted = run.failure = None
    elif history.last_at and (run.before or run.failure or run.interruptions):
        run.interrupted = run.interrupted or Interrupted(stopped_at=history.last_at, why=None)
    return history
