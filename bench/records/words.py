"""The sentences of the kinds in bench/records/types.py. Nothing but people reads them."""

from __future__ import annotations

import math

from bench.records.types import (
    Check,
    CheckFailed,
    CutOff,
    DeviceSlowedDown,
    Diverged,
    GateEmpty,
    GateNotRun,
    ImagesChanged,
    LowPowerMode,
    NoOtherEngine,
    NoResult,
    NotBegun,
    NotChecked,
    NotTested,
    OnBattery,
    OtherFirstWeights,
    PlacementUnknown,
    Reads,
    ReadsKind,
    Reason,
    ReferenceDiffers,
    ResumedDespite,
    RunWarning,
    SlowedDown,
    SwappedIn,
    ThermalPressure,
    Translated,
    VersionsChanged,
    VirtualMac,
)


def reason_text(reason: Reason) -> str:
    """Why a run is invalid."""
    match reason:
        case NotBegun():
            return "it did not begin"
        case GateNotRun():
            return "the correctness gate was not run"
        case GateEmpty():
            return "the correctness gate checked nothing"
        case CheckFailed(check=check):
            return check_text(check)
        case OtherFirstWeights():
            return "the gate used other first weights than the run began with"
        case NoResult():
            return "it has no result"
        case Diverged(epoch=epoch):
            return f"diverged at epoch {epoch}: a loss not finite, or rising beyond all bounds"
        case NotTested():
            return "no epoch's weights were scored on the test images"
        case ImagesChanged():
            return "the images in memory at the end are not those at the beginning"
        case VersionsChanged(versions=pairs):
            versions = ", ".join(f"{name} {version}" for name, version in pairs)
            return f"the versions at the end, {versions}, are not those at the beginning"


def check_text(check: Check) -> str:
    """Why a check failed."""
    if check.measured is None or not math.isfinite(check.measured):
        return f"{check.name}: there was nothing to measure, or not a number: {check.description}"
    if check.lower == check.upper:
        allowed = f"{check.upper:g}"
    elif check.measured > check.upper:
        allowed = f"{check.upper:.4g} at most"
    else:
        allowed = f"{check.lower:.4g} at least"
    return f"{check.name}: {check.measured:.4g} where {allowed} is allowed ({check.description})"


def warning_text(warning: RunWarning) -> str:
    """What a reader should know of a run."""
    match warning:
        case CutOff(after_epoch=after_epoch, resumed_after=resumed_after, seconds=seconds):
            where = f"epoch {resumed_after}" if resumed_after else "the beginning"
            why = f" ({warning.why})" if warning.why else ""
            went_back = f": {warning.went_back_because}" if warning.went_back_because else ""
            return (
                f"cut off after epoch {after_epoch}{why}, it went on from {where} {seconds:.0f} s later"
                f" in a new process{went_back}"
            )
        case ResumedDespite(difference=difference):
            return f"it went on although not all was as before: {difference}"
        case SlowedDown(share=share):
            return f"it ended {share:.0%} slower than it began: heat, or something else at work"
        case DeviceSlowedDown(share=share):
            return f"the device itself ended {share:.0%} slower than it began, by the reference kernel"
        case OnBattery():
            return "on battery"
        case LowPowerMode():
            return "in low power mode"
        case ThermalPressure(levels=levels):
            return f"thermal pressure: {', '.join(levels)}"
        case SwappedIn(bytes=swapped):
            return f"{swapped / 1e6:,.0f} MB came back from swap while it ran: too little memory"
        case VirtualMac():
            return "a virtual Mac: not comparable with any other computer"
        case Translated():
            return "Python was translated by Rosetta"
        case PlacementUnknown() | NoOtherEngine() | ReferenceDiffers():
            return f"not checked: {not_checked_text(warning)}"


def not_checked_text(not_checked: NotChecked) -> str:
    """What a gate could not check, and why."""
    match not_checked:
        case PlacementUnknown(why=why):
            return f"where a training step runs: {why}"
        case NoOtherEngine(engine=engine):
            return f"{engine} against another engine: none was run"
        case ReferenceDiffers(engine=engine, device=device):
            return f"{engine} on {device} against other engines: it is off its own reference on the CPU"


READS: dict[ReadsKind, str] = {
    "perf counter": "the worker's perf_counter, device synchronised before start and stop",
    "resident memory in the epoch": "resident memory (VmHWM), the most within the epoch",
    "resident memory since the start": (
        "resident memory (VmHWM), the most since the process began: no reset allowed"
    ),
    "no resident memory": "{detail} has no VmHWM here",
    "footprint in the epoch": "physical footprint, the most within the epoch",
    "footprint since the start": (
        "physical footprint, the most since the process began: no reset allowed"
    ),
    "no footprint": "proc_pid_rusage gives this process nothing",
    "framework counter": "the framework's own counter of its tensors",
    "no framework counter": "the framework's own counter gives nothing on this device",
    "host memory is the device's": "on the CPU the host's memory is the device's",
    "ioreport": "the chip's own estimate by part (IOReport), in windows of 20 s or more",
    "ioreport without counter": "zeus-apple-silicon finds no counter on this chip",
    "ioreport unreadable": "zeus-apple-silicon cannot read this chip ({detail})",
    "counters": "{detail}, in windows of 20 s or more",
    "counters for root": "{detail} is readable by root alone",
    "no counter": "neither RAPL nor NVML counts energy here",
}


def reads_text(reads: Reads) -> str:
    """What a meter reads, or why it reads nothing."""
    return READS[reads.kind].format(detail=reads.detail)
