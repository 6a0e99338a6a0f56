"""The result of one cell: times the bare step, scores the best weights, derives every figure."""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter, sleep
from typing import Any

import numpy as np

from alexnet import weights as canonical
from alexnet.score import Logits, score
from bench.ipc.messages import Heartbeat
from bench.records import derive
from bench.records.codec import finite_or_none
from bench.records.early_stopping import converged_at
from bench.records.flops import AchievedSpeed
from bench.records.limits import MAX_PIPELINE_RATIO, MAX_RATE_STEPS, MIN_RATE_STEPS
from bench.records.types import Epoch, Interference, Result
from bench.worker.result_checks import EndedRun, check_result
from bench.worker.sample_images import sample_images
from bench.worker.training_loop import TrainingLoop, evaluate

STEP_RATE_SECONDS = 1.0
MAX_RATE_TRIES, PAUSE_SECONDS = 8, STEP_RATE_SECONDS
"""As often as the gate asks the clock. Beside another program a bare step once took 3.87 times as long
as in the epoch before it."""


def build_result(training: TrainingLoop) -> Result:
    """Times the bare step, then scores the best epoch's weights on the test images."""
    assert training.stopped, "a run that goes on has no result yet"
    epochs, best_epoch = training.completed_epochs, training.stopping.best_epoch
    device = training.job.cell.device
    best, logits = _test_best_weights(training)
    test = score(logits, training.dataset.test.labels) if logits is not None else None
    given = training.given_batches
    last, typical = derive.last_epoch(epochs, device), derive.typical_images_per_second(epochs, device)
    speed = AchievedSpeed.from_run(training.net, training.recipe, last, typical, training.start.roofline)
    bare = _time_steps(training, last)
    pipeline_ratio = derive.pipeline_ratio(epochs, device, step_images_per_second=bare.images_per_second)
    joules = derive.run_energy(epochs, best_epoch, device)
    return Result(
        epochs=len(epochs),
        best_epoch=best_epoch,
        stopped=training.stopped,
        converged_at=converged_at(best_epoch, training.stopped),
        test_images=len(training.dataset.test),
        test_loss=finite_or_none(test.loss) if test else None,
        test_accuracy=test.accuracy if test else None,
        per_class_accuracy=test.per_class_accuracy if test else None,
        confusion=test.confusion if test else None,
        pictures=None if logits is None else sample_images(training.dataset.test, logits),
        epoch_images_per_second=typical,
        step_images_per_second=bare.images_per_second,
        step_seconds=bare.seconds,
        step_interference=bare.interference,
        pipeline_ratio=pipeline_ratio,
        achieved_flops_per_second=speed.flops_per_second,
        roofline_share=speed.roofline_share,
        drift=derive.drift(epochs, device, cold_probe_seconds=training.start.probe_seconds),
        peak_host_bytes=derive.peak_host_bytes(epochs),
        peak_device_bytes=derive.peak_device_bytes(epochs),
        joules_per_epoch=joules.per_epoch,
        joules_per_image=joules.per_image,
        joules_to_best_epoch=joules.to_best_epoch,
        weights_sha256=canonical.fingerprint(best) if best else None,
        data_sha256=training.dataset.fingerprint(),
        versions=training.backend.versions(),
        batches_sha256=given.sha256() if given else None,
        checks=check_result(
            EndedRun(
                plan=training.job.plan,
                recipe=training.recipe,
                seed=training.job.cell.seed,
                dataset=training.dataset,
                epochs=epochs,
                best_epoch=best_epoch,
                given=given,
                pipeline_ratio=pipeline_ratio,
                steps_disturbed=bare.disturbed,
                test=test,
                best=best,
                trained=_trained_tensors(training),
                first_weights=training.first_weights,
            )
        ),
        total_seconds=perf_counter() - training.began,
    )


def _trained_tensors(training: TrainingLoop) -> list[str]:
    """The tensors that the stages up to the best epoch train."""
    best_epoch = training.stopping.best_epoch
    last_stage = max((e.stage for e in training.completed_epochs if e.epoch == best_epoch), default=0)
    stages = training.recipe.stages[:last_stage]
    everything = any(stage.train == "all" for stage in stages)
    return [
        name for name in training.net.tensors if everything or name.split(".")[0] == training.net.head
    ]


def _test_best_weights(training: TrainingLoop) -> tuple[canonical.Weights | None, Logits | None]:
    """The best epoch's weights and their logits of the test images; (None, None) if the run diverged."""
    if not training.stopping.best_epoch or training.stopped == "diverged":
        return None, None
    best = training.checkpoints.load_best(training.stopping.best_epoch)
    training.trainer.load(best)
    return best, evaluate(training.trainer, training.dataset.test, training.recipe.batch_size)


@dataclass(frozen=True, kw_only=True)
class StepTry:
    """One try at timing the bare step: so many images in so many seconds, and what else ran then."""

    images: int
    seconds: float
    interference: Interference
    disturbed: bool

    @property
    def images_per_second(self) -> float:
        return self.images / self.seconds


def _time_steps(training: TrainingLoop, last: Epoch) -> StepTry:
    """Times the training step on a batch that is already on the device; returns the try that counts.

    The batch is part of a chunk, as in an epoch, and the step is the one that was compiled for it.
    It is compared with `last`, an epoch. The learning rate is 0: the work is the same and the weights
    stay. The steps are timed again after a pause, up to eight times, until a try that nothing disturbed
    is about as fast as the epoch. The fastest undisturbed try counts, and the fastest of all only if
    each was disturbed. What others use of the GPU is what was read before an epoch: reading it anew
    would leave the device idle for seconds before each try.
    """
    size = training.recipe.batch_size
    seconds_per_step = last.train_seconds / (last.images / size)
    steps = round(STEP_RATE_SECONDS / seconds_per_step)
    steps = min(max(steps, MIN_RATE_STEPS), MAX_RATE_STEPS)
    batch = resident_batch(training)
    training.trainer.step(batch, 0.0)  # compiles, if the run was resumed after its last epoch
    tries: list[StepTry] = []
    for attempt in range(MAX_RATE_TRIES):
        sleep(PAUSE_SECONDS if attempt else 0)
        tries.append(_try_steps(training, batch, steps))
        counted = min(tries, key=lambda each: (each.disturbed, each.seconds))
        as_fast = derive.images_per_second(last) <= MAX_PIPELINE_RATIO * counted.images_per_second
        if as_fast and not counted.disturbed:
            break
        # Beside other programs eight tries may take longer than a worker may be silent.
        training.send(Heartbeat(epoch=len(training.completed_epochs), step=training.steps_per_epoch))
    return counted


def resident_batch(training: TrainingLoop) -> Any:
    """The first training images on the device, in a chunk as long as an epoch's: its last batch."""
    feed, train = training.feed_of(epoch=1), training.dataset.train
    chunk = feed.chunk_steps * feed.batch_size
    chosen = np.resize(np.arange(len(train)), chunk)
    on_device = training.trainer.to_device(train.images[chosen], train.labels[chosen])
    return training.trainer.part(on_device, chunk - feed.batch_size, feed.batch_size)


def _try_steps(training: TrainingLoop, batch: Any, steps: int) -> StepTry:
    """Times so many steps within the meters of time and processors."""
    meters, device = training.meters, training.job.cell.device
    with meters.processors, meters.time:
        for _ in range(steps):
            training.trainer.step(batch, 0.0)
    seconds, interference = meters.time.seconds, meters.interference()
    return StepTry(
        images=steps * training.recipe.batch_size,
        seconds=seconds,
        interference=interference,
        disturbed=bool(derive.span_disturbances(interference, seconds, device)),
    )
