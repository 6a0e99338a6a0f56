"""The gate's checks of a trainer's outputs, on a trainer of one layer in numpy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pytest

from alexnet.frameworks.protocol import Precision, Trainer
from alexnet.spec import INPUT
from bench.gate import outputs, tolerances
from bench.gate.outputs import STEPS, Batch, Outputs, collect, relative_norm_error, watched
from bench.gate.tolerances import Errors
from bench.records.precision import OPERAND_BITS
from bench.records.types import Check

RATE = 0.05
PIXELS = np.random.default_rng(0).integers(0, 256, (16, 32, 32, 3), np.uint8)
BATCH = Batch(images=PIXELS, labels=np.arange(16, dtype=np.int32) % 10, rate=RATE, different=16)
FIRST = {
    "fc.weight": np.random.default_rng(1).normal(0, 0.01, (10, 3072)).astype(np.float32),
    "fc.bias": np.full(10, 0.1, np.float32),
}
Array = npt.NDArray[Any]


class Linear:
    """SGD with momentum 0.9 on one layer. `changed` gives what is added in an update's place."""

    def __init__(
        self, precision: Any, changed: Callable[[str, Array], Array] = lambda _, update: update
    ) -> None:
        self.precision, self.changed = precision, changed
        self.now = {name: array.astype(precision) for name, array in FIRST.items()}
        self.velocity = {name: np.zeros_like(array) for name, array in self.now.items()}
        self.loss = 0.0

    def to_device(self, images: Array, labels: Array) -> Any:
        return images, labels

    def part(self, batch: Any, start: int, size: int) -> Any:
        return tuple(array[start : start + size] for array in batch)

    def logits(self, images: Array) -> Array:
        x = images.reshape(len(images), -1).astype(self.precision) / self.precision(255)
        return np.asarray(x @ self.now["fc.weight"].T + self.now["fc.bias"])

    def activations(self, images: Array) -> dict[str, Array]:
        return {"fc": self.logits(images)}

    def step(self, batch: Any, rate: float) -> None:
        images, labels = batch
        scores = self.logits(images)
        shares = np.exp(scores - scores.max(axis=1, keepdims=True))
        shares /= shares.sum(axis=1, keepdims=True)
        rows = np.arange(len(labels))
        self.loss = float(-np.log(shares[rows, labels]).mean())
        shares[rows, labels] -= 1
        shares /= len(labels)
        x = images.reshape(len(images), -1).astype(self.precision) / self.precision(255)
        for name, gradient in {"fc.weight": shares.T @ x, "fc.bias": shares.sum(axis=0)}.items():
            self.velocity[name] = self.precision(0.9) * self.velocity[name] + gradient
            update = self.precision(-rate) * self.velocity[name]
            self.now[name] = (self.now[name] + self.changed(name, update)).astype(self.precision)

    def pop_metrics(self) -> tuple[float, float]:
        return self.loss, 0.1

    def momentum(self) -> dict[str, Array]:
        return dict(self.velocity)

    def weights(self) -> dict[str, Array]:
        return dict(self.now)


def outputs_of(precision: Any, **planted: Any) -> Outputs:
    trainer: Any = Linear(precision, **planted)
    return collect(trainer, FIRST, BATCH)


EXACT = outputs_of(np.float64)
FLOAT32: Errors = tolerances.errors(outputs_of(np.float32), EXACT)
ALLOWED = tolerances.allowed_in("float32", FLOAT32)


def gate(**planted: Any) -> dict[str, Check]:
    device = tolerances.errors(outputs_of(np.float32, **planted), EXACT)
    return {
        check.name: check for check in tolerances.compare_to_reference(device, ALLOWED, EXACT, on="mps")
    }


def test_a_device_that_computes_as_the_cpu_passes() -> None:
    checks = gate()
    assert list(checks) == [
        *("layers", "logits", "later logits", "loss", "gradient", "update"),
        *("three losses", "three steps"),
    ]
    assert all(check.passed for check in checks.values())


@pytest.mark.parametrize(
    ("output", "check"),
    [
        *((name, name) for name in ("layers", "logits", "loss", "gradient", "update")),
        ("losses", "three losses"),
        ("displacement", "three steps"),
    ],
)
@pytest.mark.parametrize("error", [0.5, np.inf])
def test_each_answer_that_is_off_fails_its_own_check_alone(
    output: str, check: str, error: float
) -> None:
    device = tolerances.errors(outputs_of(np.float32), EXACT)
    sound = getattr(device, output)
    off: Any = dict(sound, **{list(sound)[-1]: error}) if isinstance(sound, dict) else error
    checks = tolerances.compare_to_reference(replace(device, **{output: off}), ALLOWED, EXACT, on="mps")
    assert [c.name for c in checks if not c.passed] == [check]
    (failed,) = (c for c in checks if not c.passed)
    assert failed.measured == (error if error < 1 else None)


@pytest.mark.parametrize("output", ["layers", "logits", "losses", "gradient", "displacement"])
def test_an_answer_is_held_against_the_exact_one(output: str) -> None:
    """An output scaled by 1.5 has an error of 0.5, and no other output has one."""
    ours = outputs_of(np.float64)
    part = getattr(ours, output)
    off: Any = part * 1.5 if isinstance(part, np.ndarray) else {n: a * 1.5 for n, a in part.items()}
    errors = tolerances.errors(replace(ours, **{output: off}), EXACT)
    for name in ("layers", "logits", "loss", "losses", "gradient", "displacement"):
        error = getattr(errors, name)
        worst = max(error.values()) if isinstance(error, dict) else error
        expected = 0.5 if name == output or (name, output) == ("loss", "losses") else 0.0
        assert worst == pytest.approx(expected), name


@pytest.mark.parametrize("share", [0.0, 0.999, 1.001, 2.0, -1.0])
@pytest.mark.parametrize("tensor", FIRST)
def test_a_first_step_that_is_not_minus_rate_times_gradient_is_named(tensor: str, share: float) -> None:
    """A thousandth is enough, which after three steps could pass for a flipped ReLU."""
    update = gate(changed=lambda name, step: step * (share if name == tensor else 1))["update"]
    assert not update.passed
    assert update.measured == pytest.approx(abs(share - 1), rel=0.1)
    assert update.description == (
        f"how far the first step of {tensor} on mps is from minus rate times gradient"
    )


def test_a_weight_that_is_no_number_after_the_first_step_is_named() -> None:
    update = gate(changed=lambda name, step: step * np.nan if name == "fc.bias" else step)["update"]
    assert (update.passed, update.measured) == (False, None)
    assert "fc.bias" in update.description


def own_logits(trainer: Any) -> Check:
    return tolerances.check_own_network(trainer, ALLOWED, EXACT, BATCH, on="mps")


def test_the_cells_own_network_must_answer_as_the_one_without_dropout() -> None:
    """A network that drops in evaluation as well is another one."""
    assert own_logits(Linear(np.float32)).passed
    dropping = Linear(np.float32)
    dropping.now["fc.weight"] = dropping.now["fc.weight"] * (np.arange(3072) % 2)
    check = own_logits(dropping)
    assert (check.name, check.passed) == ("own logits", False)
    told = "the logits of the cell's own network on mps, against the reference in float64"
    assert check.description == told
    dropping.now["fc.bias"][0] = np.nan
    assert own_logits(dropping).measured is None


def test_a_watched_trainer_answers_as_before_and_says_so_after_each_call() -> None:
    heartbeats: list[int] = []
    trainer: Any = watched(cast("Trainer", Linear(np.float32)), lambda: heartbeats.append(1))
    ours, plain = collect(trainer, FIRST, BATCH), outputs_of(np.float32)
    np.testing.assert_array_equal(ours.later_logits, plain.later_logits)
    # activations, logits twice, to_device, part, each step and its metrics, weights twice, momentum.
    assert len(heartbeats) == 5 + 2 * STEPS + 3
    assert trainer.loss == plain.losses[-1]
    assert len(heartbeats) == 5 + 2 * STEPS + 3


def test_pixels_that_are_off_are_named_before_the_layers_behind_them() -> None:
    names = (INPUT, "conv1", "fc8")
    exact = replace(EXACT, layers={name: np.ones((1, 2)) for name in names})
    off = replace(EXACT, layers={name: np.full((1, 2), 1.1 + 0.1 * at) for at, name in enumerate(names)})
    float32 = replace(FLOAT32, layers=dict.fromkeys(names, 1e-7))
    device = tolerances.errors(off, exact)
    check = tolerances.compare_to_reference(
        device, tolerances.allowed_in("float32", float32), exact, on="mps"
    )[0]
    assert check.name == "layers"
    assert check.measured == pytest.approx(0.1)
    words = "the pixels that are the network's input on mps, against the reference in float64"
    assert check.description == words


def test_a_comparison_in_blocks_is_that_of_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(2)
    ours, exact = rng.normal(size=(2, 7, 11))
    expected = np.linalg.norm(ours - exact) / np.linalg.norm(exact)
    monkeypatch.setattr(outputs, "BLOCK", 10)
    assert [len(a) for a, _ in outputs.blockwise(ours, exact)] == [10] * 7 + [7]
    assert relative_norm_error(ours, exact) == pytest.approx(expected, rel=1e-12)
    assert relative_norm_error(exact, exact) == 0
    with pytest.raises(ValueError, match="not of one size"):
        relative_norm_error(ours[:6], exact)


def test_a_lower_precision_is_allowed_four_times_the_error_of_the_rounded_reference() -> None:
    coarse = replace(FLOAT32, logits=1e-3, layers=dict.fromkeys(FLOAT32.layers, 2e-3))
    asked: list[int] = []

    def rounded(bits: int) -> Errors:
        asked.append(bits)
        return coarse

    allowed = tolerances.allowed_in("bfloat16", FLOAT32, rounded)
    assert asked == [7]
    device = tolerances.errors(outputs_of(np.float32), EXACT)
    checks = {
        check.name: check for check in tolerances.compare_to_reference(device, allowed, EXACT, on="mps")
    }
    usual = gate()
    assert checks["logits"].upper == pytest.approx(4e-3)
    assert checks["layers"].upper == pytest.approx(8e-3)
    assert checks["logits"].upper > usual["logits"].upper
    assert checks["update"].upper == usual["update"].upper, "weights and velocities are float32"


def test_tf32_and_float16_are_rounded_to_ten_bits() -> None:
    precisions: tuple[Precision, ...] = ("TF32", "float16")
    assert [OPERAND_BITS[precision] for precision in precisions] == [10, 10]
    for precision in precisions:
        allowed = tolerances.allowed_in(precision, FLOAT32, {10: FLOAT32}.__getitem__)
        assert (allowed.precision, allowed.factor) == (precision, 4.0)
