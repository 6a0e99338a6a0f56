"""What runs' losses and accuracies say over their epochs: overfitting, and when a level is reached."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Literal

import pandas as pd

from reports.study.compare import Study, of_study

AROUND_EPOCHS = 3
"""Epochs around the lowest validation loss, itself among them, whose mean a rise is counted from."""
LAST_EPOCHS = 2
"""Epochs at a run's end whose mean a rise is counted to.

One epoch would be its noise. Three would reach back to the minimum where patience ends a run three
epochs after it: with as many false alarms, a rise by 20 % was found in 36 of 100 such runs, and with two
epochs in 78.
"""
EPOCHS_AFTER = 3
"""Epochs that must follow the minimum."""
MIN_RISE, MIN_RISE_OF_ONE_SEED = 0.08, 0.11
"""How much higher the validation loss must end, as a share: with more than half of several seeds, or
with the only one. Stopping by patience ends a run above its minimum, also where nothing rises. By
simulation (`reports.study.simulated.losses`) at most 5 of 100 experiments on a plateau rise by so much,
if the loss varies by up to 4 % from epoch to epoch."""

RiseKind = Literal["measured", "still falling", "training rose", "too short", "no loss"]
"""Whether a run's rise is measured, or why there is none: fewer than EPOCHS_AFTER epochs follow the
minimum; the training loss did not go on falling; the run has too few epochs for any of this; a loss is
missing or not finite, as in a run that diverged, or a validation loss is 0, of which nothing is a
multiple. The last two say nothing of overfitting."""


@dataclass(frozen=True, kw_only=True)
class Rise:
    """By which share the validation loss ended over its minimum; NaN unless measured."""

    run: str
    kind: RiseKind
    rise: float = math.nan


def rise(
    run: str, validation_losses: Sequence[float | None], train_losses: Sequence[float | None]
) -> Rise:
    """The rise of a run's validation loss, of one loss an epoch in each list.

    The mean of the last LAST_EPOCHS epochs is held against that of the AROUND_EPOCHS around the minimum:
    those before and after it, or the first ones if the minimum is the first.
    """
    epochs = len(validation_losses)
    if epochs <= EPOCHS_AFTER:
        return Rise(run=run, kind="too short")
    validation, train = _finite(validation_losses), _finite(train_losses)
    if len(validation) < epochs or len(train) < epochs or min(validation) <= 0:
        return Rise(run=run, kind="no loss")
    lowest = validation.index(min(validation))
    if epochs - 1 - lowest < EPOCHS_AFTER:
        return Rise(run=run, kind="still falling")
    start = max(lowest - AROUND_EPOCHS // 2, 0)
    around, last = slice(start, start + AROUND_EPOCHS), slice(epochs - LAST_EPOCHS, epochs)
    if fmean(train[last]) >= fmean(train[around]):
        return Rise(run=run, kind="training rose")
    share = fmean(validation[last]) / fmean(validation[around]) - 1
    return Rise(run=run, kind="measured", rise=share)


def _finite(losses: Sequence[float | None]) -> list[float]:
    return [loss for loss in losses if loss is not None and math.isfinite(loss)]


OverfittingKind = Literal["overfitted", "not overfitted", "not judged"]


@dataclass(frozen=True, kw_only=True)
class Overfitting:
    """Whether an experiment overfitted with an engine.

    `runs` are those that say something of it, and `risen` the rises of those whose loss rose enough.
    """

    experiment: str
    engine: str
    kind: OverfittingKind
    runs: tuple[str, ...]
    risen: tuple[Rise, ...]


def judge_rises(experiment: str, engine: str, seeds: Iterable[Sequence[Rise]]) -> Overfitting:
    """Overfitted if the loss rose enough with more than half of the seeds that say something of it.

    `seeds` has the rises of each seed's runs. With a seed it rose enough if it did in more than half of
    these. Seeds are counted, since runs of one may be equal to the last bit, and are then one run.
    """
    telling = ([rise for rise in rises if rise.kind not in ("too short", "no loss")] for rises in seeds)
    judged = [rises for rises in telling if rises]
    least = MIN_RISE_OF_ONE_SEED if len(judged) == 1 else MIN_RISE
    seeds_risen = sum(2 * _count(rises, least) > len(rises) for rises in judged)
    kind: OverfittingKind = "not overfitted"
    if not judged:
        kind = "not judged"
    elif 2 * seeds_risen > len(judged):
        kind = "overfitted"
    of_runs = [rise for rises in judged for rise in rises]
    return Overfitting(
        experiment=experiment,
        engine=engine,
        kind=kind,
        runs=tuple(rise.run for rise in of_runs),
        risen=tuple(rise for rise in of_runs if rise.rise >= least),
    )


def _count(rises: Iterable[Rise], least: float) -> int:
    return sum(rise.rise >= least for rise in rises)  # NaN is not


def overfitting(runs: pd.DataFrame, epochs: pd.DataFrame) -> tuple[Overfitting, ...]:
    """One judgement an experiment and engine of these runs, in their order; `epochs` may have more runs.

    The runs of all machines are judged together: what a network learns does not hang on the machine.
    """
    losses = dict(tuple(epochs[epochs["run"].isin(runs["run"])].groupby("run", sort=False)))
    judgements = []
    for (experiment, engine), of_engine in runs.groupby(["experiment", "engine"], sort=False):
        by_seed: dict[Hashable, list[Rise]] = {}
        for run, seed in zip(of_engine["run"], of_engine["seed"], strict=True):
            of_run = losses[run]
            measured = rise(run, list(of_run["validation_loss"]), list(of_run["train_loss"]))
            by_seed.setdefault(seed, []).append(measured)
        judgements.append(judge_rises(str(experiment), str(engine), by_seed.values()))
    return tuple(judgements)


@of_study
def main_epochs(study: Study) -> pd.DataFrame:
    """The epochs of the valid runs of the main setting."""
    epochs = study.frames.epochs
    return epochs[epochs["run"].isin(study.runs["run"])]


def epoch_of_level(accuracies: Sequence[float], level: float) -> int | None:
    """The epoch, from 1, after which a run is known to have reached a level; None if it never did.

    It is the second of the first two epochs in a row at or above the level: one alone may be noise, and
    whoever trains until a level is reached knows it no sooner.
    """
    for epoch in range(2, len(accuracies) + 1):
        if accuracies[epoch - 2] >= level and accuracies[epoch - 1] >= level:
            return epoch
    return None


LevelKind = Literal["reached", "reached by few", "never reached"]
"""Whether at least half of the runs reached a level, fewer than half, or none."""


@dataclass(frozen=True, kw_only=True)
class Level:
    """When the middle one of some runs reached a level: training seconds from the start, and the epoch.

    Both are of one run: the middle one by time, or the earlier of the middle two, a run that never got
    there counting as the latest. NaN unless at least half of the runs got there. `reached` runs of `of`
    did.
    """

    kind: LevelKind
    reached: int
    of: int
    seconds: float = math.nan
    epoch: float = math.nan


@dataclass(frozen=True, kw_only=True)
class AccuracyCurve:
    """A run's validation accuracies, and its training seconds up to the end of each epoch."""

    accuracies: Sequence[float]
    seconds: Sequence[float]


def level_reached(curves: Sequence[AccuracyCurve], level: float) -> Level:
    """When runs of one system reached a level. Raises ValueError for no runs."""
    if not curves:
        raise ValueError("there is no run, and no time to reach a level")
    arrivals = []
    for curve in curves:
        epoch = epoch_of_level(curve.accuracies, level)
        if epoch is not None:
            arrivals.append((curve.seconds[epoch - 1], epoch))
    runs, reached = len(curves), len(arrivals)
    if 2 * reached < runs:
        return Level(kind="reached by few" if reached else "never reached", reached=reached, of=runs)
    seconds, epoch = sorted(arrivals)[(runs - 1) // 2]
    return Level(kind="reached", reached=reached, of=runs, seconds=seconds, epoch=epoch)


def last_shared_epoch(epochs_of_runs: Sequence[int]) -> int:
    """The last epoch that at least half of the runs have: there a median over them ends.

    Beyond it a median would be of those runs alone that early stopping let go on.
    """
    return sorted(epochs_of_runs, reverse=True)[(len(epochs_of_runs) + 1) // 2 - 1]
