"""Whether engines agree: the same weights must give the same outputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from msgspec.structs import replace

from bench.gate.outputs import relative_max_error
from bench.records.codec import finite_or_none
from bench.records.limits import MAX_FLOAT64_DIFFERENCE
from bench.records.types import Cell, Check, Gate, NoOtherEngine, ReferenceDiffers

NEEDED_CHECKS = ("logits", "loss", "three losses")


@dataclass(frozen=True, kw_only=True)
class EngineOutputs:
    """One engine's gate, and the file (.npz) with its outputs."""

    cell: Cell
    gate: Gate
    outputs: Path

    @property
    def agrees_with_reference(self) -> bool:
        """Whether the device agrees with its own CPU reference; otherwise a comparison means nothing."""
        passed = {check.name for check in self.gate.checks if check.passed}
        return set(NEEDED_CHECKS) <= passed

    @property
    def place(self) -> str:
        """Engine and device, for a sentence."""
        return f"{self.cell.engine} on {self.cell.device}"


def with_agreement(ours: EngineOutputs, others: Sequence[EngineOutputs]) -> Gate:
    """Our gate plus the checks against every other engine's outputs, and what was not compared.

    Each check is of the pair nearest to its limit, or furthest beyond it.
    """
    if not others:
        return _with_not_checked(ours.gate, NoOtherEngine(engine=ours.cell.engine))
    off = [outputs for outputs in (ours, *others) if not outputs.agrees_with_reference]
    gate = _with_not_checked(
        ours.gate, *(ReferenceDiffers(engine=o.cell.engine, device=o.cell.device) for o in off)
    )
    compared = [] if ours in off else [other for other in others if other not in off]
    if not compared:
        return gate
    pairs = [_checks(ours, other) for other in compared]
    checks = map(_worst, zip(*pairs, strict=True))
    return replace(gate, checks=(*gate.checks, *checks))


def _with_not_checked(gate: Gate, *kinds: NoOtherEngine | ReferenceDiffers) -> Gate:
    return replace(gate, not_checked=(*gate.not_checked, *kinds))


def _worst(checks: Sequence[Check]) -> Check:
    """The check with the largest share of its limit; the first one without a measured value."""

    def share_of_limit(check: Check) -> float:
        if check.measured is None:
            return np.inf
        if check.upper == 0:
            return check.measured
        return check.measured / check.upper

    return max(checks, key=share_of_limit)


def _checks(ours: EngineOutputs, theirs: EngineOutputs) -> list[Check]:
    """The checks of two engines. Two devices may differ by the sum of what each may differ by itself."""
    different = [
        name
        for name in ("weights_sha256", "batch_sha256")
        if getattr(ours.gate, name) != getattr(theirs.gate, name)
    ]
    places = f"{ours.place}, {theirs.place}"
    return [
        Check(
            name="same bytes",
            measured=len(different),
            lower=0,
            upper=0,
            description=f"of first weights and first batch, how many differ: {places}",
        ),
        Check(
            name="one network",
            measured=_difference(ours, theirs, "exact_logits"),
            lower=0.0,
            upper=MAX_FLOAT64_DIFFERENCE,
            description=(
                f"how far the logits of {ours.cell.engine} and {theirs.cell.engine} are apart on the"
                f" CPU in float64"
            ),
        ),
        *(
            Check(
                name=f"both {name}",
                measured=_difference(ours, theirs, key),
                lower=0.0,
                upper=_limit(ours, name) + _limit(theirs, name),
                description=f"how far the {name} of two engines are apart: {places}",
            )
            for name, key in (("logits", "logits"), ("three losses", "losses"))
        ),
    ]


def _limit(outputs: EngineOutputs, name: str) -> float:
    return next(check.upper for check in outputs.gate.checks if check.name == name)


def _difference(ours: EngineOutputs, theirs: EngineOutputs, key: str) -> float | None:
    """The largest difference over their largest value; None if the shapes differ or it is not finite."""
    with np.load(ours.outputs) as our_arrays, np.load(theirs.outputs) as their_arrays:
        our_array: npt.NDArray[np.float64] = our_arrays[key]
        their_array: npt.NDArray[np.float64] = their_arrays[key]
    if our_array.shape != their_array.shape:
        return None
    return finite_or_none(relative_max_error(our_array, their_array))
