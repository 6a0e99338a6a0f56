"""Rules across the runs of one file: each cell once, the same images, the same first weights."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any, TypeVar

from bench.records.read import LoadedFile, LoadedRun, Problems


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
