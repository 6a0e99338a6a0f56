"""Each reason and each warning, one at a time, in a run that has none."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from bench.records import verdict
from bench.records.run import SessionRun
from bench.records.types import (
    Check,
    CheckFailed,
    Condition,
    CutOff,
    DeviceSlowedDown,
    Disturbed,
    Diverged,
    Drift,
    GateEmpty,
    GateNotRun,
    ImagesChanged,
    ImplausibleMemory,
    ImplausiblePower,
    Interruption,
    LowPowerMode,
    Machine,
    NoOtherEngine,
    NoResult,
    NotTested,
    OnBattery,
    OtherFirstWeights,
    PlacementUnknown,
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
    Verdict,
    VersionsChanged,
    VirtualMac,
)
from tests.support.samples import (
    CELL,
    CONDITION,
    EPOCH,
    GATE,
    INTERFERENCE,
    MACHINE,
    PLAN,
    RESULT,
    START,
)

CHECK = Check(name="logits", measured=1e-6, lower=0.0, upper=1e-5, description="against float64")
COUNT = Check(name="moved", measured=0, lower=0, upper=0, description="tensors that did not move")
BAD_CHECK = replace(CHECK, measured=2e-5)
BAD_COUNT = replace(COUNT, measured=3)
FINITE = Check(name="finite", measured=1, lower=0, upper=0, description="losses that are not finite")
NO_ANSWER = Check(name="gate", measured=None, lower=0, upper=0, description="it did not answer: killed")
UNANSWERED = replace(GATE, checks=(NO_ANSWER,), weights_sha256=None, batch_sha256=None, seconds=None)
NEW_VERSIONS = (("numpy", "2.0.2"), ("torch", "2.14.2"))
PERFECT: dict[str, Any] = {
    "gate": replace(GATE, checks=(CHECK, COUNT)),
    "before": CONDITION,
    "start": START,
    "epochs": [replace(EPOCH, epoch=n, warm_up=n == 1) for n in range(1, 5)],
    "result": replace(RESULT, checks=(COUNT,)),
    "after": CONDITION,
    "interruptions": [],
}


def judge(machine: Machine = MACHINE, **planted: Any) -> Verdict:
    return verdict.judge(replace(SessionRun.of_cell(CELL, PLAN), **(PERFECT | planted)), machine)


def test_a_run_without_fault_is_valid_and_without_warnings() -> None:
    assert judge() == Verdict(validity="valid", reasons=(), warnings=())


@pytest.mark.parametrize(
    ("planted", "reason"),
    [
        ({"gate": None}, GateNotRun()),
        ({"gate": replace(GATE, checks=(CHECK, BAD_CHECK, COUNT))}, CheckFailed(check=BAD_CHECK)),
        ({"gate": replace(GATE, weights_sha256="9" * 64)}, OtherFirstWeights()),
        ({"gate": replace(GATE, checks=())}, GateEmpty()),
        ({"gate": UNANSWERED}, CheckFailed(check=NO_ANSWER)),
        ({"result": None}, NoResult()),
        ({"result": replace(RESULT, test_loss=None, test_accuracy=None)}, NotTested()),
        ({"result": replace(RESULT, checks=(FINITE,))}, CheckFailed(check=FINITE)),
        ({"result": replace(RESULT, stopped="diverged", epochs=2)}, Diverged(epoch=2)),
        ({"result": replace(RESULT, checks=(COUNT, BAD_COUNT))}, CheckFailed(check=BAD_COUNT)),
        ({"result": replace(RESULT, data_sha256="9" * 64)}, ImagesChanged()),
        (
            {"result": replace(RESULT, versions={"torch": "2.14.2", "numpy": "2.0.2"})},
            VersionsChanged(versions=NEW_VERSIONS),
        ),
    ],
    ids=[
        "no gate",
        "gate",
        "weights",
        "empty gate",
        "unanswered gate",
        "no result",
        "never judged",
        "not finite",
        "diverged",
        "check",
        "data",
        "versions",
    ],
)
def test_one_reason_makes_a_run_invalid_and_says_why(planted: dict[str, Any], reason: Reason) -> None:
    assert judge(**planted) == Verdict(validity="invalid", reasons=(reason,), warnings=())


def test_a_worker_that_never_began_has_no_result_and_the_gate_still_counts() -> None:
    judged = judge(gate=replace(GATE, checks=(BAD_CHECK,)), start=None, result=None, after=None)
    assert (judged.validity, judged.reasons) == (
        "invalid",
        (CheckFailed(check=BAD_CHECK), NoResult()),
    )


def test_every_reason_is_told_the_gates_first() -> None:
    bad_loss = replace(BAD_CHECK, name="loss")
    judged = judge(
        gate=replace(GATE, checks=(BAD_CHECK, bad_loss)),
        result=replace(RESULT, stopped="diverged", data_sha256="9" * 64),
    )
    assert judged.reasons == (
        CheckFailed(check=BAD_CHECK),
        CheckFailed(check=bad_loss),
        Diverged(epoch=3),
        ImagesChanged(),
    )


def test_a_run_that_diverged_says_so_once() -> None:
    """The missing test figures and the failed check of its losses are no further reasons."""
    diverged = replace(RESULT, stopped="diverged", checks=(FINITE,), test_loss=None, test_accuracy=None)
    assert judge(result=diverged).reasons == (Diverged(epoch=3),)


def test_a_run_that_diverged_fails_its_other_checks_all_the_same() -> None:
    judged = judge(result=replace(RESULT, stopped="diverged", checks=(FINITE, BAD_COUNT)))
    assert judged.reasons == (Diverged(epoch=3), CheckFailed(check=BAD_COUNT))


def drifted(drift: float | None, probe_drift: float | None) -> Any:
    changed = Drift(
        early_images_per_second=320.0,
        late_images_per_second=None if drift is None else 320.0 * (1 + drift),
        drift=drift,
        probe_drift=probe_drift,
    )
    return replace(RESULT, drift=changed)


def condition(**changes: Any) -> Condition:
    return replace(CONDITION, **changes)


PLACEMENT_UNKNOWN = PlacementUnknown(why="TensorFlow has recorded no graph of the step")
NO_OTHER_ENGINE = NoOtherEngine(engine="torch")
ENGINE_OFF = ReferenceDiffers(engine="tensorflow", device="mps")
KILLED = "the worker was killed after epoch 4"
CUT_OFF = Interruption(
    stopped_at="2026-11-24T12:30:00+00:00",
    why=KILLED,
    resumed_at="2026-11-24T12:30:42+00:00",
    seconds=42.0,
    differences=(),
    after_epoch=4,
    resumed_after=3,
    went_back_because="the last checkpoint was of epoch 3",
)
WENT_ON = CutOff(
    after_epoch=4,
    resumed_after=3,
    seconds=42.0,
    why=KILLED,
    went_back_because="the last checkpoint was of epoch 3",
)
STEADY = tuple(replace(EPOCH, epoch=n, warm_up=n == 1) for n in range(1, 5))
BUSY = replace(INTERFERENCE, own_cpu_seconds=3.0)


def disturbed(*numbers: int) -> list[Any]:
    """Four epochs, of which the first is a warm-up; others were at work in these."""
    return [replace(e, interference=BUSY) if e.epoch in numbers else e for e in STEADY]


def slept(*numbers: int) -> list[Any]:
    return [replace(e, wall_seconds=500.0) if e.epoch in numbers else e for e in STEADY]


VIRTUAL_MAC = replace(MACHINE, virtual=True, model="VirtualMac2,1")


@pytest.mark.parametrize(
    ("planted", "warning"),
    [
        ({"result": drifted(-0.12, None)}, SlowedDown(share=0.12)),
        ({"result": drifted(0.0, -0.3)}, DeviceSlowedDown(share=0.3)),
        ({"result": drifted(None, -0.3)}, DeviceSlowedDown(share=0.3)),
        ({"epochs": disturbed(2)}, Disturbed(epochs=1, of=3, by=("other programs",))),
        ({"epochs": disturbed(2, 3, 4)}, Disturbed(epochs=3, of=3, by=("other programs",))),
        ({"epochs": slept(1)}, Slept(epochs=1, seconds=498.0)),
        (
            {"epochs": [*STEADY[:3], replace(STEADY[3], train_seconds=2.5, wall_seconds=2.5)]},
            SlowEpochs(epochs=1, of=3, share=0.25),
        ),
        (
            {"result": replace(RESULT, step_interference=BUSY)},
            StepsDisturbed(by=("other programs",)),
        ),
        (
            {"epochs": [replace(e, peak_host_bytes=10**6) for e in STEADY]},
            ImplausibleMemory(of="host", bytes=10**6, least_bytes=5 * 10**8),
        ),
        (
            {"epochs": [replace(e, energy_joules={"cpu": 10_000.0}) for e in STEADY]},
            ImplausiblePower(watts=5000.0),
        ),
        ({"before": condition(power="battery")}, OnBattery()),
        ({"after": condition(power="battery")}, OnBattery()),
        ({"before": condition(power="battery"), "after": condition(power="battery")}, OnBattery()),
        ({"before": condition(low_power=True)}, LowPowerMode()),
        ({"after": condition(low_power=True)}, LowPowerMode()),
        ({"after": condition(thermal="heavy")}, ThermalPressure(levels=("heavy",))),
        (
            {"before": condition(thermal="moderate"), "after": condition(thermal="heavy")},
            ThermalPressure(levels=("heavy", "moderate")),
        ),
        (
            {
                "before": condition(swapped_in_bytes=10**9),
                "after": condition(swapped_in_bytes=10**9 + 250_000_000),
            },
            SwappedIn(bytes=250_000_000),
        ),
        ({"machine": VIRTUAL_MAC}, VirtualMac()),
        ({"machine": replace(MACHINE, translated=True)}, Translated()),
        ({"gate": replace(GATE, not_checked=(PLACEMENT_UNKNOWN,))}, PLACEMENT_UNKNOWN),
        ({"gate": replace(GATE, not_checked=(NO_OTHER_ENGINE,))}, NO_OTHER_ENGINE),
        ({"gate": replace(GATE, not_checked=(ENGINE_OFF,))}, ENGINE_OFF),
        ({"interruptions": [CUT_OFF]}, WENT_ON),
        (
            {
                "interruptions": [
                    replace(CUT_OFF, why=None, resumed_after=0, went_back_because="damaged")
                ]
            },
            replace(WENT_ON, why=None, resumed_after=0, went_back_because="damaged"),
        ),
    ],
)
def test_a_warning_is_told_and_leaves_a_run_valid(planted: dict[str, Any], warning: RunWarning) -> None:
    assert judge(**planted) == Verdict(validity="valid", reasons=(), warnings=(warning,))


def test_sleep_in_an_epoch_that_counts_disturbs_it_too() -> None:
    assert judge(epochs=[*disturbed(2)[:3], slept(4)[3]]).warnings == (
        Disturbed(epochs=2, of=3, by=("other programs", "sleep")),
        Slept(epochs=1, seconds=498.0),
    )


def test_what_was_swapped_while_a_run_was_cut_off_was_others() -> None:
    before = condition(swapped_in_bytes=10**9)
    after = condition(swapped_in_bytes=6 * 10**9)
    assert judge(before=before, after=after).warnings != ()
    assert judge(before=before, after=after, interruptions=[CUT_OFF]).warnings == (WENT_ON,)


def test_every_interruption_is_told_with_what_was_accepted_to_go_on() -> None:
    torch = "versions torch: 2.14.2 now, 2.14.1 when it began"
    later = replace(
        CUT_OFF, after_epoch=7, resumed_after=7, went_back_because=None, differences=(torch,)
    )
    judged = judge(interruptions=[CUT_OFF, later], after=condition(power="battery"))
    assert judged.validity == "valid"
    assert judged.warnings == (
        WENT_ON,
        replace(WENT_ON, after_epoch=7, resumed_after=7, went_back_because=None),
        ResumedDespite(difference=torch),
        OnBattery(),
    )


@pytest.mark.parametrize(
    "planted",
    [
        {"interruptions": []},
        {"result": drifted(-0.05, -0.05)},
        {"result": drifted(0.0, None)},
        {"result": drifted(None, None)},
        {"epochs": disturbed(1)},  # a warm-up
        {"result": replace(RESULT, step_interference=None)},
        {"result": replace(RESULT, step_interference=BUSY, step_seconds=None)},
        {"epochs": [replace(e, interference=None, wall_seconds=None) for e in STEADY]},
        {"epochs": [*STEADY[:3], replace(STEADY[3], train_seconds=2.2, wall_seconds=2.2)]},
        {"before": None, "after": None},
        {"before": condition(power=None, low_power=None, thermal=None)},
        {"after": condition(swapped_in_bytes=10**8)},
        {"after": condition(swapped_out_bytes=10**10, swap_used_bytes=10**10)},
        {"before": condition(swapped_in_bytes=10**9), "after": condition(swapped_in_bytes=0)},
        {"before": condition(swapped_in_bytes=0), "after": None},
        {"before": condition(swapped_in_bytes=None), "after": condition(swapped_in_bytes=10**9)},
        {"after": condition(swapped_in_bytes=None, swapped_out_bytes=None)},
        {"machine": replace(MACHINE, virtual=True, model="KVM")},
        {"machine": replace(MACHINE, virtual=True, model=None)},
        {"machine": replace(MACHINE, translated=None)},
    ],
)
def test_what_is_unknown_or_within_limits_is_no_warning(planted: dict[str, Any]) -> None:
    assert judge(**planted) == Verdict(validity="valid", reasons=(), warnings=())


def test_an_invalid_run_has_its_warnings_all_the_same() -> None:
    judged = judge(
        machine=replace(VIRTUAL_MAC, translated=True),
        gate=replace(GATE, checks=(BAD_CHECK,), not_checked=(PLACEMENT_UNKNOWN, NO_OTHER_ENGINE)),
        before=condition(power="battery", low_power=True),
        result=drifted(-0.12, -0.3),
        after=condition(swapped_in_bytes=250_000_000),
    )
    assert judged.validity == "invalid"
    assert judged.warnings == (
        SlowedDown(share=0.12),
        DeviceSlowedDown(share=0.3),
        OnBattery(),
        LowPowerMode(),
        SwappedIn(bytes=250_000_000),
        VirtualMac(),
        Translated(),
        PLACEMENT_UNKNOWN,
        NO_OTHER_ENGINE,
    )


@pytest.mark.parametrize("measured", [0.5, 0.75, 1.0])
def test_a_check_passes_on_its_limits_too(measured: float) -> None:
    assert Check(name="x", measured=measured, lower=0.5, upper=1.0, description="").passed


@pytest.mark.parametrize("measured", [0.49, 1.01, None, float("nan"), float("inf")])
def test_a_check_of_something_else_or_of_nothing_does_not_pass(measured: float | None) -> None:
    assert not Check(name="x", measured=measured, lower=0.5, upper=1.0, description="").passed
