"""The training loop with a paper trainer: patience, caps, divergence, best weights, resuming."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from itertools import count, islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from msgspec import structs

from alexnet import data, weights
from alexnet.data import Images, Labels
from alexnet.frameworks.protocol import RandomState, ResumeError
from alexnet.recipe import FINETUNE, SCRATCH, Recipe, Stage
from alexnet.score import Logits, Score
from alexnet.weights import Weights
from bench.ipc.messages import Heartbeat, Job, Record, Resumed
from bench.meters import time as time_module
from bench.meters.interference import ProcessorMeter
from bench.meters.meters import Meters
from bench.records import derive
from bench.records.cell_recipe import recipe_of
from bench.records.types import Cell, Check, Epoch, Interference, Reads, Result
from bench.worker import checkpoint
from bench.worker import result as result_module
from bench.worker.batch_digests import BatchDigests, defined_batches
from bench.worker.feed import Feed
from bench.worker.result import build_result
from bench.worker.result_checks import EndedRun, check_result
from bench.worker.training_loop import TrainingLoop
from tests.support.narrow import narrow_network
from tests.support.samples import EPOCH, PLAN, START, job

NET = narrow_network("standard", 16, image_size=64)
DATASET = data.load("synthetic", None, seed=0, train_images=100, test_images=100)


LABEL_OF = {
    image.tobytes(): label
    for part in (DATASET.validation, DATASET.test)
    for image, label in zip(part.images, part.labels, strict=True)
}


class PaperTrainer:
    """Its losses are given; the last training loss repeats. Tensors in `moves` hold the epoch count."""

    def __init__(
        self,
        losses: Sequence[float],
        train_losses: Sequence[float] = (2.0,),
        moves: Collection[str] = ("conv1.bias",),
    ) -> None:
        self.losses, self.train_losses, self.moves = losses, train_losses, moves
        self.epoch = 0
        self.stages: list[str] = []
        self.rates: list[float] = []
        self.synchronized = 0
        self.loaded: Weights | None = None
        self.resumed_from: tuple[Weights, Weights, RandomState] | None = None
        self.refuses: str | None = None

    def momentum(self) -> Weights:
        return {"conv1.bias": np.full(3, self.epoch / 8, np.float32)}

    def random_state(self) -> RandomState:
        return {"masks": np.array([self.epoch, 7], np.uint64)}

    def resume(self, weights: Weights, momentum: Weights, random_state: RandomState) -> None:
        if self.refuses:
            raise ResumeError(self.refuses)
        assert self.stages, "its stage has begun"
        self.resumed_from = weights, momentum, random_state
        self.epoch = int(random_state["masks"][0])

    def ops_off_device(self, batch: Any) -> list[str]:
        return []

    def begin_stage(self, train: str) -> None:
        self.stages.append(train)

    def to_device(self, images: Images, labels: Labels) -> Any:
        return images, labels

    def part(self, batch: Any, start: int, size: int) -> Any:
        return tuple(array[start : start + size] for array in batch)

    def step(self, batch: Any, learning_rate: float) -> None:
        self.rates.append(learning_rate)

    def pop_metrics(self) -> tuple[float, float]:
        self.epoch += 1
        return self.train_losses[min(self.epoch, len(self.train_losses)) - 1], 0.5

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

    def layouts(self) -> dict[str, str]:
        return dict.fromkeys(NET.tensors, weights.AS_IT_IS)

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
    """Takes twice as long every time, and skips the second epoch."""

    seconds = 0.02

    def measure_after(self, train_seconds: float) -> float | None:
        self.seconds *= 2
        return None if self.seconds == 0.08 else self.seconds


def paper_training(
    tmp_path: Path,
    trainer: PaperTrainer,
    recipe: Recipe,
    *,
    dataset: data.Dataset = DATASET,
    steps: int | None = None,
    stop_requested: Callable[[], bool] = lambda: False,
) -> TrainingLoop:
    sent: list[Record] = []
    backend: Any = PaperBackend()
    kernel: Any = PaperProbe()
    plan = structs.replace(PLAN, train_images=100, test_images=100, batch_size=recipe.batch_size)
    plan = structs.replace(plan, steps_per_epoch=steps)
    return TrainingLoop(
        job=structs.replace(job(str(tmp_path)), plan=plan),
        net=NET,
        recipe=recipe,
        backend=backend,
        trainer=trainer,
        dataset=dataset,
        send=sent.append,
        meters=Meters(backend, trainer.synchronize),
        kernel=kernel,
        start=START,
        first_weights={n: weights.fingerprint({n: array}) for n, array in trainer.weights().items()},
        stop_requested=stop_requested,
    )


def train(
    tmp_path: Path,
    losses: Sequence[float],
    recipe: Recipe,
    train_losses: Sequence[float] = (2.0,),
    *,
    dataset: data.Dataset = DATASET,
    moves: Collection[str] = ("conv1.bias",),
) -> tuple[list[Epoch], Result, PaperTrainer]:
    trainer = PaperTrainer([*losses, losses[-1]], train_losses, moves)
    training = paper_training(tmp_path, trainer, recipe, dataset=dataset)
    epochs = list(training.epochs())
    assert training.completed_epochs == epochs
    return epochs, build_result(training), trainer


CHECKPOINT = "scratch-torch-cpu-s0.checkpoint.safetensors"


def best_file(epoch: int) -> str:
    return f"scratch-torch-cpu-s0.best-{epoch:04}.safetensors"


def short_recipe(epochs: int, patience: int) -> Recipe:
    return replace(SCRATCH, batch_size=50, patience=patience).with_epochs(epochs)


HEAD = ("fc8.weight", "fc8.bias")
OTHERS = [name for name in NET.tensors if name not in HEAD]


def head_then_all() -> Recipe:
    """Four epochs of the head alone, then at most three of all layers."""
    stages = Stage(epochs=4, learning_rate=0.1, train="head"), Stage(epochs=3, learning_rate=0.01)
    return replace(short_recipe(7, patience=2), stages=stages)


def check_of(result: Result, name: str) -> Check:
    (check,) = (check for check in result.checks if check.name == name)
    return check


def test_it_stops_when_patience_is_out_and_says_where_it_converged(tmp_path: Path) -> None:
    epochs, result, trainer = train(tmp_path, [2, 1.5, 1.2, 1.3, 1.25, 1.1], short_recipe(6, patience=2))
    assert [epoch.epoch for epoch in epochs] == [1, 2, 3, 4, 5]
    assert (result.stopped, result.converged_at, result.best_epoch) == ("patience", 3, 3)
    assert [epoch.best_weights_seconds is not None for epoch in epochs] == [True] * 3 + [False] * 2
    assert [epoch.warm_up for epoch in epochs] == [True] + [False] * 4
    assert [epoch.checkpoint_seconds for epoch in epochs] == [None] * 5, "they are too short for one"
    assert epochs[2].validation_loss == pytest.approx(1.2, rel=1e-4)
    assert trainer.loaded is not None
    assert trainer.loaded["conv1.bias"][0] == 3, "the test images were not scored by the best epoch"


def test_an_epoch_that_is_cut_short_trains_the_first_steps_of_its_own_order(tmp_path: Path) -> None:
    """Of 100 images in batches of 10, in a process's first epoch and in the next."""
    recipe = replace(short_recipe(2, patience=2), batch_size=10)
    trainer = PaperTrainer([2, 1.5, 1.5])
    training = paper_training(tmp_path, trainer, recipe, steps=3)
    given: list[bytes] = []
    step = trainer.step

    def recorded(batch: tuple[Images, Labels], learning_rate: float) -> None:
        given.append(data.sha256_of(batch))
        step(batch, learning_rate)

    trainer.step = recorded  # type: ignore[method-assign]
    epochs = list(training.epochs())
    orders = [
        defined_batches(DATASET.train, batch_size=10, seed=0, epoch=number, augment=False).digests
        for number in (1, 2)
    ]
    assert given == [*orders[0][:3], *orders[1][:3]]
    assert [epoch.images for epoch in epochs] == [30, 30]
    result = build_result(training)
    assert check_of(result, "same pixels").passed
    assert check_of(result, "images").passed
    assert result.batches_sha256 == BatchDigests(epoch=1, digests=orders[0][:3]).sha256()
    assert (result.stopped, result.converged_at) == ("cap", None)


def test_of_an_epoch_that_is_cut_short_500_validation_images_are_scored(tmp_path: Path) -> None:
    many = replace(DATASET, validation=data.synthetic(620, seed=9))
    scored = {}
    for steps in (None, 1):
        trainer = PaperTrainer([2, 1.5])
        training = paper_training(
            tmp_path, trainer, short_recipe(1, patience=1), dataset=many, steps=steps
        )
        scored[steps] = len(training.validation)
        assert np.array_equal(training.validation.images, many.validation.images[: scored[steps]])
    assert scored == {None: 620, 1: 500}


def test_a_run_that_meets_the_cap_has_not_converged(tmp_path: Path) -> None:
    _, result, _ = train(tmp_path, [2, 1.5, 1.2, 1.1], short_recipe(4, patience=2))
    assert (result.stopped, result.converged_at, result.best_epoch) == ("cap", None, 4)
    assert result.epochs == 4


def test_patience_counts_in_the_last_stage_alone(tmp_path: Path) -> None:
    """The head's epochs do not improve here; the stage after it still gets its full patience."""
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
    assert moved.description == "tensors that training has not moved: fc8.weight, fc8.bias"


def test_a_tensor_that_stands_still_in_the_stage_of_all_layers_is_named(tmp_path: Path) -> None:
    """The best epoch is the fifth, the first that trains all layers."""
    stale = train(tmp_path, [2.0] * 4 + [1.0, 1.5, 1.5], head_then_all(), moves=HEAD)[1]
    moved = check_of(stale, "moved")
    assert stale.best_epoch == 5
    assert (moved.measured, moved.passed) == (len(OTHERS), False)
    assert "conv1.weight" in moved.description
    assert "fc8" not in moved.description
    whole = train(tmp_path, [2.0] * 4 + [1.0, 1.5, 1.5], head_then_all(), moves=NET.tensors)[1]
    assert check_of(whole, "moved").passed


def test_the_step_rate_leaves_the_weights_alone(tmp_path: Path) -> None:
    _, result, trainer = train(tmp_path, [2, 1], short_recipe(2, patience=2))
    assert set(trainer.rates[4:]) == {0.0}
    assert result.step_images_per_second > 0
    assert result.pipeline_ratio > 0


@pytest.mark.parametrize(
    ("train_losses", "ends"),
    [([2, 24, 2], 2), ([30, 30, 2], 2), ([30, 25, 26], 3)],
    ids=["all at once", "it stays there", "it comes back there"],
)
def test_a_training_loss_ten_times_a_guesss_that_does_not_fall_ends_it_though_it_is_finite(
    tmp_path: Path, train_losses: list[float], ends: int
) -> None:
    """Of ten classes a guess costs ln(10), and ten times that is 23.03."""
    epochs, result, _ = train(tmp_path, [2, 1.5, 1.2], short_recipe(3, patience=2), train_losses)
    assert (result.stopped, result.epochs, len(epochs)) == ("diverged", ends, ends)
    assert epochs[-1].train_loss == train_losses[ends - 1]
    assert check_of(result, "finite").passed, "the number is one, and a bad one"
    assert (result.converged_at, result.test_accuracy, result.weights_sha256) == (None, None, None)


@pytest.mark.parametrize(
    ("losses", "train_losses"),
    [([2, 1.5, 1.2], [40, 30, 2]), ([2, 1.5, 1.2], [2, 23, 23]), ([2, 24, 30], [2, 1, 0.5])],
    ids=["it falls", "just under it", "validation alone"],
)
def test_a_loss_that_is_only_large_goes_on(
    tmp_path: Path, losses: list[float], train_losses: list[float]
) -> None:
    """Large features meet a new head in a first epoch, and overfitting raises validation losses."""
    epochs, result, _ = train(tmp_path, losses, short_recipe(3, patience=3), train_losses)
    assert (result.stopped, len(epochs)) == ("cap", 3)


@pytest.mark.parametrize(
    ("losses", "train_losses"), [([2, float("nan"), 1], [2.0]), ([2, 1], [float("inf")])]
)
def test_a_loss_that_is_not_finite_ends_it_as_invalid(
    tmp_path: Path, losses: list[float], train_losses: list[float]
) -> None:
    epochs, result, _ = train(tmp_path, losses, short_recipe(3, patience=2), train_losses)
    assert result.stopped == "diverged"
    assert result.epochs == epochs[-1].epoch
    assert {check.name: check.passed for check in result.checks}["finite"] is False
    assert result.test_accuracy is None
    assert result.weights_sha256 is None


def test_the_device_is_synchronised_before_and_after_every_epoch(tmp_path: Path) -> None:
    epochs, _, trainer = train(tmp_path, [2, 1.5, 1.2], short_recipe(3, patience=3))
    assert trainer.synchronized == 2 * len(epochs) + 1 + 2, "epochs, the first step, the step rate"


def test_the_first_step_of_a_process_is_timed_and_no_other(tmp_path: Path) -> None:
    """An engine that is compiled compiles in it."""
    trainer = PaperTrainer([2, 1.5, 1.2, 1.2])
    step = trainer.step

    def slow_at_first(batch: Any, rate: float) -> None:
        if not trainer.rates:
            time.sleep(0.05)
        step(batch, rate)

    vars(trainer)["step"] = slow_at_first
    training = paper_training(tmp_path, trainer, short_recipe(3, patience=3))
    first, *others = training.epochs()
    assert first.first_step_seconds is not None
    assert 0.05 <= first.first_step_seconds <= first.train_seconds
    assert [epoch.first_step_seconds for epoch in others] == [None, None]
    assert first.images == others[0].images


def test_validation_is_scored_after_the_clock_has_stopped(tmp_path: Path) -> None:
    """Between the two waits of an epoch's clock are its steps and nothing else."""
    trainer, calls = PaperTrainer([2, 1.5, 1.5]), list[str]()

    def logged(name: str, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            calls.append(name)
            return method(*arguments)

        return call

    for name in ("step", "logits", "weights", "synchronize"):
        setattr(trainer, name, logged(name, getattr(trainer, name)))
    epochs = list(paper_training(tmp_path, trainer, short_recipe(2, patience=2)).epochs())
    waits = [place for place, name in enumerate(calls) if name == "synchronize"]
    first_step = waits.pop(1)  # it is waited for on its own
    assert calls[first_step - 1] == "step"
    assert len(waits) == 2 * len(epochs) == 4
    for start, stop in zip(waits[::2], waits[1::2], strict=True):
        assert [name for name in calls[start + 1 : stop] if name != "synchronize"] == ["step", "step"]
        assert calls[stop + 1] == "logits"


def test_an_epoch_says_what_else_ran_and_what_the_time_of_day_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever reads it decides what that means."""
    seconds, days = count(10.0, 5.0), count(1.7e9, 60.0)
    training = paper_training(tmp_path, PaperTrainer([2, 1.5, 1.5]), short_recipe(2, patience=2))
    times = (SimpleNamespace(user=now, idle=2 * now) for now in seconds)
    monkeypatch.setattr(training.meters.processors, "_cpu_times", lambda: next(times))
    monkeypatch.setattr("bench.meters.time.time", lambda: next(days))
    first, second = training.epochs()
    for epoch in (first, second):
        assert epoch.wall_seconds == 60.0
        assert epoch.interference
        assert epoch.interference.own_cpu_seconds is not None
        assert epoch.interference == Interference(
            busy_cpu_seconds=5.0,
            idle_cpu_seconds=10.0,
            own_cpu_seconds=epoch.interference.own_cpu_seconds,
            stolen_cpu_seconds=None,
            gpu_share=None,
        )


def test_only_the_best_weights_are_on_disk_afterwards_for_the_parent_to_remove(tmp_path: Path) -> None:
    """If the result never reaches the disk, they are scored once more."""
    train(tmp_path, [2, 1.5, 1.7], short_recipe(3, patience=2))
    assert [file.name for file in tmp_path.iterdir()] == [best_file(2)]


def test_the_probe_is_taken_after_the_epoch_and_tells_how_the_device_drifted(tmp_path: Path) -> None:
    epochs, result, _ = train(tmp_path, [2, 1.5, 1.2], short_recipe(3, patience=3))
    assert [epoch.probe_seconds for epoch in epochs] == [0.04, None, 0.16]
    assert result.drift.probe_drift == pytest.approx(0.02 / 0.16 - 1)


def test_tensors_that_stand_still_and_images_in_two_sets_are_named(tmp_path: Path) -> None:
    """The paper network moves conv1.bias alone, and its dataset is sound."""
    _, result, _ = train(tmp_path, [2, 1], short_recipe(2, patience=2))
    checks = {check.name: check for check in result.checks}
    assert not checks["moved"].passed
    assert checks["moved"].measured == len(NET.tensors) - 1
    assert "conv3.weight" in checks["moved"].description
    assert "conv1.bias" not in checks["moved"].description
    assert checks["disjoint"].passed
    assert "learnt" not in checks, "300 images are too few to ask for more than chance"


def ended_run(*, epochs: Sequence[Epoch], accuracy: float = 0.35, **changes: Any) -> EndedRun:
    """A run of these epochs, the last of which is the best, with this accuracy on 1,000 test images."""
    test = Score(
        images=1000,
        loss=2.3,
        accuracy=accuracy,
        per_class_accuracy=(accuracy,) * 10,
        confusion=((0,) * 10,) * 10,
    )
    run = EndedRun(
        plan=structs.replace(PLAN, train_images=100, test_images=1000),
        recipe=short_recipe(3, patience=2),
        seed=0,
        dataset=DATASET,
        epochs=epochs,
        best_epoch=epochs[-1].epoch,
        given=None,
        pipeline_ratio=1.0,
        steps_disturbed=False,
        test=test,
        best=None,
        trained=(),
        first_weights={},
    )
    return replace(run, **changes)


def passed_of(run: EndedRun, name: str) -> list[bool]:
    """Whether the run passed the check; empty if it was not asked."""
    return [check.passed for check in check_result(run) if check.name == name]


@pytest.mark.parametrize(
    ("images", "accuracy", "passed"),
    [(20_000, 0.1, [False]), (20_000, 0.1379, [False]), (20_000, 0.138, [True]), (19_999, 0.1, [])],
)
def test_who_has_seen_enough_and_learnt_nothing_is_named(
    images: int, accuracy: float, passed: list[bool]
) -> None:
    """With 1,000 test images one standard error of chance is 0.95 %, so four end at 13.79 %."""
    checks = check_result(ended_run(epochs=[structs.replace(EPOCH, images=images)], accuracy=accuracy))
    assert [check.passed for check in checks if check.name == "learnt"] == passed


@pytest.mark.parametrize(
    ("test_accuracy", "accuracy", "passed"),
    [
        (0.348, 0.352, True),
        (0.348, 0.21, True),
        (0.348, 0.08, False),
        (0.348, 0.54, False),
        (0.253, 0.094, False),
        (0.1, 0.16, True),
    ],
    ids=["as real", "few images", "shifted", "too good", "shifted and cut short", "both by chance"],
)
def test_a_validation_accuracy_that_is_not_the_tests_is_named(
    test_accuracy: float, accuracy: float, passed: bool
) -> None:
    """There are 500 validation images and 1,000 test images."""
    run = ended_run(
        epochs=[structs.replace(EPOCH, validation_accuracy=accuracy)], accuracy=test_accuracy
    )
    assert passed_of(run, "validation") == [passed]


def test_validation_images_with_other_labels_are_named(tmp_path: Path) -> None:
    shifted = replace(DATASET.validation, labels=(DATASET.validation.labels + 1) % 10)
    _, sound, _ = train(tmp_path, [2, 1], short_recipe(2, patience=2))
    assert check_of(sound, "validation").passed
    dataset = replace(DATASET, validation=shifted)
    _, result, _ = train(tmp_path, [2, 1], short_recipe(2, patience=2), dataset=dataset)
    validation = check_of(result, "validation")
    assert (validation.measured, validation.passed) == (1.0, False)
    assert result.test_accuracy == 1.0


@pytest.mark.parametrize("part", ["train", "validation", "test"])
def test_a_set_of_one_image_too_few_is_named(part: str, tmp_path: Path) -> None:
    whole = getattr(DATASET, part)
    short = replace(whole, images=whole.images[1:], labels=whole.labels[1:])
    dataset = replace(DATASET, **{part: short})
    _, result, _ = train(tmp_path, [2, 1], short_recipe(2, patience=2), dataset=dataset)
    sets = check_of(result, "sets")
    assert (sets.measured, sets.passed) == (1, False)
    assert f": {part} {len(short)} for {len(whole)}" in sets.description


@pytest.mark.parametrize(
    ("seconds", "passed"),
    [
        ([(30.0, 30.001), (30.0, 30.0)], [True]),
        ([(30.0, 30.9), (30.0, 30.91)], [False]),
        ([(30.9, 30.0), (30.9, 30.0)], [False]),
        ([(0.1, 0.1)] * 3, []),
    ],
    ids=["right", "slow", "fast", "too short to tell"],
)
def test_a_clock_that_is_off_by_3_percent_is_named(
    seconds: list[tuple[float, float]], passed: list[bool]
) -> None:
    epochs = [structs.replace(EPOCH, train_seconds=own, wall_seconds=wall) for own, wall in seconds]
    assert passed_of(ended_run(epochs=epochs), "clock") == passed


class SlowTrainer(PaperTrainer):
    """By its clock each step takes 4 s; a bare one, at rate 0, `bare` times that, in one try after the
    other.

    Of its two processors others take `others` in each try, and nothing in an epoch.
    """

    def __init__(
        self,
        losses: Sequence[float],
        bare: Sequence[float] = (1.0,),
        others: Sequence[float] = (0.0,),
    ) -> None:
        super().__init__(losses)
        self.bare, self.others, self.now, self.waits = bare, others, 0.0, 0
        self.busy = 0.0

    @property
    def tries(self) -> int:
        """How often bare steps were timed: each begins and ends with a wait."""
        return self.waits // 2

    def synchronize(self) -> None:
        super().synchronize()
        self.waits += self.rates[-1:] == [0.0]

    def step(self, batch: Any, learning_rate: float) -> None:
        super().step(batch, learning_rate)
        is_bare = learning_rate == 0
        seconds = 4.0 * (self.bare[min(self.tries, len(self.bare) - 1)] if is_bare else 1.0)
        self.now += seconds
        if is_bare:
            self.busy += seconds * self.others[min(self.tries, len(self.others) - 1)]

    def cpu_times(self) -> SimpleNamespace:
        """One day after the start. The steps themselves take next to nothing."""
        idle = 2 * self.now - self.busy + 86_400.0
        return SimpleNamespace(user=self.busy, nice=0.0, system=0.0, idle=idle)


def no_cpu_times() -> SimpleNamespace:
    """As a sandbox has them that emulates /proc."""
    return SimpleNamespace(user=0.0, nice=0.0, system=0.0, idle=0.0)


def slow_training(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    bare: Sequence[float] = (1.0,),
    *,
    others: Sequence[float] = (0.0,),
    readable: bool = True,
    gpu_use: Any = None,
) -> tuple[Result, SlowTrainer]:
    """Two epochs of ten steps, with these processors taken by others in each try."""
    trainer = SlowTrainer([2, 1.5, 1.5], bare, others)
    monkeypatch.setattr(time_module, "perf_counter", lambda: trainer.now)
    monkeypatch.setattr(result_module, "sleep", lambda seconds: None)
    recipe = replace(short_recipe(2, patience=2), batch_size=10)
    training = paper_training(tmp_path, trainer, recipe)
    training.meters.processors = ProcessorMeter(trainer.cpu_times if readable else no_cpu_times)
    training.meters.gpu_use = gpu_use
    assert len(list(training.epochs())) == 2
    return build_result(training), trainer


def test_an_epoch_that_is_faster_than_its_steps_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half of the batches are left out, and their images are counted all the same."""
    whole, measure = Feed.__iter__, TrainingLoop.measure

    def half(feed: Feed) -> Iterator[Any]:
        return islice(whole(feed), feed.steps // 2)

    sound, trainer = slow_training(tmp_path, monkeypatch)
    assert (check_of(sound, "pipeline").measured, trainer.tries) == (1.0, 1)
    monkeypatch.setattr(Feed, "__iter__", half)
    monkeypatch.setattr(TrainingLoop, "measure", lambda loop, number: 2 * measure(loop, number))
    result, trainer = slow_training(tmp_path, monkeypatch)
    assert check_of(result, "images").passed, "it is what was counted"
    pipeline = check_of(result, "pipeline")
    assert (pipeline.measured, pipeline.passed) == (2.0, False)
    assert result.pipeline_ratio == 2.0
    assert trainer.tries == 8, "steps that something else disturbs are timed again"


def test_a_bare_step_that_was_disturbed_is_timed_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until the epoch is no faster, and the fastest try counts."""
    result, trainer = slow_training(tmp_path, monkeypatch, bare=(4.0, 1.5, 1.1, 0.5))
    assert trainer.tries == 3
    assert result.step_images_per_second == pytest.approx(10 / 4.0 / 1.1)
    assert check_of(result, "pipeline").passed
    assert result.step_seconds == pytest.approx(5 * 4.0 * 1.1)
    result, trainer = slow_training(tmp_path, monkeypatch, bare=(4.0, 1.5, 2.0))
    assert trainer.tries == 8
    assert result.step_images_per_second == pytest.approx(10 / 4.0 / 1.5)
    assert not check_of(result, "pipeline").passed


def test_steps_that_others_disturbed_in_every_try_are_not_held_against_an_epoch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fastest try is kept with what was read, and the run stays valid."""
    bare = (2.0, 1.47, 1.6)
    result, trainer = slow_training(tmp_path, monkeypatch, bare=bare, others=(0.5,))
    assert trainer.tries == 8
    names = [check.name for check in result.checks]
    assert "pipeline" not in names
    assert {"same pixels", "images"} < set(names)
    assert result.pipeline_ratio == pytest.approx(1.47)
    assert result.step_images_per_second == pytest.approx(10 / 4.0 / 1.47)
    assert result.step_seconds == pytest.approx(5 * 4.0 * 1.47)
    reading = result.step_interference
    assert reading is not None
    assert reading.busy_cpu_seconds == pytest.approx(0.5 * 29.4)
    assert reading.idle_cpu_seconds == pytest.approx(1.5 * 29.4)
    assert derive.step_disturbances(result, "cpu") == ("other programs",)


@pytest.mark.parametrize(
    ("bare", "others", "counted"),
    [
        ((1.0, 1.0), (0.5, 0.0), 1.0),
        ((4.0, 0.5, 1.1), (0.5, 0.5, 0.0), 1.1),
        ((1.0, 1.3, 1.1, 1.15), (0.5, 0.0, 0.5, 0.0), 1.15),
    ],
    ids=["as fast", "faster", "between two others"],
)
def test_a_try_that_others_disturbed_does_not_count_beside_one_that_they_did_not(
    bare: tuple[float, ...],
    others: tuple[float, ...],
    counted: float,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Not even where it is the faster one, or as fast as the epoch."""
    result, trainer = slow_training(tmp_path, monkeypatch, bare=bare, others=others)
    assert trainer.tries == len(bare)
    assert result.step_images_per_second == pytest.approx(10 / 4.0 / counted)
    assert check_of(result, "pipeline").passed
    assert derive.step_disturbances(result, "cpu") == ()


def test_one_undisturbed_try_is_enough_to_name_an_epoch_that_is_too_fast(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = (0.5, 0.5, 0.0, 0.5)
    result, trainer = slow_training(tmp_path, monkeypatch, bare=(1.0, 1.0, 1.5, 1.0), others=others)
    assert trainer.tries == 8
    pipeline = check_of(result, "pipeline")
    assert pipeline.measured == pytest.approx(1.5)
    assert not pipeline.passed


def test_where_processors_cannot_be_read_no_try_is_disturbed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = (4.0, 1.5, 2.0)
    result, trainer = slow_training(tmp_path, monkeypatch, bare, others=(0.5,), readable=False)
    assert trainer.tries == 8
    assert check_of(result, "pipeline").measured == pytest.approx(1.5)
    assert not check_of(result, "pipeline").passed
    assert result.step_interference is not None
    assert result.step_interference.busy_cpu_seconds is None
    result, trainer = slow_training(tmp_path, monkeypatch, others=(0.5,), readable=False)
    assert (trainer.tries, check_of(result, "pipeline").passed) == (1, True)


class PaperGpuUse:
    """Others use this share of the GPU, as was read before an epoch."""

    reads = Reads(kind="device utilization")

    def __init__(self, share: float) -> None:
        self.share, self.entered = share, 0

    def __enter__(self) -> PaperGpuUse:
        self.entered += 1
        return self

    def __exit__(self, *exception: object) -> None: ...


@pytest.mark.parametrize(("share", "tries"), [(0.09, 1), (0.11, 8)])
def test_the_last_reading_of_the_gpus_use_stands_for_the_steps(
    share: float, tries: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is read before epochs alone, since that leaves the device idle."""
    gpu_use = PaperGpuUse(share)
    result, trainer = slow_training(tmp_path, monkeypatch, gpu_use=gpu_use)
    assert (trainer.tries, gpu_use.entered) == (tries, 2)
    assert result.step_interference is not None
    assert result.step_interference.gpu_share == share
    assert ("pipeline" in [check.name for check in result.checks]) == (tries == 1)


def test_each_try_that_is_repeated_gives_a_sign_of_life(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Eight tries beside other programs may take longer than a worker may be silent."""
    sent: list[Record] = []
    whole = paper_training

    def listening(*arguments: Any, **keywords: Any) -> TrainingLoop:
        training = whole(*arguments, **keywords)
        training.send = sent.append
        return training

    monkeypatch.setattr(sys.modules[__name__], "paper_training", listening)
    slow_training(tmp_path, monkeypatch)
    assert sent == []
    slow_training(tmp_path, monkeypatch, others=(0.5, 0.5, 0.0))
    assert sent == [Heartbeat(epoch=2, step=10)] * 2


def test_images_exchanged_in_the_last_batch_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = data.epoch_chunks

    def exchanged(train: data.Split, **keywords: Any) -> Iterator[Any]:
        *chunks, (images, labels) = whole(train, **keywords)
        yield from chunks
        yield np.concatenate([images[:-25], np.roll(images[-25:], 1, axis=0)]), labels

    recipe = replace(short_recipe(2, patience=2), batch_size=25)
    _, sound, _ = train(tmp_path, [2, 1], recipe)
    assert check_of(sound, "same pixels").passed
    monkeypatch.setattr(data, "epoch_chunks", exchanged)
    _, result, _ = train(tmp_path, [2, 1], recipe)
    pixels = check_of(result, "same pixels")
    assert (pixels.measured, pixels.passed) == (1, False)
    assert result.batches_sha256 != sound.batches_sha256


def test_the_hash_is_that_of_the_first_epoch_of_the_last_process(tmp_path: Path) -> None:
    """And a process that trains no epoch has none, and is not asked."""
    losses, recipe = [2, 1.5, 1.2], replace(short_recipe(3, patience=3), augment=True)

    def sha256(epoch: int) -> str:
        return defined_batches(DATASET.train, batch_size=50, seed=0, epoch=epoch, augment=True).sha256()

    _, through, _ = train(tmp_path, losses, recipe)
    assert through.batches_sha256 == sha256(1)
    known, _ = first_process(tmp_path, losses, recipe, stop_after=2)
    _, rest, training, _ = second_process(tmp_path, losses, recipe, known)
    result = build_result(training)
    assert result.batches_sha256 == sha256(3) != sha256(1)
    assert check_of(result, "same pixels").passed
    known, _ = first_process(tmp_path, losses, recipe, stop_after=3)
    _, rest, training, _ = second_process(tmp_path, losses, recipe, known)
    assert rest == []
    result = build_result(training)
    assert result.batches_sha256 is None
    assert "same pixels" not in [check.name for check in result.checks]


def test_a_leaked_test_image_is_named(tmp_path: Path) -> None:
    images = DATASET.train.images.copy()
    images[7] = DATASET.test.images[3]
    leaked = replace(DATASET, train=replace(DATASET.train, images=images))
    _, result, _ = train(tmp_path, [2, 1], short_recipe(2, patience=2), dataset=leaked)
    (disjoint,) = (check for check in result.checks if check.name == "disjoint")
    assert (disjoint.measured, disjoint.passed) == (1, False)
    assert "test images that stand in another" in disjoint.description


def test_an_epoch_of_half_its_batches_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would double the rate, so images are counted as they are trained on."""
    whole = Feed.__iter__

    def half(feed: Feed) -> Iterator[Any]:
        return islice(whole(feed), feed.steps // 2)

    monkeypatch.setattr(Feed, "__iter__", half)
    uneven = replace(short_recipe(2, patience=2), batch_size=25)
    epochs, result, _ = train(tmp_path, [2, 1], uneven)
    assert [epoch.images for epoch in epochs] == [50, 50]
    (images,) = (check for check in result.checks if check.name == "images")
    assert (images.measured, images.passed) == (2, False)
    assert "more or fewer images than 100" in images.description


def test_a_short_last_batch_is_not_counted(tmp_path: Path) -> None:
    uneven = replace(short_recipe(2, patience=2), batch_size=30)
    epochs, _, trainer = train(tmp_path, [2, 1], uneven)
    assert [epoch.images for epoch in epochs] == [90, 90]
    assert len([rate for rate in trainer.rates if rate]) == 6


def test_the_plan_overrides_the_recipe() -> None:
    planned = Job(
        cell=Cell(experiment="pretrained", engine="torch", device="cpu", seed=0),
        plan=structs.replace(PLAN, epochs=5, patience=9, batch_size=10),
        data_folder=None,
        weights_file=None,
        session_folder="",
        idle_watts=None,
        roofline=None,
        saved_epochs=None,
    )
    recipe = recipe_of(planned.cell, planned.plan)
    assert (recipe.epochs, recipe.patience, recipe.batch_size) == (5, 9, 10)
    assert recipe.mean == FINETUNE.mean


def first_process(
    tmp_path: Path, losses: Sequence[float], recipe: Recipe, *, stop_after: int
) -> tuple[list[Epoch], PaperTrainer]:
    """The epochs of a run that is asked to stop while one of them is trained."""
    trainer = PaperTrainer([*losses, losses[-1]])
    training = paper_training(
        tmp_path, trainer, recipe, stop_requested=lambda: trainer.epoch >= stop_after
    )
    return list(training.epochs()), trainer


def second_process(
    tmp_path: Path, losses: Sequence[float], recipe: Recipe, known: Sequence[Epoch]
) -> tuple[Resumed, list[Epoch], TrainingLoop, PaperTrainer]:
    """The rest of a run, by a new trainer; all epochs are in the training's `completed_epochs`."""
    trainer = PaperTrainer([*losses, losses[-1]])
    training = paper_training(tmp_path, trainer, recipe)
    resumed = training.resume(known)
    return resumed, list(training.epochs()), training, trainer


def scores_of(epochs: Sequence[Epoch]) -> list[Any]:
    """What the epochs have but for clocks and meters."""
    return [
        (e.epoch, e.stage, e.learning_rate, e.images, e.train_loss, e.validation_loss) for e in epochs
    ]


def test_who_is_asked_to_stop_ends_after_the_epoch_and_leaves_a_checkpoint(tmp_path: Path) -> None:
    epochs, trainer = first_process(
        tmp_path, [2, 1.5, 1.7, 1.2], short_recipe(4, patience=3), stop_after=3
    )
    assert [epoch.epoch for epoch in epochs] == [1, 2, 3]
    assert len(trainer.rates) == 3 * 2, "no step of a fourth was trained"
    assert [epoch.checkpoint_seconds for epoch in epochs] == [None] * 3, "it came after them"
    assert {file.name for file in tmp_path.iterdir()} == {CHECKPOINT, best_file(2)}


def test_no_checkpoint_is_of_an_epoch_that_is_not_yet_on_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Otherwise a session killed in between has fewer epochs than its checkpoint, and starts over."""
    monkeypatch.setattr(checkpoint, "MAX_CHECKPOINT_SHARE", 1e9)
    training = paper_training(tmp_path, PaperTrainer([2, 1.5, 1.2]), short_recipe(3, patience=3))
    seen = [
        (epoch.epoch, (tmp_path / CHECKPOINT).exists(), epoch.checkpoint_seconds is not None)
        for epoch in training.epochs()
    ]
    assert seen == [(1, False, False), (2, True, True), (3, True, True)]


def test_a_run_that_goes_on_past_its_best_epoch_takes_checkpoints_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a checkpoint costs is known from loading the last: no best weights are written any more."""
    losses, recipe = [1.5, 2, 2, 2], short_recipe(4, patience=9)
    known, _ = first_process(tmp_path, losses, recipe, stop_after=2)
    monkeypatch.setattr(checkpoint, "MAX_CHECKPOINT_SHARE", 1e9)
    _, rest, _, _ = second_process(tmp_path, losses, recipe, known)
    assert [epoch.checkpoint_seconds is not None for epoch in rest] == [False, True]


def test_who_is_asked_to_stop_before_the_first_epoch_trains_none(tmp_path: Path) -> None:
    epochs, trainer = first_process(tmp_path, [2, 1.5], short_recipe(2, patience=3), stop_after=0)
    assert (epochs, trainer.rates, list(tmp_path.iterdir())) == ([], [], [])


def test_a_run_goes_on_from_its_checkpoint_as_if_it_had_never_stopped(tmp_path: Path) -> None:
    losses, recipe = [2, 1.5, 1.2, 1.3, 1.1], short_recipe(5, patience=3)
    whole, through, _ = train(tmp_path, losses, recipe)
    known, before = first_process(tmp_path, losses, recipe, stop_after=3)
    resumed, rest, training, trainer = second_process(tmp_path, losses, recipe, known)
    assert resumed == Resumed(after_epoch=3, went_back_because=None)
    assert [epoch.epoch for epoch in rest] == [4, 5]
    assert training.completed_epochs == [*known, *rest]
    assert scores_of(training.completed_epochs) == scores_of(whole)
    assert [epoch.warm_up for epoch in training.completed_epochs] == [True, False, False, True, False]
    assert trainer.resumed_from is not None
    resumed_weights, momentum, masks = trainer.resumed_from
    assert set(resumed_weights) == set(NET.tensors)
    assert all(np.array_equal(resumed_weights[name], array) for name, array in before.weights().items())
    assert momentum["conv1.bias"].tolist() == [0.375] * 3
    assert masks["masks"].tolist() == [3, 7]
    result = build_result(training)
    assert (result.epochs, result.best_epoch, result.stopped) == (5, 5, "cap")
    same = ("test_loss", "test_accuracy", "confusion", "weights_sha256", "converged_at")
    assert [getattr(result, name) for name in same] == [getattr(through, name) for name in same]
    timed = {"pipeline", "clock"}
    assert [check for check in result.checks if check.name not in timed] == [
        check for check in through.checks if check.name not in timed
    ]


def test_the_time_before_the_cut_counts_in_the_total_and_the_pause_does_not(tmp_path: Path) -> None:
    losses, recipe = [2, 1.5], short_recipe(2, patience=3)
    trainer = PaperTrainer([*losses, losses[-1]])
    first = paper_training(tmp_path, trainer, recipe, stop_requested=lambda: trainer.epoch >= 1)
    first.began -= 1000.0
    known = list(first.epochs())
    _, _, training, _ = second_process(tmp_path, losses, recipe, known)
    assert 1000.0 < build_result(training).total_seconds < 1100.0


def test_best_weights_and_patience_are_carried_over_the_cut(tmp_path: Path) -> None:
    """The best epoch lies before the cut: two more that are no better end it, not three."""
    losses, recipe = [2, 1.2, 1.3, 1.25, 1.1], short_recipe(5, patience=2)
    known, _ = first_process(tmp_path, losses, recipe, stop_after=3)
    resumed, rest, training, trainer = second_process(tmp_path, losses, recipe, known)
    assert (resumed.after_epoch, [epoch.epoch for epoch in rest]) == (3, [4])
    assert rest[0].best_weights_seconds is None
    result = build_result(training)
    assert (result.stopped, result.converged_at, result.epochs) == ("patience", 2, 4)
    assert trainer.loaded is not None
    assert trainer.loaded["conv1.bias"][0] == 2, "the test images were not scored by the best epoch"


@pytest.mark.parametrize(
    ("stop_after", "stages"),
    [(3, ["head", "all"]), (4, ["head", "all"]), (5, ["all"])],
    ids=["within the first stage", "between the stages", "within the last stage"],
)
def test_the_stage_of_the_checkpoint_is_begun_again(
    tmp_path: Path, stop_after: int, stages: list[str]
) -> None:
    losses, recipe = [1.0, 1.1, 1.2, 1.3, 1.4, 0.9, 0.5], head_then_all()
    whole, _, _ = train(tmp_path, losses, recipe)
    known, _ = first_process(tmp_path, losses, recipe, stop_after=stop_after)
    resumed, _, training, trainer = second_process(tmp_path, losses, recipe, known)
    assert resumed == Resumed(after_epoch=stop_after, went_back_because=None)
    assert trainer.stages == stages
    assert scores_of(training.completed_epochs) == scores_of(whole)


def test_a_run_that_was_cut_off_after_its_last_epoch_trains_no_further_one(tmp_path: Path) -> None:
    losses, recipe = [2, 1.5], short_recipe(2, patience=2)
    known, _ = first_process(tmp_path, losses, recipe, stop_after=2)
    resumed, rest, training, trainer = second_process(tmp_path, losses, recipe, known)
    assert (resumed, rest) == (Resumed(after_epoch=2, went_back_because=None), [])
    result = build_result(training)
    assert (result.epochs, result.stopped, result.best_epoch) == (2, "cap", 2)
    assert set(trainer.rates) == {0.0}, "the bare step alone, which leaves the weights as they are"


@pytest.mark.parametrize(
    ("train_losses", "stop_after", "rest"),
    [([30, 30, 2], 1, [2]), ([2, 30, 2], 1, [2]), ([2, 30, 2], 2, []), ([40, 30, 2], 1, [2, 3])],
    ids=["it stays", "it rises", "it had risen", "it falls"],
)
def test_a_run_that_goes_on_diverges_where_it_would_have_diverged(
    tmp_path: Path, train_losses: list[float], stop_after: int, rest: list[int]
) -> None:
    losses, recipe = [2, 1.5, 1.2], short_recipe(3, patience=3)
    first = PaperTrainer(losses, train_losses)
    known = list(
        paper_training(
            tmp_path, first, recipe, stop_requested=lambda: first.epoch >= stop_after
        ).epochs()
    )
    training = paper_training(tmp_path, PaperTrainer(losses, train_losses), recipe)
    assert training.resume(known) == Resumed(after_epoch=stop_after, went_back_because=None)
    assert [epoch.epoch for epoch in training.epochs()] == rest
    assert training.stopped == train(tmp_path, losses, recipe, train_losses)[1].stopped


def test_epochs_since_the_checkpoint_are_trained_again_and_it_says_why(tmp_path: Path) -> None:
    losses, recipe = [2, 1.5, 1.2, 1.1], short_recipe(4, patience=3)
    whole, _, _ = train(tmp_path, losses, recipe)
    first_process(tmp_path, losses, recipe, stop_after=2)
    resumed, rest, training, _ = second_process(tmp_path, losses, recipe, whole[:3])
    assert resumed.after_epoch == 2
    assert resumed.went_back_because == "the last checkpoint was of epoch 2"
    assert [epoch.epoch for epoch in rest] == [3, 4]
    assert training.completed_epochs == [*whole[:2], *rest]
    assert [epoch.warm_up for epoch in training.completed_epochs] == [True, False, True, False]


def assert_starts_over(tmp_path: Path, known: Sequence[Epoch], why: str) -> None:
    """Asserts that a run starts over, with nothing from before, and gives `why` as the reason."""
    losses, recipe = [2, 1.5, 1.2], short_recipe(3, patience=3)
    resumed, epochs, training, trainer = second_process(tmp_path, losses, recipe, known)
    assert resumed.after_epoch == 0
    assert why in str(resumed.went_back_because)
    assert [epoch.epoch for epoch in epochs] == [1, 2, 3]
    assert [epoch.warm_up for epoch in epochs] == [True, False, False]
    assert training.completed_epochs == epochs
    assert trainer.resumed_from is None
    assert build_result(training).best_epoch == 3
    assert [file.name for file in tmp_path.iterdir()] == [best_file(3)]


def test_a_run_without_a_checkpoint_begins_anew(tmp_path: Path) -> None:
    known, _, _ = train(tmp_path, [2, 1.5, 1.7], short_recipe(3, patience=3))
    assert_starts_over(tmp_path, known[:2], "no checkpoint had been taken yet")
    assert_starts_over(tmp_path, (), "no checkpoint had been taken yet")


def test_a_run_whose_checkpoint_is_damaged_begins_anew(tmp_path: Path) -> None:
    known, _ = first_process(tmp_path, [2, 1.5, 1.2], short_recipe(3, patience=3), stop_after=2)
    file = tmp_path / CHECKPOINT
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    assert_starts_over(tmp_path, known, "is damaged: its content has another hash")


def test_a_run_whose_best_weights_are_gone_begins_anew(tmp_path: Path) -> None:
    known, _ = first_process(tmp_path, [2, 1.5, 1.7], short_recipe(3, patience=3), stop_after=3)
    (tmp_path / best_file(2)).unlink()
    assert_starts_over(tmp_path, known, f"{best_file(2)} cannot be read")


def test_a_checkpoint_of_other_epochs_is_not_gone_on_from(tmp_path: Path) -> None:
    known, _ = first_process(tmp_path, [2, 1.5, 1.2], short_recipe(3, patience=3), stop_after=2)
    others = [structs.replace(known[0], validation_loss=1.9), known[1]]
    assert_starts_over(tmp_path, others, "the epochs on disk are of another run")


def test_a_state_that_the_trainer_refuses_makes_the_run_begin_anew(tmp_path: Path) -> None:
    losses, recipe = [2, 1.5, 1.2], short_recipe(3, patience=3)
    known, _ = first_process(tmp_path, losses, recipe, stop_after=2)
    trainer = PaperTrainer([*losses, losses[-1]])
    trainer.refuses = "this momentum is of another network or stage: fc8.bias"
    training = paper_training(tmp_path, trainer, recipe)
    assert training.resume(known) == Resumed(after_epoch=0, went_back_because=trainer.refuses)
    assert list(tmp_path.iterdir()) == []
    assert [epoch.epoch for epoch in training.epochs()] == [1, 2, 3]
