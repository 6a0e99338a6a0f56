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

from reports.study.compare import Study
from reports.write.document import KeyFigure, Number, Sentence

Raw = dict[str, Any]
NAMES = {"torch": "PyTorch", "tensorflow": "TensorFlow", "loom": "Loom", "torch-knots": "PyTorch knots"}
LAW = {("mistaken", 224): 202_839_952}
"""Parameters, as design.md and arithmetic have them."""
INPUTS = {
    ("standard", 224): 256 * 6 * 6,
    ("mistaken", 224): 256 * 13 * 13,
    ("standard", 64): 256 * 1 * 1,
    ("mistaken", 64): 256 * 3 * 3,
}
"""Values that are flattened into the first Dense layer: conv5's channels, rows and columns."""


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


def seals(study: Study) -> dict[str, str]:
    """Run id -> the checksum that the run has in its file."""
    runs = study.frames.runs
    return dict(zip(runs["run"], runs["checksum"], strict=True))


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


def kernel_change(run: Raw) -> float:
    """Of a run without disturbed epochs."""
    timings = [e["probe_seconds"] for e in run["epochs"] if e["probe_seconds"] is not None]
    return float(run["start"]["probe_seconds"] / last_third(timings) - 1)


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
    *pair, turned = sides(runs, what)

    def cell(run: Raw) -> tuple[str, ...]:
        own = run["cell"]
        if "geometric mean over machines" in what:
            return (run["machine"]["name"],)
        return own["experiment"], own["engine" if "geometric mean" in what else "device"]

    values, lows, highs = [], [], []
    for name in dict.fromkeys(map(cell, runs)):
        first, second = ([of(run) for run in side if cell(run) == name] for side in pair)
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
    """The mean accuracy of each engine's seeds."""
    values: dict[tuple[str, int], list[float]] = {}
    for run in runs:
        values.setdefault((run["cell"]["engine"], run["cell"]["seed"]), []).append(right(run))
    return [mean(of_seed) for of_seed in values.values()]


def of_sessions(runs: list[Raw], of: Callable[[Raw], float]) -> float:
    """The geometric mean over sessions of the geometric mean of each one's runs."""
    sessions: dict[str, list[float]] = {}
    for run in runs:
        sessions.setdefault(run["file"], []).append(of(run))
    return geometric_mean(map(geometric_mean, sessions.values()))


def speed(runs: list[Raw]) -> float:
    """Images a second of a cell."""
    return of_sessions(runs, lambda run: median(rates(run)))


def seconds(run: Raw) -> float:
    """Of a run's typical epoch."""
    return float(median(e["train_seconds"] for e in steady(run)))


def images(run: Raw) -> int:
    """Of an epoch."""
    number: int = run["epochs"][0]["images"]
    return number


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


def distinct(*names: str) -> Callable[[list[Raw], str], float]:
    def count(runs: list[Raw], what: str) -> float:
        return len({tuple(str(_field(run, name)) for name in names) for run in runs})

    return count


def _field(run: Raw, name: str) -> Any:
    return {
        "machine": run["machine"]["name"],
        "file": run["file"],
        "setting": (run["plan"]["profile"], run["plan"]["image_size"]),
    }.get(name, run["cell"].get(name))


def each(of: Callable[[Raw], float], how: Callable[[list[float]], float] = max) -> Any:
    return lambda runs, what: how([of(run) for run in runs])


def parameters(runs: list[Raw], what: str) -> float:
    which, size = re.fullmatch(r"parameters; (.*), (\d+) px, counted .*", what).groups()  # type: ignore[union-attr]
    return LAW[which, int(size)]


def inputs(runs: list[Raw], what: str) -> float:
    which, size = re.fullmatch(r"inputs of the first Dense layer; (.*), (\d+) px, .*", what).groups()  # type: ignore[union-attr]
    return INPUTS[which, int(size)]


CELL = ("machine", "experiment", "device", "setting")
COLUMNS: dict[str, Callable[[Raw], float]] = {
    "train_images": lambda r: r["start"]["train_images"],
    "validation_images": lambda r: r["start"]["validation_images"],
    "test_images": lambda r: r["start"]["test_images"],
    "load before a run": lambda r: r["before"]["load"],
    "epochs": lambda r: len(r["epochs"]),
    "epochs_cap": lambda r: r["plan"]["epochs"],
}
WAYS: Mapping[str, Callable[[list[Raw], str], float]] = {
    "runs": lambda runs, what: len(runs),
    "files": distinct("file"),
    "machines": distinct("machine"),
    "places": distinct(*CELL),
    "experiments": distinct("experiment"),
    "devices of machines": distinct("machine", "device"),
    "cells of machines": distinct("machine", "experiment", "engine", "device"),
    "means": lambda runs, what: distinct("machine")(runs, what) - 1,
    "ratio of speeds": lambda runs, what: ratio(runs, what)[0],
    "range's low end, ratio of speeds": lambda runs, what: ratio(runs, what)[1],
    "range's high end, ratio of speeds": lambda runs, what: ratio(runs, what)[2],
    "runs of a side": of_a_cell(len),
    "sessions of a side": of_a_cell(lambda runs: len({run["file"] for run in runs})),
    "image size, pixels a side": each(lambda r: r["plan"]["image_size"]),
    "gate checks": each(lambda r: len(r["gate"]["checks"]), sum),
    "gate checks not passed": each(
        lambda r: sum(not c["lower"] <= c["measured"] <= c["upper"] for c in r["gate"]["checks"]), sum
    ),
    "sessions": distinct("file"),
    "images a second": lambda runs, what: speed(runs),
    "seconds an epoch": lambda runs, what: of_sessions(runs, seconds),
    "joules an image": lambda runs, what: of_sessions(runs, lambda run: joules(run) / images(run)),
    "memory": lambda runs, what: of_sessions(runs, grown),
    "machines of a mean": distinct("machine"),
    "mean test accuracy": lambda runs, what: mean(by_seed(runs)),
    "lead of the mean test accuracies": lambda runs, what: accuracy_lead(runs, what)[0],
    "interval's low end, lead of the mean test accuracies": lambda runs, what: accuracy_lead(runs, what)[
        1
    ],
    "interval's high end, lead of the mean test accuracies": lambda runs, what: accuracy_lead(
        runs, what
    )[2],
    "comparisons of systems with three seeds or more": lambda runs, what: systems_compared(runs),
    "least lead that counts without an interval": lambda runs, what: 0.07,
    "least rise of the validation loss": each(rise, min),
    "largest rise of the validation loss": each(rise, max),
    "fewest test images of a class": each(lambda r: min(map(sum, r["result"]["confusion"])), min),
    "largest standard error of a class's share": each(
        lambda r: 0.5 / math.sqrt(min(map(sum, r["result"]["confusion"])))
    ),
    "peak host bytes of a run": each(lambda r: max(e["peak_host_bytes"] for e in r["epochs"])),
    "change from the first third to the last": each(
        lambda r: last_third(rates(r)) / first_third(rates(r)) - 1
    ),
    "change of the reference kernel": each(kernel_change),
    "largest cost of feeding the data": each(lambda r: 1 - r["result"]["pipeline_ratio"]),
    "share of the roofline": each(lambda r: r["result"]["roofline_share"]),
    "parameters": parameters,
    "inputs of the first Dense layer": inputs,
    "image size of the original report, pixels a side": lambda runs, what: 224,
    **{
        f"{end} {name}": each(of, min if end == "min" else max)
        for name, of in COLUMNS.items()
        for end in ("min", "max")
    },
}


MOST_MACHINES = 12
"""Of a chart or a table."""


def not_shown(every: list[Raw]) -> int:
    """Machines that a chart of them all leaves out."""
    return len({run["machine"]["name"] for run in every}) - MOST_MACHINES


WITHOUT_RUNS: Mapping[str, Callable[[list[Raw]], int]] = {
    "machines that the first chart has no room for": not_shown,
    "machines that there is no room for": not_shown,
}
"""What says nothing of single runs: of all runs of all files."""


def again(number: Number, runs: list[Raw], every: list[Raw] | None = None) -> float:
    """The number's value as the JSON of its runs has it, or of `every` run where it names none.

    Raises KeyError for a statistic that is not known here.
    """
    if every is not None and number.what in WITHOUT_RUNS:
        return float(WITHOUT_RUNS[number.what](every))
    return float(WAYS[number.what.split("; ")[0]](runs, number.what))


def wrong(sentences: Iterable[Sentence], folder: Path, study: Study) -> list[str]:
    """The numbers of sentences that are not what the files of a folder say, or not rounded as they read.

    `study` is of those files.
    """
    by_seal, seal_of = raws(folder), seals(study)
    lines = []
    for sentence in sentences:
        for number in sentence.numbers:
            runs = [by_seal[seal_of[run]] for run in number.runs]
            value = again(number, runs, list(by_seal.values()))
            if not math.isclose(value, number.value, rel_tol=1e-12, abs_tol=1e-12):
                lines.append(f"{number} is {value}: {sentence.text}")
            elif not reads_as_rounded(number):
                lines.append(f"{number} is not rounded: {sentence.text}")
    return lines


def alike(run: Raw, every: Iterable[Raw]) -> list[list[Raw]]:
    """The valid runs of a run's experiment and setting, by machine, engine and device."""
    cells: dict[tuple[str, ...], list[Raw]] = {}
    for other in every:
        own = other["cell"]
        is_like = all(_field(run, name) == _field(other, name) for name in ("experiment", "setting"))
        if is_like and other["verdict"]["validity"] == "valid":
            cells.setdefault((other["machine"]["name"], own["engine"], own["device"]), []).append(other)
    return list(cells.values())


def key_figure_wrong(figure: KeyFigure, folder: Path, study: Study) -> str:
    """Why a key figure is not the best or the least that the files have, or its lines say another.

    Of two machines at most, and of no mean over machines; empty where all is right.
    """
    by_seal, seal_of = raws(folder), seals(study)
    runs = [by_seal[seal_of[run]] for run in figure.number.runs]
    cells = alike(runs[0], by_seal.values())
    kind, lines = figure.number.what.split("; ")[0], " ".join(figure.lines)
    told: set[str] = set()
    is_extreme = True
    if kind in ("seconds an epoch", "images a second"):
        is_extreme = math.isclose(speed(runs), max(map(speed, cells)))
        told = {f"{speed(runs):,.0f}"} if kind == "seconds an epoch" else set()
    elif kind == "joules an image":
        each_joules = [of_sessions(cell, lambda run: joules(run) / images(run)) for cell in cells]
        is_extreme = math.isclose(figure.number.value, min(each_joules))
    elif kind == "memory":
        is_extreme = math.isclose(of_sessions(runs, grown), min(of_sessions(c, grown) for c in cells))
    elif kind == "mean test accuracy":
        seeds = by_seed(run for cell in cells for run in cell)
        told = {f"{100 * end:.1f}" for end in (min(seeds), max(seeds))}
    else:
        names = {NAMES[run["cell"]["engine"]] for run in runs}
        machines = {cell[0]["machine"]["name"]: list[Raw]() for cell in cells}
        for cell in cells:
            if NAMES[cell[0]["cell"]["engine"]] in names:
                machines[cell[0]["machine"]["name"]] += cell
        ratios = [ratio(of_machine, figure.number.what)[0] for of_machine in machines.values()]
        told = {f"{end:.2f}" for end in (min(ratios), max(ratios))} | {str(len(machines))}
    if not is_extreme:
        return f"{figure} is neither the most nor the least"
    found = set(re.findall(r"\d[\d,.]*\d|\d", lines))
    return "" if found == told else f"{lines} instead of {sorted(told)}"


WORDS = {"both": "2"}
SCALES = {"%": 0.01, "points": 0.01, "GB": 1e9, "GiB": 2**30, "kJ": 1e3, "min": 60.0, "h": 3600.0}


def reads_as_rounded(number: Number) -> bool:
    """Whether the text is the value, rounded to the digits that it has."""
    text = number.text.replace("\N{MINUS SIGN}", "-").removesuffix("/s")
    figure, _, unit = text.partition(" ")
    figure = WORDS.get(figure.lower(), figure)
    scale = SCALES.get(unit.split(" ")[0], 1.0)
    digits = len(figure.partition(".")[2])
    half = 0.5 * 10.0**-digits * scale
    if unit == "GiB":  # three significant digits, whatever they are
        half = 0.005 * number.value
    return abs(float(figure.replace(",", "")) * scale - number.value) <= half * (1 + 1e-9)
