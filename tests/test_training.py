"""The worker's epochs on a trainer made of paper: patience, caps, divergence, the best weights."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alexnet import data, weights
from alexnet.data import Images, Labels
from alexnet.recipe import FINETUNE, SCRATCH, Recipe, Stage
from alexnet.score import Logits
from alexnet.spec import network
from alexnet.weights import Weights
from bench.grid import recipe_of
from bench.meters import Meters
from bench.records import Cell, Check, Epoch, Result
from bench.training import Training
from bench.wire import Job, Record
from tests.samples import PLAN, START, job

NET = network("standard", image_size=64)
DATASET = data.load("synthetic", None, seed=0, train_images=100, test_images=100)


LABEL_OF = {
    image.tobytes(): label
    for part in (DATASET.validation, DATASET.test)
    for image, label in zip(part.images, part.labels, strict=True)
}


class PaperTrainer:
    """Its validation losses are given; the tensors that move count the epochs they were trained for."""

    def __init__(
        self, losses: Sequence[float], train_loss: float = 2.0, moves: Collection[str] = ("conv1.bias",)
    ) -> None:
        self.losses, self.train_loss, self.moves = losses, train_loss, moves
        self.epoch = 0
        self.stages: list[str] = []
        self.rates: list[float] = []
        self.synchronized = 0
        self.loaded: Weights | None = None

    def momentum(self) -> Weights:
        return {}

    def strays(self, batch: Any) -> list[str]:
        return []

    def begin_stage(self, train: str) -> None:
        self.stages.append(train)

    def place(self, images: Images, labels: Labels) -> Any:
        return images, labels

    def step(self, batch: Any, learning_rate: float) -> None:
        self.rates.append(learning_rate)

    def take_totals(self) -> tuple[float, float]:
        self.epoch += 1
        return self.train_loss, 0.5

    def synchronize(self) -> None:
        self.synchronized += 1

    def logits(self, images: Images) -> Logits:
        """Logits whose cross-entropy is this epoch's loss, for every image alike.

        With the right one at z and nine at 0 the loss is ln(1 + 9 exp(-z)), which gives z.
        """
        right = -np.log(np.expm1(self.losses[self.epoch - 1]) / 9)
        out = np.zeros((len(images), 10), np.float32)
        out[np.arange(len(images)), [LABEL_OF[image.tobytes()] for image in images]] = right
        return out

    def activations(self, images: Images) -> dict[str, Any]:
        return {}

    def weights(self) -> Weights:
        return {
            name: np.full(shape, self.epoch if name in self.moves else 0, np.float32)
            for name, shape in NET.tensors.items()
        }

    def load(self, new: Weights) -> None:
        self.loaded = new


class PaperBackend:
    device = "cpu"

    def versions(self) -> dict[str, str]:
        return START.versions

    def peak_device_bytes(self) -> int | None:
        return 123

    def reset_peak_device_bytes(self) -> None: ...


class PaperProbe:
    """Takes twice as long every time, and is not taken after the second epoch."""

    seconds = 0.02

    def after(self, train_seconds: float) -> float | None:
        self.seconds *= 2
        return None if self.seconds == 0.08 else self.seconds


def train(
    tmp_path: Path,
    losses: Sequence[float],
    recipe: Recipe,
    train_loss: float = 2.0,
    *,
    dataset: data.Dataset = DATASET,
    moves: Collection[str] = ("conv1.bias",),
) -> tuple[list[Epoch], Result, PaperTrainer]:
    trainer = PaperTrainer([*losses, losses[-1]], train_loss, moves)
    sent: list[Record] = []
    backend: Any = PaperBackend()
    prober: Any = PaperProbe()
    training = Training(
        job=job(str(tmp_path)),
        net=NET,
        recipe=recipe,
        backend=backend,
        trainer=trainer,
        dataset=dataset,
        send=sent.append,
        meters=Meters(backend, trainer.synchronize),
        prober=prober,
        start=START,
        first_weights={n: weights.fingerprint({n: array}) for n, array in trainer.weights().items()},
    )
    epochs = list(training.epochs())
    return epochs, training.result(0.0), trainer


def recipe(epochs: int, patience: int) -> Recipe:
    return replace(SCRATCH, batch_size=50, patience=patience).with_epochs(epochs)


HEAD = ("fc8.weight", "fc8.bias")
OTHERS = [name for name in NET.tensors if name not in HEAD]


def head_then_all() -> Recipe:
    """Four epochs of the head alone, then at most three of all layers."""
    stages = Stage(epochs=4, learning_rate=0.1, train="head"), Stage(epochs=3, learning_rate=0.01)
    return replace(recipe(7, patience=2), stages=stages)


def check_of(result: Result, name: str) -> Check:
    (found,) = (check for check in result.checks if check.name == name)
    return found


def test_it_stops_when_patience_is_out_and_says_where_it_converged(tmp_path: Path) -> None:
    epochs, result, trainer = train(tmp_path, [2, 1.5, 1.2, 1.3, 1.25, 1.1], recipe(6, patience=2))
    assert [epoch.epoch for epoch in epochs] == [1, 2, 3, 4, 5]
    assert (result.stopped, result.converged_at, result.best_epoch) == ("patience", 3, 3)
    assert [epoch.checkpoint_seconds is not None for epoch in epochs] == [True] * 3 + [False] * 2
    assert epochs[2].validation_loss == pytest.approx(1.2, rel=1e-4)
    assert trainer.loaded is not None
    assert trainer.loaded["conv1.bias"][0] == 3, "the test images were not scored by the best epoch"


def test_a_run_that_meets_the_cap_has_not_converged(tmp_path: Path) -> None:
    _, result, _ = train(tmp_path, [2, 1.5, 1.2, 1.1], recipe(4, patience=2))
    assert (result.stopped, result.converged_at, result.best_epoch) == ("cap", None, 4)
    assert result.epochs == 4


def test_patience_counts_in_the_last_stage_alone(tmp_path: Path) -> None:
    """The head's epochs do not improve here; everything after still gets its own chance."""
    losses = [1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 0.5]
    epochs, result, trainer = train(tmp_path, losses, head_then_all(), moves=HEAD)
    assert [epoch.stage for epoch in epochs] == [1, 1, 1, 1, 2, 2]
    assert trainer.stages == ["head", "all"]
    assert trainer.rates[:8] == [0.1] * 8
    assert trainer.rates[8:12] == [0.01] * 4
    assert (result.stopped, result.converged_at) == ("patience", 1)
    moved = check_of(result, "moved")
    assert (moved.measured, moved.passed) == (0, True), "until its best epoch only the head was to move"
    assert all(check.passed for check in result.checks)


def test_a_head_that_stands_still_in_its_own_stage_is_named(tmp_path: Path) -> None:
    _, result, _ = train(tmp_path, [1.0, *[1.5] * 6], head_then_all(), moves=OTHERS)
    moved = check_of(result, "moved")
    assert (moved.measured, moved.passed) == (2, False)
    assert moved.says == "tensors that training has not moved: fc8.weight, fc8.bias"


def test_a_tensor_that_stands_still_in_the_stage_of_all_layers_is_named(tmp_path: Path) -> None:
    """The best epoch is the fifth, the first that was there to move everything."""
    stale = train(tmp_path, [2.0] * 4 + [1.0, 1.5, 1.5], head_then_all(), moves=HEAD)[1]
    moved = check_of(stale, "moved")
    assert stale.best_epoch == 5
    assert (moved.measured, moved.passed) == (len(OTHERS), False)
    assert "conv1.weight" in moved.says
    assert "fc8" not in moved.says
    whole = train(tmp_path, [2.0] * 4 + [1.0, 1.5, 1.5], head_then_all(), moves=NET.tensors)[1]
    assert check_of(whole, "moved").passed


def test_the_step_rate_leaves_the_weights_alone(tmp_path: Path) -> None:
    _, result, trainer = train(tmp_path, [2, 1], recipe(2, patience=2))
    assert set(trainer.rates[4:]) == {0.0}
    assert result.step_images_per_second > 0
    assert result.pipeline_ratio > 0


@pytest.mark.parametrize(("losses", "train_loss"), [([2, float("nan"), 1], 2.0), ([2, 1], float("inf"))])
def test_a_loss_that_is_not_finite_ends_it_as_invalid(
    tmp_path: Path, losses: list[float], train_loss: float
) -> None:
    epochs, result, _ = train(tmp_path, losses, recipe(3, patience=2), train_loss)
    assert result.stopped == "diverged"
    assert result.epochs == epochs[-1].epoch
    assert {check.name: check.passed for check in result.checks}["finite"] is False
    assert result.test_accuracy is None
    assert result.weights_sha256 is None


def test_the_device_is_synchronised_before_and_after_every_epoch(tmp_path: Path) -> None:
    epochs, _, trainer = train(tmp_path, [2, 1.5, 1.2], recipe(3, patience=3))
    assert trainer.synchronized == 2 * len(epochs) + 2, "epochs, and the step rate"


def test_the_best_weights_are_gone_from_disk_afterwards(tmp_path: Path) -> None:
    train(tmp_path, [2, 1], recipe(2, patience=2))
    assert list(tmp_path.iterdir()) == []


def test_the_probe_is_taken_after_the_epoch_and_tells_how_the_device_drifted(tmp_path: Path) -> None:
    epochs, result, _ = train(tmp_path, [2, 1.5, 1.2], recipe(3, patience=3))
    assert [epoch.probe_seconds for epoch in epochs] == [0.04, None, 0.16]
    assert result.drift.probe_drift == pytest.approx(0.02 / 0.16 - 1)


def test_tensors_that_stand_still_and_images_in_two_sets_are_named(tmp_path: Path) -> None:
    """The paper network moves conv1.bias alone, and its dataset is sound."""
    _, result, _ = train(tmp_path, [2, 1], recipe(2, patience=2))
    checks = {check.name: check for check in result.checks}
    assert not checks["moved"].passed
    assert checks["moved"].measured == len(NET.tensors) - 1
    assert "conv3.weight" in checks["moved"].says
    assert "conv1.bias" not in checks["moved"].says
    assert checks["disjoint"].passed
    assert "learnt" not in checks, "300 images are too few to ask for more than chance"


def test_a_leaked_test_image_is_named(tmp_path: Path) -> None:
    images = DATASET.train.images.copy()
    images[7] = DATASET.test.images[3]
    leaked = replace(DATASET, train=replace(DATASET.train, images=images))
    _, result, _ = train(tmp_path, [2, 1], recipe(2, patience=2), dataset=leaked)
    (disjoint,) = (check for check in result.checks if check.name == "disjoint")
    assert (disjoint.measured, disjoint.passed) == (1, False)
    assert "test images that stand in another" in disjoint.says


def test_a_short_last_batch_is_not_counted(tmp_path: Path) -> None:
    uneven = replace(recipe(2, patience=2), batch_size=30)
    epochs, _, trainer = train(tmp_path, [2, 1], uneven)
    assert [epoch.images for epoch in epochs] == [90, 90]
    assert len([rate for rate in trainer.rates if rate]) == 6


def test_the_plan_overrides_the_recipe() -> None:
    planned = Job(
        cell=Cell(experiment="pretrained", framework="torch", device="cpu", seed=0),
        plan=replace(PLAN, epochs=5, patience=9, batch_size=10),
        data_folder=None,
        weights_file=None,
        scratch_folder="",
        idle_watts=None,
        roofline=None,
    )
    found = recipe_of(planned.cell, planned.plan)
    assert (found.epochs, found.patience, found.batch_size) == (5, 9, 10)
    assert found.mean == FINETUNE.mean
