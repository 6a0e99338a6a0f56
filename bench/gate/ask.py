"""The parent's side of the correctness gate: asked once for each cell, then both frameworks compared."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from alexnet.frameworks.protocol import Device, Framework
from bench.gate.agreement import FrameworkOutputs, with_agreement
from bench.ipc.messages import Job
from bench.ipc.parent import (
    GATE_COMMAND,
    MIN_TIMEOUT_SECONDS,
    WorkerTimeout,
    exit_reason,
    read_records,
    worker_process,
)
from bench.ipc.scratch import outputs_file
from bench.records.codec import RecordError
from bench.records.journal import Journal
from bench.records.types import Cell, Check, Failure, Gate, Roofline


@dataclass(frozen=True, kw_only=True)
class GateReply:
    """What a gate's process sent, or why it sent no verdict."""

    gate: Gate | None
    roofline: Roofline | None
    reason: str


def ask_gate(
    job: Job,
    *,
    folder: Path,
    command: Sequence[str] = GATE_COMMAND,
    timeout_seconds: float = MIN_TIMEOUT_SECONDS,
) -> GateReply:
    """Asks one cell's gate, in a process of its own; what that prints is in `folder`/CELL.gate.log."""
    gate: Gate | None = None
    roofline: Roofline | None = None
    reason = ""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (
            (folder / f"{job.cell.id}.gate.log").open("w") as log,
            worker_process(job, command, log) as child,
        ):
            for record in read_records(child, timeout_seconds, timeout_seconds):
                match record:
                    case Gate():
                        gate = record
                    case Roofline():
                        roofline = record
                    case Failure():
                        reason = record.reason
            reason = reason or exit_reason(child.process, "before it had answered")
    except (WorkerTimeout, RecordError, OSError) as error:
        reason = str(error)
    return GateReply(gate=gate, roofline=roofline, reason="" if gate else reason)


@dataclass(kw_only=True)
class Gates:
    """The gates of a session, and the rooflines that were measured on the way; all kept in journals."""

    gates: dict[Cell, Gate] = field(default_factory=dict)
    rooflines: dict[tuple[Framework, Device], Roofline] = field(default_factory=dict)

    def gate_of(
        self, cell: Cell, alike: Sequence[Cell], job_of: Callable[[Cell], Job], folder: Path
    ) -> Gate:
        """One cell's gate; `alike` are all cells with its first weights and batches, itself included.

        All of them are asked before the first one trains, so that each can have its certificate.
        """
        if cell not in self.gates:
            jobs = [job_of(other) for other in alike]
            try:
                witnesses = [self._ask_twice(job, folder) for job in jobs]
                for ours in [witness for witness in witnesses if witness.cell not in self.gates]:
                    others = [w for w in witnesses if w.cell.framework != ours.cell.framework]
                    gate = self.gates[ours.cell] = with_agreement(ours, others[0] if others else None)
                    if gate.seconds is not None:  # one that did not answer may do so another time
                        _keep(folder, ours.cell, "gate", gate)
            finally:
                for job in jobs:
                    outputs_file(job).unlink(missing_ok=True)
        return self.gates[cell]

    def _ask_twice(self, job: Job, folder: Path) -> FrameworkOutputs:
        """Asks once more where there is no answer: a process may have died by chance."""
        cell = job.cell
        asked = ask_gate(job, folder=folder)
        if asked.gate is None:
            asked = ask_gate(job, folder=folder)
        if asked.roofline:
            self.rooflines[cell.framework, cell.device] = asked.roofline
            _keep(folder, cell, "roofline", asked.roofline)
        gate = asked.gate or _unanswered(asked.reason)
        return FrameworkOutputs(cell=cell, gate=gate, outputs=outputs_file(job))


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
