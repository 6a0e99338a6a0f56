"""Whether two frameworks agree, on outputs written by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from bench.gate.agreement import FrameworkOutputs, with_agreement
from bench.records.types import Gate
from tests.support.samples import CELL, CHECK, GATE


def outputs_of(
    tmp_path: Path, framework: Any, *, gate: Gate = GATE, shift: float = 0.0
) -> FrameworkOutputs:
    """One framework's gate and file, all of whose outputs are 1 + `shift`."""
    names = ("logits", "loss", "three losses")
    gate = replace(gate, checks=tuple(replace(gate.checks[0], name=name) for name in names))
    file = tmp_path / f"{framework}.npz"
    logits = np.ones((2, 10)) + shift
    np.savez(file, logits=logits, losses=logits[0], exact_logits=logits)
    return FrameworkOutputs(cell=replace(CELL, framework=framework), gate=gate, outputs=file)


def failures(gate: Gate) -> list[str]:
    return [check.name for check in gate.checks if not check.passed]


def test_two_frameworks_with_equal_outputs_agree(tmp_path: Path) -> None:
    gate = with_agreement(outputs_of(tmp_path, "torch"), outputs_of(tmp_path, "tensorflow"))
    assert failures(gate) == []
    assert [check.name for check in gate.checks[-4:]] == [
        "same bytes",
        "one network",
        "both logits",
        "both three losses",
    ]
    assert gate.not_checked == ()


def test_another_network_is_named_even_where_float32_would_not_tell(tmp_path: Path) -> None:
    gate = with_agreement(outputs_of(tmp_path, "torch"), outputs_of(tmp_path, "tensorflow", shift=1e-6))
    assert failures(gate) == ["one network"]


def test_answers_that_part_are_named(tmp_path: Path) -> None:
    gate = with_agreement(outputs_of(tmp_path, "torch"), outputs_of(tmp_path, "tensorflow", shift=0.01))
    assert failures(gate) == ["one network", "both logits", "both three losses"]
    nan = with_agreement(outputs_of(tmp_path, "torch"), outputs_of(tmp_path, "tensorflow", shift=np.nan))
    assert failures(nan) == ["one network", "both logits", "both three losses"]


def test_other_weights_or_another_batch_are_named(tmp_path: Path) -> None:
    changed = replace(GATE, weights_sha256="9" * 64, batch_sha256="8" * 64)
    gate = with_agreement(
        outputs_of(tmp_path, "torch"), outputs_of(tmp_path, "tensorflow", gate=changed)
    )
    assert failures(gate) == ["same bytes"]
    assert gate.checks[-4].measured == 2


def test_a_framework_that_is_off_by_itself_takes_nobody_with_it(tmp_path: Path) -> None:
    broken = replace(GATE, checks=(replace(CHECK, measured=1.0),))
    gate = with_agreement(outputs_of(tmp_path, "torch"), outputs_of(tmp_path, "tensorflow", gate=broken))
    assert failures(gate) == []
    assert gate.not_checked == ("torch against TensorFlow: tensorflow on cpu is off by itself",)


def test_one_framework_alone_says_that_nothing_was_compared(tmp_path: Path) -> None:
    gate = with_agreement(outputs_of(tmp_path, "torch"), None)
    assert gate.not_checked == ("torch against the other framework: it was not run",)
