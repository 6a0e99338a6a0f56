"""Rules on the result of a run: every figure that follows from its epochs is derived again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from operator import attrgetter
from typing import Any

from msgspec import to_builtins

from alexnet.data import CLASSES
from bench.check.compare import mismatch
from bench.records import derive, plausible
from bench.records.early_stopping import EarlyStopping
from bench.records.flops import AchievedSpeed
from bench.records.limits import MAX_PICTURES, MAX_WATTS, MIN_WATTS
from bench.records.read import LoadedRun, Problems
from bench.records.types import Result, StopReason

MAX_ROOFLINE_RATIO = 2.0
"""Above 1, since Winograd convolutions need fewer FLOPs than are counted, and the roofline may have been
measured in a bad moment."""


def replay_training(run: LoadedRun) -> tuple[int | None, StopReason | None, int]:
    """The best epoch, why training ends (None if nothing ends it), and after which epoch."""
    stopping = EarlyStopping(recipe=run.recipe, classes=run.net.classes)
    for number, epoch in enumerate(run.epochs, 1):
        stopping.update_best(number, epoch.validation_loss)
        if reason := stopping.stop_reason(epoch):
            return stopping.best_epoch, reason, number
    return stopping.best_epoch, None, len(run.epochs)


def end_follows_from_the_epochs(run: LoadedRun) -> Problems:
    """Best epoch, reason for stopping and convergence follow from the losses of the epochs."""
    best_epoch, reason, last_epoch = replay_training(run)
    if last_epoch < len(run.epochs):
        yield f"epochs goes on after epoch {last_epoch}, where training ends ({reason})"
    elif run.result is not None:
        saved_reason = run.result.stopped
        if reason is None:
            yield f"result.stopped is {saved_reason}, and nothing ends training at epoch {last_epoch}"
        stopped = reason or saved_reason
        expected = {
            "epochs": last_epoch,
            "best_epoch": best_epoch,
            "stopped": stopped,
            "converged_at": best_epoch if stopped == "patience" else None,
        }
        yield from _result_mismatches(run.result, expected, by="by epochs it is")


def accuracies_match_the_confusion(run: LoadedRun) -> Problems:
    """Accuracies and numbers of images follow from the confusion matrix; a diverged run has none."""
    if (result := run.result) is None:
        return
    fields = ("test_accuracy", "per_class_accuracy", "confusion", "weights_sha256")
    if result.stopped == "diverged":
        present = [name for name in (*fields, "test_loss") if getattr(result, name) is not None]
        yield from (f"result.{name} is there, and the run diverged" for name in present)
        return
    absent = [name for name in fields if getattr(result, name) is None]
    yield from (f"result.{name} is null in a run that did not diverge" for name in absent)
    if absent:
        return
    # A network with more classes has one more column, for answers beyond the ten.
    confusion, columns = result.confusion or (), min(run.net.classes, len(CLASSES) + 1)
    if [len(row) for row in confusion] != [columns] * len(CLASSES) or min(map(min, confusion)) < 0:
        yield f"result.confusion is not {len(CLASSES)} rows of {columns} counts"
        return
    correct = [row[index] for index, row in enumerate(confusion)]
    expected = {
        "test_images": sum(map(sum, confusion)),
        "test_accuracy": sum(correct) / result.test_images,
        "per_class_accuracy": tuple(
            hits / sum(row) if sum(row) else None for hits, row in zip(correct, confusion, strict=True)
        ),
    }
    yield from _result_mismatches(result, expected, by="by result.confusion it is")
    if run.start:
        test_images = {"test_images": run.start.test_images}
        yield from _result_mismatches(result, test_images, by="start.test_images is")


def pictures_are_test_images(run: LoadedRun) -> Problems:
    """The pictures are MAX_PICTURES different test images, or all if there are fewer.

    No answer to a class is among them more often than the confusion matrix counts it.
    """
    result = run.result
    if result is None or (result.pictures is None and result.stopped == "diverged"):
        return
    if (pictures := result.pictures) is None or result.confusion is None:
        yield "result.pictures is null in a run that did not diverge, or it has no confusion"
        return
    count = min(MAX_PICTURES, result.test_images)
    for name in ("positions", "labels", "answers", "shares"):
        length = len(getattr(pictures, name))
        yield from mismatch(f"the length of result.pictures.{name}", length, count)
    try:
        pictures.images()
    except ValueError as error:
        yield f"result.pictures.pixels cannot be: {error}"
    if len({*pictures.positions} & {*range(result.test_images)}) != len(pictures.positions):
        yield "result.pictures.positions are not different test images"
    if not all(0 < share <= 1 for share in pictures.shares):
        yield "result.pictures.shares are not shares of 1"
    counts = {(i, j): n for i, row in enumerate(result.confusion) for j, n in enumerate(row)}
    shown = Counter(zip(pictures.labels, pictures.answers, strict=False))
    for (label, answer), times in shown.items():
        counted = counts.get((label, answer), 0)
        if times > counted:
            yield f"result.pictures has {label} taken for {answer} {times} times, confusion {counted}"


def rates_follow_from_the_epochs(run: LoadedRun) -> Problems:
    """Images and FLOPs per second, pipeline ratio, roofline share and drift follow from the epochs."""
    if run.result is None or run.start is None or run.epochs[-1].stage > len(run.recipe.stages):
        return
    typical = derive.typical_images_per_second(run.epochs, run.cell.device)
    last = derive.images_per_second(derive.last_epoch(run.epochs, run.cell.device))
    speed = AchievedSpeed.from_run(run.net, run.recipe, run.epochs[-1], typical, run.start.roofline)
    drift = derive.drift(run.epochs, run.cell.device, cold_probe_seconds=run.start.probe_seconds)
    expected = {
        "epoch_images_per_second": typical,
        "pipeline_ratio": last / run.result.step_images_per_second,
        "achieved_flops_per_second": speed.flops_per_second,
        "roofline_share": speed.roofline_share,
        **{f"drift.{field}": value for field, value in to_builtins(drift).items()},
    }
    yield from _result_mismatches(run.result, expected)


def peaks_and_joules_follow_from_the_epochs(run: LoadedRun) -> Problems:
    """Peak memory is the maximum over the epochs; joules are medians and sums of theirs."""
    if (result := run.result) is None:
        return
    energy = derive.run_energy(run.epochs, result.best_epoch, run.cell.device)
    host_peaks = [e.peak_host_bytes for e in run.epochs if e.peak_host_bytes is not None]
    device_peaks = [e.peak_device_bytes for e in run.epochs if e.peak_device_bytes is not None]
    expected = {
        "peak_host_bytes": max(host_peaks, default=None),
        "peak_device_bytes": max(device_peaks, default=None),
        "joules_per_epoch": energy.per_epoch,
        "joules_per_image": energy.per_image,
        "joules_to_best_epoch": energy.to_best_epoch,
    }
    yield from _result_mismatches(result, expected)


def memory_and_power_are_plausible(run: LoadedRun) -> Problems:
    """Peaks are at least what the run must have had, and watts are those of a computer that trains."""
    for kind in plausible.implausible_memory(run.cell, run.start, run.epochs):
        yield (
            f"epochs.peak_{kind.of}_bytes is {kind.bytes:,} at most, and the run must have had"
            f" {kind.least_bytes:,}"
        )
    for power in plausible.implausible_power(run.cell, run.epochs):
        yield (
            f"epochs.energy_joules come to {power.watts:.3g} W, where"
            f" {MIN_WATTS:g} to {MAX_WATTS:,.0f} can be"
        )


def no_faster_than_the_device(run: LoadedRun) -> Problems:
    """Training does not reach many times the device's matrix-product rate.

    A clock that stops before the device has finished its work gives such a figure.
    """
    if run.result is None or run.start is None or run.start.roofline is None:
        return
    if run.result.achieved_flops_per_second is None:
        return
    probes = (run.start.probe_seconds, *(e.probe_seconds for e in run.epochs if e.probe_seconds))
    fastest = max(run.start.roofline.flops_per_second, run.start.probe_flops / min(probes))
    ratio = run.result.achieved_flops_per_second / fastest
    if ratio > MAX_ROOFLINE_RATIO:
        yield (
            f"result.achieved_flops_per_second is {ratio:.2f} times the most that the roofline or the"
            f" reference kernel reached"
        )


def _result_mismatches(
    result: Result, expected: Mapping[str, Any], *, by: str = "the file itself gives"
) -> Problems:
    for field, value in expected.items():
        yield from mismatch(f"result.{field}", attrgetter(field)(result), value, by=by)
