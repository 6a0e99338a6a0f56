"""What systems learnt: their accuracies over seeds, and which of them are judged apart.

A system is an experiment in one engine. Its accuracy does not depend on the machine, so the runs of all
machines count; runs of one seed count once, as their mean. Two things make the error of a system's mean:

- the seeds: their variance over their number, of three or more;
- the test images: p(1 - p)/n. They are the same for every seed, so that this part does not shrink with
  more seeds, and seeds that got much the same images right cannot show it.

Both are added. The larger of the two alone is not enough: where all seeds of a system get the same
images right, it called two equals with ten seeds each apart in 11 of 100 cases, and the sum does in 5.
Two systems are compared by Welch's t, and all pairs of systems of a report are one family, whose
p-values Holm corrects. With fewer than three seeds on a side a lead decides only if it is larger than
seeds are known to bring. How often all this is right, `reports/study/simulated/accuracies.py` counts.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from statistics import fmean, variance
from typing import Literal, cast

import pandas as pd
from scipy import special

from alexnet.frameworks.registry import ENGINES
from alexnet.recipe import EXPERIMENTS
from reports.data.settings import EXPERIMENT_ORDER
from reports.study.compare import Study, of_study
from reports.study.ratios import CONFIDENCE, holm

LEAST_SEEDS = 3
"""On each side, for an error that is measured: two give Student's t one degree of freedom."""
CLEAR_LEAD = 0.07
"""A share of the test images. With fewer seeds a larger lead decides, if all seeds of one side are ahead
of all of the other's. Where seeds spread by 1.5 points, which is much, the best and the worst of eight
equal systems with one seed each are further apart in 4 of 100 reports, and two of them in 1 of 500; of
5 points it would be 32 of 100 reports."""

MOST_FREEDOM = 4
"""The degrees of freedom are at most so many times those of the side with fewer seeds. Satterthwaite's
would be more where a few seeds happen to lie close together: of eight equal systems with three seeds
each, which spread by 1.5 points, 6 to 10 of 100 reports then told some apart, and with this bound 1 to
3."""

Verdict = Literal["ahead", "behind", "not decided", "not decided among many", "too few seeds"]
"""Of the first system against the second. "not decided among many": its own 95 % interval excludes 0,
but among so many comparisons one such is no wonder."""


@dataclass(frozen=True, kw_only=True)
class System:
    """The test accuracy of an experiment in an engine.

    `by_seed` are shares from 0 to 1, each the mean of a seed's runs; `images` is how many test images a
    share is of; `runs` are the ids of all the runs.
    """

    experiment: str
    engine: str
    by_seed: tuple[float, ...]
    images: int
    runs: tuple[str, ...]

    @property
    def name(self) -> tuple[str, str]:
        return self.experiment, self.engine

    @property
    def seeds(self) -> int:
        return len(self.by_seed)

    @cached_property
    def mean(self) -> float:
        """The mean share over the seeds."""
        return fmean(self.by_seed)

    @cached_property
    def squared_error_of_seeds(self) -> float:
        """The variance of `mean` by its seeds; NaN of fewer than LEAST_SEEDS."""
        return variance(self.by_seed) / self.seeds if self.seeds >= LEAST_SEEDS else math.nan

    @property
    def squared_error(self) -> float:
        """The variance of `mean` by its seeds and its images; NaN of fewer than LEAST_SEEDS."""
        return self.squared_error_of_seeds + self.mean * (1 - self.mean) / self.images

    @property
    def half_interval(self) -> float:
        """Half the width of the 95 % interval of `mean`; NaN of fewer than LEAST_SEEDS."""
        return _half([self]) if self.seeds >= LEAST_SEEDS else math.nan


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Two systems. `lead` is the first's mean less the second's, a share of the test images.

    `low` and `high` are its 95 % interval and `p` the p-value of no lead, not corrected; all are NaN
    where a side has fewer than LEAST_SEEDS. `comparisons` is how many with a p-value were judged
    together.
    """

    first: System
    second: System
    lead: float
    low: float
    high: float
    p: float
    verdict: Verdict
    comparisons: int

    @property
    def has_interval(self) -> bool:
        return not math.isnan(self.p)

    def turned(self) -> Comparison:
        """The same with the second system first."""
        opposite: dict[Verdict, Verdict] = {"ahead": "behind", "behind": "ahead"}
        return Comparison(
            first=self.second,
            second=self.first,
            lead=-self.lead,
            low=-self.high,
            high=-self.low,
            p=self.p,
            verdict=opposite.get(self.verdict, self.verdict),
            comparisons=self.comparisons,
        )


BestVerdict = Literal["one", "not decided", "too few seeds"]


@dataclass(frozen=True, kw_only=True)
class Best:
    """The system with the highest mean, and then those that it is not judged ahead of, best first.

    `verdict` is "one" where there are none of these; "too few seeds" where one of them at least has no
    judgement against the first for want of seeds; else "not decided".
    """

    systems: tuple[System, ...]
    verdict: BestVerdict


@dataclass(frozen=True, kw_only=True)
class Accuracies:
    """The systems of a report in its order, and the comparison of each with each later one."""

    systems: tuple[System, ...]
    comparisons: tuple[Comparison, ...]

    def between(self, first: System, second: System) -> Comparison:
        """The comparison of two of the systems. Raises KeyError for others, and for one with itself."""
        names = first.name, second.name
        if comparison := self._by_names.get(names):
            return comparison
        return self._by_names[names[::-1]].turned()

    @cached_property
    def _by_names(self) -> dict[tuple[tuple[str, str], tuple[str, str]], Comparison]:
        return {(pair.first.name, pair.second.name): pair for pair in self.comparisons}

    @property
    def within_experiments(self) -> tuple[Comparison, ...]:
        """Those of two engines that trained the same."""
        pairs = self.comparisons
        return tuple(pair for pair in pairs if pair.first.experiment == pair.second.experiment)

    @property
    def best(self) -> Best | None:
        """Which systems may be the most accurate; None where there is no system."""
        if not self.systems:
            return None
        top = max(self.systems, key=lambda system: system.mean)
        others = [self.between(top, system) for system in self.systems if system is not top]
        level = [pair for pair in others if pair.verdict != "ahead"]
        verdict: BestVerdict = "not decided"
        if not level:
            verdict = "one"
        elif any(pair.verdict == "too few seeds" for pair in level):
            verdict = "too few seeds"
        level.sort(key=lambda pair: pair.lead)
        return Best(systems=(top, *(pair.second for pair in level)), verdict=verdict)

    def worth_their_cost(self, points: Sequence[tuple[float, System]]) -> list[bool] | None:
        """Which (cost, system) are not beaten: every cheaper one is judged less accurate.

        A cheaper point beats a dearer one if its accuracy is ahead, or not judged behind; of two that
        cost the same, the one judged ahead beats the other. None where a system has too few seeds.
        """
        if any(system.seeds < LEAST_SEEDS for _, system in points):
            return None
        return [not any(self._beats(other, point) for other in points) for point in points]

    def _beats(self, other: tuple[float, System], point: tuple[float, System]) -> bool:
        (other_cost, other_system), (cost, system) = other, point
        if other_cost > cost:
            return False
        if other_system.name == system.name:
            return other_cost < cost
        verdict = self.between(other_system, system).verdict
        return verdict == "ahead" if other_cost == cost else verdict != "behind"


@of_study
def judged_runs(study: Study) -> pd.DataFrame:
    """The main setting's runs whose accuracy may be told: none with weights of unknown origin."""
    runs = study.runs
    known = [
        not EXPERIMENTS[experiment].pretrained or origin == "torchvision"
        for experiment, origin in zip(runs["experiment"], runs["weights_origin"], strict=True)
    ]
    return runs[pd.Series(known, index=runs.index, dtype=bool) & runs["test_accuracy"].notna()]


@of_study
def judged_systems(study: Study) -> tuple[System, ...]:
    """The systems of `judged_runs`."""
    return systems(judged_runs(study))


@of_study
def accuracies(study: Study) -> Accuracies:
    """Every judgement of accuracy; without any system where the runs are not the whole protocol."""
    return judge(judged_systems(study) if study.says_accuracy else ())


def systems(runs: pd.DataFrame) -> tuple[System, ...]:
    """The systems of a frame of runs, all with a test accuracy, in the order of the report.

    Machines and devices are pooled; so are the repeats of a seed, which together count as one.
    """
    groups = dict(tuple(runs.groupby(["experiment", "engine"], sort=False)))
    order = [(experiment, engine) for experiment in EXPERIMENT_ORDER for engine in ENGINES]
    return tuple(_system(groups[name]) for name in order if name in groups)


def _system(runs: pd.DataFrame) -> System:
    by_seed: dict[Hashable, list[float]] = {}
    for seed, accuracy in zip(runs["seed"], runs["test_accuracy"], strict=True):
        by_seed.setdefault(cast("Hashable", seed), []).append(float(accuracy))
    return System(
        experiment=str(runs["experiment"].iloc[0]),
        engine=str(runs["engine"].iloc[0]),
        by_seed=tuple(map(fmean, by_seed.values())),
        images=int(runs["test_images"].min()),
        runs=tuple(dict.fromkeys(runs["run"])),
    )


def judge(systems: Sequence[System]) -> Accuracies:
    """Each pair of systems compared, all pairs as one family."""
    pairs = list(combinations(systems, 2))
    estimates = [_estimate(first, second) for first, second in pairs]
    adjusted = holm([estimate.p for estimate in estimates])
    count = sum(not math.isnan(estimate.p) for estimate in estimates)
    return Accuracies(
        systems=tuple(systems),
        comparisons=tuple(
            Comparison(
                first=first,
                second=second,
                lead=estimate.lead,
                low=estimate.lead - estimate.half,
                high=estimate.lead + estimate.half,
                p=estimate.p,
                verdict=_verdict(first, second, estimate, p),
                comparisons=count,
            )
            for (first, second), estimate, p in zip(pairs, estimates, adjusted, strict=True)
        ),
    )


@dataclass(frozen=True, kw_only=True)
class _Estimate:
    """A lead, half the width of its 95 % interval, and its p-value: both NaN with too few seeds."""

    lead: float
    half: float
    p: float


def _estimate(first: System, second: System) -> _Estimate:
    lead = first.mean - second.mean
    if min(first.seeds, second.seeds) < LEAST_SEEDS:
        return _Estimate(lead=lead, half=math.nan, p=math.nan)
    error = math.sqrt(first.squared_error + second.squared_error)
    if error == 0:  # every seed of both got all images right, or none
        return _Estimate(lead=lead, half=0.0, p=float(lead == 0))
    p = 2 * float(special.stdtr(_freedom([first, second]), -abs(lead) / error))
    return _Estimate(lead=lead, half=_half([first, second]), p=p)


def _half(sides: Sequence[System]) -> float:
    """Half the width of the 95 % interval of a mean, or of the difference of two."""
    t = float(special.stdtrit(_freedom(sides), (1 + CONFIDENCE) / 2))
    return t * math.sqrt(sum(side.squared_error for side in sides))


def _freedom(sides: Sequence[System]) -> float:
    """Degrees of freedom after Welch and Satterthwaite, of the errors of one mean or two.

    The seeds' part was estimated, each by one seed fewer than there are; the images' part is known. In
    any case they are no more than MOST_FREEDOM allows.
    """
    most = MOST_FREEDOM * (min(side.seeds for side in sides) - 1)
    squared = sum(side.squared_error for side in sides)
    estimated = sum(side.squared_error_of_seeds**2 / (side.seeds - 1) for side in sides)
    return min(squared**2 / estimated, most) if estimated > 0 else most


def _verdict(first: System, second: System, estimate: _Estimate, adjusted: float) -> Verdict:
    """`adjusted` is the p-value among all comparisons."""
    decided: Verdict = "ahead" if estimate.lead > 0 else "behind"
    if math.isnan(estimate.p):
        lower, higher = sorted((first, second), key=lambda system: system.mean)
        is_clear = abs(estimate.lead) > CLEAR_LEAD and min(higher.by_seed) > max(lower.by_seed)
        return decided if is_clear else "too few seeds"
    if abs(estimate.lead) <= estimate.half:
        return "not decided"
    return decided if adjusted <= 1 - CONFIDENCE else "not decided among many"
