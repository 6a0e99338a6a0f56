"""Runs of one file that contradict one another are named."""

from __future__ import annotations

import pytest

from tests.support.saved_file_edits import (
    OTHER_SHA256,
    SECOND_RUN,
    Change,
    Edits,
    assert_edit_is_named,
    edit_cases,
    put,
    twice,
)

EDITS: Edits = {
    "cells_are_unique": [
        (put("skipped", twice), "pretrained-torch-cpu-s0: cell stands in this file more"),
    ],
    "same_images": [
        (
            put(f"{SECOND_RUN}/start/data_sha256", OTHER_SHA256),
            "start.data_sha256 is not that of scratch-torch",
        ),
    ],
    "same_first_weights_and_batch": [
        (put(f"{SECOND_RUN}/start/weights_sha256", OTHER_SHA256), "start.weights_sha256 is not that of"),
        (put(f"{SECOND_RUN}/gate/batch_sha256", OTHER_SHA256), "gate.batch_sha256 is not that of"),
    ],
}


@pytest.mark.parametrize(("rule", "change", "sentence"), edit_cases(EDITS))
def test_an_edit_is_named_even_with_a_new_checksum(rule: str, change: Change, sentence: str) -> None:
    assert_edit_is_named(rule, change, sentence)
