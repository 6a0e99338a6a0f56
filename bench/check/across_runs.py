"""Rules across the runs of one file: each cell once, the same bytes, and one computer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import datetime
from itertools import pairwise
from operator import attrgetter
from statistics import median
from typing import Any, TypeVar

from bench.records import derive
from bench.records.clock import parse_time
from bench.records.consistency import plan_can_be_run
from bench.records.limits import MAX_SECONDS_APART, MIN_CLOCK_SECONDS
from bench.records.read import LoadedFile, LoadedRun, Problems

MAX_OVERLAP_SECONDS = 60.0
"""How far two runs may overlap: a clock that is set back between them looks like that."""
MAX_PROCESSOR_DIFFERENCE = 0.1
"""The share by which two runs' counts of logical processors may differ: ticks of 10 ms, and the moments
between two readings, are 1 % of an epoch of 2 s. The nearest numbers sold are 14 and 16."""


def cells_are_unique(file: LoadedFile) -> Problems:
    """No cell is in the file twice, run or skipped."""
    ids = [run.cell.id for run in file.runs] + [skip.cell.id for skip in file.skipped]
    repeated = [cell_id for cell_id, count in Counter(ids).items() if count > 1]
    yield from (f"{cell_id}: cell stands in this file more than once" for cell_id in repeated)


Key = TypeVar("Key")


def _mismatches(
    runs: Sequence[LoadedRun], key: Callable[[LoadedRun], Key], field: str, reason: str
) -> Problems:
    """Runs whose field differs from that of the first run with the same key."""
    first_runs: dict[Key, LoadedRun] = {}
    value = attrgetter(field)
    for run in runs:
        first = first_runs.setdefault(key(run), run)
        if value(run) != value(first):
            yield f"{run.cell.id}: {field} is not that of {first.cell.id}, and {reason}"


def same_images(file: LoadedFile) -> Problems:
    """Runs on the same dataset with the same seed and split have the same bytes and sample images."""

    def key(run: LoadedRun) -> tuple[Any, ...]:
        plan = run.plan
        return plan.dataset, run.cell.seed, plan.train_images, plan.test_images

    reason = "dataset, seed and numbers of images are the same"
    started = [run for run in file.runs if run.start]
    yield from _mismatches(started, key, "start.data_sha256", reason)
    with_pictures = [run for run in file.runs if run.result and run.result.pictures]
    for field in ("positions", "pixels", "labels"):
        yield from _mismatches(with_pictures, key, f"result.pictures.{field}", reason)


def same_first_weights_and_batch(file: LoadedFile) -> Problems:
    """All engines began with the same weights, and their gates used the same batch.

    An invalid run is left out: its verdict says what was wrong.
    """
    runs = [run for run in file.runs if run.verdict.validity == "valid" and run.start and run.gate]

    def key(run: LoadedRun) -> tuple[Any, ...]:
        return run.cell.experiment, run.cell.seed, run.plan

    for field in ("start.weights_sha256", "gate.batch_sha256"):
        yield from _mismatches(runs, key, field, "experiment, seed and plan are the same")


def same_tensors_of_a_weights_file(file: LoadedFile) -> Problems:
    """A tensor that came from one weights file has one hash in all runs that it came into."""
    first_runs: dict[tuple[str | None, str], tuple[LoadedRun, str]] = {}
    for run in file.runs:
        if (start := run.start) is None:
            continue
        for tensor in start.weight_transfer or ():
            if tensor.source is None:
                continue
            key = start.weights_source_sha256, tensor.source
            first, sha256 = first_runs.setdefault(key, (run, tensor.sha256))
            if tensor.sha256 != sha256:
                yield (
                    f"{run.cell.id}: start.weight_transfer has another hash of {tensor.name} than"
                    f" {first.cell.id}, and the weights file is the same"
                )


def same_batches(file: LoadedFile) -> Problems:
    """All engines trained on the same bytes in the same order, in the epochs whose batches were hashed.

    An invalid run is left out: its verdict says what was wrong.
    """
    runs = [
        run
        for run in file.runs
        if run.verdict.validity == "valid"
        and run.result
        and run.result.batches_sha256
        and not list(plan_can_be_run(run))
    ]

    def key(run: LoadedRun) -> tuple[Any, ...]:
        # The hash is of the first epoch of the run's last process: after a resume, of another one.
        hashed_epoch = max((epoch.epoch for epoch in run.epochs if epoch.warm_up), default=0)
        plan, recipe = run.plan, run.recipe
        images = plan.dataset, run.cell.seed, plan.train_images, plan.test_images
        return *images, plan.batch_size, plan.steps_per_epoch, recipe.augment, hashed_epoch

    reason = "seed, images, batches, steps and augmentation are the same"
    yield from _mismatches(runs, key, "result.batches_sha256", reason)


def one_computer(file: LoadedFile) -> Problems:
    """The runs of an engine name one device and one set of versions, and all count the same processors.

    Two computers of one model, one of which began after the other had ended, are not told apart. A run
    that was resumed although something differed may have other versions, and so may all runs after a
    pause that says so.
    """
    started = [run for run in file.runs if run.start]
    reason = "a file is of one computer"
    # Two frameworks may have two names for one device: Metal has the chip's or none of its own.
    yield from _mismatches(
        started, lambda run: (run.cell.engine, run.cell.device), "start.device_name", reason
    )
    pauses = [parse_time(pause.resumed_at) for pause in file.pauses if pause.differences]

    def software(run: LoadedRun) -> tuple[Any, ...]:
        began = parse_time(run.before.taken_at) if run.before else None
        earlier = sum(bool(began and resumed and resumed <= began) for resumed in pauses)
        return run.cell.engine, run.cell.device, earlier

    alike = [run for run in started if not any(cut.differences for cut in run.interruptions)]
    reason = "no pause says that the session went on in spite of that"
    for field in ("start.versions", "start.settings"):
        yield from _mismatches(alike, software, field, reason)
    yield from _unlike_processors(file.runs)


def _unlike_processors(runs: Sequence[LoadedRun]) -> Problems:
    """Runs in which another number of logical processors worked or waited than in the first."""
    first: tuple[str, float] | None = None
    for run in runs:
        if (processors := _processors(run)) is None:
            continue
        first = first or (run.cell.id, processors)
        if abs(processors - first[1]) > MAX_PROCESSOR_DIFFERENCE * first[1]:
            yield (
                f"{run.cell.id}: epochs.interference counts {processors:.0f} logical processors, and"
                f" that of {first[0]} counts {first[1]:.0f}: a file is of one computer"
            )


def _processors(run: LoadedRun) -> float | None:
    """How many logical processors the system counted: the median over the epochs that can tell."""
    counts = [
        use.processors
        for epoch in run.epochs
        if epoch.train_seconds >= MIN_CLOCK_SECONDS
        and derive.slept_seconds(epoch) <= MAX_SECONDS_APART
        and (use := derive.processor_use(epoch.interference, epoch.train_seconds))
    ]
    return median(counts) if counts else None


def one_run_at_a_time(file: LoadedFile) -> Problems:
    """The times of the runs do not overlap, since a computer measures one cell after the other."""
    spans = sorted(
        (begin, end, run.cell.id)
        for run in file.runs
        for begin, end in _spans(run)
        if begin <= end  # or a clock was set back, which other rules look at
    )
    for (_, end, earlier), (begin, _, later) in pairwise(spans):
        if earlier != later and (end - begin).total_seconds() > MAX_OVERLAP_SECONDS:
            yield (
                f"{later}: it ran at {begin.isoformat()}, when {earlier} was still running: a computer"
                " measures one cell at a time"
            )


def _spans(run: LoadedRun) -> list[tuple[datetime, datetime]]:
    """When the processes of the run ran, without the pauses between them.

    One that began anew has the conditions of that attempt, and the times before it are not known.
    """
    began = parse_time(run.before.taken_at) if run.before else None
    ended = parse_time(run.after.taken_at) if run.after else None
    if began is None or ended is None:
        return []
    spans = []
    anew = [place for place, cut in enumerate(run.interruptions, 1) if cut.resumed_after == 0]
    for cut in run.interruptions[anew[-1] if anew else 0 :]:
        stopped, resumed = parse_time(cut.stopped_at), parse_time(cut.resumed_at)
        if stopped is None or resumed is None:
            return []
        spans.append((began, stopped))
        began = resumed
    return [*spans, (began, ended)]
