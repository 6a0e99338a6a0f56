"""Whether a run may be compared, and what a reader should know of it, judged from its records alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from statistics import median

from bench.records import derive
from bench.records.limits import MAX_DRIFT, MAX_SECONDS_APART, MAX_SWAPPED_BYTES
from bench.records.plausible import implausible_memory, implausible_power
from bench.records.types import (
    Check,
    CheckFailed,
    Condition,
    CutOff,
    DeviceSlowedDown,
    Disturbed,
    Diverged,
    Gate,
    GateEmpty,
    GateNotRun,
    ImagesChanged,
    Interruption,
    LowPowerMode,
    Machine,
    NoResult,
    NotTested,
    OnBattery,
    OtherFirstWeights,
    Reason,
    Result,
    ResumedDespite,
    Run,
    RunWarning,
    Slept,
    SlowedDown,
    SlowEpochs,
    Start,
    StepsDisturbed,
    SwappedIn,
    ThermalPressure,
    Translated,
    Verdict,
    VersionsChanged,
    VirtualMac,
    is_virtual_mac,
)


def judge(run: Run, machine: Machine) -> Verdict:
    """The verdict of a run: `invalid` if there is any reason, such as that it has no result."""
    reasons = [*_gate_reasons(run.gate, run.start), *_result_reasons(run.start, run.result)]
    return Verdict(
        validity="invalid" if reasons else "valid",
        reasons=tuple(reasons),
        warnings=(
            *_interruption_warnings(run.interruptions),
            *_drift_warnings(run.result),
            *_disturbance_warnings(run),
            *implausible_memory(run.cell, run.start, run.epochs),
            *implausible_power(run.cell, run.epochs),
            *_condition_warnings(run.before, run.after),
            # In an interrupted run the counters include what others swapped between its processes.
            *([] if run.interruptions else _swap_warnings(run.before, run.after)),
            *_machine_warnings(machine),
            *(run.gate.not_checked if run.gate else ()),
        ),
    )


def _failed_checks(checks: Sequence[Check]) -> Iterator[Reason]:
    return (CheckFailed(check=check) for check in checks if not check.passed)


def _gate_reasons(gate: Gate | None, start: Start | None) -> Iterator[Reason]:
    if gate is None:
        yield GateNotRun()
        return
    if not gate.checks:
        yield GateEmpty()
    yield from _failed_checks(gate.checks)
    if gate.weights_sha256 and start and start.weights_sha256 != gate.weights_sha256:
        yield OtherFirstWeights()


def _result_reasons(start: Start | None, result: Result | None) -> Iterator[Reason]:
    if start is None or result is None:
        yield NoResult()
        return
    diverged = result.stopped == "diverged"
    if diverged:
        yield Diverged(epoch=result.epochs)
    elif result.test_accuracy is None:
        yield NotTested()
    # A diverged run also fails "finite", which would repeat the reason.
    checks = [check for check in result.checks if not (diverged and check.name == "finite")]
    yield from _failed_checks(checks)
    if result.data_sha256 != start.data_sha256:
        yield ImagesChanged()
    if result.versions != start.versions:
        yield VersionsChanged(versions=tuple(sorted(result.versions.items())))


def _interruption_warnings(interruptions: Sequence[Interruption]) -> Iterator[RunWarning]:
    for interruption in interruptions:
        yield CutOff(
            after_epoch=interruption.after_epoch,
            resumed_after=interruption.resumed_after,
            seconds=interruption.seconds,
            why=interruption.why,
            went_back_because=interruption.went_back_because,
        )
        for difference in interruption.differences:
            yield ResumedDespite(difference=difference)


def _drift_warnings(result: Result | None) -> Iterator[RunWarning]:
    if result is None:
        return
    if result.drift.drift is not None and result.drift.drift < -MAX_DRIFT:
        yield SlowedDown(share=-result.drift.drift)
    if result.drift.probe_drift is not None and result.drift.probe_drift < -MAX_DRIFT:
        yield DeviceSlowedDown(share=-result.drift.probe_drift)


def _disturbance_warnings(run: Run) -> Iterator[RunWarning]:
    """What disturbed epochs and bare steps, and which epochs were slept in or slow without a reason."""
    if run.result is None or not run.epochs:
        return
    epochs, device = run.epochs, run.cell.device
    count = len(derive.steady_epochs(epochs))
    if disturbed := derive.disturbed_epochs(epochs, device):
        by = dict.fromkeys(kind for epoch in disturbed for kind in derive.disturbances(epoch, device))
        yield Disturbed(epochs=len(disturbed), of=count, by=tuple(by))
    if slept := [s for s in map(derive.slept_seconds, epochs) if s > MAX_SECONDS_APART]:
        yield Slept(epochs=len(slept), seconds=sum(slept))
    if slow := derive.slow_epochs(epochs, device):
        usual = median(epoch.train_seconds for epoch in derive.undisturbed_epochs(epochs, device))
        slowest = max(epoch.train_seconds for epoch in slow)
        yield SlowEpochs(epochs=len(slow), of=count, share=slowest / usual - 1)
    if steps_by := derive.step_disturbances(run.result, device):
        yield StepsDisturbed(by=steps_by)


def _condition_warnings(before: Condition | None, after: Condition | None) -> Iterator[RunWarning]:
    conditions = [condition for condition in (before, after) if condition]
    if any(condition.power == "battery" for condition in conditions):
        yield OnBattery()
    if any(condition.low_power for condition in conditions):
        yield LowPowerMode()
    hot = {c.thermal for c in conditions if c.thermal and c.thermal != "nominal"}
    if hot:
        yield ThermalPressure(levels=tuple(sorted(hot)))


def _swap_warnings(before: Condition | None, after: Condition | None) -> Iterator[RunWarning]:
    if before is None or before.swapped_in_bytes is None:
        return
    if after is None or after.swapped_in_bytes is None:
        return
    swapped = after.swapped_in_bytes - before.swapped_in_bytes
    if swapped > MAX_SWAPPED_BYTES:
        yield SwappedIn(bytes=swapped)


def _machine_warnings(machine: Machine) -> Iterator[RunWarning]:
    if is_virtual_mac(machine.model, machine.virtual):
        yield VirtualMac()
    if machine.translated:
        yield Translated()
