"""The parent's side of the correctness gate: asked once for each cell, then both frameworks compared."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from alexnet import Device, Framework
from bench.certificate import Witness, answers_file, certified
from bench.records import Cell, Check, Gate, Roofline
from bench.run import examine
from bench.wire import Job


@dataclass(kw_only=True)
class Gates:
    """The gates of a session, and the rooflines that were measured on the way."""

    gates: dict[Cell, Gate] = field(default_factory=dict)
    rooflines: dict[tuple[Framework, Device], Roofline] = field(default_factory=dict)

    def of(self, cell: Cell, alike: Sequence[Cell], job_of: Callable[[Cell], Job], folder: Path) -> Gate:
        """One cell's gate; `alike` are all cells with its first weights and batches, itself included.

        All of them are asked before the first one trains, so that each can have its certificate.
        """
        if cell not in self.gates:
            witnesses = [self._ask(other, job_of(other), folder) for other in alike]
            for ours in witnesses:
                others = [w for w in witnesses if w.cell.framework != ours.cell.framework]
                self.gates[ours.cell] = certified(ours, others[0] if others else None)
            for witness in witnesses:
                witness.answers.unlink(missing_ok=True)
        return self.gates[cell]

    def _ask(self, cell: Cell, job: Job, folder: Path) -> Witness:
        asked = examine(job, folder=folder)
        if asked.roofline:
            self.rooflines[cell.framework, cell.device] = asked.roofline
        gate = asked.gate or _unanswered(asked.reason)
        return Witness(cell=cell, gate=gate, answers=answers_file(job))


def _unanswered(reason: str) -> Gate:
    """A gate that gave no verdict counts as one that was not passed."""
    lost = Check(name="gate", measured=None, least=0, most=0, says=f"it did not answer: {reason}")
    return Gate(checks=(lost,), not_checked=(), weights_sha256=None, batch_sha256=None, seconds=None)
