"""The figure that stands for several runs: one statistic, whichever page shows it."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from math import isnan, nan
from statistics import geometric_mean

import pandas as pd

RunSeconds = tuple[Hashable, float, bool]
"""A run's session, the seconds of its median timed epoch, and whether any of these was undisturbed."""


def figures(runs: pd.DataFrame) -> dict[str, RunSeconds]:
    """Run id -> what `of_runs` asks of the rows of the frame `runs`."""
    calm = runs["disturbed_epochs"] < runs["steady_epochs"]
    seconds = runs["seconds_per_epoch"].astype(float)
    return dict(zip(runs["run"], zip(runs["session"], seconds, calm, strict=True), strict=True))


def of_runs(runs: Sequence[RunSeconds]) -> float:
    """Seconds of an epoch that stand for the runs of a cell, of their `figures`; NaN without any.

    A run whose epochs were all disturbed speaks only where no other does.
    """
    calm = [(session, seconds) for session, seconds, is_calm in runs if is_calm]
    return pooled(calm or [(session, seconds) for session, seconds, _ in runs])


def pooled(figures: Iterable[tuple[Hashable, float]]) -> float:
    """The figure that stands for the runs of a cell, of pairs of a run's session and its own figure.

    The mean is geometric and each session counts once, as `reports.study.ratios.Sample` pools runs: so
    the quotient of two of them is the ratio that is printed beside. Figures are above 0, or NaN where a
    run has none; without any it is NaN. Raises StatisticsError for one that is not above 0.
    """
    sessions: dict[Hashable, list[float]] = {}
    for session, figure in figures:
        if not isnan(figure):
            sessions.setdefault(session, []).append(figure)
    means = [geometric_mean(of_session) for of_session in sessions.values()]
    return geometric_mean(means) if means else nan
