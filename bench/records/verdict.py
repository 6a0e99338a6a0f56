"""Whether a run may be compared, and what a reader should know of it: from its records alone."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence

from bench.records.limits import MOST_DRIFT, MOST_SWAPPED_BYTES
from bench.records.types import Check, Condition, Gate, Interruption, Machine, Result, Start, Verdict


def judge(
    *,
    machine: Machine,
    gate: Gate | None,
    before: Condition | None,
    start: Start | None,
    result: Result | None,
    after: Condition | None,
    interruptions: Sequence[Interruption] = (),
) -> Verdict:
    """`invalid` as soon as one reason is found; a run without a result has one."""
    reasons = [*_gate_reasons(gate, start), *_result_reasons(start, result)]
    return Verdict(
        validity="invalid" if reasons else "valid",
        reasons=tuple(reasons),
        warnings=(
            *_interrupted(interruptions),
            *_drift(result),
            *_conditions(before, after),
            *([] if interruptions else _swapped(before, after)),
            *_machine(machine),
            *(f"not checked: {what}" for what in (gate.not_checked if gate else ())),
        ),
    )


def failed(check: Check) -> str:
    """Why a check did not pass, in a sentence."""
    if check.measured is None or not math.isfinite(check.measured):
        return f"{check.name}: there was nothing to measure, or not a number: {check.says}"
    if check.least == check.most:
        allowed = f"{check.most:g}"
    elif check.measured > check.most:
        allowed = f"{check.most:.4g} at most"
    else:
        allowed = f"{check.least:.4g} at least"
    return f"{check.name}: {check.measured:.4g} where {allowed} is allowed ({check.says})"


def _failures(checks: Sequence[Check]) -> Iterator[str]:
    return (failed(check) for check in checks if not check.passed)


def _gate_reasons(gate: Gate | None, start: Start | None) -> Iterator[str]:
    if gate is None:
        yield "the correctness gate was not asked"
        return
    if not gate.checks:
        yield "the correctness gate asked nothing"
    yield from _failures(gate.checks)
    if gate.weights_sha256 and start and start.weights_sha256 != gate.weights_sha256:
        yield "the gate was asked with other first weights than the run began with"


def _result_reasons(start: Start | None, result: Result | None) -> Iterator[str]:
    if start is None or result is None:
        yield "it has no result"
        return
    diverged = result.stopped == "diverged"
    if diverged:
        yield f"diverged at epoch {result.epochs}: a loss not finite, or rising beyond all bounds"
    elif result.test_accuracy is None:
        yield "no epoch's weights were judged on the test images"
    yield from _failures([c for c in result.checks if not (diverged and c.name == "finite")])
    if result.data_sha256 != start.data_sha256:
        yield "the images in memory at the end are not those at the beginning"
    if result.versions != start.versions:
        yield f"the versions at the end, {_listed(result.versions)}, are not those at the beginning"


def _listed(versions: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in versions.items())


def _interrupted(interruptions: Sequence[Interruption]) -> Iterator[str]:
    for each in interruptions:
        where = f"epoch {each.resumed_after}" if each.resumed_after else "the beginning"
        why = f" ({each.why})" if each.why else ""
        setback = f": {each.setback}" if each.setback else ""
        yield (
            f"cut off after epoch {each.after_epoch}{why}, it went on from {where}"
            f" {each.seconds:.0f} s later in a new process{setback}"
        )
        yield from (f"it went on although not all was as before: {what}" for what in each.differences)


def _drift(result: Result | None) -> Iterator[str]:
    if result is None:
        return
    if result.drift.drift is not None and result.drift.drift < -MOST_DRIFT:
        yield f"it ended {-result.drift.drift:.0%} slower than it began: heat, or something else at work"
    if result.drift.probe_drift is not None and result.drift.probe_drift < -MOST_DRIFT:
        yield (
            f"the device itself ended {-result.drift.probe_drift:.0%} slower than it began,"
            f" by the reference kernel"
        )


def _conditions(before: Condition | None, after: Condition | None) -> Iterator[str]:
    seen = [condition for condition in (before, after) if condition]
    if any(condition.power == "battery" for condition in seen):
        yield "on battery"
    if any(condition.low_power for condition in seen):
        yield "in low power mode"
    hot = {condition.thermal for condition in seen} - {None, "nominal"}
    if hot:
        yield f"thermal pressure: {', '.join(sorted(str(level) for level in hot))}"


def _swapped(before: Condition | None, after: Condition | None) -> Iterator[str]:
    """Not asked of a run that was cut off: the counters count what others did meanwhile."""
    counted = [condition.swapped_in_bytes for condition in (before, after) if condition]
    if before and after and None not in counted:
        swapped = (after.swapped_in_bytes or 0) - (before.swapped_in_bytes or 0)
        if swapped > MOST_SWAPPED_BYTES:
            yield f"{swapped / 1e6:,.0f} MB came back from swap while it ran: too little memory"


def _machine(machine: Machine) -> Iterator[str]:
    if machine.virtual and (machine.model or "").startswith("VirtualMac"):
        yield "a virtual Mac: not comparable with any other computer"
    if machine.translated:
        yield "Python was translated by Rosetta"
