"""The comparisons that the report makes: engine with engine, machine with machine."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import asdict, dataclass
from itertools import combinations
from typing import Any, cast

import pandas as pd

from alexnet.data import TEST_IMAGES, TRAINED_IMAGES
from alexnet.frameworks.registry import ENGINES
from alexnet.recipe import EXPERIMENTS
from bench.records.types import is_virtual_mac
from reports.frame import Frames
from reports.intervals import Sample, mean_ratio, ratio

CELL = ("machine", "setting", "experiment", "engine", "device")
"""Runs that differ in nothing of this, but in seed, repeat or time, are one sample."""
RATIO = ("ratio", "low", "high", "verdict", "epochs", "runs")
PAIRS = (
    *("machine", "setting", "experiment", "device", "first", "second"),
    *(*RATIO, "first_runs", "second_runs"),
)
MACHINES = (
    *("machine", "baseline", "setting", "experiment", "engine", "device", "baseline_device"),
    *(*RATIO, "machine_runs", "baseline_runs"),
)
MEANS = ("machine", "baseline", "setting", "cells", *RATIO)

Samples = dict[tuple[Hashable, ...], Sample]


@dataclass(frozen=True, kw_only=True)
class Study:
    """All that tables, plots and sentences are made of: the frames, and every comparison made of them.

    - engines: one row a pair of engines on one device: the first's speed as a multiple of the second's.
    - machines: one row a cell: a machine's speed as a multiple of the baseline's.
    - means: one row a machine: the geometric mean over those cells.

    `main` is the setting that the report is about, the one with the fullest profile and the most runs.
    """

    frames: Frames
    samples: Samples
    engines: pd.DataFrame
    machines: pd.DataFrame
    means: pd.DataFrame
    baseline: str | None
    main: str

    @property
    def runs(self) -> pd.DataFrame:
        """The valid runs of the main setting."""
        valid = self.frames.valid
        return valid[valid["setting"] == self.main]

    @property
    def precisions(self) -> dict[str, str]:
        """Run id -> how exactly its device computed, of the valid runs whose gates measured it."""
        runs = self.frames.valid.dropna(subset=["precision"])
        return dict(zip(runs["run"], runs["precision"], strict=True))

    @property
    def setting(self) -> pd.Series[Any]:
        """The row of `frames.settings` that the report is about."""
        table = self.frames.settings
        return table[table["setting"] == self.main].iloc[0]

    @property
    def says_accuracy(self) -> bool:
        """Whether accuracies mean anything: real images, all of them, as long as the protocol has it."""
        runs = self.runs
        whole = (runs["train_images"] == TRAINED_IMAGES) & (runs["test_images"] == TEST_IMAGES)
        caps = [EXPERIMENTS[name].recipe.epochs for name in runs["experiment"]]
        whole &= (
            (runs["profile"] == "full") & (runs["dataset"] == "cifar10") & (runs["epochs_cap"] >= caps)
        )
        return bool(whole.all()) and not runs.empty


def study(frames: Frames, asked_baseline: str | None = None) -> Study:
    """Every comparison that the frames allow. Raises NoSuchMachine for an unknown baseline."""
    found = samples(frames)
    base = baseline(frames, asked_baseline)
    cells = machines(frames, found, base)
    valid = set(frames.valid["setting"])
    letters = list(frames.settings["setting"])
    return Study(
        frames=frames,
        samples=found,
        engines=engines(frames, found),
        machines=cells,
        means=means(found, cells),
        baseline=base,
        main=next((letter for letter in letters if letter in valid), letters[0]),
    )


class NoSuchMachine(ValueError):
    """A baseline that no run was measured on."""


def samples(frames: Frames) -> Samples:
    """(machine, setting, experiment, engine, device) -> the timed epochs of its valid runs.

    A run of nothing but warm-ups, firsts of a stage and disturbed epochs is timed by these, which carry
    no verdict.
    """
    epochs = frames.epochs
    first = epochs["epoch"] == epochs.groupby(["run", "stage"])["epoch"].transform("min")
    uncounted = epochs["warm_up"].astype(bool) | epochs["disturbed"].astype(bool)
    epochs = epochs.assign(counts=~(first | uncounted))
    timed = epochs[(epochs["validity"] == "valid") & epochs["timed"].astype(bool)]
    cells = timed.groupby(list(CELL))["counts"].transform("any")
    timed = timed[timed["counts"] | ~cells]
    checksums = dict(zip(frames.runs["run"], frames.runs["checksum"], strict=True))
    rates: dict[tuple[Hashable, ...], dict[str, Any]] = {}
    counted: dict[tuple[Hashable, ...], int] = {}
    for key, group in timed.groupby([*CELL, "run"], sort=False):
        *cell, run = cast("tuple[Hashable, ...]", key)
        found = rates.setdefault(tuple(cell), {})
        found[checksums[run]] = group["images_per_second"].to_numpy(float)
        counted[tuple(cell)] = counted.get(tuple(cell), 0) + int(group["counts"].sum())
    return {
        cell: Sample(rates=tuple(found.values()), names=tuple(found), epochs=counted[cell])
        for cell, found in rates.items()
    }


def run_ids(frames: Frames) -> dict[tuple[Hashable, ...], tuple[str, ...]]:
    """(machine, setting, experiment, engine, device) -> the ids of its valid runs."""
    grouped = frames.valid.groupby(list(CELL), sort=False)["run"]
    return {cast("tuple[Hashable, ...]", key): tuple(runs) for key, runs in grouped}


def engines(frames: Frames, found: Samples) -> pd.DataFrame:
    """Each two engines that ran an experiment on one device, in the registry's order.

    `ratio` is the first's speed as a multiple of the second's.
    """
    ids, rows = run_ids(frames), []
    places: dict[tuple[Hashable, ...], set[Hashable]] = {}
    for machine, setting, experiment, engine, device in found:
        places.setdefault((machine, setting, experiment, device), set()).add(engine)
    for (machine, setting, experiment, device), there in places.items():
        for pair in combinations((engine for engine in ENGINES if engine in there), 2):
            first, second = ((machine, setting, experiment, engine, device) for engine in pair)
            rows.append(
                {"machine": machine, "setting": setting, "experiment": experiment, "device": device}
                | {"first": pair[0], "second": pair[1]}
                | _ratio(asdict(ratio(found[first], found[second])))
                | {"first_runs": ids[first], "second_runs": ids[second]}
            )
    return pd.DataFrame(rows, columns=list(PAIRS))


def _ratio(fields: dict[str, Any]) -> dict[str, Any]:
    return {"ratio": fields.pop("value"), **fields}


def baseline(frames: Frames, asked: str | None) -> str | None:
    """The machine that others are compared with: the one asked for, else the one measured first.

    Raises NoSuchMachine. None where nothing is valid.
    """
    names = list(frames.machines["machine"])
    if asked is not None:
        if asked not in names:
            raise NoSuchMachine(f"there is no machine {asked!r}; there are {', '.join(names)}")
        return asked
    valid = set(frames.valid["machine"])
    return next((name for name in names if name in valid - virtual_macs(frames)), None)


def virtual_macs(frames: Frames) -> set[str]:
    """Machines whose figures are comparable with nobody's: their GPU is not the chip's."""
    rows = frames.machines.itertuples()
    return {row.machine for row in rows if is_virtual_mac(row.model, row.virtual)}


def _kind(device: Hashable) -> str:
    """A GPU is compared with a GPU, whoever made it, and a CPU with a CPU."""
    return "cpu" if device == "cpu" else "gpu"


def machines(frames: Frames, found: Samples, base: str | None) -> pd.DataFrame:
    """Each machine's speed as a multiple of the baseline's: one row a cell that both have.

    Where two machines have cells on their GPUs in common, those are compared and not the CPUs. A virtual
    Mac is compared with none.
    """
    ids, rows, virtual = run_ids(frames), [], virtual_macs(frames)
    theirs = {
        (setting, experiment, engine, _kind(device)): (device, sample)
        for (machine, setting, experiment, engine, device), sample in found.items()
        if machine == base
    }
    for key, sample in found.items():
        machine, setting, experiment, engine, device = key
        same = theirs.get((setting, experiment, engine, _kind(device)))
        if machine == base or same is None or {machine, base} & virtual:
            continue
        base_device, other = same
        rows.append(
            {
                **dict(zip(CELL, key, strict=True)),
                "baseline": base,
                "baseline_device": base_device,
                **_ratio(asdict(ratio(sample, other))),
                "machine_runs": ids[key],
                "baseline_runs": ids[base, setting, experiment, engine, base_device],
            }
        )
    on_gpu = {(row["machine"], row["setting"]) for row in rows if row["device"] != "cpu"}
    kept = [
        row for row in rows if row["device"] != "cpu" or (row["machine"], row["setting"]) not in on_gpu
    ]
    return pd.DataFrame(kept, columns=list(MACHINES))


def means(found: Samples, cells: pd.DataFrame) -> pd.DataFrame:
    """The geometric mean over the cells that a machine and the baseline both have, by setting."""
    rows = []
    for (machine, base, setting), group in cells.groupby(["machine", "baseline", "setting"], sort=False):
        pairs = [
            (
                found[machine, setting, row.experiment, row.engine, row.device],
                found[base, setting, row.experiment, row.engine, row.baseline_device],
            )
            for row in group.itertuples()
        ]
        fields = _ratio(asdict(mean_ratio(pairs)))
        rows.append(
            {"machine": machine, "baseline": base, "setting": setting, "cells": len(pairs)} | fields
        )
    return pd.DataFrame(rows, columns=list(MEANS))
