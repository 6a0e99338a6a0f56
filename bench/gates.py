"""The parent's side of the correctness gate: asked once for each cell, then both frameworks compared."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from alexnet import Device, Framework
from bench.certificate import Witness, answers_file, certified
from bench.journal import Journal
from bench.process import GATE, MIN_SILENCE_SECONDS, Silent, ending, records, spawned
from bench.records import Cell, Check, Failure, Gate, Roofline
from bench.wire import Job, RecordError


@dataclass(frozen=True, kw_only=True)
class Examined:
    """What a gate's process sent, or why it sent no verdict."""

    gate: Gate | None
    roofline: Roofline | None
    reason: str


def examine(
    job: Job,
    *,
    folder: Path,
    command: Sequence[str] = GATE,
    silence_seconds: float = MIN_SILENCE_SECONDS,
) -> Examined:
    """Asks one cell's gate, in a process of its own; what that prints is in `folder`/CELL.gate.log."""
    gate: Gate | None = None
    roofline: Roofline | None = None
    reason = ""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (
            (folder / f"{job.cell.id}.gate.log").open("w") as log,
            spawned(job, command, log) as child,
        ):
            for record in records(child, silence_seconds, silence_seconds):
                match record:
                    case Gate():
                        gate = record
                    case Roofline():
                        roofline = record
                    case Failure():
                        reason = record.reason
            reason = reason or ending(child.process, "before it had answered")
    except (Silent, RecordError, OSError) as error:
        reason = str(error)
    return Examined(gate=gate, roofline=roofline, reason="" if gate else reason)


@dataclass(kw_only=True)
class Gates:
    """The gates of a session, and the rooflines that were measured on the way; all kept in journals."""

    gates: dict[Cell, Gate] = field(default_factory=dict)
    rooflines: dict[tuple[Framework, Device], Roofline] = field(default_factory=dict)

    def of(self, cell: Cell, alike: Sequence[Cell], job_of: Callable[[Cell], Job], folder: Path) -> Gate:
        """One cell's gate; `alike` are all cells with its first weights and batches, itself included.

        All of them are asked before the first one trains, so that each can have its certificate.
        """
        if cell not in self.gates:
            jobs = [job_of(other) for other in alike]
            try:
                witnesses = [self._ask(job, folder) for job in jobs]
                for ours in [witness for witness in witnesses if witness.cell not in self.gates]:
                    others = [w for w in witnesses if w.cell.framework != ours.cell.framework]
                    gate = self.gates[ours.cell] = certified(ours, others[0] if others else None)
                    if gate.seconds is not None:  # one that did not answer may do so another time
                        _keep(folder, ours.cell, "gate", gate)
            finally:
                for job in jobs:
                    answers_file(job).unlink(missing_ok=True)
        return self.gates[cell]

    def _ask(self, job: Job, folder: Path) -> Witness:
        """Asks once more where there is no answer: a process may have died by chance."""
        cell = job.cell
        asked = examine(job, folder=folder)
        if asked.gate is None:
            asked = examine(job, folder=folder)
        if asked.roofline:
            self.rooflines[cell.framework, cell.device] = asked.roofline
            _keep(folder, cell, "roofline", asked.roofline)
        gate = asked.gate or _unanswered(asked.reason)
        return Witness(cell=cell, gate=gate, answers=answers_file(job))


def _keep(folder: Path, cell: Cell, part: str, record: Gate | Roofline) -> None:
    """In the cell's journal. Where it cannot be, the cell itself will fail at that, and say so."""
    with suppress(OSError):
        Journal(folder / f"{cell.id}.jsonl").add(part, record)


def _unanswered(reason: str) -> Gate:
    """A gate that gave no verdict counts as one that was not passed."""
    lost = Check(
        name="gate", measured=None, least=0, most=0, says=f"it did not answer, asked twice: {reason}"
    )
    return Gate(checks=(lost,), not_checked=(), weights_sha256=None, batch_sha256=None, seconds=None)
