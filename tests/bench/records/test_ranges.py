"""A figure outside its range is named."""

from __future__ import annotations

import pytest

from tests.support.saved_file_edits import (
    LAST_EPOCH,
    Change,
    Edits,
    assert_edit_is_named,
    edit_cases,
    interrupt,
    put,
)

EDITS: Edits = {
    "figures_in_range": [
        (put(f"{LAST_EPOCH}/train_seconds", -1.0), r"epochs\[3\].train_seconds is -1, which it cannot"),
        (put(f"{LAST_EPOCH}/train_seconds", 0), r"epochs\[3\].train_seconds is 0, which it cannot"),
        (put(f"{LAST_EPOCH}/train_accuracy", 1.5), r"epochs\[3\].train_accuracy is 1.5"),
        (put(f"{LAST_EPOCH}/validation_loss", -0.5), r"epochs\[3\].validation_loss is -0.5"),
        (put(f"{LAST_EPOCH}/peak_host_bytes", 0), r"epochs\[3\].peak_host_bytes is 0"),
        (put(f"{LAST_EPOCH}/probe_seconds", 0.0), r"epochs\[3\].probe_seconds is 0"),
        (put(f"{LAST_EPOCH}/energy_joules", {"gpu": -3.0}), r"epochs\[3\].energy_joules.gpu is -3"),
        (put("run/start/roofline/flops_per_second", 0.0), "start.roofline.flops_per_second is 0"),
        (put("run/before/load", -1.0), "before.load is -1"),
        (put(f"{LAST_EPOCH}/best_weights_seconds", -1.0), r"epochs\[3\].best_weights_seconds is -1"),
        (put(f"{LAST_EPOCH}/checkpoint_seconds", 0.0), r"epochs\[3\].checkpoint_seconds is 0"),
        (interrupt(after_epoch=-1), r"interruptions\[0\].after_epoch is -1"),
        (interrupt(resumed_after=-1), r"interruptions\[0\].resumed_after is -1"),
        (interrupt(seconds=-30.0), r"interruptions\[0\].seconds is -30"),
        (put("run/cell/seed", -1), "cell.seed is -1"),
        (put("run/plan/batch_size", 0), "plan.batch_size is 0"),
        (put("run/plan/image_size", 10**9), "plan.image_size is 1000000000"),
        (put("machine_info/machine/memory_bytes", 0), "machine.memory_bytes is 0"),
    ],
}


@pytest.mark.parametrize(("rule", "change", "sentence"), edit_cases(EDITS))
def test_an_edit_is_named_even_with_a_new_checksum(rule: str, change: Change, sentence: str) -> None:
    assert_edit_is_named(rule, change, sentence)
