"""Runs by system: one experiment in one engine on one device of one machine."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from math import exp, nan
from statistics import fmean, median
from typing import Any, cast

import numpy as np
import pandas as pd

from reports.compare import CELL, Study
from reports.words import missing

SYSTEM = ("machine", "device", "experiment", "engine")
"""What names a system; its runs differ in seed, repeat and time alone."""

Row = dict[str, Any]
Systems = dict[tuple[str, ...], list[Row]]
Seconds = dict[tuple[Hashable, ...], float]


def systems(runs: pd.DataFrame) -> Systems:
    """(machine, device, experiment, engine) -> its runs as rows, in the order of the frame."""
    found: Systems = {}
    for row in runs.to_dict("records"):
        found.setdefault(tuple(row[name] for name in SYSTEM), []).append(row)
    return found


def named(key: tuple[str, ...]) -> Row:
    """A system's key as the columns that a frame begins with."""
    return dict(zip(SYSTEM, key, strict=True))


def ids(rows: Iterable[Row]) -> tuple[str, ...]:
    """The ids of the runs that rows are of, each once."""
    return tuple(dict.fromkeys(row["run"] for row in rows))


def there(rows: Iterable[Row], column: str) -> list[float]:
    """The values that were measured."""
    return [float(row[column]) for row in rows if not missing(row[column])]


def middle(rows: Iterable[Row], column: str) -> float:
    """The median over the runs that have the figure; NaN where none has."""
    return median(there(rows, column) or [nan])


def most(rows: Iterable[Row], column: str) -> float:
    """The largest of the runs; NaN where none has the figure."""
    return max(there(rows, column), default=nan)


@dataclass(frozen=True, kw_only=True)
class Spread:
    """A figure over seeds: runs of one seed are averaged first, so that none counts twice."""

    mean: float
    low: float
    high: float
    seeds: int


def over_seeds(rows: Sequence[Row], column: str) -> Spread:
    """Mean, lowest and highest over the seeds; NaN where nothing was measured."""
    by_seed: dict[Hashable, list[float]] = {}
    for row in rows:
        if not missing(row[column]):
            by_seed.setdefault(row["seed"], []).append(float(row[column]))
    means = [fmean(values) for values in by_seed.values()]
    if not means:
        return Spread(mean=nan, low=nan, high=nan, seeds=0)
    return Spread(mean=fmean(means), low=min(means), high=max(means), seeds=len(means))


def seconds_per_epoch(study: Study) -> Seconds:
    """(machine, setting, experiment, engine, device) -> seconds of a timed epoch of its valid runs.

    Of each run the median, and of several runs the geometric mean, as the comparisons have it.
    """
    valid = study.frames.valid
    if valid.empty:
        return {}
    logs = np.log(valid["seconds_per_epoch"]).groupby([valid[name] for name in CELL], sort=False)
    return {cast("tuple[Hashable, ...]", key): float(np.exp(mean)) for key, mean in logs.mean().items()}


def pooled_rate(study: Study, cell: tuple[Hashable, ...]) -> float:
    """Images per second over all valid runs of a cell, as the comparisons have it; NaN without any."""
    sample = study.samples.get(cell)
    return nan if sample is None else exp(sample.log_rate)


def of_main(study: Study) -> Systems:
    """The systems that have valid runs in the main setting."""
    return systems(study.runs)
