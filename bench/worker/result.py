"""The result of one cell: times the bare step, scores the best weights, derives every figure."""

from __future__ import annotations

from collections.abc import Iterable
from time import perf_counter, sleep

from alexnet import weights as canonical
from alexnet.score import Logits, score
from bench.meters.time import TimeMeter
from bench.records import derive
from bench.records.codec import finite_or_none
from bench.records.flops import AchievedSpeed
from bench.records.limits import MAX_PIPELINE_RATIO
from bench.records.types import Epoch, Result
from bench.worker.result_checks import EndedRun, check_result
from bench.worker.sample_images import sample_images
from bench.worker.training_loop import TrainingLoop, evaluate

STEP_RATE_SECONDS = 2.0
MIN_RATE_STEPS, MAX_RATE_STEPS = 5, 100
MAX_RATE_TRIES, PAUSE_SECONDS = 8, 2.0
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
    step_rate = _step_images_per_second(training, last)
    pipeline_ratio = derive.images_per_second(last) / step_rate
    joules = derive.run_energy(epochs, best_epoch, device)
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
        pipeline_ratio=pipeline_ratio,
        achieved_flops_per_second=speed.flops_per_second,
        roofline_share=speed.roofline_share,
        drift=derive.drift(epochs, device, cold_probe_seconds=training.start.probe_seconds),
        peak_host_bytes=_largest(epoch.peak_host_bytes for epoch in epochs),
        peak_device_bytes=_largest(epoch.peak_device_bytes for epoch in epochs),
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


def _step_images_per_second(training: TrainingLoop, last: Epoch) -> float:
    """Images per second of the training step on a batch that is already on the device.

    It is compared with `last`, an epoch. The learning rate is 0: the work is the same and the weights
    stay. Where the epoch was faster than its steps can be, something else disturbed the steps: they are
    timed again after a pause, up to eight times, and the fastest try counts.
    """
    size = training.recipe.batch_size
    seconds_per_step = last.train_seconds / (last.images / size)
    steps = round(STEP_RATE_SECONDS / seconds_per_step)
    steps = min(max(steps, MIN_RATE_STEPS), MAX_RATE_STEPS)
    train = training.dataset.train
    batch = training.trainer.to_device(train.images[:size], train.labels[:size])
    training.trainer.step(batch, 0.0)  # compiles, if the run was resumed after its last epoch
    fastest = 0.0
    for attempt in range(MAX_RATE_TRIES):
        sleep(PAUSE_SECONDS if attempt else 0)
        with TimeMeter(training.trainer.synchronize) as time:
            for _ in range(steps):
                training.trainer.step(batch, 0.0)
        fastest = max(fastest, steps * size / time.seconds)
        if derive.images_per_second(last) <= MAX_PIPELINE_RATIO * fastest:
            break
    return fastest


def _largest(values: Iterable[int | None]) -> int | None:
    return max((value for value in values if value is not None), default=None)
