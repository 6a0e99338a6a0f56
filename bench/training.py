"""The epochs of one cell: trained, measured, scored, ended when they should."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter

import numpy as np

from alexnet import Backend, Trainer, data
from alexnet import weights as canonical
from alexnet.data import Dataset, Split
from alexnet.recipe import Recipe
from alexnet.score import Score, score
from alexnet.spec import Network
from bench import afterwards, energy, probe, rates
from bench.meters import Meters, TimeMeter
from bench.probe import Probe
from bench.records import Beat, Epoch, Result, Start, Stop
from bench.wire import Job, Record, finite

Send = Callable[[Record], None]

BEAT_SECONDS = 2.0
STEP_RATE_SECONDS = 2.0
MIN_RATE_STEPS, MAX_RATE_STEPS = 5, 100


@dataclass(kw_only=True)
class Training:
    """The epochs of one cell, with early stopping and the best weights kept on disk."""

    job: Job
    net: Network
    recipe: Recipe
    backend: Backend
    trainer: Trainer
    dataset: Dataset
    send: Send
    meters: Meters
    prober: Probe
    start: Start
    first_weights: dict[str, str]
    done: list[Epoch] = field(default_factory=list)
    best_epoch: int | None = None
    best_loss: float = math.inf
    stopped: Stop = "cap"

    @property
    def best_file(self) -> Path:
        return Path(self.job.scratch_folder) / f"{self.job.cell.id}.best.safetensors"

    @property
    def steps_per_epoch(self) -> int:
        return len(self.dataset.train) // self.recipe.batch_size

    def epochs(self) -> Iterator[Epoch]:
        """Trains epoch by epoch until patience, the recipe's cap or a loss that is not finite."""
        stage = -1
        for number in range(1, self.recipe.epochs + 1):
            if self.recipe.stage_index(number) != stage:
                stage = self.recipe.stage_index(number)
                self.trainer.begin_stage(self.recipe.stages[stage].train)
            epoch = self._one(number, stage)
            self.done.append(epoch)
            yield epoch
            if epoch.train_loss is None or epoch.validation_loss is None:
                self.stopped = "diverged"
                return
            if self._out_of_patience(epoch):
                self.stopped = "patience"
                return

    def _one(self, number: int, stage: int) -> Epoch:
        images = self.measure(number)
        probe_seconds = self.prober.after(self.meters.time.seconds)  # while the device is as it was
        loss, accuracy = self.trainer.take_totals()
        began = perf_counter()
        validation = evaluate(self.trainer, self.dataset.validation, self.recipe.batch_size)
        evaluate_seconds = perf_counter() - began
        steps = self.steps_per_epoch
        return Epoch(
            epoch=number,
            stage=stage + 1,
            learning_rate=self.recipe.learning_rate((number - 1) * steps, steps_per_epoch=steps),
            images=images,
            train_seconds=self.meters.time.seconds,
            evaluate_seconds=evaluate_seconds,
            checkpoint_seconds=self._keep_if_best(number, validation.loss),
            probe_seconds=probe_seconds,
            train_loss=finite(loss),
            train_accuracy=accuracy,
            validation_loss=finite(validation.loss),
            validation_accuracy=validation.accuracy,
            peak_host_bytes=self.meters.host.peak_bytes,
            peak_device_bytes=self.meters.device.peak_bytes,
            energy_joules=self.meters.energy.joules,
        )

    def measure(self, number: int) -> int:
        """Trains one epoch with every meter around it. Returns the images that were trained on."""
        with ExitStack() as stack:
            for meter in self.meters.all().values():
                stack.enter_context(meter)
            return self._train(number)

    def _train(self, number: int) -> int:
        """One pass over the training images: the measured line. Returns how many were trained on."""
        recipe, trainer, steps = self.recipe, self.trainer, self.steps_per_epoch
        batches = data.epoch_batches(
            self.dataset.train,
            batch_size=recipe.batch_size,
            seed=self.job.cell.seed,
            epoch=number,
            augment=recipe.augment,
        )
        said = perf_counter()
        for step, (images, labels) in enumerate(batches, 1):
            rate = recipe.learning_rate((number - 1) * steps + step - 1, steps_per_epoch=steps)
            trainer.step(trainer.place(images, labels), rate)
            if perf_counter() - said > BEAT_SECONDS:
                said = perf_counter()
                self.send(Beat(epoch=number, step=step))
        return steps * recipe.batch_size

    def _keep_if_best(self, number: int, validation_loss: float) -> float | None:
        """Saves the weights if no epoch was better; returns the seconds it took, None if it did not."""
        if not validation_loss < self.best_loss:  # NaN is never better
            return None
        began = perf_counter()
        self.best_epoch, self.best_loss = number, validation_loss
        canonical.save(self.best_file, self.trainer.weights(), about={"epoch": str(number)})
        return perf_counter() - began

    def _out_of_patience(self, epoch: Epoch) -> bool:
        """Whether `patience` epochs of the last stage have passed without a better one."""
        before_last_stage = self.recipe.epochs - self.recipe.stages[-1].epochs
        return epoch.epoch - max(self.best_epoch or 0, before_last_stage) >= self.recipe.patience

    def result(self, began: float) -> Result:
        """Times the bare step, then scores the best epoch's weights on the test images."""
        step_rate = self._step_images_per_second()
        best, test = self._tested()
        last, typical = self.done[-1], rates.typical_images_per_second(self.done)
        speed = probe.Speed.of(self.net, self.recipe, last, typical, self.start.roofline)
        joules = energy.of_run(self.done, self.best_epoch, self.job.cell.device)
        return Result(
            epochs=len(self.done),
            best_epoch=self.best_epoch,
            stopped=self.stopped,
            converged_at=self.best_epoch if self.stopped == "patience" else None,
            test_images=len(self.dataset.test),
            test_loss=finite(test.loss) if test else None,
            test_accuracy=test.accuracy if test else None,
            per_class_accuracy=test.per_class_accuracy if test else None,
            confusion=test.confusion if test else None,
            epoch_images_per_second=typical,
            step_images_per_second=step_rate,
            pipeline_ratio=rates.images_per_second(last) / step_rate,
            achieved_flops_per_second=speed.flops_per_second,
            roofline_share=speed.roofline_share,
            drift=rates.drift(self.done, cold_probe_seconds=self.start.probe_seconds),
            peak_host_bytes=_largest(epoch.peak_host_bytes for epoch in self.done),
            peak_device_bytes=_largest(epoch.peak_device_bytes for epoch in self.done),
            joules_per_epoch=joules.per_epoch,
            joules_per_image=joules.per_image,
            joules_to_best_epoch=joules.to_best_epoch,
            weights_sha256=canonical.fingerprint(best) if best else None,
            data_sha256=self.dataset.fingerprint(),
            versions=self.backend.versions(),
            checks=afterwards.checks(
                self.done,
                test,
                best,
                first_weights=self.first_weights,
                dataset=self.dataset,
                trained=self._trained(),
            ),
            total_seconds=perf_counter() - began,
        )

    def _trained(self) -> list[str]:
        """The tensors that the stages up to the best epoch were there to move."""
        stages = self.recipe.stages[
            : max((e.stage for e in self.done if e.epoch == self.best_epoch), default=0)
        ]
        everything = any(stage.train == "all" for stage in stages)
        return [name for name in self.net.tensors if everything or name.split(".")[0] == self.net.head]

    def _tested(self) -> tuple[canonical.Weights | None, Score | None]:
        """The best epoch's weights and their score on the test images; nothing where a run diverged."""
        best, test = None, None
        if self.best_epoch and self.stopped != "diverged":
            best = canonical.load(self.best_file, self.net)
            self.trainer.load(best)
            test = evaluate(self.trainer, self.dataset.test, self.recipe.batch_size)
        self.best_file.unlink(missing_ok=True)
        return best, test

    def _step_images_per_second(self) -> float:
        """The rate of the training step on a batch that already lies on the device.

        Taken right after the last epoch, which it is compared with, and with a learning rate of 0:
        the same work, and the weights stay.
        """
        last, size = self.done[-1], self.recipe.batch_size
        seconds_per_step = last.train_seconds / (last.images / size)
        steps = round(STEP_RATE_SECONDS / seconds_per_step)
        steps = min(max(steps, MIN_RATE_STEPS), MAX_RATE_STEPS)
        train = self.dataset.train
        batch = self.trainer.place(train.images[:size], train.labels[:size])
        with TimeMeter(self.trainer.synchronize) as time:
            for _ in range(steps):
                self.trainer.step(batch, 0.0)
        return steps * size / time.seconds


def _largest(values: Iterable[int | None]) -> int | None:
    return max((value for value in values if value is not None), default=None)


def evaluate(trainer: Trainer, split: Split, batch_size: int) -> Score:
    """Scores every image of a split, in batches no larger than training's."""
    logits = [trainer.logits(images) for images, _ in data.in_order(split, batch_size=batch_size)]
    return score(np.concatenate(logits), split.labels)
