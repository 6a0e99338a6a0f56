"""The training loop of one cell: trains, measures and scores its epochs until the run ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from time import perf_counter
from typing import Any

import numpy as np

from alexnet import data
from alexnet.data import Dataset, Split
from alexnet.frameworks.protocol import Backend, ResumeError, Trainer
from alexnet.recipe import Recipe
from alexnet.score import Logits, score
from alexnet.spec import Network
from alexnet.weights import WeightsError
from bench.ipc.cell_files import remove_checkpoint
from bench.ipc.messages import Heartbeat, Job, Record, Resumed
from bench.meters.meters import Meters
from bench.meters.reference_kernel import ReferenceKernel
from bench.records.cell_recipe import scored_validation_images, steps_of
from bench.records.codec import finite_or_none
from bench.records.early_stopping import EarlyStopping
from bench.records.types import Epoch, Start, StopReason
from bench.worker.batch_digests import BatchDigests
from bench.worker.checkpoint import Checkpoint, Checkpoints, UnusableCheckpoint
from bench.worker.feed import Feed

Send = Callable[[Record], None]

HEARTBEAT_SECONDS = 2.0


@dataclass(kw_only=True)
class TrainingLoop:
    """The epochs of one cell, with early stopping, the best weights and a checkpoint on disk.

    `began` is the run's start by perf_counter. `stop_requested` is polled between epochs.
    `given_batches` are those of the first epoch of this process, once it was trained.
    """

    job: Job
    net: Network
    recipe: Recipe
    backend: Backend
    trainer: Trainer
    dataset: Dataset
    send: Send
    meters: Meters
    kernel: ReferenceKernel
    start: Start
    first_weights: dict[str, str]
    began: float = field(default_factory=perf_counter)
    stop_requested: Callable[[], bool] = lambda: False
    completed_epochs: list[Epoch] = field(default_factory=list)
    stage: int = -1
    stopped: StopReason | None = None
    given_batches: BatchDigests | None = None

    def __post_init__(self) -> None:
        self.stopping = EarlyStopping(recipe=self.recipe, classes=self.net.classes)
        self.checkpoints = Checkpoints(job=self.job, net=self.net, start=self.start)
        self._first_epoch = 1
        self._checkpoint_seconds: float | None = None
        self._first_step_seconds: float | None = None

    @cached_property
    def validation(self) -> Split:
        """The validation images that are scored after each epoch."""
        every = self.dataset.validation
        scored = scored_validation_images(self.job.plan, len(every))
        return every if scored == len(every) else every.take(np.arange(scored))

    @property
    def steps_per_epoch(self) -> int:
        return steps_of(self.job.plan, len(self.dataset.train))

    def resume(self, saved_epochs: Sequence[Epoch]) -> Resumed:
        """Resumes from the checkpoint, or starts from the beginning if there is no usable one."""
        try:
            checkpoint = self.checkpoints.load(saved_epochs)
            self._restore(checkpoint)
        except (UnusableCheckpoint, ResumeError, WeightsError) as error:
            remove_checkpoint(self.checkpoints.file.parent, self.job.cell.id)
            return Resumed(after_epoch=0, went_back_because=str(error))
        self.completed_epochs = list(saved_epochs[: checkpoint.epoch])
        for epoch in self.completed_epochs:
            self.stopped = self.stopping.stop_reason(epoch)
        self.began -= checkpoint.seconds
        self._first_epoch = checkpoint.epoch + 1
        behind = checkpoint.epoch < len(saved_epochs)
        why = f"the last checkpoint was of epoch {checkpoint.epoch}" if behind else None
        return Resumed(after_epoch=checkpoint.epoch, went_back_because=why)

    def _restore(self, checkpoint: Checkpoint) -> None:
        stage = self.recipe.stage_index(checkpoint.epoch)
        self.trainer.begin_stage(self.recipe.stages[stage].train)
        self.trainer.resume(checkpoint.weights, checkpoint.momentum, checkpoint.random_state)
        self.stage = stage
        self.stopping.best_epoch, self.stopping.best_loss = checkpoint.best_epoch, checkpoint.best_loss

    def epochs(self) -> Iterator[Epoch]:
        """Trains epoch by epoch until the run ends or a stop is requested."""
        interrupted = self.stop_requested()
        while self.stopped is None and not interrupted:
            number = len(self.completed_epochs) + 1
            if self.recipe.stage_index(number) != self.stage:
                self.stage = self.recipe.stage_index(number)
                self.trainer.begin_stage(self.recipe.stages[self.stage].train)
            epoch = self._train_and_score(number)
            self.completed_epochs.append(epoch)
            self.stopped = self.stopping.stop_reason(epoch)
            yield epoch  # the parent writes it to disk, so that no checkpoint is ahead of the journal
            interrupted = self.stop_requested()
            self._checkpoint_seconds = self._checkpoint_if_due(epoch, is_last=interrupted)

    def _train_and_score(self, number: int) -> Epoch:
        images = self.measure(number)
        train_seconds = self.meters.time.seconds
        probe_seconds = self.kernel.measure_after(train_seconds)  # while the device is still warm
        loss, accuracy = self.trainer.pop_metrics()
        began = perf_counter()
        logits = evaluate(self.trainer, self.validation, self.recipe.batch_size)
        validation = score(logits, self.validation.labels)
        evaluate_seconds = perf_counter() - began
        improved = self.stopping.update_best(number, finite_or_none(validation.loss))
        best_weights_seconds = self.checkpoints.save_best(self.trainer, number) if improved else None
        steps = self.steps_per_epoch
        return Epoch(
            epoch=number,
            warm_up=number == self._first_epoch,
            stage=self.stage + 1,
            learning_rate=self.recipe.learning_rate((number - 1) * steps, steps_per_epoch=steps),
            images=images,
            first_step_seconds=self._first_step_seconds if number == self._first_epoch else None,
            train_seconds=train_seconds,
            wall_seconds=self.meters.time.wall_seconds,
            feed_seconds=self.feed.seconds,
            evaluate_seconds=evaluate_seconds,
            best_weights_seconds=best_weights_seconds,
            checkpoint_seconds=self._checkpoint_seconds,
            probe_seconds=probe_seconds,
            train_loss=finite_or_none(loss),
            train_accuracy=accuracy,
            validation_loss=finite_or_none(validation.loss),
            validation_accuracy=validation.accuracy,
            peak_host_bytes=self.meters.host.peak_bytes,
            peak_device_bytes=self.meters.device.peak_bytes,
            energy_joules=self.meters.energy.joules,
            interference=self.meters.interference(),
        )

    def measure(self, number: int) -> int:
        """Trains one epoch inside every meter. Returns the number of images trained on."""
        with ExitStack() as stack:
            for meter in self.meters.all().values():
                stack.enter_context(meter)
            return self._train(number)

    def _train(self, number: int) -> int:
        """One pass over the training images, which is what the meters measure; returns their number."""
        recipe, trainer, steps = self.recipe, self.trainer, self.steps_per_epoch
        self.feed = self.feed_of(number)
        # The warm-up alone, which is no round: 45,000 images take 0.1 s (AMD EPYC, 2026-11-26).
        given = BatchDigests(epoch=number) if number == self._first_epoch else None
        last_heartbeat, trained = perf_counter(), 0
        for step, (batch, images, labels) in enumerate(self.feed, 1):
            rate = recipe.learning_rate((number - 1) * steps + step - 1, steps_per_epoch=steps)
            if given:
                given.add(images, labels)
            if given and step == 1:
                self._time_first_step(batch, rate)
            else:
                trainer.step(batch, rate)
            trained += len(labels)
            if perf_counter() - last_heartbeat > HEARTBEAT_SECONDS:
                last_heartbeat = perf_counter()
                self.send(Heartbeat(epoch=number, step=step))
        self.given_batches = given or self.given_batches
        return trained

    def feed_of(self, epoch: int) -> Feed:
        """What puts the batches of an epoch on the device."""
        return Feed(
            trainer=self.trainer,
            train=self.dataset.train,
            steps=self.steps_per_epoch,
            batch_size=self.recipe.batch_size,
            seed=self.job.cell.seed,
            epoch=epoch,
            augment=self.recipe.augment,
        )

    def _time_first_step(self, batch: Any, rate: float) -> None:
        """Takes the step in which an engine compiles, and waits for it: it is in the warm-up."""
        began = perf_counter()
        self.trainer.step(batch, rate)
        self.trainer.synchronize()
        self._first_step_seconds = perf_counter() - began

    def _checkpoint_if_due(self, epoch: Epoch, *, is_last: bool) -> float | None:
        """Takes a checkpoint if one is due or no epoch follows in this process; returns its seconds."""
        if not (self.checkpoints.is_due(epoch.train_seconds) or is_last):
            return None
        return self.checkpoints.save(
            self.trainer, self.completed_epochs, self.stopping, seconds=perf_counter() - self.began
        )


def evaluate(trainer: Trainer, split: Split, batch_size: int) -> Logits:
    """Logits, float32 (n, classes), of a split's images, in batches of at most `batch_size`."""
    logits = [
        trainer.logits(images) for images, _ in data.evaluation_batches(split, batch_size=batch_size)
    ]
    return np.concatenate(logits)
