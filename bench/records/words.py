"""The sentences of the kinds in bench/records/types.py. Nothing but people reads them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from bench.records.types import (
    Check,
    CheckFailed,
    CutOff,
    DeviceSlowedDown,
    Disturbed,
    Diverged,
    GateEmpty,
    GateNotRun,
    ImagesChanged,
    ImplausibleMemory,
    ImplausiblePower,
    LowPowerMode,
    NoOtherEngine,
    NoResult,
    NotBegun,
    NotChecked,
    NotTested,
    OnBattery,
    OtherFirstWeights,
    PlacementUnknown,
    PrecisionWord,
    Reads,
    ReadsKind,
    Reason,
    ReferenceDiffers,
    ResumedDespite,
    RunWarning,
    Slept,
    SlowedDown,
    SlowEpochs,
    StepsDisturbed,
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
        case CutOff() | ResumedDespite():
            return _interruption_text(warning)
        case SlowedDown() | DeviceSlowedDown() | Disturbed() | SlowEpochs() | StepsDisturbed() | Slept():
            return _speed_text(warning)
        case ImplausibleMemory(of=of, bytes=peak, least_bytes=least):
            return (
                f"a peak of {of} memory of {peak / 1e6:,.1f} MB is impossible: the run had at least"
                f" {least / 1e6:,.0f} MB"
            )
        case ImplausiblePower(watts=watts):
            return f"its energy is impossible: {watts:.3g} W on average"
        case PlacementUnknown() | NoOtherEngine() | ReferenceDiffers():
            return f"not checked: {not_checked_text(warning)}"
        case _:
            return _computer_text(warning)


def _interruption_text(warning: CutOff | ResumedDespite) -> str:
    if isinstance(warning, ResumedDespite):
        return f"it went on although not all was as before: {warning.difference}"
    where = f"epoch {warning.resumed_after}" if warning.resumed_after else "the beginning"
    why = f" ({warning.why})" if warning.why else ""
    went_back = f": {warning.went_back_because}" if warning.went_back_because else ""
    return (
        f"cut off after epoch {warning.after_epoch}{why}, it went on from {where}"
        f" {warning.seconds:.0f} s later in a new process{went_back}"
    )


def _speed_text(
    warning: SlowedDown | DeviceSlowedDown | Disturbed | SlowEpochs | StepsDisturbed | Slept,
) -> str:
    match warning:
        case SlowedDown(share=share):
            return f"it ended {share:.0%} slower than it began: heat, or something else at work"
        case DeviceSlowedDown(share=share):
            return f"the device itself ended {share:.0%} slower than it began, by the reference kernel"
        case Disturbed(epochs=epochs, of=of, by=by):
            reasons = ", ".join(by)
            if epochs == of:
                return (
                    f"every epoch that counts was disturbed ({reasons}): nothing is decided by this run"
                )
            return f"{_some(epochs, of)} disturbed ({reasons}) and left out of its rate"
        case StepsDisturbed(by=by):
            return (
                f"every try at timing the step on its own was disturbed ({', '.join(by)}), so the check"
                f" pipeline was not asked"
            )
        case Slept(epochs=epochs, seconds=slept):
            which = "an epoch" if epochs == 1 else f"{epochs} epochs"
            return f"the computer slept, or its time was set, in {which}: {slept:,.0f} s in all"
        case SlowEpochs(epochs=epochs, of=of, share=share):
            up_to = "up to " * (epochs > 1)
            return (
                f"{_some(epochs, of)} {up_to}{share:.0%} longer than the median, and nothing measured"
                f" says why"
            )


def _computer_text(
    warning: OnBattery | LowPowerMode | ThermalPressure | SwappedIn | VirtualMac | Translated,
) -> str:
    match warning:
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


def _some(epochs: int, of: int) -> str:
    return f"{epochs} of the {of} epochs that count {'was' if epochs == 1 else 'were'}"


def not_checked_text(not_checked: NotChecked) -> str:
    """What a gate could not check, and why."""
    match not_checked:
        case PlacementUnknown(why=why):
            return f"where a training step runs: {why}"
        case NoOtherEngine(engine=engine):
            return f"{engine} against another engine: none was run"
        case ReferenceDiffers(engine=engine, device=device):
            return f"{engine} on {device} against other engines: it is off its own reference on the CPU"


def precisions_text(cells: Mapping[PrecisionWord, Sequence[str]]) -> str:
    """Which cells computed in which precision."""
    return "; ".join(f"{word} in {', '.join(ids)}" for word, ids in cells.items())


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
    "processor times": "the system's processor times ({detail}), and the worker's and its parent's own",
    "no processor times": "the system's processor times cannot be read ({detail})",
    "device utilization": "the GPU's use before an epoch, while the worker leaves it idle",
    "no device utilization": "neither ioreg nor NVML tells how busy a single GPU is",
}


def reads_text(reads: Reads) -> str:
    """What a meter reads, or why it reads nothing."""
    return READS[reads.kind].format(detail=reads.detail)


def memory_text(installed_bytes: float) -> str:
    """A computer's memory in GiB (2^30 bytes), as makers count it: a "16 GB" Mac has 16 of them."""
    gibibytes = f"{installed_bytes / 2**30:,.2f}".rstrip("0").rstrip(".")
    return f"{gibibytes} GiB"
