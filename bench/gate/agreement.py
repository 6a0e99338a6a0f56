"""Whether frameworks agree: the same weights must give the same outputs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bench.gate.outputs import relative_max_error
from bench.records.codec import finite_or_none
from bench.records.limits import MAX_FLOAT64_DIFFERENCE
from bench.records.types import Cell, Check, Gate

NEEDED_CHECKS = ("logits", "loss", "three losses")


@dataclass(frozen=True, kw_only=True)
class FrameworkOutputs:
    """One framework's gate, and the file (.npz) with its outputs."""

    cell: Cell
    gate: Gate
    outputs: Path

    @property
    def agrees_with_reference(self) -> bool:
        """Whether the device agrees with its own CPU reference; otherwise a comparison says nothing."""
        passed = {check.name for check in self.gate.checks if check.passed}
        return set(NEEDED_CHECKS) <= passed


def with_agreement(ours: FrameworkOutputs, theirs: FrameworkOutputs | None) -> Gate:
    """Our gate plus the checks against another framework's outputs, or why there are none."""
    if theirs is None:
        return _not_compared(
            ours.gate, f"{ours.cell.framework} against the other framework: it was not run"
        )
    for outputs in (ours, theirs):
        if not outputs.agrees_with_reference:
            why = f"{outputs.cell.framework} on {outputs.cell.device} is off by itself"
            return _not_compared(ours.gate, f"torch against TensorFlow: {why}")
    checks = (*ours.gate.checks, _same_bytes(ours, theirs), *_same_outputs(ours, theirs))
    return replace(ours.gate, checks=checks)


def _not_compared(gate: Gate, why: str) -> Gate:
    return replace(gate, not_checked=(*gate.not_checked, why))


def _same_bytes(ours: FrameworkOutputs, theirs: FrameworkOutputs) -> Check:
    different = [
        name
        for name in ("weights_sha256", "batch_sha256")
        if getattr(ours.gate, name) != getattr(theirs.gate, name)
    ]
    return Check(
        name="same bytes",
        measured=len(different),
        least=0,
        most=0,
        says="of first weights and first batch, how many differ between the frameworks",
    )


def _same_outputs(ours: FrameworkOutputs, theirs: FrameworkOutputs) -> list[Check]:
    """Two devices may differ by the sum of what each may differ from float64."""
    with np.load(ours.outputs) as our_arrays, np.load(theirs.outputs) as their_arrays:
        differences = {
            name: _difference(our_arrays[name], their_arrays[name]) for name in our_arrays.files
        }
    cells = (
        f"{ours.cell.framework} on {ours.cell.device}, {theirs.cell.framework} on {theirs.cell.device}"
    )
    return [
        Check(
            name="one network",
            measured=differences["exact_logits"],
            least=0.0,
            most=MAX_FLOAT64_DIFFERENCE,
            says="how far the logits of both frameworks are apart on the CPU in float64",
        ),
        *(
            Check(
                name=f"both {name}",
                measured=differences[key],
                least=0.0,
                most=_limit(ours, name) + _limit(theirs, name),
                says=f"how far the {name} of both frameworks are apart: {cells}",
            )
            for name, key in (("logits", "logits"), ("three losses", "losses"))
        ),
    ]


def _limit(outputs: FrameworkOutputs, name: str) -> float:
    return next(check.most for check in outputs.gate.checks if check.name == name)


def _difference(ours: npt.NDArray[np.float64], theirs: npt.NDArray[np.float64]) -> float | None:
    """The largest difference over their largest value; None if the shapes differ or it is not finite."""
    return finite_or_none(relative_max_error(ours, theirs)) if ours.shape == theirs.shape else None
