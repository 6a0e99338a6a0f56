"""The figure that stands for several runs: one statistic, whichever page shows it."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from math import isnan, nan
from statistics import geometric_mean

import pandas as pd


def seconds_per_epoch(runs: pd.DataFrame) -> float:
    """Seconds of an epoch that stand for the runs of a cell, rows of the frame `runs`.

    Of each run it is the median timed epoch. A run whose epochs were all disturbed speaks only where no
    other does. NaN where there is no run.
    """
    calm = runs[runs["disturbed_epochs"] < runs["steady_epochs"]]
    speaking = runs if calm.empty else calm
    return pooled(zip(speaking["session"], speaking["seconds_per_epoch"].astype(float), strict=True))


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
