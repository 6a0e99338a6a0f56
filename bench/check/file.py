"""Rules on a file as a whole: its cells, their images, their beginnings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any, TypeVar

from bench.records.read import LoadedFile, LoadedRun, Problems


def each_cell_stands_once(saved: LoadedFile) -> Problems:
    """No cell is there twice, run or skipped."""
    cells = [run.cell.id for run in saved.runs] + [skip.cell.id for skip in saved.skipped]
    twice = [cell for cell, times in Counter(cells).items() if times > 1]
    yield from (f"{cell}: cell stands in this file more than once" for cell in twice)


Key = TypeVar("Key")


def _differing(
    runs: Sequence[LoadedRun], key: Callable[[LoadedRun], Key], field: str, where: str
) -> Problems:
    """Runs with the same key as one before them, and another value of the field."""
    firsts: dict[Key, LoadedRun] = {}
    value = attrgetter(field)
    for run in runs:
        first = firsts.setdefault(key(run), run)
        if value(run) != value(first):
            yield f"{run.cell.id}: {field} is not that of {first.cell.id}, and {where} the same"


def same_images(saved: LoadedFile) -> Problems:
    """Whoever trained on the same data with the same split saw the same bytes."""

    def key(run: LoadedRun) -> tuple[Any, ...]:
        plan = run.plan
        return plan.dataset, run.cell.seed, plan.train_images, plan.test_images

    where = "dataset, seed and numbers of images are"
    yield from _differing([run for run in saved.runs if run.start], key, "start.data_sha256", where)
    shown = [run for run in saved.runs if run.result and run.result.pictures]
    for field in ("positions", "pixels", "labels"):
        yield from _differing(shown, key, f"result.pictures.{field}", where)


def same_beginning(saved: LoadedFile) -> Problems:
    """Both frameworks began with the same weights and the same batch; invalid runs say so themselves."""
    runs = [r for r in saved.runs if r.verdict.validity == "valid" and r.start and r.gate]

    def key(run: LoadedRun) -> tuple[Any, ...]:
        return run.cell.experiment, run.cell.seed, run.plan

    for field in ("start.weights_sha256", "gate.batch_sha256"):
        yield from _differing(runs, key, field, "experiment, seed and plan are")
