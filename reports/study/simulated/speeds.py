"""Speeds of engines and machines whose truth is known, judged as the report judges saved runs."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
from rich.table import Table

from reports.study.ratios import (
    SAME,
    Estimate,
    Judged,
    Pair,
    RunValue,
    Sample,
    estimate,
    judge,
    over_machines,
)
from reports.write.words import percent

Floats = npt.NDArray[np.float64]

EPOCHS = 19
"""The epochs that count of a run of `scratch` at the full protocol."""


@dataclass(frozen=True, kw_only=True)
class Model:
    """How a log rate varies: standard deviations between epochs, runs, sessions and within them.

    `correlation` is that of neighbouring epochs of a run (AR(1), with `epoch_sd` for each epoch). A
    session moves all runs of its machine by the same amount, and each engine (or cell) by one of its own
    with `taste_sd`. Each run of a session is slower than the one before it by `drift`, as by heat.
    """

    name: str
    epoch_sd: float = 0.01
    correlation: float = 0.8
    run_sd: float = 0.0
    session_sd: float = 0.0
    taste_sd: float = 0.0
    drift: float = 0.0


MODELS = (
    Model(name="epochs alone, independent", correlation=0.0),
    Model(name="epochs alone, correlated"),
    Model(name="1 % between runs", run_sd=0.01),
    Model(name="2 % between runs", run_sd=0.02),
    Model(name="5 % between runs", run_sd=0.05),
    Model(name="1 % between runs, 1 % between sessions", run_sd=0.01, session_sd=0.01),
    Model(name="1 % between runs, 2 % between sessions", run_sd=0.01, session_sd=0.02),
    Model(name="… and 1 % by engine or cell", run_sd=0.01, session_sd=0.02, taste_sd=0.01),
    Model(name="1 % between runs, each run 1 % slower", run_sd=0.01, drift=0.01),
)


@dataclass(frozen=True, kw_only=True)
class Design:
    """What is compared: `sessions` a side with `runs` of each of `cells` in each session.

    Engines share their sessions if not `apart`, and machines do not. `over_machines` has one cell a
    machine, whose true ratio differs from that of all machines by `machine_sd`. Where there are more
    than two sides, each other one is compared with the first; their verdicts are one family, as the rows
    of a table are.
    """

    name: str
    engines: bool
    apart: bool = False
    sessions: int = 1
    runs: int = 1
    cells: int = 1
    sides: int = 2
    over_machines: bool = False
    machine_sd: float = 0.0


DESIGNS = (
    Design(name="two engines, a run each", engines=True),
    Design(name="two engines, three runs each in turn", engines=True, runs=3),
    Design(name="two engines, a run each in three sessions", engines=True, sessions=3),
    Design(name="two engines, three sessions of their own each", engines=True, apart=True, sessions=3),
    Design(name="two engines on six machines, a run each", engines=True, cells=6, over_machines=True),
    Design(
        name="two engines on three machines, three runs each in turn",
        engines=True,
        runs=3,
        cells=3,
        over_machines=True,
        machine_sd=0.03,
    ),
    Design(
        name="two engines on six machines, three runs each in turn",
        engines=True,
        runs=3,
        cells=6,
        over_machines=True,
        machine_sd=0.03,
    ),
    Design(name="two machines, a run each", engines=False),
    Design(name="two machines, three runs each in a session", engines=False, runs=3),
    Design(name="two machines, three sessions each", engines=False, sessions=3),
    Design(name="two machines over eight cells, a run each", engines=False, cells=8),
    Design(name="two machines over eight cells, three sessions", engines=False, cells=8, sessions=3),
    Design(name="twelve machines, a run each", engines=False, sides=12),
    Design(name="twelve machines, three sessions each", engines=False, sides=12, sessions=3),
)


@cache
def _mixing(correlation: float) -> Floats:
    """The matrix that makes a run's epochs of independent normal numbers (EPOCHS x EPOCHS)."""
    places = np.arange(EPOCHS)
    mixing: Floats = np.linalg.cholesky(correlation ** np.abs(places[:, None] - places))
    return mixing


def draw_epochs(model: Model, levels: Floats, rng: np.random.Generator) -> Floats:
    """Images per second (…, EPOCHS) of runs whose typical log rates are `levels`."""
    noise = rng.standard_normal((*levels.shape, EPOCHS)) @ _mixing(model.correlation).T
    rates: Floats = np.exp(levels[..., None] + model.epoch_sd * noise)
    return rates


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One report: each comparison's pairs of cells, and the log ratio that its error is about.

    Within one session that is the session's, since its repeats know no other; else it is the truth.
    """

    comparisons: list[list[Pair]]
    named: list[float]


def draw_trial(model: Model, design: Design, log_ratio: float, rng: np.random.Generator) -> Trial:
    """The first side is faster than each other one by `log_ratio`."""
    shape = (design.sides, design.cells, design.sessions)
    effects = model.session_sd * rng.standard_normal((design.sides, 1, design.sessions))
    in_common = design.engines and not design.apart
    if in_common:
        effects = effects[:1]
    tastes = model.taste_sd * rng.standard_normal(shape)
    levels = np.broadcast_to(effects, shape) + tastes
    levels[0] += log_ratio + design.machine_sd * rng.standard_normal((design.cells, 1))
    runs = levels[..., None] + model.run_sd * rng.standard_normal((*shape, design.runs))
    runs -= model.drift * _places(design)[:, None]
    rates = np.median(draw_epochs(model, runs, rng), axis=-1)

    def sample(side: int, cell: int) -> Sample:
        where = f"machine {cell} " * design.over_machines + f"side {side} " * (not in_common)
        return Sample(
            sessions={
                f"{where}session {session}": tuple(
                    RunValue(
                        run=f"{side} {cell} {session} {run}",
                        value=float(rates[side, cell, session, run]),
                        epochs=EPOCHS,
                        began=f"{_places(design)[side, session, run]:03}",
                    )
                    for run in range(design.runs)
                )
                for session in range(design.sessions)
            },
        )

    others = range(1, design.sides)
    in_a_session = in_common and design.sessions == 1 and not design.over_machines
    return Trial(
        comparisons=[
            [(sample(0, cell), sample(other, cell)) for cell in range(design.cells)] for other in others
        ],
        named=[
            float(levels[0, 0, 0] - levels[other, 0, 0]) if in_a_session else log_ratio
            for other in others
        ],
    )


def _places(design: Design) -> npt.NDArray[np.int64]:
    """Which run of its session each one was (sides, sessions, runs): A B, B A, A B.

    Every other session begins in reverse. Sides that share no session have it to themselves.
    """
    side, session, run = np.indices((design.sides, design.sessions, design.runs), dtype=np.int64)
    if not design.engines or design.apart:
        alone: npt.NDArray[np.int64] = run
        return alone
    turned = (session + run) % 2 == 1
    places: npt.NDArray[np.int64] = run * design.sides + np.where(turned, design.sides - 1 - side, side)
    return places


@dataclass(frozen=True, kw_only=True)
class Score:
    """Shares of all comparisons: verdicts given and wrong ones; of all intervals, those that hold.

    `wrong_tables` is the share of the trials with a wrong verdict among theirs; `holds` is NaN where no
    trial has an interval.
    """

    given: float
    wrong: float
    wrong_tables: float
    holds: float


def is_wrong(verdict: str, ratio: float) -> bool:
    """Whether a verdict says what is not so: the wrong side of 1, or the same beyond 2 %."""
    match verdict:
        case "faster":
            return ratio <= 1
        case "slower":
            return ratio >= 1
        case "same":
            return not 1 / (1 + SAME) <= ratio <= 1 + SAME
        case _:
            return False


def _estimate(pairs: list[Pair], design: Design) -> Estimate:
    if not design.over_machines:
        return estimate(pairs)
    over_all = over_machines(pairs)
    assert over_all  # of three machines or more
    return over_all


Judge = Callable[[Sequence[Estimate]], list[Judged]]


def score(
    model: Model,
    design: Design,
    *,
    true_ratio: float,
    trials: int,
    seed: int = 0,
    judge: Judge = judge,
) -> Score:
    """Judges the comparisons of so many trials, whose truth is `true_ratio`."""
    rng = np.random.default_rng(seed)
    counts: Counter[str] = Counter()
    for _ in range(trials):
        trial = draw_trial(model, design, math.log(true_ratio), rng)
        estimates = [_estimate(pairs, design) for pairs in trial.comparisons]
        wrong = 0
        for judged, named in zip(judge(estimates), trial.named, strict=True):
            truth = math.exp(named)
            counts["all"] += 1
            counts["given"] += judged.verdict in ("faster", "slower", "same")
            wrong += is_wrong(judged.verdict, truth)
            if not math.isnan(judged.p):
                counts["intervals"] += 1
                counts["holds"] += judged.low <= truth <= judged.high
        counts["wrong"] += wrong
        counts["wrong tables"] += wrong > 0
    return Score(
        given=counts["given"] / counts["all"],
        wrong=counts["wrong"] / counts["all"],
        wrong_tables=counts["wrong tables"] / trials,
        holds=counts["holds"] / counts["intervals"] if counts["intervals"] else math.nan,
    )


def table(true_ratio: float, trials: int, seed: int) -> Table:
    """One row a design and model: shares of the comparisons, of the reports and of the intervals."""
    rows = Table(
        "compared", "varies", "verdicts", "wrong", "reports with a wrong one", "intervals hold", box=None
    )
    for design in DESIGNS:
        for place, model in enumerate(MODELS):
            found = score(model, design, true_ratio=true_ratio, trials=trials, seed=seed)
            rows.add_row(
                "" if place else design.name,
                model.name,
                percent(found.given),
                percent(found.wrong),
                percent(found.wrong_tables),
                percent(found.holds),
            )
    return rows
