"""What one saved run's training gives: its epochs, its end, and every figure that follows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from operator import attrgetter
from typing import Any

from alexnet.data import CLASSES
from bench import energy, probe, rates
from bench.check_runs import unlike
from bench.pictures import MAX_PICTURES as MOST_PICTURES
from bench.records import (
    Result,
    Stop,
)
from bench.saved import LoadedRun, Problems, as_text
from bench.stopping import EarlyStopping

WINDOW_SLACK_SECONDS = 1.0  # energy's window begins before the epoch's clock and ends after it
MOST_OF_ROOFLINE = 2.0  # Winograd computes with fewer, and the roofline may have had a bad moment


def epochs_are_the_recipes(run: LoadedRun) -> Problems:
    """Counted from 1 without gaps, each with its stage's number, rate and images."""
    if (start := run.start) is None:
        return
    recipe, steps = run.recipe, start.steps_per_epoch
    for number, epoch in enumerate(run.epochs, 1):
        if number > recipe.epochs:
            yield f"epochs has {len(run.epochs)}, and plan.epochs is {recipe.epochs}"
            return
        due = {
            "epoch": number,
            "stage": recipe.stage_index(number) + 1,
            "learning_rate": recipe.learning_rate((number - 1) * steps, steps_per_epoch=steps),
            "images": steps * recipe.batch_size,
        }
        for field, value in due.items():
            path = f"epochs[{number - 1}].{field}"
            yield from unlike(path, getattr(epoch, field), value, by="by the recipe it is")


def epochs_are_measured_as_they_can_be(run: LoadedRun) -> Problems:
    """A better epoch alone has best weights, a long one alone energy, and shares are of whole images."""
    stopping = EarlyStopping(recipe=run.recipe, classes=run.net.classes)
    for index, epoch in enumerate(run.epochs):
        at, written = f"epochs[{index}]", epoch.best_weights_seconds
        better = stopping.improves(index + 1, epoch.validation_loss)
        if better != (written is not None):
            was = "the best so far" if better else "not better than the best before it"
            yield f"{at}.best_weights_seconds is {as_text(written)}, and the epoch is {was}"
        short = epoch.train_seconds < energy.WINDOW_SECONDS - WINDOW_SLACK_SECONDS
        if short and epoch.energy_joules is not None:
            yield f"{at}.energy_joules is there, and {epoch.train_seconds:.3g} s are too short for it"
        right = epoch.validation_accuracy * run.start.validation_images if run.start else 0.0
        if abs(right - round(right)) > 1e-6 * max(right, 1.0):
            share = as_text(epoch.validation_accuracy)
            yield f"{at}.validation_accuracy is {share}, no whole number of the validation images"


def warm_ups_are_the_processes_firsts(run: LoadedRun) -> Problems:
    """The first epoch of each process is a warm-up, and no other; interruptions follow one another."""
    due = {1}
    for index, each in enumerate(run.interruptions):
        at = f"interruptions[{index}]"
        if each.resumed_after > each.after_epoch:
            yield f"{at}.resumed_after is {each.resumed_after}, and after_epoch {each.after_epoch}"
        due = {number for number in due if number <= each.resumed_after} | {each.resumed_after + 1}
        try:
            times = [datetime.fromisoformat(text) for text in (each.stopped_at, each.resumed_at)]
            apart = (times[1] - times[0]).total_seconds()
        except (ValueError, TypeError):
            yield f"{at}.stopped_at or resumed_at is no time with its zone"
            continue
        yield from unlike(f"{at}.seconds", each.seconds, max(apart, 0.0), by="by its times it is")
    for index, epoch in enumerate(run.epochs):
        yield from unlike(
            f"epochs[{index}].warm_up", epoch.warm_up, epoch.epoch in due, by="by interruptions it is"
        )


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
    typical, last = rates.typical_images_per_second(run.epochs), rates.images_per_second(run.epochs[-1])
    speed = probe.AchievedSpeed.from_run(
        run.net, run.recipe, run.epochs[-1], typical, run.start.roofline
    )
    drift = rates.drift(run.epochs, cold_probe_seconds=run.start.probe_seconds)
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
    joules = energy.run_energy(run.epochs, result.best_epoch, run.cell.device)
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


def total_holds_all_epochs(run: LoadedRun) -> Problems:
    """A run takes at least as long as its epochs."""
    spent = sum(
        e.train_seconds
        + e.evaluate_seconds
        + (e.best_weights_seconds or 0)
        + (e.checkpoint_seconds or 0)
        for e in run.epochs
    )
    if run.result is not None and run.result.total_seconds < spent * (1 - 1e-9):
        total = as_text(run.result.total_seconds)
        yield f"result.total_seconds is {total}, and its epochs alone took {spent:.3f} s"


def no_faster_than_the_device(run: LoadedRun) -> Problems:
    """Who trains faster than the device multiplies matrices was not measured until the work was done."""
    if run.result is None or run.start is None or run.start.roofline is None:
        return
    if run.result.achieved_flops_per_second is None:
        return
    share = run.result.achieved_flops_per_second / run.start.roofline.flops_per_second
    if share > MOST_OF_ROOFLINE:
        yield f"result.achieved_flops_per_second is {share:.2f} times start.roofline.flops_per_second"
