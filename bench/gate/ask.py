"""The parent's side of the correctness gate: one process per cell."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from alexnet.frameworks.protocol import Device
from alexnet.frameworks.registry import ENGINES
from bench.ipc.cell_files import journal_file, remove_references
from bench.ipc.child_folder import ChildFolders
from bench.ipc.messages import Job
from bench.ipc.parent import (
    GATE_COMMAND,
    MIN_TIMEOUT_SECONDS,
    WorkerTimeout,
    exit_reason,
    read_records,
    worker_process,
)
from bench.records.codec import RecordError
from bench.records.journal import Journal
from bench.records.types import Cell, Check, Failure, Gate, Roofline


@dataclass(frozen=True, kw_only=True)
class GateReply:
    """What a gate process sent. `reason` says why there is no gate, and is empty if there is one."""

    gate: Gate | None
    roofline: Roofline | None
    reason: str


def ask_gate(
    job: Job,
    *,
    folder: Path,
    command: Sequence[str] = GATE_COMMAND,
    timeout_seconds: float = MIN_TIMEOUT_SECONDS,
    folders: ChildFolders,
) -> GateReply:
    """Runs one cell's gate in its own process, whose output goes to `folder`/CELL.gate.log.

    Its temporary files, and what its engine compiles, go into the engine's folder of `folders`.
    """
    gate: Gate | None = None
    roofline: Roofline | None = None
    reason = ""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (
            (folder / f"{job.cell.id}.gate.log").open("w") as log,
            worker_process(job, command, log, folders.environment(job.cell.engine)) as child,
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
    """The gates of a session, and the rooflines that their processes measured. Journals keep both.

    All repeats of a cell share its gate, and each of them has it in its own journal. `rooflines` are by
    engine and device.
    """

    gates: dict[Cell, Gate] = field(default_factory=dict)
    rooflines: dict[tuple[str, Device], Roofline] = field(default_factory=dict)
    _folders: ChildFolders = field(default_factory=ChildFolders)
    _in_journal: dict[Cell, Gate] = field(default_factory=dict)

    def add_earlier(self, cell: Cell, gate: Gate, *, for_repeats: bool) -> None:
        """Takes over the gate that a cell has in its journal from an earlier session.

        `for_repeats` says whether the gate is good for the cell's other repeats too.
        """
        self._in_journal[cell] = gate
        if for_repeats:
            self.gates[cell.first_repeat] = gate

    def roofline_of(self, cell: Cell) -> Roofline | None:
        """What was measured on the cell's device in its framework and precision, whatever compiles it.

        Both kernels are calls of their own, which no engine compiles with a step.
        """
        row = ENGINES[cell.engine]
        for (engine, device), roofline in self.rooflines.items():
            measured = ENGINES[engine]
            same = (measured.framework, measured.precision) == (row.framework, row.precision)
            if same and device == cell.device:
                return roofline
        return None

    def gate_of(
        self, cell: Cell, peers: Sequence[Cell], job_of: Callable[[Cell], Job], folder: Path
    ) -> Gate:
        """One cell's gate. `peers` are all cells with its first weights and batches, itself included.

        All peers run their gates before the first one trains, so that they share one reference.
        """
        if cell in self._in_journal:
            return self._in_journal[cell]
        if cell.first_repeat not in self.gates:
            asked: dict[Cell, Cell] = {}
            for peer in peers:  # the first repeat that is picked stands for all of them
                asked.setdefault(peer.first_repeat, peer)
            try:
                for first_repeat, peer in asked.items():
                    if first_repeat not in self.gates:
                        self.gates[first_repeat] = self._ask_with_retry(job_of(peer), folder)
                        self._keep(peer, folder)
            finally:
                remove_references(folder)
        self._keep(cell, folder)
        return self.gates[cell.first_repeat]

    def close(self) -> None:
        """Removes what gates have compiled, and their temporary files."""
        self._folders.close()

    def _keep(self, cell: Cell, folder: Path) -> None:
        """Puts the gate into the cell's journal, once. Without an answer it is run again on resume."""
        gate = self.gates[cell.first_repeat]
        if gate.seconds is not None and cell not in self._in_journal:
            _add_to_journal(folder, cell, "gate", gate)
            self._in_journal[cell] = gate

    def _ask_with_retry(self, job: Job, folder: Path) -> Gate:
        """Runs the gate, and once more if its process died without an answer, which may be chance."""
        cell = job.cell
        reply = ask_gate(job, folder=folder, folders=self._folders)
        if reply.gate is None:
            self._folders.drop(cell.engine)  # it may be what ended the process
            reply = ask_gate(job, folder=folder, folders=self._folders)
        if reply.roofline:
            self.rooflines[cell.engine, cell.device] = reply.roofline
            _add_to_journal(folder, cell, "roofline", reply.roofline)
        return reply.gate or _unanswered_gate(reply.reason)


def _add_to_journal(folder: Path, cell: Cell, part: str, record: Gate | Roofline) -> None:
    """Adds a record to the cell's journal. Ignores write errors: the cell itself will fail with them."""
    with suppress(OSError):
        Journal(journal_file(folder, cell.id)).add(part, record)


def _unanswered_gate(reason: str) -> Gate:
    """A gate that sent no verdict counts as failed."""
    check = Check(
        name="gate",
        measured=None,
        lower=0,
        upper=0,
        description=f"it did not answer, asked twice: {reason}",
    )
    return Gate(
        checks=(check,),
        not_checked=(),
        arithmetic=None,
        precision=None,
        weights_sha256=None,
        batch_sha256=None,
        seconds=None,
    )
