"""The figures of the report's sentences once more, from the saved JSON by plain arithmetic."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from statistics import geometric_mean, mean, median
from typing import Any

import numpy as np
from scipy import stats

from reports.document import Number

Raw = dict[str, Any]
NAMES = {"torch": "PyTorch", "tensorflow": "TensorFlow", "loom": "Loom", "torch-knots": "PyTorch knots"}
CLASSES = (
    *("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
    "none of the ten",
)
LAW = {
    ("standard", 224): 58_322_314,
    ("mistaken", 224): 202_839_952,
    ("more than standard", 224): 144_517_638,
    ("no third pool", 224): 139_460_608,
    ("an extra linear Dense(1000)", 224): 4_066_040,
    ("1000 outputs for 10 classes", 224): 990_990,
    ("standard", 64): 21_622_154,
    ("mistaken", 64): 35_067_792,
    ("no third pool", 64): 8_388_608,
    ("an extra linear Dense(1000)", 64): 4_066_040,
    ("1000 outputs for 10 classes", 64): 990_990,
}
"""Parameters, as design.md and arithmetic have them."""


def raws(folder: Path) -> dict[str, Raw]:
    """Seal -> run, with its machine and file beside it."""
    found = {}
    for file in sorted(folder.rglob("*.json")):
        content = json.loads(file.read_text(encoding="utf-8"))
        runs = [each["extra_info"] for each in content["benchmarks"]] + content["failures"]
        for run in runs:
            beside = {"machine": content["machine_info"]["machine"], "file": str(file)}
            found[run["checksum"]] = {**run, **beside}
    return found


def steady(run: Raw) -> list[Raw]:
    last = [e for e in run["epochs"] if e["stage"] == run["epochs"][-1]["stage"]]
    return [e for e in last[1:] if not e["warm_up"]] or last


def rates(run: Raw) -> list[float]:
    return [e["images"] / e["train_seconds"] for e in steady(run)]


def right(run: Raw) -> float:
    table = run["result"]["confusion"]
    return float(sum(row[i] for i, row in enumerate(table)) / sum(map(sum, table)))


def grown(run: Raw) -> float:
    return float(max(e["peak_host_bytes"] for e in run["epochs"]) - run["start"]["baseline_host_bytes"])


def joules(run: Raw) -> float:
    """All these sample runs count "cpu" and "gpu"."""
    return float(median(sum(e["energy_joules"][part] for part in ("cpu", "gpu")) for e in steady(run)))


def best(run: Raw) -> int:
    losses = [e["validation_loss"] for e in run["epochs"]]
    return losses.index(min(losses)) + 1


def rise(run: Raw) -> float:
    """The mean loss of the last two epochs over that of the three around the lowest."""
    losses = [e["validation_loss"] for e in run["epochs"]]
    lowest = max(2, best(run))
    return float(mean(losses[-2:]) / mean(losses[lowest - 2 : lowest + 1]) - 1)


def first_third(values: list[float]) -> float:
    return median(values[: max(1, len(values) // 3)])


def last_third(values: list[float]) -> float:
    return median(values[-max(1, len(values) // 3) :])


def sides(runs: list[Raw], what: str) -> tuple[list[Raw], list[Raw], bool]:
    """The runs of each side in the canonical order, and whether the sentence turns it around."""
    first, second = re.fullmatch(r".*; (.*?) as a multiple of (.*?), .*", what).groups()  # type: ignore[union-attr]
    labels = list(NAMES.values())
    turned = (
        labels.index(first) > labels.index(second)
        if first in labels
        else min(r["start"]["started_at"] for r in runs if r["machine"]["name"] == first)
        < min(r["start"]["started_at"] for r in runs if r["machine"]["name"] == second)
    )

    def side(run: Raw) -> str:
        named = NAMES[run["cell"]["engine"]]
        return named if named in (first, second) else str(run["machine"]["name"])

    pair = [[r for r in runs if side(r) == name] for name in (first, second)]
    return (*(reversed(pair) if turned else pair), turned)


def ratio(
    runs: list[Raw], what: str, of: Callable[[Raw], float] = lambda run: median(rates(run))
) -> tuple[float, float, float]:
    """The ratio of runs' figures as it is told, and both ends of what was seen or of its interval.

    Only what the sample files hold is worked out: one or two runs a side, in one session each.
    """
    one, other, turned = sides(runs, what)
    cells = dict.fromkeys((r["cell"]["experiment"], r["cell"]["device"]) for r in runs)
    if "geometric mean" in what:
        cells = dict.fromkeys((r["cell"]["experiment"], r["cell"]["engine"]) for r in runs)
    values, lows, highs = [], [], []
    for cell in cells:
        first, second = (
            [of(r) for r in side if {*cell} <= {*map(str, r["cell"].values())}] for side in (one, other)
        )
        assert len(first) < 3
        values.append(geometric_mean(first) / geometric_mean(second))
        lows.append(min(first) / max(second))
        highs.append(max(first) / min(second))
    value, low, high = map(geometric_mean, (values, lows, highs))
    return (1 / value, 1 / high, 1 / low) if turned else (value, low, high)


def of_a_cell(count: Callable[[list[Raw]], int]) -> Callable[[list[Raw], str], float]:
    """The fewest of any cell."""

    def fewest(runs: list[Raw], what: str) -> float:
        cells: dict[tuple[str, ...], list[Raw]] = {}
        for run in runs:
            cells.setdefault(tuple(map(str, run["cell"].values()))[:3], []).append(run)
        return min(map(count, cells.values()))

    return fewest


def by_seed(runs: Iterable[Raw]) -> list[float]:
    """The mean accuracy of each seed's runs."""
    values: dict[int, list[float]] = {}
    for run in runs:
        values.setdefault(run["cell"]["seed"], []).append(right(run))
    return [mean(of_seed) for of_seed in values.values()]


def accuracy_lead(runs: list[Raw], what: str) -> tuple[float, float, float]:
    """How far the first engine of an experiment is ahead, and the ends of the 95 % interval."""
    names = re.fullmatch(r".*; (.*?), [a-z]+, over (.*?), [a-z]+", what).groups()  # type: ignore[union-attr]
    sides = [by_seed(run for run in runs if NAMES[run["cell"]["engine"]] == name) for name in names]
    lead, fewest = mean(sides[0]) - mean(sides[1]), min(map(len, sides))
    if fewest < 3:
        return lead, math.nan, math.nan
    of_seeds = [float(np.var(side, ddof=1)) / len(side) for side in sides]
    squared = sum(of_seeds) + sum(mean(side) * (1 - mean(side)) / 10_000 for side in sides)
    parts = sum(part**2 / (len(side) - 1) for part, side in zip(of_seeds, sides, strict=True))
    freedom = min(squared**2 / parts, 4 * (fewest - 1))
    half = float(stats.t.ppf(0.975, freedom)) * math.sqrt(squared)
    return lead, lead - half, lead + half


def systems_compared(runs: list[Raw]) -> int:
    """Pairs of systems that have three seeds or more each."""
    seeds: dict[tuple[str, str], set[int]] = {}
    for run in runs:
        cell = run["cell"]
        seeds.setdefault((cell["experiment"], cell["engine"]), set()).add(cell["seed"])
    return math.comb(sum(len(of_system) >= 3 for of_system in seeds.values()), 2)


def of_class(runs: list[Raw], what: str) -> float:
    i = CLASSES.index(what.split("; ")[1].split(",", maxsplit=1)[0])
    rows = [r["result"]["confusion"][i] for r in runs]
    return float(mean(row[i] / sum(row) for row in rows))


def taken_for(runs: list[Raw], what: str) -> float:
    i, j = (CLASSES.index(name) for name in what.split("; ")[1].split(" for "))
    rows = [r["result"]["confusion"][i] for r in runs]
    return float(sum(row[j] for row in rows) / sum(map(sum, rows)))


def distinct(*names: str) -> Callable[[list[Raw], str], float]:
    def count(runs: list[Raw], what: str) -> float:
        return len({tuple(str(_field(run, name)) for name in names) for run in runs})

    return count


def pairs_of_engines(runs: list[Raw]) -> int:
    """How many pairs of engines there are, place by place."""
    places: dict[tuple[str, ...], set[str]] = {}
    for run in runs:
        place = tuple(str(_field(run, name)) for name in CELL)
        places.setdefault(place, set()).add(run["cell"]["engine"])
    return sum(math.comb(len(engines), 2) for engines in places.values())


def _field(run: Raw, name: str) -> Any:
    return {
        "machine": run["machine"]["name"],
        "file": run["file"],
        "chip": run["machine"]["chip"],
        "setting": (run["plan"]["profile"], run["plan"]["image_size"]),
    }.get(name, run["cell"].get(name))


def each(of: Callable[[Raw], float], how: Callable[[list[float]], float] = max) -> Any:
    return lambda runs, what: how([of(run) for run in runs])


def parameters(runs: list[Raw], what: str) -> float:
    which, size = re.fullmatch(r"parameters; (.*), (\d+) px, counted .*", what).groups()  # type: ignore[union-attr]
    return LAW[which, int(size)]


CELL = ("machine", "experiment", "device", "setting")
COLUMNS: dict[str, Callable[[Raw], float]] = {
    "train_images": lambda r: r["start"]["train_images"],
    "validation_images": lambda r: r["start"]["validation_images"],
    "test_images": lambda r: r["start"]["test_images"],
    "load before a run": lambda r: r["before"]["load"],
    "gate checks of a run": lambda r: len(r["gate"]["checks"]),
    "epochs": lambda r: len(r["epochs"]),
    "converged_at": lambda r: r["result"]["converged_at"],
    "memory of a machine": lambda r: r["machine"]["memory_bytes"],
}
WAYS: Mapping[str, Callable[[list[Raw], str], float]] = {
    "runs": lambda runs, what: len(runs),
    "files": distinct("file"),
    "machines": distinct("machine"),
    "different chips": distinct("chip"),
    "settings": distinct("setting"),
    "comparisons": lambda runs, what: pairs_of_engines(runs),
    "cells": distinct("experiment", "engine", "device"),
    "means": lambda runs, what: distinct("machine")(runs, what) - 1,
    "ratio of speeds": lambda runs, what: ratio(runs, what)[0],
    "range's low end, ratio of speeds": lambda runs, what: ratio(runs, what)[1],
    "range's high end, ratio of speeds": lambda runs, what: ratio(runs, what)[2],
    "ratio of memory": lambda runs, what: ratio(runs, what, grown)[0],
    "range's low end, ratio of memory": lambda runs, what: ratio(runs, what, grown)[1],
    "range's high end, ratio of memory": lambda runs, what: ratio(runs, what, grown)[2],
    "ratio of energy an epoch": lambda runs, what: ratio(runs, what, joules)[0],
    "range's low end, ratio of energy an epoch": lambda runs, what: ratio(runs, what, joules)[1],
    "range's high end, ratio of energy an epoch": lambda runs, what: ratio(runs, what, joules)[2],
    "runs of a side": of_a_cell(len),
    "sessions of a side": of_a_cell(lambda runs: len({run["file"] for run in runs})),
    "geometric mean of the runs' median seconds per timed epoch": each(
        lambda r: median(e["train_seconds"] for e in steady(r)), geometric_mean
    ),
    "fewest timed epochs on either side": lambda runs, what: min(
        sum(
            len(steady(r))
            for r in runs
            if r["cell"]["engine"] == name and r["cell"]["experiment"] == experiment
        )
        for name in {r["cell"]["engine"] for r in runs}
        for experiment in {r["cell"]["experiment"] for r in runs}
    ),
    "image size, pixels a side": each(lambda r: r["plan"]["image_size"]),
    "test images": each(lambda r: r["start"]["test_images"]),
    "gate checks": each(lambda r: len(r["gate"]["checks"]), sum),
    "GPU cores": each(lambda r: r["machine"]["gpu_cores"]),
    "memory of a machine": each(lambda r: r["machine"]["memory_bytes"]),
    "mean test accuracy": lambda runs, what: mean(by_seed(runs)),
    "least test accuracy of a seed": lambda runs, what: min(by_seed(runs)),
    "largest test accuracy of a seed": lambda runs, what: max(by_seed(runs)),
    "seeds": lambda runs, what: len(by_seed(runs)),
    "lead of the mean test accuracies": lambda runs, what: accuracy_lead(runs, what)[0],
    "interval's low end, lead of the mean test accuracies": lambda runs, what: accuracy_lead(runs, what)[
        1
    ],
    "interval's high end, lead of the mean test accuracies": lambda runs, what: accuracy_lead(
        runs, what
    )[2],
    "size of the interval's low end, lead of the mean test accuracies": lambda runs, what: abs(
        accuracy_lead(runs, what)[1]
    ),
    "size of the interval's high end, lead of the mean test accuracies": lambda runs, what: abs(
        accuracy_lead(runs, what)[2]
    ),
    "comparisons of systems with three seeds or more": lambda runs, what: systems_compared(runs),
    "least lead that counts without an interval": lambda runs, what: 0.07,
    "least rise of the validation loss": each(rise, min),
    "largest rise of the validation loss": each(rise, max),
    "grown host bytes of a run": each(grown),
    "geometric mean of the runs' memory": each(grown, geometric_mean),
    "geometric mean of the runs' energy an epoch": each(joules, geometric_mean),
    "fewest test images of a class": each(lambda r: min(map(sum, r["result"]["confusion"])), min),
    "largest standard error of a class's share": each(
        lambda r: 0.5 / math.sqrt(min(map(sum, r["result"]["confusion"])))
    ),
    "mean share of right answers": of_class,
    "share of a class's test images with one wrong answer": taken_for,
    "drift of a run, slower": each(lambda r: 1 - last_third(rates(r)) / first_third(rates(r))),
    "drift of a run, faster": each(lambda r: last_third(rates(r)) / first_third(rates(r)) - 1),
    "last third's rate as a multiple of the first third's": each(
        lambda r: last_third(rates(r)) / first_third(rates(r))
    ),
    "last epoch's rate over that of a resident batch": each(lambda r: r["result"]["pipeline_ratio"]),
    "share of the roofline": each(lambda r: r["result"]["roofline_share"]),
    "parameters": parameters,
    "image size of the original report, pixels a side": lambda runs, what: 224,
    "published test accuracy": lambda runs, what: 0.74 if what.endswith("scratch") else 0.9177,
    **{
        f"{end} {name}": each(of, min if end == "min" else max)
        for name, of in COLUMNS.items()
        for end in ("min", "max")
    },
}


def again(number: Number, runs: list[Raw]) -> float:
    """The number's value as the JSON has it. Raises KeyError for a statistic that is not known here."""
    return float(WAYS[number.what.split("; ")[0]](runs, number.what))


WORDS = {"both": "2"}
SCALES = {"%": 0.01, "points": 0.01, "GB": 1e9, "GiB": 2**30, "kJ": 1e3, "min": 60.0, "h": 3600.0}


def reads_as_rounded(number: Number) -> bool:
    """Whether the text is the value, rounded to the digits that it has."""
    figure, _, unit = number.text.partition(" ")
    figure = WORDS.get(figure.lower(), figure)
    scale = SCALES.get(unit.split(" ")[0], 1.0)
    digits = len(figure.partition(".")[2])
    half = 0.5 * 10.0**-digits * scale
    if unit == "GiB":  # three significant digits, whatever they are
        half = 0.005 * number.value
    return abs(float(figure.replace(",", "")) * scale - number.value) <= half * (1 + 1e-9)
