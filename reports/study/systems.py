"""Runs by system: one experiment in one engine on one device of one machine."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from math import nan
from statistics import fmean, median
from typing import Any

import pandas as pd

from reports.study.compare import Study, of_study
from reports.write.words import missing

SYSTEM = ("machine", "device", "experiment", "engine")
"""What names a system; its runs differ in seed, repeat and time alone."""

Row = dict[str, Any]
Systems = dict[tuple[str, ...], list[Row]]


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


def seed_means(rows: Iterable[Row], column: str) -> list[float]:
    """The mean of each seed whose runs have the figure, so that no seed counts twice."""
    by_seed: dict[Hashable, list[float]] = {}
    for row in rows:
        if not missing(row[column]):
            by_seed.setdefault(row["seed"], []).append(float(row[column]))
    return [fmean(values) for values in by_seed.values()]


@of_study
def of_main(study: Study) -> Systems:
    """The systems that have valid runs in the main setting."""
    return systems(study.runs)
