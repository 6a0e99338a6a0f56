"""A run as its journal tells it: what was on disk when nobody was there any more to say it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from alexnet.frameworks.protocol import Device, Framework
from bench.records import journal
from bench.records.journal import Damaged, Line
from bench.records.run import Interrupted, Run
from bench.records.types import (
    Cell,
    Condition,
    Epoch,
    Failure,
    Gate,
    Interruption,
    Plan,
    Result,
    Roofline,
    Start,
)

PARTS = {
    "plan": Plan,
    "gate": Gate,
    "roofline": Roofline,
    "before": Condition,
    "start": Start,
    "epochs": Epoch,
    "interruptions": Interruption,
    "after": Condition,
    "result": Result,
    "failure": Failure,
}


@dataclass(kw_only=True)
class CellHistory:
    """One cell's journal, read from the first line to the last.

    After a damaged line nothing is believed that builds on what stood there, until a line says from
    which epoch on the run went on, and that epoch is known.
    """

    run: Run
    rooflines: dict[tuple[Framework, Device], Roofline] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    last_at: str | None = None
    _sound: bool = True

    def add(self, line: Line) -> None:
        run, record = self.run, line.record
        self.last_at = line.at
        match line.part:
            case "gate":
                run.gate = record
            case "roofline":
                self.rooflines[run.cell.framework, run.cell.device] = record
            case "plan":  # a beginning, be it the first or another
                run.plan, self._sound = record, True
                run.before = run.start = run.result = run.after = run.failure = run.interrupted = None
                run.epochs = []
            case "interruptions":
                self._sound = record.resumed_after <= len(run.epochs)
                if self._sound:
                    run.resume_after(record)
            case "failure":
                run.failure = record
                run.interrupted = run.interrupted or Interrupted(stopped_at=line.at, why=record.reason)
            case "epochs" if not self._sound:
                # Trained once more, where the line that said so is damaged: what was known of it and of
                # all after it is another attempt's.
                run.epochs = run.epochs[: max(record.epoch - 1, 0)]
            case part if self._sound:
                self._build_on(part, line)

    def _build_on(self, part: str, line: Line) -> None:
        """What only counts if all before it is there: a gap ends it."""
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

    def damaged(self, path: Path, line: Damaged) -> None:
        self.problems.append(journal.describe(path, line))
        self._sound = False


def read_history(path: Path, cell: Cell, plan: Plan) -> CellHistory:
    """What the journal of a cell holds; nothing of a cell that has none. Raises OSError.

    A run that has no result and had begun is cut off where its journal ends.
    """
    history = CellHistory(run=Run(cell=cell, plan=plan))
    if not path.exists():
        return history
    for line in journal.read(path, PARTS):
        match line:
            case Damaged():
                history.damaged(path, line)
            case Line():
                history.add(line)
    run = history.run
    if run.result:
        run.interrupted = run.failure = None
    elif history.last_at and (run.before or run.failure or run.interruptions):
        run.interrupted = run.interrupted or Interrupted(stopped_at=history.last_at, why=None)
    return history
