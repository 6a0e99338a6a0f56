"""Rules on the epochs of a run: warm-ups, rounds, times, and fields that go together."""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise
from statistics import mean, median, stdev
from typing import Any

from bench.records import derive
from bench.records.clock import parse_time
from bench.records.early_stopping import EarlyStopping
from bench.records.limits import MIN_ENERGY_SECONDS
from bench.records.mismatch import mismatch
from bench.records.read import LoadedRun, Problems, format_value

CLOCK_SLACK_SECONDS = 2.0
"""Times of day are saved in whole seconds, and come from another clock than training seconds."""
WINDOW_SLACK_SECONDS = 1.0
"""The energy window begins before the epoch's clock and ends after it."""


def rounds_match_the_epochs(run: LoadedRun) -> Problems:
    """pytest-benchmark's statistics are those of all epochs that are not warm-ups."""
    if run.benchmark is None:
        return
    if not isinstance(stats := run.benchmark.get("stats"), dict) or len(run.epochs) < 2:
        yield "stats is no object, or there is no second epoch that it could be of"
        return
    seconds = [epoch.train_seconds for epoch in derive.timed_epochs(run.epochs)]
    expected: dict[str, Any] = {
        "rounds": len(seconds),
        "iterations": 1,
        "min": min(seconds),
        "max": max(seconds),
        "mean": mean(seconds),
        "median": median(seconds),
        "total": sum(seconds),
        "stddev": stdev(seconds) if len(seconds) > 1 else 0,
        "ops": len(seconds) / sum(seconds),
    }
    expected |= {"data": seconds} if "data" in stats else {}
    for field, value in expected.items():
        by = "by train_seconds it is"
        yield from mismatch(f"stats.{field}", stats.get(field), value, by=by, relative=1e-6)


def times_are_in_order(run: LoadedRun) -> Problems:
    """`before`, `start` and `after` follow one another, and leave time for the training between them."""
    texts = {
        "before.taken_at": run.before.taken_at if run.before else None,
        "start.started_at": run.start.started_at if run.start else None,
        "after.taken_at": run.after.taken_at if run.after else None,
    }
    times = {field: parse_time(text) for field, text in texts.items() if text is not None}
    known = [(field, time) for field, time in times.items() if time]
    for (earlier_field, earlier), (later_field, later) in pairwise(known):
        if (later - earlier).total_seconds() < -CLOCK_SLACK_SECONDS:
            yield (
                f"{later_field} is {later.isoformat()}, before {earlier_field}, {earlier.isoformat()}"
            )
    before, after = times.get("before.taken_at"), times.get("after.taken_at")
    if before and after:
        elapsed = (after - before).total_seconds()
        trained = sum(epoch.train_seconds for epoch in run.epochs)
        # 0.1 % more, since over hours two clocks drift apart by more than the slack.
        if elapsed * 1.001 + CLOCK_SLACK_SECONDS < trained:
            yield (
                f"after.taken_at is {elapsed:.0f} s after before.taken_at, training was {trained:.0f} s"
            )


def epoch_fields_are_consistent(run: LoadedRun) -> Problems:
    """Each of three fields fits the rest of its epoch.

    `best_weights_seconds` is there if and only if the validation loss is the lowest so far;
    `energy_joules` only in an epoch that is long enough; `validation_accuracy` counts whole images.
    """
    stopping = EarlyStopping(recipe=run.recipe, classes=run.net.classes)
    for index, epoch in enumerate(run.epochs):
        path, seconds = f"epochs[{index}]", epoch.best_weights_seconds
        better = stopping.update_best(index + 1, epoch.validation_loss)
        if better != (seconds is not None):
            rank = "the best so far" if better else "not better than the best before it"
            yield f"{path}.best_weights_seconds is {format_value(seconds)}, and the epoch is {rank}"
        too_short = epoch.train_seconds < MIN_ENERGY_SECONDS - WINDOW_SLACK_SECONDS
        if too_short and epoch.energy_joules is not None:
            yield f"{path}.energy_joules is there, and {epoch.train_seconds:.3g} s are too short for it"
        correct = epoch.validation_accuracy * run.start.validation_images if run.start else 0.0
        if abs(correct - round(correct)) > 1e-6 * max(correct, 1.0):
            accuracy = format_value(epoch.validation_accuracy)
            yield f"{path}.validation_accuracy is {accuracy}, no whole number of the validation images"


def first_steps_are_of_a_process(run: LoadedRun) -> Problems:
    """`first_step_seconds` is in a process's first epoch alone, and no longer than its training.

    Files of before have none.
    """
    for index, epoch in enumerate(run.epochs):
        seconds, path = epoch.first_step_seconds, f"epochs[{index}].first_step_seconds"
        if seconds is None:
            continue
        if not epoch.warm_up:
            yield f"{path} is {format_value(seconds)}, and the epoch is not the first of its process"
        if seconds > epoch.train_seconds:
            trained = format_value(epoch.train_seconds)
            yield f"{path} is {format_value(seconds)}, and the whole epoch trained for {trained}"


def warm_ups_match_the_interruptions(run: LoadedRun) -> Problems:
    """The warm-ups are the first epochs of each process, and an interruption's figures agree."""
    warm_ups = {1}
    for index, interruption in enumerate(run.interruptions):
        path, resumed_after = f"interruptions[{index}]", interruption.resumed_after
        if resumed_after > interruption.after_epoch:
            yield (
                f"{path}.resumed_after is {resumed_after}, and after_epoch {interruption.after_epoch}"
            )
        warm_ups = {number for number in warm_ups if number <= resumed_after} | {resumed_after + 1}
        try:
            stopped_at = datetime.fromisoformat(interruption.stopped_at)
            resumed_at = datetime.fromisoformat(interruption.resumed_at)
            seconds = max((resumed_at - stopped_at).total_seconds(), 0.0)
        except (ValueError, TypeError):
            yield f"{path}.stopped_at or resumed_at is no time with its zone"
            continue
        by = "by its times it is"
        yield from mismatch(f"{path}.seconds", interruption.seconds, seconds, by=by)
    for index, epoch in enumerate(run.epochs):
        expected, by = epoch.epoch in warm_ups, "by interruptions it is"
        yield from mismatch(f"epochs[{index}].warm_up", epoch.warm_up, expected, by=by)
