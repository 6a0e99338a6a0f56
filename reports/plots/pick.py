"""What of a study a plot shows: which of many machines, and words that captions share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from alexnet.frameworks.registry import ENGINES
from reports.document import MOST_MACHINES, Number, Sentence, say
from reports.plots import house
from reports.settings import EXPERIMENT_ORDER, engines_of
from reports.study import typical
from reports.study.compare import Study
from reports.study.learning import main_epochs
from reports.study.shown import Ranked, ranked
from reports.tables.wording import machines_shown
from reports.words import DEVICES, count
from reports.words import listed as in_a_row

MOST_POINTS = 300
"""So many of a group, and ten times as many of a picture, are drawn; a file of any size stays small."""
MOST_NAMED = 2
"""So many devices of machines are named in a sentence; of more, their number is told."""
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

    These are the first of `reports.study.shown.ranked`, in the order in which they were measured: the
    baseline, the fastest and the slowest are among them.
    """

    study: Study

    @cached_property
    def ranked(self) -> Ranked:
        return ranked(self.study, self.study.runs["machine"])

    @cached_property
    def machines(self) -> list[str]:
        chosen = set(self.ranked.order[:MOST_MACHINES])
        return [name for name in self.study.frames.machines["machine"] if name in chosen]

    @cached_property
    def left_out(self) -> int:
        return len(self.ranked.order) - len(self.machines)

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
        found = main_epochs(self.study)
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
        which = machines_shown(self.ranked, len(self.machines))
        return (say("Shown are {which}, and not {many} more.", which=which, many=number),)


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


@dataclass(frozen=True, kw_only=True)
class Statistic:
    """What is made of several runs: its name, and the figure of a frame of runs that all have one."""

    name: str
    of: Callable[[pd.DataFrame, str], float]


MEDIAN = Statistic(name="median over {} runs: ", of=lambda runs, column: float(runs[column].median()))
SECONDS = Statistic(
    name="geometric mean over {} runs: ", of=lambda runs, _: typical.seconds_per_epoch(runs)
)
"""Of the column `seconds_per_epoch` alone."""


def middle(
    runs: pd.DataFrame, column: str, what: str, form: Any, statistic: Statistic = MEDIAN
) -> Number | None:
    """What is typical of the runs that have the figure; None where none has it."""
    there = runs[runs[column].notna()]
    if there.empty:
        return None
    value = statistic.of(there, column)
    several = statistic.name.format(len(there)) if len(there) > 1 else ""
    return Number(text=form(value), value=value, what=f"{several}{what}", runs=ids(there))


def places(runs: pd.DataFrame) -> list[tuple[str, str]]:
    """(machine, device) of these runs, each once, in their order."""
    return list(dict.fromkeys(zip(runs["machine"], runs["device"], strict=True)))


def apart(sides: Iterable[pd.DataFrame]) -> bool:
    """Whether two sides, or more, were not measured on the same devices of the same machines."""
    return len({frozenset(places(side)) for side in sides}) > 1


def site(machine: str, device: str) -> str:
    """A machine and its device within a sentence: "anna, Apple GPU"."""
    return f"{machine}, {DEVICES[device]}"


def where(runs: pd.DataFrame) -> str:
    """The machines and devices of runs, as a sentence names them: "on anna, Apple GPU"."""
    there = places(runs)
    if len(there) <= MOST_NAMED:
        return "on " + in_a_row([f"{machine} ({DEVICES[device]})" for machine, device in there])
    machines = len({machine for machine, _ in there})
    kinds = in_a_row([DEVICES[name] for name in DEVICES if name in {kind for _, kind in there}])
    return f"on {count(machines, 'machine')} ({kinds})"


def span(
    runs: pd.DataFrame, column: str, what: str, form: Any, statistic: Statistic = MEDIAN
) -> Sentence | None:
    """A figure of runs: on the one device of a machine, or on those with the least and with the most.

    A device is named beside its machine where these runs were on two kinds of device.
    """
    there = runs[runs[column].notna()]
    numbers = {
        place: number
        for place in places(there)
        if (
            number := middle(
                of(there, machine=place[0], device=place[1]),
                column,
                f"{what}, {place[0]}",
                form,
                statistic,
            )
        )
    }
    if not numbers:
        return None
    first = min(numbers, key=lambda place: numbers[place].value)
    last = max(numbers, key=lambda place: numbers[place].value)
    low, high = numbers[first], numbers[last]
    if len(numbers) == 1:
        return Sentence((low,))
    kinds = len({device for _, device in numbers})
    if low.text == high.text:
        return say("{low} on every machine" if kinds == 1 else "{low} on every device", low=low)
    names = [site(*place) if kinds > 1 else place[0] for place in (first, last)]
    return say("{low} ({first}) to {high} ({last})", low=low, first=names[0], high=high, last=names[1])


def by_engine(
    runs: pd.DataFrame,
    column: str,
    what: str,
    form: Any,
    lead: str,
    *,
    statistic: Statistic = MEDIAN,
) -> tuple[Sentence, ...]:
    """For each experiment that has figures a sentence: "<lead> 5.90 s in PyTorch and 5.33 s in …".

    Engines that were not all on the same devices of the same machines get a sentence each, which names
    these: what did not meet is not set side by side.
    """
    found = []
    for experiment in experiments(runs):
        sides = {
            engine: own[own[column].notna()]
            for engine in engines_of(of(runs, experiment=experiment))
            if not (own := of(runs, experiment=experiment, engine=engine))[column].isna().all()
        }
        parts = []
        for engine, own in sides.items():
            name = f"{what}, {experiment}, {ENGINES[engine].label}"
            if (clause := span(own, column, name, form, statistic)) is not None:
                parts.append(Sentence((*clause.parts, f" in {ENGINES[engine].label}")))
        found += side_by_side(parts, list(sides.values()), lead=lead.format(experiment))
    return tuple(found)


def side_by_side(
    clauses: Sequence[Sentence], sides: Sequence[pd.DataFrame], lead: str, end: str = "."
) -> list[Sentence]:
    """One sentence of all clauses, or one of each, with its place, where the sides are `apart`.

    `sides` has the runs of each clause.
    """
    if not clauses:
        return []
    if not apart(sides):
        return [listed(clauses, lead=lead, end=end)]
    return [
        listed([Sentence((*clause.parts, f" {where(side)}"))], lead=lead, end=end)
        for clause, side in zip(clauses, sides, strict=True)
    ]


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
