"""Accuracies of systems whose truth is known, judged as the report judges saved runs."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from rich.table import Table

from reports.study.accuracy import Accuracies, System, judge
from reports.write.words import percent

IMAGES = 10_000
TRUTH = 0.74
"""The share that all systems truly get right: the original's, with the widest binomial error of those
that it gives."""


Drawn = Literal["by seed", "by system"]
"""Whether each seed, or each system with all its seeds, draws test images of its own.

In truth all systems score the same images, and what is hard for one is hard for the others, so that most
of what the draw of the images does falls out of a difference. Both are therefore worse than the truth:
drawn by seed it never falls out, and drawn by system no number of seeds shows it besides.
"""


@dataclass(frozen=True, kw_only=True)
class Model:
    """How accuracies vary: by `seed_sd` over seeds, a share of the images, and by the images drawn."""

    seed_sd: float
    drawn: Drawn

    @property
    def name(self) -> str:
        return f"{100 * self.seed_sd:.1f} points over seeds, images {self.drawn}"


DRAWN: tuple[Drawn, ...] = ("by seed", "by system")
MODELS = tuple(
    Model(seed_sd=seed_sd, drawn=drawn) for drawn in DRAWN for seed_sd in (0.005, 0.010, 0.015)
)


@dataclass(frozen=True, kw_only=True)
class Design:
    """What is compared: one system for each of `seeds`, with so many seeds."""

    name: str
    seeds: tuple[int, ...]


DESIGNS = (
    Design(name="two engines, a seed each", seeds=(1, 1)),
    Design(name="two engines, three seeds each", seeds=(3, 3)),
    Design(name="two engines, five seeds each", seeds=(5, 5)),
    Design(name="two engines, three seeds and ten", seeds=(3, 10)),
    Design(name="the best of eight systems, a seed each", seeds=(1,) * 8),
    Design(name="the best of eight systems, three seeds each", seeds=(3,) * 8),
)


def draw(
    model: Model, design: Design, leads: Sequence[float], rng: np.random.Generator
) -> tuple[System, ...]:
    """One report's systems; each truly gets TRUTH and its own of `leads` right."""
    names = [(f"experiment {place}", f"engine {place}") for place in range(len(design.seeds))]
    return tuple(
        System(
            experiment=experiment,
            engine=engine,
            by_seed=_shares(model, TRUTH + lead, seeds, rng),
            images=IMAGES,
            runs=(),
        )
        for (experiment, engine), seeds, lead in zip(names, design.seeds, leads, strict=True)
    )


def _shares(model: Model, truth: float, seeds: int, rng: np.random.Generator) -> tuple[float, ...]:
    draws = seeds if model.drawn == "by seed" else 1
    right = rng.binomial(IMAGES, truth, size=draws) / IMAGES
    shares = right + model.seed_sd * rng.standard_normal(seeds)
    return tuple(shares.clip(0, 1).tolist())


@dataclass(frozen=True, kw_only=True)
class Score:
    """Shares of all comparisons: verdicts given and wrong ones; of all intervals, those that hold.

    `wrong_reports` is the share of the reports with a wrong verdict in them. `named` is the share that
    names one system as the best, `wrong_best` that names a wrong one, or leaves a truly best one out of
    those that may be. `holds` is NaN where no comparison has an interval.
    """

    given: float
    wrong: float
    wrong_reports: float
    named: float
    wrong_best: float
    holds: float


Judge = Callable[[Sequence[System]], Accuracies]


def score(
    model: Model,
    design: Design,
    *,
    trials: int,
    seed: int = 0,
    leads: Sequence[float] = (),
    judge: Judge = judge,
) -> Score:
    """Judges so many reports. `leads` is what each system is truly ahead of TRUTH; none: all equal."""
    rng = np.random.default_rng(seed)
    leads = leads or [0.0] * len(design.seeds)
    truly_best = {place for place, lead in enumerate(leads) if lead == max(leads)}
    counts: Counter[str] = Counter()
    for _ in range(trials):
        judged = judge(draw(model, design, leads, rng))
        place_of = {system.name: place for place, system in enumerate(judged.systems)}
        wrong = 0
        for pair in judged.comparisons:
            truth = leads[place_of[pair.first.name]] - leads[place_of[pair.second.name]]
            counts["comparisons"] += 1
            counts["given"] += pair.verdict in ("ahead", "behind")
            wrong += pair.verdict == "ahead" and truth <= 0
            wrong += pair.verdict == "behind" and truth >= 0
            if pair.has_interval:
                counts["intervals"] += 1
                counts["holds"] += pair.low <= truth <= pair.high
        counts["wrong"] += wrong
        counts["wrong reports"] += wrong > 0
        if best := judged.best:
            places = {place_of[system.name] for system in best.systems}
            is_named = best.verdict == "one"
            counts["named"] += is_named
            counts["wrong best"] += not truly_best <= places or (is_named and places != truly_best)
    return Score(
        given=counts["given"] / counts["comparisons"],
        wrong=counts["wrong"] / counts["comparisons"],
        wrong_reports=counts["wrong reports"] / trials,
        named=counts["named"] / trials,
        wrong_best=counts["wrong best"] / trials,
        holds=counts["holds"] / counts["intervals"] if counts["intervals"] else math.nan,
    )


def table(trials: int, seed: int) -> Table:
    """One row a design and model, all systems truly equal."""
    rows = Table(
        *("compared", "varies", "verdicts", "wrong", "reports with a wrong one"),
        *("best named", "best wrong", "intervals hold"),
        box=None,
    )
    for design in DESIGNS:
        for place, model in enumerate(MODELS):
            counted = score(model, design, trials=trials, seed=seed)
            rows.add_row(
                "" if place else design.name,
                model.name,
                percent(counted.given),
                percent(counted.wrong),
                percent(counted.wrong_reports),
                percent(counted.named),
                percent(counted.wrong_best),
                percent(counted.holds),
            )
    return rows
