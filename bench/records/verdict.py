"""Whether a run may be compared, and what a reader should know of it, judged from its records alone."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Protocol

from bench.records.limits import MAX_DRIFT, MAX_SWAPPED_BYTES
from bench.records.types import (
    Check,
    Condition,
    Gate,
    Interruption,
    Machine,
    Result,
    Start,
    Verdict,
    is_virtual_mac,
)


class JudgedRun(Protocol):
    """The parts of a run that its verdict depends on."""

    @property
    def gate(self) -> Gate | None: ...
    @property
    def before(self) -> Condition | None: ...
    @property
    def start(self) -> Start | None: ...
    @property
    def result(self) -> Result | None: ...
    @property
    def after(self) -> Condition | None: ...
    @property
    def interruptions(self) -> Sequence[Interruption]: ...


def judge(run: JudgedRun, machine: Machine) -> Verdict:
    """The verdict of a run: `invalid` if there is any reason, such as that it has no result."""
    reasons = [*_gate_reasons(run.gate, run.start), *_result_reasons(run.start, run.result)]
    return Verdict(
        validity="invalid" if reasons else "valid",
        reasons=tuple(reasons),
        warnings=(
            *_interruption_warnings(run.interruptions),
            *_drift_warnings(run.result),
            *_condition_warnings(run.before, run.after),
            # In an interrupted run the counters include what others swapped between its processes.
            *([] if run.interruptions else _swap_warnings(run.before, run.after)),
            *_machine_warnings(machine),
            *(f"not checked: {what}" for what in (run.gate.not_checked if run.gate else ())),
        ),
    )


def why_failed(check: Check) -> str:
    """Why a check failed, in a sentence."""
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
    return (why_failed(check) for check in checks if not check.passed)


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
    # A diverged run also fails "finite", which would repeat the reason.
    checks = [check for check in result.checks if not (diverged and check.name == "finite")]
    yield from _failures(checks)
    if result.data_sha256 != start.data_sha256:
        yield "the images in memory at the end are not those at the beginning"
    if result.versions != start.versions:
        versions = ", ".join(f"{name} {version}" for name, version in result.versions.items())
        yield f"the versions at the end, {versions}, are not those at the beginning"


def _interruption_warnings(interruptions: Sequence[Interruption]) -> Iterator[str]:
    for interruption in interruptions:
        resumed_after = interruption.resumed_after
        where = f"epoch {resumed_after}" if resumed_after else "the beginning"
        why = f" ({interruption.why})" if interruption.why else ""
        setback = f": {interruption.setback}" if interruption.setback else ""
        yield (
            f"cut off after epoch {interruption.after_epoch}{why}, it went on from {where}"
            f" {interruption.seconds:.0f} s later in a new process{setback}"
        )
        for difference in interruption.differences:
            yield f"it went on although not all was as before: {difference}"


def _drift_warnings(result: Result | None) -> Iterator[str]:
    if result is None:
        return
    if result.drift.drift is not None and result.drift.drift < -MAX_DRIFT:
        yield f"it ended {-result.drift.drift:.0%} slower than it began: heat, or something else at work"
    if result.drift.probe_drift is not None and result.drift.probe_drift < -MAX_DRIFT:
        yield (
            f"the device itself ended {-result.drift.probe_drift:.0%} slower than it began,"
            f" by the reference kernel"
        )


def _condition_warnings(before: Condition | None, after: Condition | None) -> Iterator[str]:
    conditions = [condition for condition in (before, after) if condition]
    if any(condition.power == "battery" for condition in conditions):
        yield "on battery"
    if any(condition.low_power for condition in conditions):
        yield "in low power mode"
    hot = {condition.thermal for condition in conditions} - {None, "nominal"}
    if hot:
        yield f"thermal pressure: {', '.join(sorted(str(level) for level in hot))}"


def _swap_warnings(before: Condition | None, after: Condition | None) -> Iterator[str]:
    if before is None or before.swapped_in_bytes is None:
        return
    if after is None or after.swapped_in_bytes is None:
        return
    swapped = after.swapped_in_bytes - before.swapped_in_bytes
    if swapped > MAX_SWAPPED_BYTES:
        yield f"{swapped / 1e6:,.0f} MB came back from swap while it ran: too little memory"


def _machine_warnings(machine: Machine) -> Iterator[str]:
    if is_virtual_mac(machine.model, machine.virtual):
        yield "a virtual Mac: not comparable with any other computer"
    if machine.translated:
        yield "Python was translated by Rosetta"
