"""Each reason and each warning, one at a time, in a run that has none."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from bench.records import verdict
from bench.records.types import Check, Condition, Drift, Interruption, Machine, Verdict
from tests.support.samples import CONDITION, GATE, MACHINE, RESULT, START

CHECK = Check(name="logits", measured=1e-6, least=0.0, most=1e-5, says="against float64")
COUNT = Check(name="moved", measured=0, least=0, most=0, says="tensors that did not move")
BAD_CHECK = replace(CHECK, measured=2e-5)
FINITE = Check(name="finite", measured=1, least=0, most=0, says="losses that are not finite")
NO_ANSWER = Check(name="gate", measured=None, least=0, most=0, says="it did not answer: it was killed")
UNANSWERED = replace(GATE, checks=(NO_ANSWER,), weights_sha256=None, batch_sha256=None, seconds=None)
WHY_UNANSWERED = "gate: there was nothing to measure, or not a number: it did not answer: it was killed"
LEFT_ALL_BOUNDS = "a loss not finite, or rising beyond all bounds"
WHY_BAD = "logits: 2e-05 where 1e-05 at most is allowed (against float64)"
PERFECT: dict[str, Any] = {
    "gate": replace(GATE, checks=(CHECK, COUNT)),
    "before": CONDITION,
    "start": START,
    "result": replace(RESULT, checks=(COUNT,)),
    "after": CONDITION,
    "interruptions": (),
}


def judge(machine: Machine = MACHINE, **planted: Any) -> Verdict:
    return verdict.judge(SimpleNamespace(**(PERFECT | planted)), machine)


def test_a_run_without_fault_is_valid_and_without_warnings() -> None:
    assert judge() == Verdict(validity="valid", reasons=(), warnings=())


@pytest.mark.parametrize(
    ("planted", "reason"),
    [
        ({"gate": None}, "the correctness gate was not asked"),
        ({"gate": replace(GATE, checks=(CHECK, BAD_CHECK, COUNT))}, WHY_BAD),
        (
            {"gate": replace(GATE, weights_sha256="9" * 64)},
            "the gate was asked with other first weights than the run began with",
        ),
        ({"gate": replace(GATE, checks=())}, "the correctness gate asked nothing"),
        ({"gate": UNANSWERED}, WHY_UNANSWERED),
        ({"result": None}, "it has no result"),
        (
            {"result": replace(RESULT, test_loss=None, test_accuracy=None)},
            "no epoch's weights were judged on the test images",
        ),
        (
            {"result": replace(RESULT, checks=(FINITE,))},
            "finite: 1 where 0 is allowed (losses that are not finite)",
        ),
        (
            {"result": replace(RESULT, stopped="diverged", epochs=2)},
            f"diverged at epoch 2: {LEFT_ALL_BOUNDS}",
        ),
        (
            {"result": replace(RESULT, checks=(COUNT, replace(COUNT, measured=3)))},
            "moved: 3 where 0 is allowed (tensors that did not move)",
        ),
        (
            {"result": replace(RESULT, data_sha256="9" * 64)},
            "the images in memory at the end are not those at the beginning",
        ),
        (
            {"result": replace(RESULT, versions={"torch": "2.14.2", "numpy": "2.0.2"})},
            "the versions at the end, torch 2.14.2, numpy 2.0.2, are not those at the beginning",
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
def test_one_reason_makes_a_run_invalid_and_says_why(planted: dict[str, Any], reason: str) -> None:
    assert judge(**planted) == Verdict(validity="invalid", reasons=(reason,), warnings=())


def test_a_worker_that_never_began_has_no_result_and_the_gate_still_counts() -> None:
    judged = judge(gate=replace(GATE, checks=(BAD_CHECK,)), start=None, result=None, after=None)
    assert (judged.validity, judged.reasons) == ("invalid", (WHY_BAD, "it has no result"))


def test_every_reason_is_told_the_gates_first() -> None:
    judged = judge(
        gate=replace(GATE, checks=(BAD_CHECK, replace(BAD_CHECK, name="loss"))),
        result=replace(RESULT, stopped="diverged", data_sha256="9" * 64),
    )
    assert [reason.split(":")[0] for reason in judged.reasons] == [
        "logits",
        "loss",
        "diverged at epoch 3",
        "the images in memory at the end are not those at the beginning",
    ]


def test_a_run_that_diverged_says_so_once() -> None:
    """The missing test figures and the failed check of its losses are no further reasons."""
    diverged = replace(RESULT, stopped="diverged", checks=(FINITE,), test_loss=None, test_accuracy=None)
    assert judge(result=diverged).reasons == (f"diverged at epoch 3: {LEFT_ALL_BOUNDS}",)


def test_a_run_that_diverged_fails_its_other_checks_all_the_same() -> None:
    bad = replace(COUNT, measured=3)
    judged = judge(result=replace(RESULT, stopped="diverged", checks=(FINITE, bad)))
    assert judged.reasons == (
        f"diverged at epoch 3: {LEFT_ALL_BOUNDS}",
        "moved: 3 where 0 is allowed (tensors that did not move)",
    )


def drifted(drift: float | None, probe_drift: float | None) -> Any:
    changed = Drift(
        cold_images_per_second=320.0,
        sustained_images_per_second=None if drift is None else 320.0 * (1 + drift),
        drift=drift,
        probe_drift=probe_drift,
    )
    return replace(RESULT, drift=changed)


def condition(**changes: Any) -> Condition:
    return replace(CONDITION, **changes)


SLOWER = "it ended 12% slower than it began: heat, or something else at work"
DEVICE_SLOWER = "the device itself ended 30% slower than it began, by the reference kernel"
ROSETTA = "Python was translated by Rosetta"
NOT_CHECKED = "dropout, whose mask the compiled step keeps to itself"
VIRTUAL = "a virtual Mac: not comparable with any other computer"
SWAPPED = "250 MB came back from swap while it ran: too little memory"
KILLED = "the worker was killed after epoch 4"
CUT_OFF = Interruption(
    stopped_at="2026-11-24T12:30:00+00:00",
    why=KILLED,
    resumed_at="2026-11-24T12:30:42+00:00",
    seconds=42.0,
    differences=(),
    after_epoch=4,
    resumed_after=3,
    setback="the last checkpoint was of epoch 3",
)
WENT_ON = (
    f"cut off after epoch 4 ({KILLED}), it went on from epoch 3 42 s later in a new process:"
    f" the last checkpoint was of epoch 3"
)
BEGAN_ANEW = (
    "cut off after epoch 4, it went on from the beginning 42 s later in a new process: it was damaged"
)
VIRTUAL_MAC = replace(MACHINE, virtual=True, model="VirtualMac2,1")


@pytest.mark.parametrize(
    ("planted", "warning"),
    [
        ({"result": drifted(-0.12, None)}, SLOWER),
        ({"result": drifted(0.0, -0.3)}, DEVICE_SLOWER),
        ({"result": drifted(None, -0.3)}, DEVICE_SLOWER),
        ({"before": condition(power="battery")}, "on battery"),
        ({"after": condition(power="battery")}, "on battery"),
        ({"before": condition(power="battery"), "after": condition(power="battery")}, "on battery"),
        ({"before": condition(low_power=True)}, "in low power mode"),
        ({"after": condition(low_power=True)}, "in low power mode"),
        ({"after": condition(thermal="heavy")}, "thermal pressure: heavy"),
        (
            {"before": condition(thermal="moderate"), "after": condition(thermal="heavy")},
            "thermal pressure: heavy, moderate",
        ),
        (
            {
                "before": condition(swapped_in_bytes=10**9),
                "after": condition(swapped_in_bytes=10**9 + 250_000_000),
            },
            SWAPPED,
        ),
        ({"machine": VIRTUAL_MAC}, VIRTUAL),
        ({"machine": replace(MACHINE, translated=True)}, ROSETTA),
        ({"gate": replace(GATE, not_checked=(NOT_CHECKED,))}, f"not checked: {NOT_CHECKED}"),
        ({"interruptions": [CUT_OFF]}, WENT_ON),
        (
            {"interruptions": [replace(CUT_OFF, why=None, resumed_after=0, setback="it was damaged")]},
            BEGAN_ANEW,
        ),
    ],
)
def test_a_warning_is_told_and_leaves_a_run_valid(planted: dict[str, Any], warning: str) -> None:
    assert judge(**planted) == Verdict(validity="valid", reasons=(), warnings=(warning,))


def test_what_was_swapped_while_a_run_was_cut_off_was_others() -> None:
    before = condition(swapped_in_bytes=10**9)
    after = condition(swapped_in_bytes=6 * 10**9)
    assert judge(before=before, after=after).warnings != ()
    assert judge(before=before, after=after, interruptions=[CUT_OFF]).warnings == (WENT_ON,)


def test_every_interruption_is_told_with_what_was_accepted_to_go_on() -> None:
    torch = "versions torch: 2.14.2 now, 2.14.1 when it began"
    later = replace(CUT_OFF, after_epoch=7, resumed_after=7, setback=None, differences=(torch,))
    judged = judge(interruptions=[CUT_OFF, later], after=condition(power="battery"))
    assert judged.validity == "valid"
    assert judged.warnings == (
        WENT_ON,
        f"cut off after epoch 7 ({KILLED}), it went on from epoch 7 42 s later in a new process",
        f"it went on although not all was as before: {torch}",
        "on battery",
    )


@pytest.mark.parametrize(
    "planted",
    [
        {"interruptions": []},
        {"result": drifted(-0.05, -0.05)},
        {"result": drifted(0.0, None)},
        {"result": drifted(None, None)},
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
        gate=replace(GATE, checks=(BAD_CHECK,), not_checked=(NOT_CHECKED, "and another")),
        before=condition(power="battery", low_power=True),
        result=drifted(-0.12, -0.3),
        after=condition(swapped_in_bytes=250_000_000),
    )
    assert judged.validity == "invalid"
    assert judged.warnings == (
        SLOWER,
        DEVICE_SLOWER,
        "on battery",
        "in low power mode",
        SWAPPED,
        VIRTUAL,
        ROSETTA,
        f"not checked: {NOT_CHECKED}",
        "not checked: and another",
    )


@pytest.mark.parametrize(
    ("check", "sentence"),
    [
        (BAD_CHECK, WHY_BAD),
        (
            Check(name="learnt", measured=0.1234, least=0.25, most=1.0, says="after 50,000 images"),
            "learnt: 0.1234 where 0.25 at least is allowed (after 50,000 images)",
        ),
        (
            replace(CHECK, measured=2.41e-5, most=2.404e-5),
            "logits: 2.41e-05 where 2.404e-05 at most is allowed (against float64)",
        ),
        (
            replace(CHECK, measured=None),
            "logits: there was nothing to measure, or not a number: against float64",
        ),
        (replace(COUNT, measured=2), "moved: 2 where 0 is allowed (tensors that did not move)"),
        (NO_ANSWER, WHY_UNANSWERED),
    ],
    ids=["too large", "too small", "by little", "nothing", "a count", "no answer"],
)
def test_a_failed_check_is_one_sentence(check: Check, sentence: str) -> None:
    assert not check.passed
    assert verdict.why_failed(check) == sentence


@pytest.mark.parametrize("measured", [float("nan"), float("inf"), float("-inf")])
def test_a_check_that_found_no_number_says_so_and_not_on_which_side_it_lies(measured: float) -> None:
    assert verdict.why_failed(replace(CHECK, measured=measured)) == (
        "logits: there was nothing to measure, or not a number: against float64"
    )


@pytest.mark.parametrize("measured", [0.5, 0.75, 1.0])
def test_a_check_passes_on_its_limits_too(measured: float) -> None:
    assert Check(name="x", measured=measured, least=0.5, most=1.0, says="").passed


@pytest.mark.parametrize("measured", [0.49, 1.01, None, float("nan"), float("inf")])
def test_a_check_of_something_else_or_of_nothing_does_not_pass(measured: float | None) -> None:
    assert not Check(name="x", measured=measured, least=0.5, most=1.0, says="").passed
