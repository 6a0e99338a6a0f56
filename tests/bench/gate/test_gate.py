"""The correctness gate names each fault that is planted in a real framework on the CPU."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

from alexnet.frameworks.protocol import Precision
from alexnet.frameworks.registry import ENGINES
from tests.support.engines import engines
from tests.support.real_worker import output_of

pytestmark = pytest.mark.slow


@cache
def gates(engine: str) -> dict[str, Any]:
    """Fault -> check -> (passed, measured, description)."""
    answers: dict[str, Any] = json.loads(output_of("tests.support.gate_worker", engine).splitlines()[-1])
    return answers


REPORT_NO_PLACEMENT = ("mlx",)
"""The frameworks that do not report where an operation ran."""


@pytest.mark.parametrize("engine", engines())
def test_without_a_fault_every_check_passes(engine: str) -> None:
    checks = gates(engine)["none"]
    assert len(checks) == (19 if ENGINES[engine].framework in REPORT_NO_PLACEMENT else 20)
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
    ("slight momentum", "momentum", "the momentum of two steps at rate 0"),
    ("dampened", "momentum", "the momentum of two steps at rate 0"),
    ("decayed", "weight decay", "is in its gradient where the loss is 0, and should not be"),
    ("later rate", "later rate", "how far a later step's rate is from 0"),
    ("cached rate", "later rate", "how far a later step's rate is from 0, as the protocol has it"),
    ("kept rate", "later rate", "how far a later step's rate is from 0.0001, as the protocol has it"),
    ("later loss", "later gradient", "in a later step, against the reference in float64"),
    ("blue first", "layers", "the pixels that are the network's input on cpu"),
    ("swapped statistics", "layers", "the pixels that are the network's input on cpu"),
    ("first of the chunk", "gradient", "the first step's gradient"),
    ("first of the chunk", "three losses", "the losses of three steps"),
    ("aligned corners", "layers", "the pixels that are the network's input on cpu"),
    ("stale evaluation", "later logits", "the logits after three steps"),
    ("other dropout", "dropout share", "the share of dropped inputs"),
    ("one off", "dropout share", "the share of dropped inputs"),
    ("unscaled", "dropout scale", "how far what is kept"),
    ("periodic", "dropout masks", "two steps drop the same inputs"),
    ("zero dropout", "dropout share", "the share of dropped inputs"),
    ("zero dropout", "dropout", "each under a mask of its own"),
    ("stale", "three steps", "the way of conv2.bias in three steps"),
    ("stale", "update", "how far the first step of conv2.bias"),
    ("not a number", "layers", "the output of fc7"),
    ("not a number", "logits", "the compiled logits on cpu"),
    ("not a number", "gradient", "the first step's gradient"),
]


OF_FRAMEWORKS: dict[str, list[tuple[str, str, str]]] = {
    "mlx": [
        ("uncaptured", "dropout masks", "two steps drop the same inputs"),
        ("uncaptured", "dropout", "each under a mask of its own"),
    ],
    "jax": [
        ("one key", "dropout masks", "two steps drop the same inputs"),
        ("one key", "dropout", "each under a mask of its own"),
    ],
}
"""What is planted in one framework alone."""
UNNAMED: dict[Precision, set[tuple[str, str]]] = {
    "bfloat16": {("other momentum", "three steps")},
}
"""Precision -> the faults that change less than its roundings. Another check names it."""


def planted(*, named: bool) -> Iterator[Any]:
    """Engine, fault, check and words, of faults that its precision lets be named, or of others."""
    for parameter in engines():
        row = ENGINES[str(parameter.values[0])]
        for fault, check, words in (*FAULTS, *OF_FRAMEWORKS.get(row.framework, [])):
            if check == "placement" and row.framework in REPORT_NO_PLACEMENT:
                continue
            if ((fault, check) not in UNNAMED.get(row.precision, set())) == named:
                yield pytest.param(row.name, fault, check, words, marks=parameter.marks)


@pytest.mark.parametrize(("engine", "fault", "check", "words"), [*planted(named=True)])
def test_a_planted_fault_is_named(engine: str, fault: str, check: str, words: str) -> None:
    passed, measured, description = gates(engine)[fault][check]
    assert not passed, f"{fault}: {check} measured {measured} and let it pass"
    assert words in description


@pytest.mark.parametrize(("engine", "fault", "check", "words"), [*planted(named=False)])
def test_a_fault_within_the_roundings_of_a_lower_precision_passes(
    engine: str, fault: str, check: str, words: str
) -> None:
    """So that docs/gate.md says so as long as it is true."""
    passed, _, description = gates(engine)[fault][check]
    assert passed
    assert words in description


@pytest.mark.parametrize("engine", engines())
@pytest.mark.parametrize(
    ("fault", "unharmed"),
    [
        ("stale", "gradient"),
        ("zero dropout", "logits"),
        ("late", "logits"),
        ("other momentum", "gradient"),
        ("later rate", "later gradient"),
        ("later rate", "three steps"),
        ("later rate", "momentum"),
        ("kept rate", "three steps"),
        ("later loss", "momentum"),
        ("later loss", "gradient"),
        ("decayed", "momentum"),
        ("slight momentum", "weight decay"),
        ("dampened", "weight decay"),
    ],
)
def test_what_a_fault_does_not_touch_still_passes(engine: str, fault: str, unharmed: str) -> None:
    assert gates(engine)[fault][unharmed][0]


def test_a_graph_that_computes_otherwise_than_eager_is_named() -> None:
    """Layer by layer it passes, since that runs eagerly; what trains is the compiled network."""
    checks = gates("tensorflow")["wrong when compiled"]
    assert checks["layers"][0]
    for name in ("logits", "loss", "gradient"):
        assert not checks[name][0], name


def test_what_runs_elsewhere_is_named() -> None:
    """TensorFlow names operations. torch raises for those, so here its tensors are named."""
    _, measured, description = gates("tensorflow")["misplaced"]["placement"]
    kinds = [operation.split()[0] for operation in description.split(": ", 1)[1].split(", ")]
    assert measured == len(kinds)
    assert {"ResourceApplyMomentum", "ReluGrad", "ResizeBilinear", "Sum"} <= set(kinds)
    assert not {"Const", "_Arg", "Shape"} & set(kinds)
    _, _, description = gates("torch")["misplaced"]["placement"]
    tensors = set(description.split(": ", 1)[1].split(", "))
    assert {"conv1.weight", "images", "fc8.bias momentum"} <= tensors
