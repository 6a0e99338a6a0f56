"""How many times as fast one side is as the other, and what may be said of it.

A run's value is the logarithm of its median epoch's rate. What was repeated gives the error:

- sessions that both sides share, three or more, the sides in turn: Student's t on the differences
  within each;
- a session with three or more runs of both sides, in turn: Welch's t on the runs;
- sessions of its own for each side, three or more each: Welch's t on the sessions' means;
- machines that each measured both sides, three or more: Student's t on the differences within each.

Sides are in turn if neither came first by much: what drifts while a session lasts would count as a
difference of the sides.

Everything else has a ratio and, of several runs, the range that was seen, and no interval. Such a lead
decides only where it is so large that the runs of no computer are known to differ as much. How often
all this is right, `python -m reports.study.simulate` counts.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from statistics import fmean, variance
from typing import Literal, TypedDict

from scipy import special, stats

CONFIDENCE = 0.95
LEAST_REPEATS = 3
"""Runs or sessions a side that make an error: two give Student's t one degree of freedom, and an
interval of 12.7 standard errors."""
LEAST_EPOCHS = 4
"""On each side, in all its runs together. Fewer are a glimpse: of two equals, three epochs against three
lie wholly apart by chance in 2 of C(6, 3) = 20 cases, four against four in 2 of 70."""
SAME = 0.02
"""Sides whose whole interval lies within 2 % are called the same, and no lead under 2 % is one."""
CLEAR = 1.20
"""A lead that is believed without an error. Where runs differ by 5 %, two single runs of equals are
further apart in 1 of 100 cases; three processes of one cell on a virtual machine were 10 % apart."""

Basis = Literal["machines", "sessions", "runs", "seen", "out of turn"]
"""What the ends of a ratio are: a 95 % interval over machines, over sessions or over the runs of a
session, or the range that was seen, which is no interval: too little was repeated, or one side's runs
came first."""
MOST_PLACES_EARLIER = 0.5
"""By so many runs one side may come earlier than the other on average. A B, B A, A B is a third of a
place, and A B, A B, A B a whole one: of equals of which the second is slowed by 2 %, as by heat, half
of the verdicts were then wrong."""
Verdict = Literal[
    "faster",
    "slower",
    "same",
    "not decided",
    "not decided among many",
    "ahead",
    "behind",
    "level",
    "too few epochs",
]
"""What the repeats decide. Without enough of them, and without a clear lead, one side was "ahead",
"behind" or within 2 % "level" in the runs that were seen, which decides nothing."""


@dataclass(frozen=True, kw_only=True)
class RunValue:
    """A positive figure of one run, such as its typical images per second.

    `epochs` are those that speak for it: no warm-ups, no firsts of a stage, no disturbed ones. `began`
    is when it did, in ISO 8601.
    """

    run: str
    value: float
    epochs: int
    began: str = ""

    @property
    def log(self) -> float:
        return math.log(self.value)


@dataclass(frozen=True, kw_only=True)
class Sample:
    """A figure of all runs of a cell, session by session."""

    sessions: dict[str, tuple[RunValue, ...]]

    @property
    def runs(self) -> tuple[RunValue, ...]:
        return tuple(run for session in self.sessions.values() for run in session)

    @property
    def epochs(self) -> int:
        """The epochs that speak for the runs, all together."""
        return sum(run.epochs for run in self.runs)

    @cached_property
    def means(self) -> dict[str, float]:
        """Session -> the mean logarithm of its runs."""
        return {name: fmean(run.log for run in runs) for name, runs in self.sessions.items()}

    @property
    def log_value(self) -> float:
        """The mean over sessions of the mean over their runs, as a logarithm."""
        return fmean(self.means.values())

    @property
    def value(self) -> float:
        """The geometric mean of the runs, each session counting once."""
        return math.exp(self.log_value)

    def within(self, sessions: Iterable[str]) -> Sample:
        """The part of it that these sessions measured."""
        return Sample(sessions={name: self.sessions[name] for name in sessions})


Pair = tuple[Sample, Sample]


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """How many times as large the first side's figure is as the second's.

    `low` and `high` are what `basis` says they are, NaN where nothing was repeated; `p` is of the
    hypothesis that both are equal, NaN without an interval. `epochs` are the fewer of both sides; `runs`
    and `sessions` are each side's, the fewest of any cell; `shared` says whether both were in the same
    sessions; `cells` are those of a mean, `short_cells` those left out of it for too few epochs.
    """

    ratio: float
    low: float = math.nan
    high: float = math.nan
    p: float = math.nan
    basis: Basis
    epochs: int
    runs: tuple[int, int]
    sessions: tuple[int, int]
    shared: bool = False
    cells: int = 1
    short_cells: int = 0


@dataclass(frozen=True, kw_only=True)
class Judged(Estimate):
    """An estimate and its verdict, as one of so many comparisons that have a p-value."""

    verdict: Verdict
    comparisons: int


def compared(pairs: Sequence[Pair]) -> list[Pair]:
    """What of both sides is compared, cell by cell.

    Of one cell these are the sessions that both sides share, if there are such; of fewer than three,
    those in which both were repeated enough and in turn, if there are such. Of several cells, of which
    a mean is asked, cells with too few epochs are left out, unless all have too few; and where both
    sides have three or more sessions with all the cells, only those count, since cells of one session
    have that session in common.
    """
    enough = [pair for pair in pairs if min(side.epochs for side in pair) >= LEAST_EPOCHS]
    pairs = enough or list(pairs)
    if len(pairs) == 1:
        [(first, second)] = pairs
        shared = shared_sessions(first, second)
        if len(shared) < LEAST_REPEATS:
            shared = [name for name in shared if _is_repeated(first, second, name)] or shared
        return [(first.within(shared), second.within(shared))] if shared else list(pairs)
    whole = [_in_all([pair[side] for pair in pairs]) for side in (0, 1)]
    if min(map(len, whole)) < LEAST_REPEATS:
        return list(pairs)
    return [(first.within(whole[0]), second.within(whole[1])) for first, second in pairs]


def shared_sessions(first: Sample, second: Sample) -> list[str]:
    """The sessions that both sides were in."""
    return [name for name in first.sessions if name in second.sessions]


def _in_all(cells: Sequence[Sample]) -> list[str]:
    """The sessions that measured all these cells."""
    return [name for name in cells[0].sessions if all(name in cell.sessions for cell in cells)]


def estimate(pairs: Sequence[Pair]) -> Estimate:
    """The first side's figure as a multiple of the second's, with the error that its repeats give.

    Of several cells it is the geometric mean; their sides share no session, as those of two machines.
    """
    used = compared(pairs)
    counts = _counts(used, left_out=len(pairs) - len(used))
    if len(used) == 1:
        return _of_one_cell(*used[0], counts)
    whole = [_in_all([pair[side] for pair in used]) for side in (0, 1)]
    if min(map(len, whole)) >= LEAST_REPEATS:
        sides = [
            [fmean(pair[side].means[name] for pair in used) for name in whole[side]] for side in (0, 1)
        ]
        return _interval([(1, sides[0]), (-1, sides[1])], counts, basis="sessions")
    low, high = _mean_range(used)
    return Estimate(
        ratio=math.exp(fmean(first.log_value - second.log_value for first, second in used)),
        low=low,
        high=high,
        basis="seen",
        **counts,
    )


def over_machines(pairs: Sequence[Pair]) -> Estimate | None:
    """The geometric mean over machines of the first side's figure as a multiple of the second's.

    `pairs` has one of each machine; those with too few epochs are left out. None of fewer than three.
    The interval is of the mean over machines like these, whose own ratios may differ. It leaves the
    order of the sides out of account, so there is none where one came first on most machines.
    """
    used = [compared([pair])[0] for pair in pairs if min(side.epochs for side in pair) >= LEAST_EPOCHS]
    if len(used) < LEAST_REPEATS:
        return None
    counts = _counts(used, left_out=len(pairs) - len(used))
    differences = [first.log_value - second.log_value for first, second in used]
    if abs(fmean(map(_mean_places_later, used))) <= MOST_PLACES_EARLIER:
        return _interval([(1, differences)], counts, basis="machines")
    return Estimate(
        ratio=math.exp(fmean(differences)),
        low=math.exp(min(differences)),
        high=math.exp(max(differences)),
        basis="out of turn",
        **counts,
    )


def _mean_places_later(pair: Pair) -> float:
    """By how many runs the first side came later than the second in the sessions that both were in."""
    first, second = pair
    shared = shared_sessions(first, second)
    sessions = [(first.sessions[name], second.sessions[name]) for name in shared]
    return fmean(map(_places_later, sessions)) if sessions else 0.0


def _mean_range(pairs: Sequence[Pair]) -> tuple[float, float]:
    """The geometric means of the cells' ends; a cell of one run each has its ratio at both.

    (NaN, NaN) if all are of one run each.
    """
    ends = [_range(*pair) for pair in pairs]
    if all(math.isnan(low) for low, _ in ends):
        return math.nan, math.nan
    logs = [
        (first.log_value - second.log_value,) * 2 if math.isnan(low) else (math.log(low), math.log(high))
        for (first, second), (low, high) in zip(pairs, ends, strict=True)
    ]
    return math.exp(fmean(low for low, _ in logs)), math.exp(fmean(high for _, high in logs))


class _Counts(TypedDict):
    epochs: int
    runs: tuple[int, int]
    sessions: tuple[int, int]
    cells: int
    short_cells: int
    shared: bool


def _counts(pairs: Sequence[Pair], *, left_out: int) -> _Counts:
    return _Counts(
        epochs=min(side.epochs for pair in pairs for side in pair),
        runs=_fewest(pairs, lambda side: len(side.runs)),
        sessions=_fewest(pairs, lambda side: len(side.sessions)),
        cells=len(pairs),
        short_cells=left_out,
        shared=all(shared_sessions(*pair) for pair in pairs),
    )


def _fewest(pairs: Sequence[Pair], count: Callable[[Sample], int]) -> tuple[int, int]:
    """Of each side the fewest of any cell."""
    first, second = (min(count(pair[side]) for pair in pairs) for side in (0, 1))
    return first, second


def _of_one_cell(first: Sample, second: Sample, counts: _Counts) -> Estimate:
    shared = shared_sessions(first, second)
    in_turn = abs(_mean_places_later((first, second))) <= MOST_PLACES_EARLIER
    enough_sessions = min(counts["sessions"]) >= LEAST_REPEATS
    if shared and enough_sessions and in_turn:
        differences = [first.means[name] - second.means[name] for name in shared]
        return _interval([(1, differences)], counts, basis="sessions")
    if not shared and enough_sessions:
        means = [list(side.means.values()) for side in (first, second)]
        return _interval([(1, means[0]), (-1, means[1])], counts, basis="sessions")
    if shared and all(_is_repeated(first, second, name) for name in shared):
        logs = [
            (sign / len(shared), [run.log for run in side.sessions[name]])
            for name in shared
            for sign, side in ((1, first), (-1, second))
        ]
        return _interval(logs, counts, basis="runs")
    low, high = _range(first, second)
    repeated = enough_sessions or min(counts["runs"]) >= LEAST_REPEATS
    return Estimate(
        ratio=math.exp(first.log_value - second.log_value),
        low=low,
        high=high,
        basis="out of turn" if shared and repeated and not in_turn else "seen",
        **counts,
    )


def _is_repeated(first: Sample, second: Sample, session: str) -> bool:
    """Whether a session has runs enough of both sides, in turn."""
    sides = first.sessions[session], second.sessions[session]
    return min(map(len, sides)) >= LEAST_REPEATS and abs(_places_later(sides)) <= MOST_PLACES_EARLIER


def _places_later(sides: tuple[Sequence[RunValue], Sequence[RunValue]]) -> float:
    """By how many runs the first side came later in a session than the second, on average.

    Runs of which nobody knows which began first count as level.
    """
    first, second = sides
    if len(first) == len(second) == 1:  # most pairs, of which ranks would be a tenth of all time
        return float((first[0].began > second[0].began) - (first[0].began < second[0].began))
    places = stats.rankdata([run.began for run in (*first, *second)])
    return float(fmean(places[: len(first)]) - fmean(places[len(first) :]))


def _range(first: Sample, second: Sample) -> tuple[float, float]:
    """The lowest and the highest ratio of two runs, of the same session where there are such.

    (NaN, NaN) of one run each.
    """
    shared = shared_sessions(first, second)
    sides = [(first.sessions[name], second.sessions[name]) for name in shared]
    couples = [couple for runs in sides or [(first.runs, second.runs)] for couple in product(*runs)]
    if len(couples) < 2:
        return math.nan, math.nan
    ratios = [one.value / other.value for one, other in couples]
    return min(ratios), max(ratios)


def _interval(
    weighted: Sequence[tuple[float, Sequence[float]]], counts: _Counts, *, basis: Basis
) -> Estimate:
    """Student's interval of a weighted sum of means of logarithms, each of two or more.

    The degrees of freedom are Welch's and Satterthwaite's; of one group they are its own.
    """
    center = sum(weight * fmean(values) for weight, values in weighted)
    parts = [
        (weight**2 * variance(values) / len(values), len(values) - 1) for weight, values in weighted
    ]
    squared = sum(part for part, _ in parts)
    if squared == 0:  # equal to the last bit: made up, or a clock that stands
        low = high = math.exp(center)
        return Estimate(ratio=low, low=low, high=high, p=float(center == 0), basis=basis, **counts)
    freedom = squared**2 / sum(part**2 / own for part, own in parts)
    error = math.sqrt(squared)
    half = float(special.stdtrit(freedom, (1 + CONFIDENCE) / 2)) * error
    return Estimate(
        ratio=math.exp(center),
        low=_exp(center - half),
        high=_exp(center + half),
        p=2 * float(special.stdtr(freedom, -abs(center) / error)),
        basis=basis,
        **counts,
    )


def _exp(value: float) -> float:
    """exp() of more than 50 says no more than "anything", and of more than 709 it fails."""
    return math.exp(max(-50.0, min(50.0, value)))


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's adjusted p-values of one family (Holm 1979); NaN are no part of it and stay NaN."""
    order = sorted((p, place) for place, p in enumerate(p_values) if not math.isnan(p))
    adjusted, largest = [math.nan] * len(p_values), 0.0
    for rank, (p, place) in enumerate(order):
        largest = max(largest, min(1.0, (len(order) - rank) * p))
        adjusted[place] = largest
    return adjusted


def judge(family: Sequence[Estimate], *, least_epochs: int = LEAST_EPOCHS) -> list[Judged]:
    """The verdicts of comparisons that are read together, such as the rows of one table.

    Where a side has fewer epochs than `least_epochs` there is none, nor an interval.
    """
    family = [
        row if row.epochs >= least_epochs else replace(row, low=math.nan, high=math.nan, p=math.nan)
        for row in family
    ]
    adjusted = holm([row.p for row in family])
    comparisons = sum(not math.isnan(row.p) for row in family)
    return [
        Judged(**vars(row), verdict=_verdict(row, p, least_epochs), comparisons=comparisons)
        for row, p in zip(family, adjusted, strict=True)
    ]


def _verdict(estimate: Estimate, adjusted: float, least_epochs: int) -> Verdict:
    """`adjusted` is the p-value among all comparisons."""
    if estimate.epochs < least_epochs:
        return "too few epochs"
    if math.isnan(estimate.p):
        is_clear = not 1 / CLEAR <= estimate.ratio <= CLEAR and not estimate.low <= 1 <= estimate.high
        if is_clear:
            return "faster" if estimate.ratio > 1 else "slower"
        if not is_lead(estimate.ratio):
            return "level"
        return "ahead" if estimate.ratio > 1 else "behind"
    if estimate.low > 1 / (1 + SAME) and estimate.high < 1 + SAME:
        return "same"
    if estimate.low <= 1 <= estimate.high or not is_lead(estimate.ratio):
        return "not decided"
    if adjusted > 1 - CONFIDENCE:
        return "not decided among many"
    return "faster" if estimate.ratio > 1 else "slower"


def is_lead(ratio: float) -> bool:
    """Whether one side is ahead by enough to speak of, if the ratio is true."""
    return not 1 / (1 + SAME) < ratio < 1 + SAME
