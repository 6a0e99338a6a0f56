"""Every kind of a verdict, a gate and a meter has its sentence."""

from __future__ import annotations

from typing import get_args

import pytest
from msgspec.structs import replace

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
    NotMeasuredKind,
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
from bench.records.words import (
    READS,
    check_text,
    not_checked_text,
    reads_text,
    reason_text,
    warning_text,
)

CHECK = Check(name="logits", measured=2e-5, lower=0.0, upper=1e-5, description="against float64")
COUNT = Check(name="moved", measured=3, lower=0, upper=0, description="tensors that did not move")
WHY_BAD = "logits: 2e-05 where 1e-05 at most is allowed (against float64)"
KILLED = "the worker was killed after epoch 4"
CUT_OFF = CutOff(
    after_epoch=4,
    resumed_after=3,
    seconds=42.0,
    why=KILLED,
    went_back_because="the last checkpoint was of epoch 3",
)
TORCH = "versions torch: 2.14.2 now, 2.14.1 when it began"

REASONS: list[tuple[Reason, str]] = [
    (NotBegun(), "it did not begin"),
    (GateNotRun(), "the correctness gate was not run"),
    (GateEmpty(), "the correctness gate checked nothing"),
    (CheckFailed(check=CHECK), WHY_BAD),
    (CheckFailed(check=COUNT), "moved: 3 where 0 is allowed (tensors that did not move)"),
    (OtherFirstWeights(), "the gate used other first weights than the run began with"),
    (NoResult(), "it has no result"),
    (Diverged(epoch=2), "diverged at epoch 2: a loss not finite, or rising beyond all bounds"),
    (NotTested(), "no epoch's weights were scored on the test images"),
    (ImagesChanged(), "the images in memory at the end are not those at the beginning"),
    (
        VersionsChanged(versions=(("torch", "2.14.2"), ("numpy", "2.0.2"))),
        "the versions at the end, torch 2.14.2, numpy 2.0.2, are not those at the beginning",
    ),
]
NOT_CHECKED: list[tuple[NotChecked, str]] = [
    (
        PlacementUnknown(why="TensorFlow has recorded no graph of the step"),
        "where a training step runs: TensorFlow has recorded no graph of the step",
    ),
    (NoOtherEngine(engine="torch"), "torch against another engine: none was run"),
    (
        ReferenceDiffers(engine="tensorflow", device="mps"),
        "tensorflow on mps against other engines: it is off its own reference on the CPU",
    ),
]
WARNINGS: list[tuple[RunWarning, str]] = [
    (
        CUT_OFF,
        f"cut off after epoch 4 ({KILLED}), it went on from epoch 3 42 s later in a new process:"
        f" the last checkpoint was of epoch 3",
    ),
    (
        replace(CUT_OFF, why=None, resumed_after=0, went_back_because="it was damaged"),
        "cut off after epoch 4, it went on from the beginning 42 s later in a new process:"
        " it was damaged",
    ),
    (
        replace(CUT_OFF, after_epoch=7, resumed_after=7, went_back_because=None),
        f"cut off after epoch 7 ({KILLED}), it went on from epoch 7 42 s later in a new process",
    ),
    (ResumedDespite(difference=TORCH), f"it went on although not all was as before: {TORCH}"),
    (SlowedDown(share=0.12), "it ended 12% slower than it began: heat, or something else at work"),
    (
        DeviceSlowedDown(share=0.3),
        "the device itself ended 30% slower than it began, by the reference kernel",
    ),
    (
        Disturbed(epochs=2, of=9, by=("other programs", "sleep")),
        "2 of the 9 epochs that count were disturbed (other programs, sleep) and left out of its rate",
    ),
    (
        Disturbed(epochs=1, of=1, by=("the GPU's other users",)),
        "every epoch that counts was disturbed (the GPU's other users): nothing is decided by this run",
    ),
    (
        SlowEpochs(epochs=1, of=9, share=0.31),
        "1 of the 9 epochs that count was 31% longer than the median, and nothing measured says why",
    ),
    (
        SlowEpochs(epochs=2, of=9, share=0.31),
        "2 of the 9 epochs that count were up to 31% longer than the median, and nothing measured says"
        " why",
    ),
    (
        StepsDisturbed(by=("other programs", "the GPU's other users")),
        "every try at timing the step on its own was disturbed (other programs, the GPU's other users),"
        " so the check pipeline was not asked",
    ),
    (Slept(epochs=1, seconds=61.4), "the computer slept, or its time was set, in an epoch: 61 s in all"),
    (
        Slept(epochs=2, seconds=6100.0),
        "the computer slept, or its time was set, in 2 epochs: 6,100 s in all",
    ),
    (
        ImplausibleMemory(of="host", bytes=2_300_000, least_bytes=2_000_000_000),
        "a peak of host memory of 2.3 MB is impossible: the run had at least 2,000 MB",
    ),
    (ImplausiblePower(watts=43_210.0), "its energy is impossible: 4.32e+04 W on average"),
    (OnBattery(), "on battery"),
    (LowPowerMode(), "in low power mode"),
    (ThermalPressure(levels=("heavy",)), "thermal pressure: heavy"),
    (ThermalPressure(levels=("heavy", "moderate")), "thermal pressure: heavy, moderate"),
    (
        SwappedIn(bytes=250_000_000),
        "250 MB came back from swap while it ran: too little memory",
    ),
    (
        SwappedIn(bytes=12_345_678_900),
        "12,346 MB came back from swap while it ran: too little memory",
    ),
    (VirtualMac(), "a virtual Mac: not comparable with any other computer"),
    (Translated(), "Python was translated by Rosetta"),
    *((kind, f"not checked: {sentence}") for kind, sentence in NOT_CHECKED),
]
DETAIL = "/proc/5/status"
METERS: dict[ReadsKind, str] = {
    "perf counter": "the worker's perf_counter, device synchronised before start and stop",
    "resident memory in the epoch": "resident memory (VmHWM), the most within the epoch",
    "resident memory since the start": (
        "resident memory (VmHWM), the most since the process began: no reset allowed"
    ),
    "no resident memory": f"{DETAIL} has no VmHWM here",
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
    "ioreport unreadable": f"zeus-apple-silicon cannot read this chip ({DETAIL})",
    "counters": f"{DETAIL}, in windows of 20 s or more",
    "counters for root": f"{DETAIL} is readable by root alone",
    "no counter": "neither RAPL nor NVML counts energy here",
    "processor times": f"the system's processor times ({DETAIL}), and the worker's and its parent's own",
    "no processor times": f"the system's processor times cannot be read ({DETAIL})",
    "device utilization": "the GPU's use before an epoch, while the worker leaves it idle",
    "no device utilization": "neither ioreg nor NVML tells how busy a single GPU is",
}


def test_every_kind_is_tried_here() -> None:
    assert {type(reason) for reason, _ in REASONS} == set(get_args(Reason))
    assert {type(kind) for kind, _ in NOT_CHECKED} == set(get_args(NotChecked))
    assert {type(warning) for warning, _ in WARNINGS} == set(get_args(RunWarning))
    assert set(METERS) == set(READS) == set(get_args(ReadsKind))


@pytest.mark.parametrize(("reason", "sentence"), REASONS)
def test_a_reason_is_one_sentence(reason: Reason, sentence: str) -> None:
    assert reason_text(reason) == sentence


@pytest.mark.parametrize(("not_checked", "sentence"), NOT_CHECKED)
def test_what_was_not_checked_is_one_sentence(not_checked: NotChecked, sentence: str) -> None:
    assert not_checked_text(not_checked) == sentence


@pytest.mark.parametrize(("warning", "sentence"), WARNINGS)
def test_a_warning_is_one_sentence(warning: RunWarning, sentence: str) -> None:
    assert warning_text(warning) == sentence


@pytest.mark.parametrize("kind", get_args(ReadsKind))
def test_what_a_meter_reads_is_one_sentence_with_its_detail(kind: ReadsKind) -> None:
    assert reads_text(Reads(kind=kind, detail=DETAIL)) == METERS[kind]


@pytest.mark.parametrize("kind", get_args(ReadsKind))
def test_a_meter_that_reads_nothing_is_known_by_its_kind(kind: ReadsKind) -> None:
    reads = Reads(kind=kind)
    assert reads.measured == (kind not in get_args(NotMeasuredKind))
    says_so = any(word in kind for word in ("no ", "without", "unreadable", "root", "the device's"))
    assert reads.measured != says_so


def test_the_kinds_of_nothing_are_kinds() -> None:
    assert set(get_args(ReadsKind)) > set(get_args(NotMeasuredKind))


def test_a_detail_is_put_in_as_it_is() -> None:
    """It may hold braces, or the error of a library."""
    odd = Reads(kind="ioreport unreadable", detail="{detail} %s {0}")
    assert reads_text(odd) == "zeus-apple-silicon cannot read this chip ({detail} %s {0})"


@pytest.mark.parametrize(
    ("check", "sentence"),
    [
        (CHECK, WHY_BAD),
        (
            Check(
                name="learnt", measured=0.1234, lower=0.25, upper=1.0, description="after 50,000 images"
            ),
            "learnt: 0.1234 where 0.25 at least is allowed (after 50,000 images)",
        ),
        (
            replace(CHECK, measured=2.41e-5, upper=2.404e-5),
            "logits: 2.41e-05 where 2.404e-05 at most is allowed (against float64)",
        ),
        (
            replace(CHECK, measured=None),
            "logits: there was nothing to measure, or not a number: against float64",
        ),
        (
            replace(COUNT, name="finite", measured=1, description="losses that are not finite"),
            "finite: 1 where 0 is allowed (losses that are not finite)",
        ),
        (replace(COUNT, measured=2), "moved: 2 where 0 is allowed (tensors that did not move)"),
        (
            Check(name="gate", measured=None, lower=0, upper=0, description="it did not answer: killed"),
            "gate: there was nothing to measure, or not a number: it did not answer: killed",
        ),
    ],
    ids=["too large", "too small", "by little", "nothing", "a loss", "a count", "no answer"],
)
def test_a_failed_check_is_one_sentence(check: Check, sentence: str) -> None:
    assert not check.passed
    assert check_text(check) == sentence


@pytest.mark.parametrize("measured", [float("nan"), float("inf"), float("-inf")])
def test_a_check_that_found_no_number_says_so_and_not_on_which_side_it_lies(measured: float) -> None:
    assert check_text(replace(CHECK, measured=measured)) == (
        "logits: there was nothing to measure, or not a number: against float64"
    )
