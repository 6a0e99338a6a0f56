"""The ratio of two rows of seconds that were timed in turn, with its interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from scipy import stats

LEAST_ROUNDS = 3
"""Of two rounds the interval is 12.7 standard errors wide on either side."""
CONFIDENCE = 0.95


@dataclass(frozen=True, kw_only=True)
class Ratio:
    """The mean over rounds of one row's seconds over another's, and its 95 % interval."""

    ratio: float
    low: float
    high: float


def ratio_to(base: Sequence[float], seconds: Sequence[float]) -> Ratio:
    """How many times as fast as `base` a row is: its `seconds` are below the line.

    Student's t on the logarithms of the rounds' ratios: what slows a round slows all its rows.
    """
    logs = [math.log(first / other) for first, other in zip(base, seconds, strict=True)]
    interval = stats.ttest_1samp(logs, 0.0).confidence_interval(CONFIDENCE)
    low, mean, high = (math.exp(value) for value in (interval.low, fmean(logs), interval.high))
    return Ratio(ratio=mean, low=low, high=high)
