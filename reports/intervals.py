"""Ratios of speeds with bootstrap intervals, and the verdicts that they carry."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy import stats

Floats = npt.NDArray[np.float64]
Verdict = Literal["faster", "slower", "same", "not decided", "too few epochs"]

CONFIDENCE = 0.95
RESAMPLES = 2_000
LEAST_EPOCHS = 4
"""On each side. Between equals, n epochs against n lie wholly apart by chance in 2 of C(2n, n) cases:
1 in 3 for two, 1 in 10 for three, 1 in 35 for four, which first is under 5 %."""
SAME = 0.02
"""Speeds whose whole interval lies within 2 % of each other are called the same."""


@dataclass(frozen=True, kw_only=True)
class Sample:
    """Images per second of the timed epochs of one or more runs of the same cell, run by run.

    `names` tell the runs apart and seed the resampling: the same runs give the same interval.
    """

    rates: tuple[Floats, ...]
    names: tuple[str, ...]
    epochs: int
    """How many of them may carry a verdict: neither warm-ups nor the first of a stage."""

    @property
    def units(self) -> int:
        """What is independent: runs where there are several, else the epochs of the one."""
        return len(self.rates) if len(self.rates) > 1 else len(self.rates[0])

    @cached_property
    def log_rate(self) -> float:
        """The logarithm of the typical rate: each run's median epoch, averaged over the runs."""
        return float(np.mean(self.log_medians))

    @property
    def log_medians(self) -> list[float]:
        return [float(np.log(np.median(run))) for run in self.rates]

    @property
    def squared_error(self) -> float:
        """The variance of `log_rate` by how runs differ; 0 of one run, of which nobody knows."""
        n = len(self.rates)
        return float(np.var(self.log_medians, ddof=1)) / n if n > 1 else 0.0

    @cached_property
    def resampled(self) -> Floats:
        """`log_rate` of RESAMPLES bootstrap samples: runs are drawn, and within each its epochs."""
        digest = hashlib.sha256("|".join(self.names).encode("utf-8", "replace")).digest()
        rng = np.random.default_rng(int.from_bytes(digest[:8], "big"))
        medians: Floats = np.stack([_medians(np.log(run), rng) for run in self.rates])
        drawn = rng.integers(len(self.rates), size=(len(self.rates), RESAMPLES))
        means: Floats = np.take_along_axis(medians, drawn, axis=0).mean(axis=0)
        return means


def _medians(values: Floats, rng: np.random.Generator) -> Floats:
    drawn = values[rng.integers(len(values), size=(RESAMPLES, len(values)))]
    medians: Floats = np.median(drawn, axis=1)
    return medians


@dataclass(frozen=True, kw_only=True)
class Ratio:
    """How many times as fast the first is as the second, with its interval at 95 %.

    `low` and `high` are NaN where there are too few epochs to say. `epochs` are the fewer of both sides.
    """

    value: float
    low: float
    high: float
    verdict: Verdict
    epochs: int
    runs: int


def ratio(first: Sample, second: Sample) -> Ratio:
    """The first's speed as a multiple of the second's."""
    return mean_ratio([(first, second)])


def mean_ratio(pairs: Sequence[tuple[Sample, Sample]]) -> Ratio:
    """The geometric mean over pairs of cells; the cells are given, their epochs and runs are drawn."""
    value = math.exp(float(np.mean([a.log_rate - b.log_rate for a, b in pairs])))
    epochs = min(min(a.epochs, b.epochs) for a, b in pairs)
    runs = min(min(len(a.rates), len(b.rates)) for a, b in pairs)
    if epochs < LEAST_EPOCHS:
        nothing = math.nan
        return Ratio(
            value=value, low=nothing, high=nothing, verdict="too few epochs", epochs=epochs, runs=runs
        )
    drawn = np.mean([a.resampled - b.resampled for a, b in pairs], axis=0)
    tail = _tail(min(min(a.units, b.units) for a, b in pairs))
    low, high = np.exp(np.quantile(drawn, [tail, 1 - tail]))
    half = _between_runs([side for pair in pairs for side in pair], len(pairs))
    low, high = min(low, value * math.exp(-half)), max(high, value * math.exp(half))
    return Ratio(
        value=value,
        low=float(low),
        high=float(high),
        verdict=_verdict(float(low), float(high)),
        epochs=epochs,
        runs=runs,
    )


def _between_runs(sides: Sequence[Sample], pairs: int) -> float:
    """Half the width of Welch's t interval of the log ratio, by the runs' medians; 0 of single runs.

    A few runs drawn again and again are never further apart than they are: by simulation two a side then
    cover the truth 83 to 86 times in 100, so the wider of both intervals counts.
    """
    squared = [side.squared_error for side in sides]
    if (total := sum(squared)) == 0:
        return 0.0
    freedom = total**2 / sum(
        each**2 / (len(side.rates) - 1) for each, side in zip(squared, sides, strict=True) if each
    )
    # exp() of more than 50 says no more than "anything"
    return min(float(stats.t.ppf((1 + CONFIDENCE) / 2, freedom)) * math.sqrt(total) / pairs, 50.0)


def _tail(units: int) -> float:
    """The quantile at which to cut, wider for few units: Hesterberg (2015), "expanded percentile".

    The plain percentile interval is too narrow by sqrt((n - 1) / n), and has the normal for Student's t.
    """
    t = stats.t.ppf((1 + CONFIDENCE) / 2, units - 1)
    return float(stats.norm.cdf(-math.sqrt(units / (units - 1)) * t))


def _verdict(low: float, high: float) -> Verdict:
    if low > 1 / (1 + SAME) and high < 1 + SAME:
        return "same"
    if low > 1:
        return "faster"
    return "slower" if high < 1 else "not decided"
