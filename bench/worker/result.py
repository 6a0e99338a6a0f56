"""The result of one cell: times the bare step, scores the best weights, derives every figure."""

from __future__ import annotations

from collections.abc import Iterable
from time import perf_counter

from alexnet import weights as canonical
from alexnet.score import Logits, score
from bench.meters.time import TimeMeter
from bench.records import derive
from bench.records.codec import finite_or_none
from bench.records.flops import AchievedSpeed
from bench.records.types import Result
from bench.worker.result_checks import check_result
from bench.worker.sample_images import sample_images
from bench.worker.training_loop import TrainingLoop, evaluate

STEP_RATE_SECONDS = 2.0
MIN_RATE_STEPS, MAX_RATE_STEPS = 5, 100


def build_result(training: TrainingLoop) -> Result:
    """Times the bare step, then scores the best epoch's weights on the test images."""
    assert training.stopped, "a run that goes on has no result yet"
    epochs, best_epoch = training.completed_epochs, training.stopping.best_epoch
    step_rate = _step_images_per_second(training)
    best, logits = _test_best_weights(training)
    test = score(logits, training.dataset.test.labels) if logits is not None else None
    last, typical = epochs[-1], derive.typical_images_per_second(epochs)
    speed = AchievedSpeed.from_run(training.net, training.recipe, last, typical, training.start.roofline)
    joules = derive.run_energy(epochs, best_epoch, training.job.cell.device)
    return Result(
        epochs=len(epochs),
        best_epoch=best_epoch,
        stopped=training.stopped,
        converged_at=best_epoch if training.stopped == "patience" else None,
        test_images=len(training.dataset.test),
        test_loss=finite_or_none(test.loss) if test else None,
        test_accuracy=test.accuracy if test else None,
        per_class_accuracy=test.per_class_accuracy if test else None,
        confusion=test.confusion if test else None,
        pictures=None if logits is None else sample_images(training.dataset.test, logits),
        epoch_images_per_second=typical,
        step_images_per_second=step_rate,
        pipeline_ratio=derive.images_per_second(last) / step_rate,
        achieved_flops_per_second=speed.flops_per_second,
        roofline_share=speed.roofline_share,
        drift=derive.drift(epochs, cold_probe_seconds=training.start.probe_seconds),
        peak_host_bytes=_largest(epoch.peak_host_bytes for epoch in epochs),
        peak_device_bytes=_largest(epoch.peak_device_bytes for epoch in epochs),
        joules_per_epoch=joules.per_epoch,
        joules_per_image=joules.per_image,
        joules_to_best_epoch=joules.to_best_epoch,
        weights_sha256=canonical.fingerprint(best) if best else None,
        data_sha256=training.dataset.fingerprint(),
        versions=training.backend.versions(),
        checks=check_result(
            epochs,
            test,
            best,
            images_per_epoch=training.steps_per_epoch * training.recipe.batch_size,
            first_weights=training.first_weights,
            dataset=training.dataset,
            trained=_trained_tensors(training),
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


def _step_images_per_second(training: TrainingLoop) -> float:
    """Images per second of the training step on a batch that is already on the device.

    Measured right after the last epoch, with which it is compared. The learning rate is 0: the work is
    the same and the weights stay.
    """
    last, size = training.completed_epochs[-1], training.recipe.batch_size
    seconds_per_step = last.train_seconds / (last.images / size)
    steps = round(STEP_RATE_SECONDS / seconds_per_step)
    steps = min(max(steps, MIN_RATE_STEPS), MAX_RATE_STEPS)
    train = training.dataset.train
    batch = training.trainer.to_device(train.images[:size], train.labels[:size])
    training.trainer.step(batch, 0.0)  # compiles, if the run was resumed after its last epoch
    with TimeMeter(training.trainer.synchronize) as time:
        for _ in range(steps):
            training.trainer.step(batch, 0.0)
    return steps * size / time.seconds


def _largest(values: Iterable[int | None]) -> int | None:
    return max((value for value in values if value is not None), default=None)
