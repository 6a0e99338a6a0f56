"""How often an experiment is called overfitted, on a plateau and where its validation loss truly rises.

Validation losses are drawn from curves whose truth is known, and training stops as the suite's own does.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from rich.table import Table

from alexnet.recipe import AUGMENTED, FINETUNE, SCRATCH, Recipe
from bench.records.early_stopping import EarlyStopping
from bench.records.types import Epoch
from reports.study.learning import Rise, judge_rises, rise
from reports.write.words import percent

CLASSES = 10
PLATEAU_LOSS = 1.0
FALL, FALL_EPOCHS = 0.8, 1.5
"""How far a loss that will rise is over its minimum at first, and after how many epochs it is e times
nearer: it is within 1 % of the minimum in the eighth epoch."""
RUNS = (1, 3, 9)
"""Runs of an experiment that are judged together, each of a seed of its own."""


@dataclass(frozen=True, kw_only=True)
class Noise:
    """How the log of the validation loss varies from epoch to epoch.

    `correlation` is that of neighbouring epochs (AR(1)), and `sd` the standard deviation of each.
    """

    sd: float
    correlation: float


@dataclass(frozen=True, kw_only=True)
class Truth:
    """The validation loss without noise, of runs of a recipe.

    It stays at PLATEAU_LOSS from the first epoch on if `rise` is 0: a fall before the plateau would only
    make false alarms rarer. Otherwise it falls until `lowest_epoch`, and then rises in a straight line,
    by the share `rise` of its minimum in as many epochs as the recipe has patience.
    """

    recipe: Recipe
    lowest_epoch: int
    rise: float = 0.0

    def loss(self, epoch: int) -> float:
        """The validation loss of an epoch, from 1."""
        if not self.rise:
            return PLATEAU_LOSS
        if epoch > self.lowest_epoch:
            after = (epoch - self.lowest_epoch) / self.recipe.patience
            return PLATEAU_LOSS * (1 + self.rise * after)
        above = math.exp(-(epoch - 1) / FALL_EPOCHS) - math.exp(-(self.lowest_epoch - 1) / FALL_EPOCHS)
        return PLATEAU_LOSS * (1 + FALL * above)


RECIPES = (
    Truth(recipe=SCRATCH, lowest_epoch=8),
    Truth(recipe=AUGMENTED, lowest_epoch=8),
    Truth(recipe=FINETUNE, lowest_epoch=5),
)
"""Where a loss that rises has its minimum: in the eighth epoch, as the original report tells of the
mistaken network, and in the second that trains the whole of a pretrained one."""
NOISES = tuple(
    Noise(sd=sd, correlation=correlation) for sd in (0.02, 0.03, 0.04) for correlation in (0.0, 0.5)
)
RISES, RISING_SD = (0.1, 0.2, 0.3), NOISES[0].sd
"""True rises, and how much the losses that rise vary: as little as any."""


@dataclass(frozen=True, kw_only=True)
class Losses:
    """One loss an epoch, of the epochs before training stopped."""

    validation: tuple[float, ...]
    train: tuple[float, ...]


def draw_run(truth: Truth, noise: Noise, rng: np.random.Generator) -> Losses:
    """One run. Its training loss goes on falling, whatever the validation loss does."""
    recipe = truth.recipe
    stopping = EarlyStopping(recipe=recipe, classes=CLASSES)
    validation: list[float] = []
    train: list[float] = []
    normals = rng.standard_normal(recipe.epochs)
    deviation = 0.0
    for epoch in range(1, recipe.epochs + 1):
        fresh = float(normals[epoch - 1])
        kept = noise.correlation
        deviation = fresh if epoch == 1 else kept * deviation + math.sqrt(1 - kept**2) * fresh
        validation.append(truth.loss(epoch) * math.exp(noise.sd * deviation))
        train.append(2 * math.exp(-0.1 * epoch))
        stopping.update_best(epoch, validation[-1])
        if stopping.stop_reason(_epoch(epoch, train[-1], validation[-1])) is not None:
            break
    return Losses(validation=tuple(validation), train=tuple(train))


def _epoch(number: int, train_loss: float, validation_loss: float) -> Epoch:
    """An epoch of which nothing but the losses matters."""
    return Epoch(
        epoch=number,
        warm_up=False,
        stage=1,
        learning_rate=0.001,
        images=1,
        train_seconds=1.0,
        wall_seconds=1.0,
        feed_seconds=None,
        evaluate_seconds=1.0,
        best_weights_seconds=None,
        checkpoint_seconds=None,
        probe_seconds=None,
        train_loss=train_loss,
        train_accuracy=0.5,
        validation_loss=validation_loss,
        validation_accuracy=0.5,
        peak_host_bytes=None,
        peak_device_bytes=None,
        energy_joules=None,
        interference=None,
    )


@dataclass(frozen=True, kw_only=True)
class Score:
    """The share of experiments with so many runs that are called overfitted."""

    runs: int
    overfitted: float


def scores(
    truth: Truth, noise: Noise, *, trials: int, seed: int, runs: Sequence[int] = RUNS
) -> tuple[Score, ...]:
    """Judges as many experiments as there are trials, for each number of runs.

    Fewer runs are the first ones of the same trial.
    """
    rng = np.random.default_rng(seed)
    called = dict.fromkeys(runs, 0)
    for _ in range(trials):
        rises = [_rise(str(number), draw_run(truth, noise, rng)) for number in range(max(runs))]
        for count in runs:
            seeds = [[rises[seed]] for seed in range(count)]
            called[count] += judge_rises("", "", seeds).kind == "overfitted"
    return tuple(Score(runs=count, overfitted=number / trials) for count, number in called.items())


def _rise(run: str, losses: Losses) -> Rise:
    return rise(run, losses.validation, losses.train)


def table(trials: int, seed: int) -> Table:
    """One row a recipe, truth and noise: per cent of the experiments that are called overfitted."""
    rows = Table(
        "overfitting, by recipe",
        "the loss",
        "varies by",
        *(f"{count} run{'s' * (count != 1)}" for count in RUNS),
        box=None,
    )
    for recipe in RECIPES:
        cases = [(recipe, noise) for noise in NOISES]
        for true_rise in RISES:
            rising = Truth(recipe=recipe.recipe, lowest_epoch=recipe.lowest_epoch, rise=true_rise)
            cases += [(rising, noise) for noise in NOISES if noise.sd == RISING_SD]
        for place, (truth, noise) in enumerate(cases):
            shares = scores(truth, noise, trials=trials, seed=seed)
            kind = f"correlated {noise.correlation:g}" if noise.correlation else "independent"
            rows.add_row(
                "" if place else recipe.recipe.name,
                f"rises by {percent(truth.rise, 0)}" if truth.rise else "stays",
                f"{percent(noise.sd, 0)}, {kind}",
                *(percent(score.overfitted) for score in shares),
            )
    return rows
