"""What one saved run's training gives: its epochs, its end, and every figure that follows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from operator import attrgetter
from typing import Any

from alexnet.data import CLASSES
from bench.check.compare import unlike
from bench.records import derive
from bench.records.early_stopping import EarlyStopping
from bench.records.limits import MAX_PICTURES as MOST_PICTURES
from bench.records.read import LoadedRun, Problems
from bench.records.roofline import AchievedSpeed
from bench.records.types import Result, Stop

MOST_OF_ROOFLINE = 2.0  # Winograd computes with fewer, and the roofline may have had a bad moment


def followed(run: LoadedRun) -> tuple[int | None, Stop | None, int]:
    """The best epoch, what ends training, and after which epoch."""
    stopping = EarlyStopping(recipe=run.recipe, classes=run.net.classes)
    for number, epoch in enumerate(run.epochs, 1):
        stopping.improves(number, epoch.validation_loss)
        if stopped := stopping.stop(epoch):
            return stopping.best_epoch, stopped, number
    return stopping.best_epoch, None, len(run.epochs)


def end_follows_from_the_epochs(run: LoadedRun) -> Problems:
    """Best epoch, why training ended and where it converged are what the validation losses say."""
    best, stopped, ended = followed(run)
    if ended < len(run.epochs):
        yield f"epochs goes on after epoch {ended}, where training ends ({stopped})"
    elif run.result is not None:
        if stopped is None:
            yield f"result.stopped is {run.result.stopped}, and nothing ends training at epoch {ended}"
        due = {"epochs": ended, "best_epoch": best, "stopped": stopped or run.result.stopped}
        due["converged_at"] = best if due["stopped"] == "patience" else None
        for field, value in due.items():
            yield from unlike(f"result.{field}", getattr(run.result, field), value, by="by epochs it is")


def figures_are_the_confusions(run: LoadedRun) -> Problems:
    """Accuracies and numbers of images are those of the confusion; a diverged run has none."""
    if (result := run.result) is None:
        return
    said = {name: getattr(result, name) for name in ("test_accuracy", "per_class_accuracy", "confusion")}
    said["weights_sha256"] = result.weights_sha256
    if result.stopped == "diverged":
        there = [
            name for name, value in {**said, "test_loss": result.test_loss}.items() if value is not None
        ]
        yield from (f"result.{name} is there, and the run diverged" for name in there)
        return
    absent = [name for name, value in said.items() if value is None]
    yield from (f"result.{name} is null in a run that did not diverge" for name in absent)
    confusion, columns = result.confusion or (), min(run.net.classes, len(CLASSES) + 1)
    if absent:
        return
    if [len(row) for row in confusion] != [columns] * len(CLASSES) or min(map(min, confusion)) < 0:
        yield f"result.confusion is not {len(CLASSES)} rows of {columns} counts"
        return
    right = [row[index] for index, row in enumerate(confusion)]
    due: dict[str, Any] = {
        "test_images": sum(map(sum, confusion)),
        "test_accuracy": sum(right) / result.test_images,
        "per_class_accuracy": tuple(
            hits / sum(row) if sum(row) else None for hits, row in zip(right, confusion, strict=True)
        ),
    }
    for field, value in due.items():
        yield from unlike(
            f"result.{field}", getattr(result, field), value, by="by result.confusion it is"
        )
    if run.start:
        due = {"by": "start.test_images is"}
        yield from unlike("result.test_images", result.test_images, run.start.test_images, **due)


def pictures_are_test_images(run: LoadedRun) -> Problems:
    """As many as are kept, each once, and no more answers of a kind than the confusion counts."""
    result = run.result
    if result is None or (result.pictures is None and result.stopped == "diverged"):
        return
    if (kept := result.pictures) is None or result.confusion is None:
        yield "result.pictures is null in a run that did not diverge, or it has no confusion"
        return
    due = min(MOST_PICTURES, result.test_images)
    for name in ("positions", "labels", "answers", "shares"):
        yield from unlike(f"the length of result.pictures.{name}", len(getattr(kept, name)), due)
    try:
        kept.images()
    except ValueError as error:
        yield f"result.pictures.pixels cannot be: {error}"
    if len({*kept.positions} & {*range(result.test_images)}) != len(kept.positions):
        yield "result.pictures.positions are not different test images"
    if not all(0 < share <= 1 for share in kept.shares):
        yield "result.pictures.shares are not shares of 1"
    for (label, answer), times in Counter(zip(kept.labels, kept.answers, strict=False)).items():
        counted = {(i, j): n for i, row in enumerate(result.confusion) for j, n in enumerate(row)}.get(
            (label, answer), 0
        )
        if times > counted:
            yield f"result.pictures has {label} taken for {answer} {times} times, confusion {counted}"


def rates_follow_from_the_epochs(run: LoadedRun) -> Problems:
    """Images and FLOPs a second, shares and drift are derived again."""
    if run.result is None or run.start is None or run.epochs[-1].stage > len(run.recipe.stages):
        return
    typical, last = (
        derive.typical_images_per_second(run.epochs),
        derive.images_per_second(run.epochs[-1]),
    )
    speed = AchievedSpeed.from_run(run.net, run.recipe, run.epochs[-1], typical, run.start.roofline)
    drift = derive.drift(run.epochs, cold_probe_seconds=run.start.probe_seconds)
    due = {
        "epoch_images_per_second": typical,
        "pipeline_ratio": last / run.result.step_images_per_second,
        "achieved_flops_per_second": speed.flops_per_second,
        "roofline_share": speed.roofline_share,
        **{f"drift.{field}": value for field, value in asdict(drift).items()},
    }
    yield from _of_result(run.result, due)


def _of_result(result: Result, due: Mapping[str, Any]) -> Problems:
    for field, value in due.items():
        yield from unlike(f"result.{field}", attrgetter(field)(result), value)


def peaks_and_joules_follow_from_the_epochs(run: LoadedRun) -> Problems:
    """Peaks are the largest of the epochs', joules their medians and sums."""
    if (result := run.result) is None:
        return
    joules = derive.run_energy(run.epochs, result.best_epoch, run.cell.device)
    peaks = {
        name: max((peak for peak in map(attrgetter(name), run.epochs) if peak is not None), default=None)
        for name in ("peak_host_bytes", "peak_device_bytes")
    }
    yield from _of_result(
        result,
        {
            **peaks,
            "joules_per_epoch": joules.per_epoch,
            "joules_per_image": joules.per_image,
            "joules_to_best_epoch": joules.to_best_epoch,
        },
    )


def no_faster_than_the_device(run: LoadedRun) -> Problems:
    """Who trains faster than the device multiplies matrices was not measured until the work was done."""
    if run.result is None or run.start is None or run.start.roofline is None:
        return
    if run.result.achieved_flops_per_second is None:
        return
    share = run.result.achieved_flops_per_second / run.start.roofline.flops_per_second
    if share > MOST_OF_ROOFLINE:
        yield f"result.achieved_flops_per_second is {share:.2f} times start.roofline.flops_per_second"
