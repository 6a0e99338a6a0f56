"""An edited checksum, verdict, place, plan or missing part is named."""

from __future__ import annotations

import pytest

from bench.records.checksum import run_checksum
from tests.support.saved_file_edits import (
    OTHER_SHA256,
    Change,
    Edits,
    assert_edit_is_named,
    both,
    edit_cases,
    interrupt,
    move,
    put,
    without_last,
)

EDITS: Edits = {
    "checksum_matches": [
        (put("run/checksum", OTHER_SHA256), "checksum does not fit"),
    ],
    "verdict_follows": [
        (
            put("run/verdict/warnings", [{"kind": "on battery"}]),
            "verdict.warnings has no ground for: on battery",
        ),
        (put("run/after/power", "battery"), "verdict.warnings leaves out: on battery"),
        (put("run/gate/checks/1/measured", 0.5), 'verdict.validity is "valid", and'),
        (
            put("run/gate/weights_sha256", OTHER_SHA256),
            "leaves out: the gate used other first",
        ),
        (put("run/result/data_sha256", OTHER_SHA256), "leaves out: the images in memory at the end"),
        (put("run/result/versions/torch", "2.15"), "leaves out: the versions at the end"),
        (put("failures/0/verdict/validity", "valid"), 'verdict.validity is "valid", and'),
        (put("failures/0/verdict/reasons", without_last), "verdict.reasons leaves out: diverged"),
        (put("machine_info/machine/model", "VirtualMac2,1"), "leaves out: a virtual Mac"),
        (interrupt(), "verdict.warnings leaves out: cut off after epoch 2"),
    ],
    "run_is_in_the_right_list": [
        (move("failures", "benchmarks"), "it is no benchmark, and it stands among them"),
        (move("benchmarks", "failures"), "it is a benchmark, and it stands among the fail"),
        (put("run/failure", {"reason": "x", "log_tail": ""}), "result and failure are both"),
    ],
    "plan_can_be_run": [
        (put("run/cell/experiment", "magic"), 'cell.experiment is "magic", and there are scratch'),
        (put("run/plan/image_size", 8), "plan makes no run: standard cannot take images of 8 px"),
        (put("run/plan/train_images", 641), "plan makes no run: .* multiple of 10"),
    ],
    "no_part_is_missing": [
        (put("run/gate", None), "gate is missing in a run that has a result"),
        (put("run/epochs", []), "epochs is missing in a run that has a result"),
        (both(put("failures/0/result", None), put("failures/0/start", None)), "start is missing"),
    ],
}


@pytest.mark.parametrize(("rule", "change", "sentence"), edit_cases(EDITS))
def test_an_edit_is_named_even_with_a_new_checksum(rule: str, change: Change, sentence: str) -> None:
    assert_edit_is_named(rule, change, sentence)


def test_a_checksum_covers_the_run_and_its_machine() -> None:
    """The edits above are sealed by the same function, and would not miss what it leaves out."""
    run, machine = {"epochs": [1.0], "checksum": ""}, {"name": "anna"}
    sealed = run_checksum(run, machine)
    assert run_checksum(run | {"checksum": sealed}, machine) == sealed
    assert run_checksum(run | {"epochs": [1.1]}, machine) != sealed
    assert run_checksum(run, machine | {"name": "bob"}) != sealed
