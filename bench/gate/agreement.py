"""The framework certificate: from the same weights torch and TensorFlow answer alike, here."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bench.gate.outputs import relative_max_error
from bench.records.codec import finite
from bench.records.limits import MOST_IN_FLOAT64
from bench.records.types import Cell, Check, Gate

NEEDED_CHECKS = ("logits", "loss", "three losses")


@dataclass(frozen=True, kw_only=True)
class FrameworkOutputs:
    """One framework's gate, and the answers that it left in a file."""

    cell: Cell
    gate: Gate
    outputs: Path

    @property
    def sound(self) -> bool:
        """Whether its own device agrees with its own CPU, without which there is nothing to compare."""
        passed = {check.name for check in self.gate.checks if check.passed}
        return set(NEEDED_CHECKS) <= passed


def with_agreement(ours: FrameworkOutputs, theirs: FrameworkOutputs | None) -> Gate:
    """Our gate with what the other framework says to the same batch, or why it says nothing."""
    if theirs is None:
        return _without(ours.gate, f"{ours.cell.framework} against the other framework: it was not run")
    for witness in (ours, theirs):
        if not witness.sound:
            why = f"{witness.cell.framework} on {witness.cell.device} is off by itself"
            return _without(ours.gate, f"torch against TensorFlow: {why}")
    checks = (*ours.gate.checks, _same_bytes(ours, theirs), *_same_answers(ours, theirs))
    return replace(ours.gate, checks=checks)


def _without(gate: Gate, why: str) -> Gate:
    return replace(gate, not_checked=(*gate.not_checked, why))


def _same_bytes(ours: FrameworkOutputs, theirs: FrameworkOutputs) -> Check:
    unlike = [
        name
        for name in ("weights_sha256", "batch_sha256")
        if getattr(ours.gate, name) != getattr(theirs.gate, name)
    ]
    return Check(
        name="same bytes",
        measured=len(unlike),
        least=0,
        most=0,
        says="of first weights and first batch, how many differ between the frameworks",
    )


def _same_answers(ours: FrameworkOutputs, theirs: FrameworkOutputs) -> list[Check]:
    """What each device may be off from float64 is, both together, what may part them."""
    with np.load(ours.outputs) as one, np.load(theirs.outputs) as other:
        parted = {name: _difference(one[name], other[name]) for name in one.files}
    cells = (
        f"{ours.cell.framework} on {ours.cell.device}, {theirs.cell.framework} on {theirs.cell.device}"
    )
    return [
        Check(
            name="one network",
            measured=parted["exact_logits"],
            least=0.0,
            most=MOST_IN_FLOAT64,
            says="how far the logits of both frameworks are apart on the CPU in float64",
        ),
        *(
            Check(
                name=f"both {name}",
                measured=parted[key],
                least=0.0,
                most=_limit(ours, name) + _limit(theirs, name),
                says=f"how far the {name} of both frameworks are apart: {cells}",
            )
            for name, key in (("logits", "logits"), ("three losses", "losses"))
        ),
    ]


def _limit(witness: FrameworkOutputs, name: str) -> float:
    return next(check.most for check in witness.gate.checks if check.name == name)


def _difference(one: npt.NDArray[np.float64], other: npt.NDArray[np.float64]) -> float | None:
    """The largest difference as a share of the largest value; None for other shapes or not numbers."""
    return finite(relative_max_error(one, other)) if one.shape == other.shape else None
