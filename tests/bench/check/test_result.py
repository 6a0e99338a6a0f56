"""An edited result that does not follow from its epochs is named."""

from __future__ import annotations

import re

import pytest
from msgspec.structs import replace

from tests.support import saved_file
from tests.support.saved_file import FALLING, LINUX, PLAN, SCRATCH, genuine_content, make_file, make_run
from tests.support.saved_file_edits import (
    OTHER_SHA256,
    SECOND_RUN,
    Change,
    Edits,
    assert_edit_is_named,
    both,
    edit_cases,
    for_each_epoch,
    put,
    reseal,
    twice,
    violations_of,
    without_last,
)

EDITS: Edits = {
    "end_follows_from_the_epochs": [
        (put("run/result/epochs", 5), "result.epochs is 5, and by epochs it is 4"),
        (put("run/result/best_epoch", 1), "result.best_epoch is 1, and by epochs it is 2"),
        (put("run/result/stopped", "cap"), 'result.stopped is "cap", and by'),
        (put("run/result/converged_at", 4), "result.converged_at is 4, and by"),
        (put("run/plan/patience", 1), r"goes on after epoch 3, where .* \(patience\)"),
        (put("run/epochs/0/train_loss", None), r"goes on after epoch 1.*\(diverged\)"),
        (put("run/epochs/1/train_loss", 23.1), r"goes on after epoch 2.*\(diverged\)"),
        (put(f"{SECOND_RUN}/plan/epochs", 5), "nothing ends training at epoch 4"),
    ],
    "accuracies_match_the_confusion": [
        (put("run/result/test_accuracy", 0.74), "test_accuracy is 0.74, .* it is 0.28"),
        (put("run/result/per_class_accuracy/3", 0.5), "result.per_class_accuracy is"),
        (put("run/result/confusion/3/3", 15), "test_images is 500, .* it is 501"),
        (put("run/result/confusion/3/3", -1), "is not 10 rows of 10 counts"),
        (put("run/result/confusion", without_last), "is not 10 rows of 10 counts"),
        (put("run/result/confusion/3", without_last), "is not 10 rows of 10 counts"),
        (put("run/result/test_images", 400), "400, and start.test_images is 500"),
        (put("run/result/weights_sha256", None), "weights_sha256 is null in a run"),
        (put("failures/0/result/test_accuracy", 0.5), "is there, and the run diverged"),
    ],
    "pictures_are_test_images": [
        (put("run/result/pictures", None), "result.pictures is null in a run"),
        (put("run/result/pictures/labels", [3] * 15), "length of result.pictures.labels is 15"),
        (put("run/result/pictures/shares/2", 0.0), "shares are not shares of 1"),
        (put("run/result/pictures/positions/2", 500), "positions are not different"),
        (put("run/result/pictures/positions/2", 1), "positions are not different"),
        (put("run/result/pictures/pixels", "AAAA"), "pixels cannot be: 3 bytes"),
        (put("run/result/pictures/pixels", "A*"), "pixels cannot be"),
        (put("run/result/pictures/answers/2", 10), "has 2 taken for 10 1 times, confusion 0"),
    ],
    "rates_follow_from_the_epochs": [
        (put("run/result/epoch_images_per_second", twice), "images_per_second is"),
        (put("run/epochs/2/train_seconds", 1.0), "result.epoch_images_per_second is"),
        (put("run/result/pipeline_ratio", 1.0), "result.pipeline_ratio is 1, and"),
        (put("run/result/achieved_flops_per_second", twice), "result.achieved_flops"),
        (put("run/result/roofline_share", None), "result.roofline_share is null"),
        (put("run/result/drift/drift", 0.01), "result.drift.drift is 0.01"),
        (put("run/result/drift/probe_drift", None), "drift.probe_drift is null"),
    ],
    "step_fields_are_consistent": [
        (put("run/result/step_seconds", None), "result.step_seconds is null"),
        (put("run/result/step_interference", None), "result.step_interference is null"),
        (put("run/result/step_seconds", 2.0), "step_seconds comes to 10.1562 batches by .* 5 to 100"),
        (
            put("run/result/step_seconds", lambda seconds: 0.4 * seconds),
            "step_seconds comes to 4 batches",
        ),
        (
            put("run/result/step_seconds", lambda seconds: 10.1 * seconds),
            "step_seconds comes to 101 batches",
        ),
    ],
    "peaks_and_joules_follow_from_the_epochs": [
        (put("run/result/peak_host_bytes", 5), "result.peak_host_bytes is 5"),
        (put("run/result/joules_per_epoch", 5.0), "joules_per_epoch is 5"),
    ],
    "memory_and_power_are_plausible": [
        (
            for_each_epoch("run", "peak_host_bytes", lambda peak: peak // 1024),
            "peak_host_bytes is .* at most, and the run must have had 500,000,000",
        ),
        (
            both(
                put("run/start/baseline_host_bytes", None),
                for_each_epoch("run", "peak_host_bytes", lambda peak: peak // 1024),
            ),
            "and the run must have had 172,977,232",
        ),
    ],
    "no_faster_than_the_device": [
        (
            both(put("run/start/roofline/flops_per_second", 50e9), put("run/start/probe_flops", 10**9)),
            "result.achieved_flops_per_second is .* times the most that the roofline",
        ),
    ],
    "speeds_are_possible": [
        (
            put("run/epochs/2/train_seconds", 1e-6),
            r"epochs\[2\].train_seconds is 1e-06, which comes to .* times the most that the roofline",
        ),
        (
            put("run/result/step_images_per_second", 1e9),
            "result.step_images_per_second is 1e.09, which comes to .* times the most",
        ),
        (put("run/result/roofline_share", 50.0), "result.roofline_share is 50, and the most that can"),
    ],
    "no_faster_than_its_steps": [
        (
            both(put("run/result/pipeline_ratio", 40.0), put("run/result/step_images_per_second", 8.0)),
            "result.pipeline_ratio is 40, and a valid run has at most 1.2",
        ),
    ],
    "memory_holds_the_parameters": [
        (
            for_each_epoch("run", "peak_host_bytes", lambda _: 1),
            "epochs.peak_host_bytes is 1 at most, and the network's parameters need 172,977,232",
        ),
        (
            put("machine_info/machine/memory_bytes", 1),
            "machine_info.machine.memory_bytes is 1, and the network's parameters need 172,977,232",
        ),
    ],
}


@pytest.mark.parametrize(("rule", "change", "sentence"), edit_cases(EDITS))
def test_an_edit_is_named_even_with_a_new_checksum(rule: str, change: Change, sentence: str) -> None:
    assert_edit_is_named(rule, change, sentence)


def test_a_first_epoch_that_costs_more_than_any_guess_is_no_divergence() -> None:
    content = genuine_content("linux")
    put("run/epochs/0/train_loss", 40.0)(content)
    assert violations_of(reseal(content)) == []


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            put("benchmarks/1/extra_info/result/joules_per_epoch", None),
            "result.joules_per_epoch is null",
        ),
        (put("run/result/joules_per_epoch", 1.0), "result.joules_per_epoch is 1, and"),
        (put("run/result/joules_to_best_epoch", None), "result.joules_to_best_epoch is null"),
        (put("run/epochs/1/energy_joules", {"gpu": 300.0}), "result.joules_to_best_epoch is"),
        (
            for_each_epoch(
                "run", "energy_joules", lambda parts: {k: v * 1000 for k, v in parts.items()}
            ),
            r"mps-s0: epochs.energy_joules come to 6.88e\+03 W, where 0.5 to 2,000 can be",
        ),
        (
            for_each_epoch(
                "run", "energy_joules", lambda parts: {k: v / 1000 for k, v in parts.items()}
            ),
            "mps-s0: epochs.energy_joules come to 0.00688 W, where",
        ),
        (put("run/result/peak_device_bytes", None), "result.peak_device_bytes is null"),
        (put(f"{SECOND_RUN}/epochs/3/stage", 1), r"epochs\[3\].stage is 1, and by the recipe it is 2"),
        (put(f"{SECOND_RUN}/start/weights_source_sha256", OTHER_SHA256), "is not torchvision's file"),
        (
            put(f"{SECOND_RUN}/start/weight_transfer", None),
            r"start.weight_transfer has null of conv1.bias, where the network has .*features.0.bias",
        ),
        (
            put(f"{SECOND_RUN}/start/weight_transfer/0/source", None),
            r"transfer has \[\[64, 3, 11, 11\], null\] of conv1.weight, where the network has",
        ),
        (
            put(f"{SECOND_RUN}/start/weights_origin", "he-uniform"),
            "where it can be torchvision or user file",
        ),
    ],
)
def test_a_mac_with_its_energy_is_checked_too(change: Change, sentence: str) -> None:
    content = genuine_content("mac")
    change(content)
    violations = violations_of(reseal(content))
    assert any(re.search(sentence, violation) for violation in violations), violations


def test_one_steady_epoch_has_no_drift_and_its_file_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saved_file, "PLAN", replace(PLAN, epochs=2))
    run = make_run(SCRATCH, FALLING[:2])
    assert run["result"]["drift"]["drift"] is None
    content = make_file(LINUX, [run], [], [])
    assert violations_of(content) == []
    put("run/result/drift/drift", 0.0)(content)
    assert any("result.drift.drift is 0, and" in sentence for sentence in violations_of(reseal(content)))
