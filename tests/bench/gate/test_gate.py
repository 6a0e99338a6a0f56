"""The correctness gate bites: each fault is planted in a real framework on the CPU and must be named."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.gate.agreement import FrameworkOutputs, with_agreement
from bench.records.types import Gate
from tests.support.real_worker import said_by
from tests.support.samples import CELL, CHECK, GATE

FRAMEWORKS = ("torch", "tensorflow")
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    answers = {}
    for framework in FRAMEWORKS:
        answers[framework] = json.loads(said_by("tests.support.gate_worker", framework).splitlines()[-1])
    return answers


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_without_a_fault_every_check_passes(found: dict[str, Any], framework: str) -> None:
    checks = found[framework]["none"]
    assert len(checks) == 12
    assert [name for name, (passed, _, _) in checks.items() if not passed] == []


FAULTS = [
    ("scrambled", "layers", "the output of conv3 on cpu"),
    ("scrambled", "logits", "the compiled logits on cpu"),
    ("scrambled", "gradient", "the first step's gradient"),
    ("late", "twice the work", "1 would be a clock that does not wait"),
    ("late", "nothing left", "what one image's logits take once the clock has stopped"),
    ("scrambled", "own logits", "the logits of the cell's own network"),
    ("misplaced", "placement", "operations of a training step that were not placed on cpu: "),
    ("other momentum", "three steps", "in three steps on cpu"),
    ("zero dropout", "dropout", "each under a mask of its own"),
    ("stale", "three steps", "the way of conv2.bias in three steps"),
    ("stale", "update", "how far the first step of conv2.bias"),
    ("not a number", "layers", "the output of fc7"),
    ("not a number", "logits", "the compiled logits on cpu"),
    ("not a number", "gradient", "the first step's gradient"),
]


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize(("fault", "check", "words"), FAULTS)
def test_a_planted_fault_is_named(
    found: dict[str, Any], framework: str, fault: str, check: str, words: str
) -> None:
    passed, measured, says = found[framework][fault][check]
    assert not passed, f"{fault}: {check} measured {measured} and let it pass"
    assert words in says


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize(
    ("fault", "unharmed"),
    [
        ("stale", "gradient"),
        ("zero dropout", "logits"),
        ("late", "logits"),
        ("other momentum", "gradient"),
    ],
)
def test_what_a_fault_does_not_touch_still_passes(
    found: dict[str, Any], framework: str, fault: str, unharmed: str
) -> None:
    assert found[framework][fault][unharmed][0]


def test_a_graph_that_computes_otherwise_than_eager_is_named(found: dict[str, Any]) -> None:
    """Layer by layer it looks right, since that runs eagerly; the compiled network is what trains."""
    checks = found["tensorflow"]["wrong when compiled"]
    assert checks["layers"][0]
    for name in ("logits", "loss", "gradient"):
        assert not checks[name][0], name


def test_what_runs_elsewhere_is_named(found: dict[str, Any]) -> None:
    """TensorFlow's operations one by one; torch, which raises for those, by where its tensors lie."""
    _, measured, says = found["tensorflow"]["misplaced"]["placement"]
    kinds = [stray.split()[0] for stray in says.split(": ", 1)[1].split(", ")]
    assert measured == len(kinds)
    assert {"ResourceApplyMomentum", "ReluGrad", "ResizeBilinear", "Sum"} <= set(kinds)
    assert not {"Const", "_Arg", "Shape"} & set(kinds)
    _, _, says = found["torch"]["misplaced"]["placement"]
    assert {"conv1.weight", "images", "fc8.bias momentum"} <= set(says.split(": ", 1)[1].split(", "))


def witness(
    tmp_path: Path, framework: Any, *, gate: Gate = GATE, shift: float = 0.0
) -> FrameworkOutputs:
    names = ("logits", "loss", "three losses")
    gate = replace(gate, checks=tuple(replace(gate.checks[0], name=name) for name in names))
    file = tmp_path / f"{framework}.npz"
    logits = np.ones((2, 10)) + shift
    np.savez(file, logits=logits, losses=logits[0], exact_logits=logits)
    return FrameworkOutputs(cell=replace(CELL, framework=framework), gate=gate, outputs=file)


def failures(gate: Gate) -> list[str]:
    return [check.name for check in gate.checks if not check.passed]


def test_two_frameworks_that_answer_alike_are_certified(tmp_path: Path) -> None:
    gate = with_agreement(witness(tmp_path, "torch"), witness(tmp_path, "tensorflow"))
    assert failures(gate) == []
    assert [check.name for check in gate.checks[-4:]] == [
        "same bytes",
        "one network",
        "both logits",
        "both three losses",
    ]
    assert gate.not_checked == ()


def test_another_network_is_named_even_where_float32_would_not_tell(tmp_path: Path) -> None:
    gate = with_agreement(witness(tmp_path, "torch"), witness(tmp_path, "tensorflow", shift=1e-6))
    assert failures(gate) == ["one network"]


def test_answers_that_part_are_named(tmp_path: Path) -> None:
    gate = with_agreement(witness(tmp_path, "torch"), witness(tmp_path, "tensorflow", shift=0.01))
    assert failures(gate) == ["one network", "both logits", "both three losses"]
    nan = with_agreement(witness(tmp_path, "torch"), witness(tmp_path, "tensorflow", shift=np.nan))
    assert failures(nan) == ["one network", "both logits", "both three losses"]


def test_other_weights_or_another_batch_are_named(tmp_path: Path) -> None:
    other = replace(GATE, weights_sha256="9" * 64, batch_sha256="8" * 64)
    gate = with_agreement(witness(tmp_path, "torch"), witness(tmp_path, "tensorflow", gate=other))
    assert failures(gate) == ["same bytes"]
    assert gate.checks[-4].measured == 2


def test_a_framework_that_is_off_by_itself_takes_nobody_with_it(tmp_path: Path) -> None:
    broken = replace(GATE, checks=(replace(CHECK, measured=1.0),))
    gate = with_agreement(witness(tmp_path, "torch"), witness(tmp_path, "tensorflow", gate=broken))
    assert failures(gate) == []
    assert gate.not_checked == ("torch against TensorFlow: tensorflow on cpu is off by itself",)


def test_one_framework_alone_says_that_nothing_was_compared(tmp_path: Path) -> None:
    gate = with_agreement(witness(tmp_path, "torch"), None)
    assert gate.not_checked == ("torch against the other framework: it was not run",)
