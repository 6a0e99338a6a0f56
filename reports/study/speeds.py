"""How fast each engine trains on each device, and to which error that is known."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from statistics import variance

from scipy import special

from alexnet.recipe import EXPERIMENTS
from reports.study.compare import CELL, Study, is_float32, of_study
from reports.study.ratios import CONFIDENCE, LEAST_EPOCHS, LEAST_REPEATS, Basis, Sample
from reports.write.words import listed


@dataclass(frozen=True, kw_only=True)
class Speed:
    """Images per second of one cell, and the ends of what is known or was seen of it.

    `basis` says what the ends are, as of a ratio: a 95 % interval over sessions or over the runs within
    sessions, or the range of the runs that were seen; NaN of one run, and of fewer `epochs` that speak
    for them than a comparison takes. `repeats` is how many sessions or runs these are. `precision` is
    how exactly the device computed, as the gates of its runs measured it; empty where one did not.
    """

    machine: str
    device: str
    experiment: str
    engine: str
    value: float
    low: float
    high: float
    basis: Basis
    repeats: int
    epochs: int
    seconds_per_epoch: float
    runs: tuple[str, ...]
    precision: str = ""

    @property
    def is_exact(self) -> bool:
        """Whether it is of an engine that computes in float32."""
        return is_float32(self.engine)

    @property
    def has_interval(self) -> bool:
        return self.basis in ("sessions", "runs")

    @property
    def place(self) -> tuple[str, str]:
        """The machine and its device."""
        return self.machine, self.device


@of_study
def speeds(study: Study) -> tuple[Speed, ...]:
    """The cells of the main setting, in the order of the study."""
    images = _images_per_epoch(study)
    place = {name: CELL.index(name) for name in CELL}
    return tuple(
        _speed(cell, sample, place, images[cell], study.precisions)
        for cell, sample in study.samples.items()
        if cell[place["setting"]] == study.main
    )


def _speed(
    cell: tuple[Hashable, ...],
    sample: Sample,
    place: dict[str, int],
    images: float,
    precisions: Mapping[str, str],
) -> Speed:
    sample = spoken_for(sample)
    measured = {precisions.get(run.run, "") for run in sample.runs}
    basis: Basis = "seen"
    low, high = math.nan, math.nan
    if sample.epochs < LEAST_EPOCHS:
        pass
    elif len(sample.sessions) >= LEAST_REPEATS:
        basis, groups = "sessions", [list(sample.means.values())]
    elif all(len(runs) >= LEAST_REPEATS for runs in sample.sessions.values()):
        basis, groups = "runs", [[run.log for run in runs] for runs in sample.sessions.values()]
    elif len(sample.runs) > 1:
        values = [run.value for run in sample.runs]
        low, high = min(values), max(values)
    if basis != "seen":
        half = min(_half(groups), 50.0)
        low, high = (math.exp(sample.log_value + sign * half) for sign in (-1, 1))
    name = {key: str(cell[place[key]]) for key in ("machine", "device", "experiment", "engine")}
    return Speed(
        **name,
        value=sample.value,
        low=low,
        high=high,
        basis=basis,
        repeats=len(sample.sessions if basis == "sessions" else sample.runs),
        epochs=sample.epochs,
        seconds_per_epoch=images / sample.value,
        runs=tuple(run.run for run in sample.runs),
        precision="" if "" in measured else listed(sorted(measured)),
    )


def spoken_for(sample: Sample) -> Sample:
    """Of fewer than three sessions those with three runs or more, if there are such.

    They are what engines are compared by, so that a speed and a ratio rest on the same runs.
    """
    if len(sample.sessions) >= LEAST_REPEATS:
        return sample
    repeated = [name for name, runs in sample.sessions.items() if len(runs) >= LEAST_REPEATS]
    return sample.within(repeated) if repeated else sample


def _half(groups: Sequence[Sequence[float]]) -> float:
    """Half the 95 % interval of the mean of the groups' means, by Welch and Satterthwaite."""
    parts = [(variance(logs) / len(logs) / len(groups) ** 2, len(logs) - 1) for logs in groups]
    squared = sum(part for part, _ in parts)
    if squared == 0:
        return 0.0
    freedom = squared**2 / sum(part**2 / own for part, own in parts)
    return float(special.stdtrit(freedom, (1 + CONFIDENCE) / 2)) * math.sqrt(squared)


def _images_per_epoch(study: Study) -> dict[tuple[Hashable, ...], float]:
    """Cell -> the training images of an epoch."""
    runs = study.frames.runs
    an_epoch = runs["images_per_second"] * runs["seconds_per_epoch"]
    images = dict(zip(runs["run"], an_epoch, strict=True))
    return {cell: float(images[sample.runs[0].run]) for cell, sample in study.samples.items()}


def headline_experiment(cells: Sequence[Speed], baseline: str | None) -> str | None:
    """The experiment that the first page is about: `scratch`, or else what most machines have.

    Where others are compared with a baseline it is one that this has too.
    """
    machines: dict[str, set[str]] = {}
    for cell in cells:
        machines.setdefault(cell.experiment, set()).add(cell.machine)
    there = {name: own for name, own in machines.items() if baseline in own} or machines
    order = list(EXPERIMENTS)
    if order[0] in there:
        return order[0]
    return max(there, key=lambda name: (len(there[name]), -order.index(name)), default=None)


def headline(study: Study, cells: Sequence[Speed]) -> tuple[Speed, list[Speed]]:
    """The fastest cell of the headline's experiment, and all of that; in float32 if any computes so."""
    experiment = headline_experiment(cells, study.baseline)
    there = exact_cells([cell for cell in cells if cell.experiment == experiment])
    return max(there, key=lambda cell: cell.value), there


def exact_cells(cells: Sequence[Speed]) -> list[Speed]:
    """The cells of engines that compute in float32; all where there is none."""
    return [cell for cell in cells if cell.is_exact] or list(cells)
