"""Ratios as pieces of sentences: the side ahead first, always with what the ratio rests on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from reports.document import Number, Sentence
from reports.prose.parts import Part, engine, figure, put
from reports.study.ratios import CLEAR, Basis
from reports.words import missing

Noun = Literal["run", "session"]


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
            "seen": "{ends} seen in {counts}",
            "out of turn": "{ends} seen in {counts}, one side after the other",
        }
        return put(templates[self.basis], ends=self.interval, counts=self._counted)

    @property
    def _counted(self) -> Sentence:
        first, second = self.counts
        apart = " of its own" if self.in_own_sessions else ""
        if first.value == second.value == 1:
            return put("one {noun}{apart} each", noun=self.noun, apart=apart)
        if first.value == second.value:
            return put("{n}{apart} each", n=first, apart=apart.replace("its", "their"))
        return put("{first} and {second}", first=first, second=second)

    def rests_as(self, other: Lead) -> bool:
        """Whether both rest on the same kind and number of repeats."""
        counts = [[number.text for number in lead.counts] for lead in (self, other)]
        return self.basis == other.basis and counts[0] == counts[1]


def lead(
    ratio: Any,
    names: tuple[str, str],
    where: str,
    runs: tuple[Sequence[str], Sequence[str]],
    *,
    noun: Noun,
    figures: str = "speeds",
    in_own_sessions: bool = False,
) -> Lead:
    """The lead of the side ahead.

    `ratio` is a row with ratio, low, high, verdict, basis, runs and sessions; `where` names the cell,
    `runs` are each side's, `noun` is what was repeated, and `figures` says of what it is the ratio. The
    order stays where both are the same or nothing is decided.
    """
    values, sides = [ratio.ratio, ratio.low, ratio.high], (0, 1)
    if is_turned(ratio):
        values, sides = [1 / values[0], 1 / values[2], 1 / values[1]], (1, 0)
    first, second = (names[side] for side in sides)
    of = f"{first} as a multiple of {second}, {where}"
    has_interval = ratio.basis in ("runs", "sessions")
    whose = "interval's" if has_interval else "range's"
    kinds = (
        f"ratio of {figures}",
        f"{whose} low end, ratio of {figures}",
        f"{whose} high end, ratio of {figures}",
    )
    is_lead = ratio.verdict in ("faster", "slower", "ahead", "behind")
    value, low, high = (
        Number(
            text=f"{number:.{_digits(number) if is_lead else 2}f}",
            value=float(number),
            what=f"{kind}; {of}",
            runs=(*runs[0], *runs[1]),
        )
        for kind, number in zip(kinds, values, strict=True)
    )
    counted = ratio.sessions if noun == "session" else ratio.runs
    one, other = (
        figure(counted[side], f"{noun}s of a side; {names[side]}, {where}", runs[side], noun)
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


def of_engines(ratio: Any, figures: str = "speeds") -> Lead:
    """The lead of a row of `Study.engines`, or of one like it of other figures."""
    where = f"{ratio.experiment}, {ratio.machine}, {ratio.device}"
    names = (engine(ratio.first), engine(ratio.second))
    runs = (ratio.first_runs, ratio.second_runs)
    return lead(
        ratio,
        names,
        where,
        runs,
        noun=repeated(ratio),
        figures=figures,
        in_own_sessions=not ratio.shared,
    )


def of_machines(ratio: Any) -> Lead:
    """The lead of a row of `Study.machines`, whose unit is the session."""
    where = f"{ratio.experiment}, {ratio.engine}, {ratio.device}"
    runs = (ratio.machine_runs, ratio.baseline_runs)
    return lead(ratio, (ratio.machine, ratio.baseline), where, runs, noun="session")


def of_mean(mean: Any) -> Lead:
    """The lead of a row of `Study.means`, whose unit is the session."""
    where = "geometric mean over cells"
    runs = (mean.machine_runs, mean.baseline_runs)
    return lead(mean, (mean.machine, mean.baseline), where, runs, noun="session")


def in_brackets(leads: Sequence[Lead]) -> list[Part]:
    """What each of some leads rests on, in brackets; of like ones only the first says it in full."""
    brackets: list[Part] = []
    for place, each in enumerate(leads):
        if not place or not each.rests_as(leads[place - 1]):
            brackets.append(put(" ({it})", it=each.evidence))
        else:
            brackets.append(put(" ({it})", it=each.interval) if each.ends else "")
    return brackets


def unrepeated(table: pd.DataFrame, earns: str = "") -> Sentence | None:
    """What a lead without an interval is worth, where a row of comparisons has none.

    `earns` is a sentence on how such rows get one.
    """
    enough = table[table["verdict"] != "too few epochs"]
    if not any(enough["p"].isna()):
        return None
    beginning = "A lead without an interval decides only above {clear} times"
    reason = f": how much repeated runs differ is not known of it. {earns}" if earns else "."
    return put(beginning + reason, clear=f"{CLEAR:.2f}")
