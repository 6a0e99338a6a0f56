"""The checks of a device in numpy: Abacus, a made-up framework, stands for one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from alexnet import data, weights
from alexnet.recipe import EXPERIMENTS, SCRATCH, Recipe, Stage
from bench.gate import timing
from bench.gate.checks import check_device, check_protocol
from bench.gate.outputs import Batch
from bench.gate.reference import ReferenceOutputs, compute_outputs
from bench.gate.tolerances import allowed_in
from bench.gate.training import check_later_steps, check_optimizer
from bench.records.limits import MAX_WEIGHT_DECAY
from bench.records.types import Check
from tests.support.abacus.backend import AbacusBackend
from tests.support.narrow import narrow_network

NET = narrow_network("standard", 32, image_size=64)
FIRST = weights.initialise(NET, seed=0)
SPLIT = data.synthetic(8, seed=0)
BATCH = Batch(images=SPLIT.images, labels=SPLIT.labels, rate=0.01, different=len(SPLIT))
RATES = (0.01, 0.001)
RECIPE = replace(
    SCRATCH, stages=(Stage(epochs=1, learning_rate=0.01), Stage(epochs=1, learning_rate=0.001))
)


@pytest.fixture(scope="module")
def reference() -> ReferenceOutputs:
    return compute_outputs(NET.without_dropout(), FIRST, RECIPE, BATCH)


class Planted:
    """A trainer whose step is `step(its number, trainer, batch, rate)`."""

    def __init__(self, trainer: Any, step: Callable[[int, Any, Any, float], None]) -> None:
        self._trainer, self._step, self._steps = trainer, step, 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._trainer, name)

    def step(self, batch: Any, rate: float) -> None:
        self._steps += 1
        self._step(self._steps, self._trainer, batch, rate)


def sound(number: int, trainer: Any, batch: Any, rate: float) -> None:
    trainer.step(batch, rate)


def later_steps(
    reference: ReferenceOutputs,
    step: Callable[[int, Any, Any, float], None] = sound,
    *,
    recipe: Recipe = RECIPE,
) -> dict[str, Check]:
    """The checks of later steps; the trainer has taken three steps already."""
    trainer: Any = AbacusBackend().trainer(NET.without_dropout(), FIRST, recipe, seed=0)
    trainer = Planted(trainer, step)
    batch = trainer.to_device(BATCH.images, BATCH.labels)
    for _ in range(3):
        trainer.step(batch, BATCH.rate)
    exact = reference.exact.gradient
    checks = check_later_steps(
        trainer, FIRST, BATCH, recipe, exact, gradient_tolerance=0.02, rates=RATES
    )
    return {check.name: check for check in checks}


def optimizer(
    step: Callable[[int, Any, Any, float], None] = sound, *, operand_bits: int | None = None
) -> dict[str, Check]:
    """Checks of momentum and weight decay, in float32 with operands of so many bits."""
    trainer: Any = AbacusBackend().trainer(NET.without_dropout(), FIRST, RECIPE, seed=0)
    trainer.network.operand_bits = operand_bits
    checks = check_optimizer(Planted(trainer, step), FIRST, BATCH, RECIPE, head=NET.head)
    return {check.name: check for check in checks}


@pytest.mark.parametrize("operand_bits", [None, 10, 7])
def test_the_roundings_of_a_precision_are_no_weight_decay(operand_bits: int | None) -> None:
    checks = optimizer(operand_bits=operand_bits)
    assert checks["momentum"].passed
    assert (checks["weight decay"].measured, checks["weight decay"].passed) == (0.0, True)


@pytest.mark.parametrize("operand_bits", [None, 10, 7])
@pytest.mark.parametrize("decayed", [["conv3.weight"], [n for n in FIRST if n.endswith("weight")]])
def test_a_weight_decay_of_some_tensors_alone_is_named(
    decayed: list[str], operand_bits: int | None
) -> None:
    """Ten times the limit, in every precision."""

    def step(number: int, trainer: Any, batch: Any, rate: float) -> None:
        trainer.step(batch, rate)
        for name in decayed:
            trainer.network.velocity[name] += 10 * MAX_WEIGHT_DECAY * trainer.network.weights[name]

    checks = optimizer(step, operand_bits=operand_bits)
    assert checks["momentum"].passed
    check = checks["weight decay"]
    assert check.measured == pytest.approx(10 * MAX_WEIGHT_DECAY, rel=1e-3)
    assert not check.passed
    assert check.description.split()[3] in decayed


@pytest.mark.parametrize("lost", [{}, {"conv3.weight": float("nan")}])
def test_a_velocity_that_is_missing_or_no_number_is_no_lack_of_weight_decay(
    lost: dict[str, float],
) -> None:
    def step(number: int, trainer: Any, batch: Any, rate: float) -> None:
        trainer.step(batch, rate)
        if number == 3:
            velocities = {name: trainer.network.velocity[name] * factor for name, factor in lost.items()}
            trainer.network.velocity = velocities

    check = optimizer(step)["weight decay"]
    assert (check.measured, check.passed) == (None, False)


def test_later_steps_without_a_fault_pass(reference: ReferenceOutputs) -> None:
    checks = later_steps(reference)
    gradient, rate = checks["later gradient"], checks["later rate"]
    assert gradient.passed
    assert gradient.measured is not None
    assert gradient.measured < 1e-5
    assert rate.passed
    assert rate.measured is not None
    assert rate.measured < 1e-5


@pytest.mark.parametrize("share", [2.0, 1.001, 0.0])
def test_a_rate_that_is_another_from_some_step_on_is_named(
    reference: ReferenceOutputs, share: float
) -> None:
    def step(number: int, trainer: Any, batch: Any, rate: float) -> None:
        trainer.step(batch, rate if number < 4 else share * rate)

    checks = later_steps(reference, step)
    assert checks["later gradient"].passed
    check = checks["later rate"]
    assert not check.passed
    assert check.measured == pytest.approx(abs(share - 1), rel=0.02)
    assert "a later step's rate is from" in check.description


def test_the_first_stages_rate_in_the_last_one_is_named(reference: ReferenceOutputs) -> None:
    def step(number: int, trainer: Any, batch: Any, rate: float) -> None:
        trainer.step(batch, RATES[0] if rate else 0.0)

    check = later_steps(reference, step)["later rate"]
    assert check.measured == pytest.approx(9, rel=1e-3)
    assert check.description == "how far a later step's rate is from 0.001, as the protocol has it"


def test_a_step_at_rate_0_that_moves_the_weights_is_named(reference: ReferenceOutputs) -> None:
    """As by a trainer that keeps the first rate it was given, where a recipe has one rate alone."""

    def step(number: int, trainer: Any, batch: Any, rate: float) -> None:
        trainer.step(batch, rate or RATES[1])

    check = later_steps(reference, step)["later rate"]
    assert check.measured == pytest.approx(1, rel=1e-3)
    assert "is from 0, as" in check.description


@pytest.mark.parametrize("number", [0, 1])
def test_a_recipe_with_another_rate_is_named(reference: ReferenceOutputs, number: int) -> None:
    """The protocol's rates are not taken from the recipe."""
    stages = list(RECIPE.stages)
    stages[number] = replace(stages[number], learning_rate=1.1 * RATES[number])
    check = later_steps(reference, recipe=replace(RECIPE, stages=tuple(stages)))["later rate"]
    assert check.measured == pytest.approx(0.1, rel=1e-3)
    assert f"is from {RATES[number]:g}," in check.description


def test_a_gradient_that_is_another_from_some_step_on_names_its_tensor(
    reference: ReferenceOutputs,
) -> None:
    def step(number: int, trainer: Any, batch: Any, rate: float) -> None:
        before = trainer.momentum()["conv3.bias"]
        trainer.step(batch, rate)
        if number > 3:
            velocity = trainer.network.velocity["conv3.bias"]
            velocity += 0.1 * (velocity - RECIPE.momentum * before)

    checks = later_steps(reference, step)
    check = checks["later gradient"]
    assert not check.passed
    assert check.measured == pytest.approx(0.1, rel=1e-3)
    words = "the gradient of conv3.bias in a later step, against the reference in float64"
    assert check.description == words


def test_a_step_that_gives_no_number_is_named(reference: ReferenceOutputs) -> None:
    def step(number: int, trainer: Any, batch: Any, rate: float) -> None:
        trainer.step(batch, rate)
        if number > 3:
            trainer.network.velocity["fc8.bias"][0] = float("nan")

    checks = later_steps(reference, step)
    assert [(check.passed, check.measured) for check in checks.values()] == [(False, None)] * 2


class Logged:
    """A backend that writes into `log` whenever a method of one of its trainers has been called."""

    def __init__(self, log: list[str]) -> None:
        self._backend, self._log = AbacusBackend(), log

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend, name)

    def trainer(self, *arguments: Any, **keywords: Any) -> Any:
        return LoggedTrainer(self._backend.trainer(*arguments, **keywords), self._log)


class LoggedTrainer:
    def __init__(self, trainer: Any, log: list[str]) -> None:
        self._trainer, self._log = trainer, log

    def __getattr__(self, name: str) -> Any:
        member = getattr(self._trainer, name)

        def call(*arguments: Any) -> Any:
            self._log.append(name)
            return member(*arguments)

        return call


def test_a_gate_is_never_silent_for_longer_than_one_call_of_a_trainer(
    reference: ReferenceOutputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A parent that hears nothing for five minutes ends it, and a step may take minutes."""
    monkeypatch.setattr(timing, "doubled_work_ratio", lambda backend, trainer: 2.0)
    monkeypatch.setattr(timing, "TIMED_SECONDS", 0.0)
    log: list[str] = []
    backend: Any = Logged(log)
    checks = check_device(
        backend,
        NET,
        FIRST,
        RECIPE,
        BATCH,
        reference=reference,
        allowed=allowed_in("float32", reference.float32),
        seed=0,
        rates=RATES,
        compiles=False,
        heartbeat=lambda: log.append("heartbeat"),
    ).checks
    assert {"layers", "later rate", "dropout masks", "placement", "nothing left"} <= {
        check.name for check in checks
    }
    calls = [at for at, event in enumerate(log) if event != "heartbeat"]
    assert {log[at] for at in calls} >= {"activations", "logits", "step", "momentum", "weights", "load"}
    assert len(calls) > 50
    for at in calls:
        assert log[at + 1] == "heartbeat", log[at]


def test_the_reference_is_never_silent_for_longer_than_one_layer() -> None:
    """Its float64 steps are the longest: `mistaken` at 224 px on a computer that swaps."""
    net, beats = NET.without_dropout(), list[int]()
    compute_outputs(net, FIRST, RECIPE, BATCH, heartbeat=lambda: beats.append(1))
    forward, tensors = len(net.rows), len(FIRST)
    # Activations and logits twice, three steps forward and backward, and each tensor's update.
    trained = 3 * forward + 3 * (2 * forward + 1 + tensors)
    # Each tensor's gradient and displacement are kept; at the end they are compared.
    assert len(beats) == 2 * (trained + 2 * tensors) + 2 * tensors


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_every_experiment_has_its_protocol(experiment: str) -> None:
    check = check_protocol(experiment)
    assert (check.name, check.measured, check.passed) == ("protocol", 0, True)
    words = "values of the network and the recipe that are not the protocol's"
    assert check.description == words


def planted(recipe: Recipe, **changes: Any) -> Any:
    return {"recipe": replace(recipe, **changes)}


FINETUNE = EXPERIMENTS["pretrained"].recipe
HEAD, ALL = FINETUNE.stages
DEVIATIONS = {
    "rate": (
        "scratch",
        planted(SCRATCH, stages=(Stage(epochs=20, learning_rate=0.01),)),
        "learning rates 0.01 for 0.001",
    ),
    "second rate": (
        "pretrained",
        planted(FINETUNE, stages=(HEAD, replace(ALL, learning_rate=0.01))),
        "learning rates 0.01 and 0.01 for 0.01 and 0.001",
    ),
    "channels": (
        "pretrained",
        planted(FINETUNE, mean=(0.406, 0.456, 0.485)),
        "mean 0.406 and 0.456 and 0.485 for 0.485 and 0.456 and 0.406",
    ),
    "std": (
        "pretrained",
        planted(FINETUNE, std=(1.0, 1.0, 1.0)),
        "std 1.0 and 1.0 and 1.0 for 0.229 and 0.224 and 0.225",
    ),
    "momentum": ("augmented", planted(EXPERIMENTS["augmented"].recipe, momentum=0.8), "momentum 0.8"),
    "crops": ("augmented", planted(EXPERIMENTS["augmented"].recipe, augment=False), "augmented False"),
    "batch": ("mistaken", planted(SCRATCH, batch_size=32), "batch size 32 for 64"),
    "patience": ("mistaken", planted(SCRATCH, patience=3), "patience 3 for 5"),
    "head": (
        "pretrained",
        planted(FINETUNE, stages=(replace(HEAD, train="all"), ALL)),
        "trained layers all and all for head and all",
    ),
    "epochs": (
        "pretrained",
        planted(FINETUNE, stages=(HEAD, replace(ALL, epochs=7))),
        "epochs 3 and 7 for 3 and 10",
    ),
    "variant": ("scratch", {"variant": "mistaken"}, "variant mistaken for standard"),
    "weights": ("pretrained", {"weights": "he-uniform"}, "first weights he-uniform for imagenet"),
}


@pytest.mark.parametrize("fault", DEVIATIONS)
def test_a_value_that_is_not_the_protocols_is_named(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    experiment, changes, words = DEVIATIONS[fault]
    monkeypatch.setitem(EXPERIMENTS, experiment, replace(EXPERIMENTS[experiment], **changes))
    check = check_protocol(experiment)
    assert (check.measured, check.passed) == (1, False)
    assert f"not the protocol's: {words}" in check.description
