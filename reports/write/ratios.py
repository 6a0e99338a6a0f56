"""Ratios as pieces of sentences: the side ahead first, always with what the ratio rests on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Literal

import pandas as pd

from reports.study.ratios import CLEAR, Basis
from reports.write.document import Number, Sentence
from reports.write.parts import engine, figure, put
from reports.write.words import missing

Noun = Literal["run", "session", "machine"]


@dataclass(frozen=True, kw_only=True)
class Lead:
    """How many times as fast the first is as the second, or takes as much, and what that rests on.

    `ends` are of an interval or of the range that was seen, as `basis` says; None of one run each.
    `counts` are both sides' repeats, of which `noun` says what they are; `sessions` is in how many, and
    `in_own_sessions` whether two engines never met in one.
    """

    first: str
    second: str
    value: Number
    ends: tuple[Number, Number] | None
    basis: Basis
    noun: Noun
    counts: tuple[Number, Number]
    sessions: int
    in_own_sessions: bool

    @property
    def interval(self) -> Sentence:
        """Both ends, such as "1.05 to 1.16"."""
        assert self.ends
        low, high = self.ends
        return put("{low} to {high}", low=low, high=high)

    @property
    def evidence(self) -> Sentence:
        """What the ratio rests on: "95 % interval 1.05 to 1.16 over 3 sessions each"."""
        if self.ends is None or (self.basis == "seen" and self.ends[0].text == self.ends[1].text):
            return self._counted
        templates: dict[Basis, str] = {
            "runs": "95 % interval {ends} over {counts} within a session"
            if self.sessions == 1
            else "95 % interval {ends} over {counts} within two sessions",
            "sessions": "95 % interval {ends} over {counts}",
            "machines": "95 % interval {ends} over {counts}",
            "seen": "{ends} seen in {counts}",
            "out of turn": "{ends} seen in {counts}, the same side first",
        }
        return put(templates[self.basis], ends=self.interval, counts=self._counted)

    @property
    def _counted(self) -> Sentence:
        first, second = self.counts
        apart = " of its own" if self.in_own_sessions else ""
        if self.noun == "machine":
            return put("{n}", n=first)
        if first.value == second.value == 1:
            return put("one {noun}{apart} each", noun=self.noun, apart=apart)
        if first.value == second.value:
            return put("{n}{apart} each", n=first, apart=apart.replace("its", "their"))
        return put("{first} and {second}", first=first, second=second)


def lead(
    ratio: Any,
    names: tuple[str, str],
    where: str,
    runs: tuple[Sequence[str], Sequence[str]],
    *,
    noun: Noun,
    in_own_sessions: bool = False,
) -> Lead:
    """The lead of the side ahead.

    `ratio` is a row with ratio, low, high, verdict, basis, runs and sessions; `where` names the cell,
    `runs` are each side's, and `noun` is what was repeated. The order stays where both are the same or
    nothing is decided.
    """
    values, sides = [ratio.ratio, ratio.low, ratio.high], (0, 1)
    if is_turned(ratio):
        values, sides = [1 / values[0], 1 / values[2], 1 / values[1]], (1, 0)
    first, second = (names[side] for side in sides)
    of = f"{first} as a multiple of {second}, {where}"
    has_interval = ratio.basis in ("machines", "sessions", "runs")
    whose = "interval's" if has_interval else "range's"
    kind = "ratio of speeds"
    kinds = (kind, f"{whose} low end, {kind}", f"{whose} high end, {kind}")
    is_lead = ratio.verdict in ("faster", "slower", "ahead", "behind")
    digits = [_digits(number) if is_lead else 2 for number in values]
    if f"{values[1]:.2f}" == f"{values[2]:.2f}":  # the ends of a narrow interval are told apart
        digits[1:] = [max(3, number) for number in digits[1:]]
    value, low, high = (
        Number(
            text=f"{number:.{places}f}",
            value=float(number),
            what=f"{end}; {of}",
            runs=(*runs[0], *runs[1]),
        )
        for end, number, places in zip(kinds, values, digits, strict=True)
    )
    counts = (ratio.cells,) * 2 if noun == "machine" else getattr(ratio, f"{noun}s")
    one, other = (
        figure(counts[side], f"{noun}s of a side; {names[side]}, {where}", runs[side], noun)
        for side in sides
    )
    return Lead(
        first=first,
        second=second,
        value=value,
        ends=None if missing(values[1]) else (low, high),
        basis=ratio.basis,
        noun=noun,
        counts=(one, other),
        sessions=max(ratio.sessions),
        in_own_sessions=in_own_sessions,
    )


def is_turned(ratio: Any) -> bool:
    """Whether the second side is ahead, and is named first."""
    return ratio.verdict in ("slower", "behind")


def _digits(value: float) -> int:
    """So many that what is not 1 does not read as 1, two at least."""
    return next((digits for digits in range(2, 5) if round(value, digits) != 1), 5)


def repeated(ratio: Any) -> Noun:
    """What of two engines was repeated: runs within their sessions, or the sessions themselves."""
    if ratio.basis == "runs":
        return "run"
    return "session" if max(ratio.sessions) > 1 or not ratio.shared else "run"


def of_engines(ratio: Any) -> Lead:
    """The lead of a row of `Study.engines`."""
    where = f"{ratio.experiment}, {ratio.machine}, {ratio.device}"
    names = (engine(ratio.first), engine(ratio.second))
    runs = (ratio.first_runs, ratio.second_runs)
    return lead(ratio, names, where, runs, noun=repeated(ratio), in_own_sessions=not ratio.shared)


def of_engine_mean(ratio: Any) -> Lead:
    """The lead of a row of `Study.engine_means`, whose unit is the machine."""
    names = (engine(ratio.first), engine(ratio.second))
    where = f"geometric mean over machines, {ratio.experiment}"
    return lead(ratio, names, where, (ratio.first_runs, ratio.second_runs), noun="machine")


def of_mean(mean: Any) -> Lead:
    """The lead of a row of `Study.means`, whose unit is the session."""
    where = "geometric mean over cells"
    runs = (mean.machine_runs, mean.baseline_runs)
    return lead(mean, (mean.machine, mean.baseline), where, runs, noun="session")


def unrepeated(table: pd.DataFrame, remedy: str = "") -> Sentence | None:
    """What a lead without an interval is worth, where a row of comparisons has none.

    `remedy` is a sentence that says what would give one; without it only the worth is told.
    """
    enough = table[table["verdict"] != "too few epochs"]
    if not any(enough["p"].isna()):
        return None
    sentence = put("Without an interval a lead decides only above {clear} times.", clear=f"{CLEAR:.2f}")
    return put("{worth} {remedy}", worth=sentence, remedy=remedy) if remedy else sentence


def by_pair(rows: pd.DataFrame) -> list[pd.DataFrame]:
    """The rows of each two engines, in the order in which they come."""
    return [pair for _, pair in rows.groupby(["first", "second"], sort=False)]


def run_ids(
    rows: pd.DataFrame, columns: tuple[str, str] = ("first_runs", "second_runs")
) -> tuple[str, ...]:
    """The runs of both sides of comparisons, each once; `columns` have them."""
    return tuple(dict.fromkeys(chain(*(run for name in columns for run in rows[name]))))
