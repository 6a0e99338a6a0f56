"""What of a study a plot shows: which of many machines, and words that captions share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from alexnet.frameworks.registry import ENGINES
from reports.compare import Study
from reports.document import MOST_MACHINES, Number, Sentence, say
from reports.plots import house
from reports.settings import EXPERIMENT_ORDER, engines_of
from reports.words import DEVICES, count

MOST_POINTS = 300
"""So many of a group, and ten times as many of a picture, are drawn; a file of any size stays small."""
LETTERS = 20
"""So many of a machine's name are shown beside its row."""


@dataclass(frozen=True)
class Place:
    """A machine's device, and what it is called in a plot."""

    machine: str
    device: str
    label: str

    @property
    def line(self) -> str:
        return self.label.replace("\n", ", ")


@dataclass(frozen=True)
class Shown:
    """The valid runs of the main setting on the machines that a plot has room for.

    These are the baseline and those with the most valid runs, in the order in which they were measured.
    """

    study: Study

    @cached_property
    def machines(self) -> list[str]:
        runs = Counter(self.study.runs["machine"])
        age = {name: place for place, name in enumerate(self.study.frames.machines["machine"])}
        rank = sorted(runs, key=lambda name: (name != self.study.baseline, -runs[name], age[name]))
        return sorted(rank[:MOST_MACHINES], key=age.__getitem__)

    @cached_property
    def left_out(self) -> int:
        return int(self.study.runs["machine"].nunique()) - len(self.machines)

    @cached_property
    def labels(self) -> dict[str, str]:
        """Each shown machine's name as a plot has it; numbered where the short names are the same."""
        short = {name: house.cut(name, LETTERS) for name in self.machines}
        known = Counter(short.values())
        numbers = {name: n for n, name in enumerate(self.study.frames.machines["machine"], 1)}
        return {
            name: label if known[label] == 1 else f"{house.cut(name, LETTERS - 5)} #{numbers[name]}"
            for name, label in short.items()
        }

    @cached_property
    def places(self) -> list[Place]:
        """Each device of each machine; it is named where a machine has two."""
        there = set(self.runs.groupby(["machine", "device"]).groups)
        several = Counter(machine for machine, _ in there)
        return [
            Place(
                name, device, self.labels[name] + (f"\n{DEVICES[device]}" if several[name] > 1 else "")
            )
            for name in self.machines
            for device in DEVICES
            if (name, device) in there
        ]

    @cached_property
    def runs(self) -> pd.DataFrame:
        found = self.study.runs
        return found[found["machine"].isin(self.machines)]

    @cached_property
    def epochs(self) -> pd.DataFrame:
        found = epochs(self.study)
        return found[found["machine"].isin(self.machines)]

    @property
    def rest(self) -> tuple[Sentence, ...]:
        """How many machines are not in the plot, if any."""
        if not self.left_out:
            return ()
        number = Number(
            text=count(self.left_out, "machine"),
            value=float(self.left_out),
            runs=(),
            what="machines with valid runs that the plot has no room for",
        )
        return (
            say(
                "Shown are the baseline and those with the most valid runs, and not {many} more.",
                many=number,
            ),
        )


def epochs(study: Study) -> pd.DataFrame:
    """The epochs of the valid runs of the main setting."""
    found = study.frames.epochs
    return found[(found["validity"] == "valid") & (found["setting"] == study.main)]


def of(frame: pd.DataFrame, **values: Any) -> pd.DataFrame:
    """The rows that have these values."""
    own = np.ones(len(frame), bool)
    for name, value in values.items():
        own &= (frame[name] == value).to_numpy(bool)
    return frame[own]


def cells(frame: pd.DataFrame) -> dict[tuple[str, str, str, str], pd.DataFrame]:
    """(machine, device, experiment, engine) -> its rows of a frame of runs or epochs."""
    return dict(tuple(frame.groupby(["machine", "device", "experiment", "engine"], sort=False)))


def experiments(frame: pd.DataFrame) -> list[str]:
    """Those there are, in the order of the report."""
    there = set(frame["experiment"].unique())
    return [name for name in EXPERIMENT_ORDER if name in there]


def groups(frame: pd.DataFrame) -> list[tuple[str, str]]:
    """Each (experiment, engine) that there is, in the order of the report."""
    there = set(frame.groupby(["experiment", "engine"]).groups)
    return [(e, name) for e in EXPERIMENT_ORDER for name in ENGINES if (e, name) in there]


def spread(length: int, most: int) -> list[int]:
    """`most` places at even distances out of so many, the first and the last among them: no chance."""
    if length <= most:
        return list(range(length))
    return sorted({round(float(place)) for place in np.linspace(0, length - 1, max(1, most))})


def limit(groups_there: int) -> int:
    """How many points of each group are drawn, so that the picture stays small."""
    return max(1, min(MOST_POINTS, 10 * MOST_POINTS // max(1, groups_there)))


def ids(runs: pd.DataFrame | Iterable[str]) -> tuple[str, ...]:
    """The ids of runs, as a number has them."""
    return tuple(runs["run"]) if isinstance(runs, pd.DataFrame) else tuple(runs)


def middle(runs: pd.DataFrame, column: str, what: str, form: Any) -> Number | None:
    """The median over runs of one of their figures; None where none has it."""
    there = runs[runs[column].notna()]
    if there.empty:
        return None
    value = float(there[column].median())
    several = f"median over {len(there)} runs: " if len(there) > 1 else ""
    return Number(text=form(value), value=value, what=f"{several}{what}", runs=ids(there))


def span(runs: pd.DataFrame, column: str, what: str, form: Any) -> Sentence | None:
    """A figure of runs: its median on the one machine, or on those with the least and with the most."""
    there = runs[runs[column].notna()]
    own = there.groupby(["machine", "device"], sort=False)[column].median()
    if own.empty:
        return None
    ends = list(dict.fromkeys([own.idxmin(), own.idxmax()]))
    numbers = [
        middle(of(there, machine=machine, device=device), column, f"{what}, {machine}", form)
        for machine, device in ends
    ]
    low, high = numbers[0], numbers[-1]
    if low is None or high is None or len(own) == 1:
        return None if low is None else Sentence((low,))
    if low.text == high.text:
        return say("{low} on every machine", low=low)
    return say(
        "{low} ({first}) to {high} ({last})", low=low, first=ends[0][0], high=high, last=ends[-1][0]
    )


def by_engine(runs: pd.DataFrame, column: str, what: str, form: Any, lead: str) -> tuple[Sentence, ...]:
    """For each experiment that has figures a sentence: "<lead> 5.90 s in PyTorch and 5.33 s in …"."""
    found = []
    for experiment in experiments(runs):
        parts = []
        for engine in engines_of(of(runs, experiment=experiment)):
            own = of(runs, experiment=experiment, engine=engine)
            name = f"{what}, {experiment}, {ENGINES[engine].label}"
            if (clause := span(own, column, name, form)) is not None:
                parts.append(Sentence((*clause.parts, f" in {ENGINES[engine].label}")))
        if parts:
            found.append(listed(parts, lead=lead.format(experiment)))
    return tuple(found)


def listed(parts: Sequence[Sentence], lead: str = "", end: str = ".") -> Sentence:
    """Clauses with their numbers as one sentence: "lead a, b and c."."""
    found: list[str | Number] = [lead] if lead else []
    for place, part in enumerate(parts):
        if place:
            found.append(" and " if place == len(parts) - 1 else ", ")
        found.extend(part.parts)
    return Sentence((*found, end))


def modest(study: Study) -> tuple[Sentence, ...]:
    """What has to be said of accuracies that mean little."""
    if study.says_accuracy:
        return ()
    kind = study.setting["profile"]
    if study.setting["dataset"] != "cifar10":
        return (say("The images are made up: accuracies show only that it runs and learns."),)
    return (
        say(
            "Accuracies of such a {kind} run show only that it runs and learns, not how well.",
            kind=str(kind),
        ),
    )
