"""Rules on the epochs of a run: their numbers, rates, times and rounds."""

from __future__ import annotations

from datetime import datetime
from itertools import pairwise
from statistics import mean, median, stdev
from typing import Any

from bench.check.compare import unlike
from bench.records import derive
from bench.records.early_stopping import EarlyStopping
from bench.records.limits import (
    WINDOW_SECONDS,
)
from bench.records.read import LoadedRun, Problems, as_text

CLOCK_SLACK_SECONDS = 2.0
"""Times of day are whole seconds, and two clocks are compared."""


def rounds_are_the_epochs(run: LoadedRun) -> Problems:
    """pytest-benchmark's statistics are those of all epochs but each process's first."""
    if run.benchmark is None:
        return
    if not isinstance(stats := run.benchmark.get("stats"), dict) or len(run.epochs) < 2:
        yield "stats is no object, or there is no second epoch that it could be of"
        return
    seconds = [epoch.train_seconds for epoch in derive.timed_epochs(run.epochs)]
    due: dict[str, Any] = {
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
    due |= {"data": seconds} if "data" in stats else {}
    for field, value in due.items():
        by = "by train_seconds it is"
        yield from unlike(f"stats.{field}", stats.get(field), value, by=by, relative=1e-6)


def time_went_on(run: LoadedRun) -> Problems:
    """Before, start and after come one after the other, with time enough between for what was done."""
    said = {
        "before.taken_at": run.before.taken_at if run.before else None,
        "start.started_at": run.start.started_at if run.start else None,
        "after.taken_at": run.after.taken_at if run.after else None,
    }
    times = {name: _time(text) for name, text in said.items() if text is not None}
    yield from (
        f"{name} is {as_text(said[name])}, no time with its zone" for name in times if not times[name]
    )
    known = [(name, time) for name, time in times.items() if time]
    for (name, time), (later, then) in pairwise(known):
        if (then - time).total_seconds() < -CLOCK_SLACK_SECONDS:
            yield f"{later} is {then.isoformat()}, before {name}, {time.isoformat()}"
    before, after = times.get("before.taken_at"), times.get("after.taken_at")
    if before and after:
        took, trained = (after - before).total_seconds(), sum(e.train_seconds for e in run.epochs)
        # A thousandth more: over hours two clocks drift apart by more than the slack.
        if took * 1.001 + CLOCK_SLACK_SECONDS < trained:
            yield f"after.taken_at is {took:.0f} s after before.taken_at, training was {trained:.0f} s"


def _time(text: str) -> datetime | None:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return time if time.tzinfo else None


WINDOW_SLACK_SECONDS = 1.0  # energy's window begins before the epoch's clock and ends after it


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
        short = epoch.train_seconds < WINDOW_SECONDS - WINDOW_SLACK_SECONDS
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
