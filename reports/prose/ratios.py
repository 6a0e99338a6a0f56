"""Ratios of speeds as pieces of sentences: the faster side first, always with the interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from reports.document import Number, Sentence
from reports.prose.parts import engine, put
from reports.words import missing


@dataclass(frozen=True, kw_only=True)
class Lead:
    """How many times as fast the first is as the second. `low` and `high` are None without a verdict."""

    first: str
    second: str
    value: Number
    low: Number | None
    high: Number | None

    @property
    def interval(self) -> Sentence:
        """Both ends, such as "1.05 to 1.16"."""
        assert self.low
        assert self.high
        return put("{low} to {high}", low=self.low, high=self.high)


def lead(ratio: Any, sides: tuple[str, str], where: str, runs: Sequence[str]) -> Lead:
    """The lead of the faster side; the first of `sides` where neither is.

    `ratio` is a row with ratio, low, high and verdict; `where` names the cell.
    """
    values = [ratio.ratio, ratio.low, ratio.high]
    if ratio.verdict == "slower":
        values = [1 / values[0], 1 / values[2], 1 / values[1]]
        sides = (sides[1], sides[0])
    decided = ratio.verdict in ("faster", "slower")
    of = f"{sides[0]} as a multiple of {sides[1]}, {where}"
    names = (
        "ratio of speeds",
        "interval's low end, ratio of speeds",
        "interval's high end, ratio of speeds",
    )
    numbers = [
        None
        if missing(value)
        else Number(
            text=f"{value:.{_digits(value) if decided else 2}f}",
            value=float(value),
            what=f"{name}; {of}",
            runs=tuple(runs),
        )
        for name, value in zip(names, values, strict=True)
    ]
    assert numbers[0]
    return Lead(first=sides[0], second=sides[1], value=numbers[0], low=numbers[1], high=numbers[2])


def _digits(value: float) -> int:
    """So many that what is not 1 does not read as 1, two at least."""
    return next((digits for digits in range(2, 5) if round(value, digits) != 1), 5)


def of_engines(ratio: Any) -> Lead:
    """The lead of a row of `Study.engines`."""
    where = f"{ratio.experiment}, {ratio.machine}, {ratio.device}"
    runs = (*ratio.first_runs, *ratio.second_runs)
    return lead(ratio, (engine(ratio.first), engine(ratio.second)), where, runs)


def of_machines(ratio: Any) -> Lead:
    """The lead of a row of `Study.machines`."""
    where = f"{ratio.experiment}, {ratio.engine}, {ratio.device}"
    runs = (*ratio.machine_runs, *ratio.baseline_runs)
    return lead(ratio, (ratio.machine, ratio.baseline), where, runs)
