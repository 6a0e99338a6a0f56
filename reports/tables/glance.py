"""What came out of each system, on each machine, and what the original report had of it."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from math import nan
from typing import Any

import pandas as pd

from alexnet.frameworks.registry import ENGINES
from alexnet.recipe import EXPERIMENTS
from reports import published
from reports.settings import EXPERIMENT_ORDER
from reports.study.compare import Study
from reports.study.resources import HOST, joules, peaks, values
from reports.tables.systems import (
    Row,
    Systems,
    ids,
    middle,
    over_seeds,
    seconds_per_epoch,
    systems,
    there,
)

COLUMNS = (
    *("machine", "device", "experiment", "engine", "kind", "state", "variant", "parameters"),
    *("epochs", "converged_at", "converged_runs", "seconds_per_epoch", "images_per_second"),
    *("total_seconds", "grown_host_bytes", "joules_per_image", "joules_per_epoch"),
    *("validation_accuracy", "test_accuracy", "test_low", "test_high", "seeds", "valid_runs"),
    *("all_runs", "runs", "says"),
)


def glance(study: Study, setting: str | None = None) -> pd.DataFrame:
    """One row a system and machine, the published ones last of each system.

    The systems are all experiments in the original report's two engines and in any other that was run.
    `state` is valid, invalid, failed or not run; a figure is that of the valid runs alone. Speed, memory
    and energy pool them as the comparisons do; accuracies are averaged within a seed, then over the
    seeds. `runs` are the ids of the valid runs, or of all where none is valid.
    """
    letter = setting or study.main
    runs = study.frames.runs[study.frames.runs["setting"] == letter]
    found, pooled = systems(runs), _pooled(study)
    devices = _devices(found)
    present = set(runs["machine"])
    machines = [name for name in study.frames.machines["machine"] if name in present]
    shown = {*runs["engine"], published.PYTORCH, published.KERAS}
    rows: list[Row] = []
    for experiment in EXPERIMENT_ORDER:
        for engine in (name for name in ENGINES if name in shown):
            for machine in machines:
                for device in devices.get((machine, experiment, engine), ("",)):
                    key = (machine, device, experiment, engine)
                    rows.append(_row(letter, key, found.get(key, []), pooled))
            rows += _published(experiment, engine)
    return pd.DataFrame(rows, columns=list(COLUMNS))


def others(study: Study) -> pd.DataFrame:
    """The systems that were run in every setting but the main one, in rows as `glance` has them."""
    runs = study.frames.runs[study.frames.runs["setting"] != study.main]
    pooled = _pooled(study)
    rows = []
    for letter, of_setting in runs.groupby("setting", sort=False):
        for key, found in systems(of_setting).items():
            rows.append(_row(str(letter), key, found, pooled) | {"setting": letter})
    order = {letter: place for place, letter in enumerate(study.frames.settings["setting"])}
    rows.sort(key=lambda row: order[row["setting"]])
    return pd.DataFrame(rows, columns=["setting", *COLUMNS])


def _devices(found: Systems) -> dict[tuple[str, str, str], list[str]]:
    """(machine, experiment, engine) -> the devices that it was run on."""
    devices: dict[tuple[str, str, str], list[str]] = {}
    for machine, device, experiment, engine in found:
        devices.setdefault((machine, experiment, engine), []).append(device)
    return devices


Pooled = Mapping[str, Mapping[tuple[Hashable, ...], float]]
"""Column -> cell (`reports.study.compare.CELL`) -> the figure that stands for its valid runs."""


def _pooled(study: Study) -> Pooled:
    return {
        "seconds_per_epoch": seconds_per_epoch(study),
        "images_per_second": values(study.samples),
        HOST: values(peaks(study, HOST)),
        **{name: values(joules(study, name)) for name in ("joules_per_image", "joules_per_epoch")},
    }


def _row(letter: str, key: tuple[str, ...], found: Sequence[Row], pooled: Pooled) -> Row:
    machine, device, experiment, engine = key
    cell = (machine, letter, experiment, engine, device)
    return {
        **_measured(found),
        **{column: figures.get(cell, nan) for column, figures in pooled.items()},
        "machine": machine,
        "device": device,
        "experiment": experiment,
        "engine": engine,
        "kind": "",
        "variant": EXPERIMENTS[experiment].variant,
        "says": "",
    }


def state(rows: Sequence[Row]) -> str:
    """The best that became of a system's runs."""
    states = {row["validity"] for row in rows}
    return next((name for name in ("valid", "invalid", "failed") if name in states), "not run")


def _measured(rows: Sequence[Row]) -> Row:
    valid = [row for row in rows if row["validity"] == "valid"]
    test = over_seeds(valid, "test_accuracy")
    return {
        "state": state(rows),
        "parameters": middle(rows, "parameters"),
        "epochs": middle(valid, "epochs"),
        "converged_at": middle(valid, "converged_at"),
        "converged_runs": len(there(valid, "converged_at")),
        "total_seconds": middle(valid, "total_seconds"),
        "validation_accuracy": over_seeds(valid, "validation_accuracy").mean,
        "test_accuracy": test.mean,
        "test_low": test.low,
        "test_high": test.high,
        "seeds": test.seeds,
        "valid_runs": len(valid),
        "all_runs": len(rows),
        "runs": ids(valid or rows),
    }


def _published(experiment: str, engine: str) -> Iterator[Row]:
    """The original report's row of a system, where it has one."""
    figures = published.of(experiment, engine)
    if not figures:
        return
    row: dict[str, Any] = {
        "machine": published.WHERE,
        "device": "mps",
        "experiment": experiment,
        "engine": engine,
        "kind": "published",
        "state": "published",
        "variant": EXPERIMENTS[experiment].variant,
        "says": published.remark(experiment, engine),
    }
    row |= {each.what: each.value for each in figures if each.what in COLUMNS}
    yield row
