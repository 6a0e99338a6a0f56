"""`python -m reports.study.simulate`: how often the report's verdicts and intervals are right.

Rates are drawn from models whose truth is known, and judged as the report judges saved runs.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from rich.console import Console
from rich.table import Table

from reports.intervals import SAME, Ratio, Sample, mean_ratio
from reports.words import percent

Floats = npt.NDArray[np.float64]

EPOCHS = 19
"""The epochs that count of a run of `scratch` at the full protocol."""
TRIALS = 1_000


@dataclass(frozen=True, kw_only=True)
class Model:
    """How a cell's log rate varies: standard deviations between epochs, runs and sessions.

    `correlation` is that of neighbouring epochs of a run (AR(1), with `epoch_sd` for each epoch). A
    session moves all runs of its machine by the same amount.
    """

    name: str
    epoch_sd: float = 0.01
    correlation: float = 0.8
    run_sd: float = 0.0
    session_sd: float = 0.0


MODELS = (
    Model(name="epochs alone, independent", correlation=0.0),
    Model(name="epochs alone, correlated"),
    Model(name="1 % between runs", run_sd=0.01),
    Model(name="2 % between runs", run_sd=0.02),
    Model(name="5 % between runs", run_sd=0.05),
    Model(name="1 % between runs and sessions", run_sd=0.01, session_sd=0.01),
    Model(name="1 % between runs, 2 % sessions", run_sd=0.01, session_sd=0.02),
)


@dataclass(frozen=True, kw_only=True)
class Design:
    """What is compared: `sessions` a side with `runs` of each of `cells` in each session.

    Engines of one session have its effect in common, and machines do not.
    """

    name: str
    same_session: bool
    sessions: int = 1
    runs: int = 1
    cells: int = 1


DESIGNS = (
    Design(name="two engines, a run each", same_session=True),
    Design(name="two engines, three runs each", same_session=True, runs=3),
    Design(name="two machines, a run each", same_session=False),
    Design(name="two machines, three runs each", same_session=False, runs=3),
    Design(name="two machines, three sessions each", same_session=False, sessions=3),
    Design(name="two machines over eight cells, a run each", same_session=False, cells=8),
)


def draw_epochs(model: Model, level: float, rng: np.random.Generator) -> Floats:
    """Images per second of the epochs of one run whose typical log rate is `level`."""
    noise = rng.standard_normal(EPOCHS)
    for place in range(1, EPOCHS):
        kept = model.correlation * noise[place - 1]
        noise[place] = kept + math.sqrt(1 - model.correlation**2) * noise[place]
    rates: Floats = np.exp(level + model.epoch_sd * noise)
    return rates


def draw_pairs(
    model: Model, design: Design, log_ratio: float, rng: np.random.Generator
) -> list[tuple[Sample, Sample]]:
    """Both sides of every cell; the first is faster by `log_ratio`."""

    def session_effects() -> Floats:
        return model.session_sd * rng.standard_normal(design.sessions)

    effects = session_effects()
    sides = (effects, effects if design.same_session else session_effects())

    def sample(side: int, name: str) -> Sample:
        rates = [
            draw_epochs(
                model,
                (log_ratio if side == 0 else 0.0) + effect + model.run_sd * rng.standard_normal(),
                rng,
            )
            for effect in sides[side]
            for _ in range(design.runs)
        ]
        # The names seed the bootstrap's resampling.
        names = tuple(f"{name}-{rng.integers(2**63)}" for _ in rates)
        return Sample(rates=tuple(rates), names=names, epochs=EPOCHS * len(rates))

    return [(sample(0, f"{cell}a"), sample(1, f"{cell}b")) for cell in range(design.cells)]


@dataclass(frozen=True, kw_only=True)
class Score:
    """Shares of all trials: verdicts given, those that were wrong, and intervals that hold the truth.

    `holds` is NaN where no trial has an interval.
    """

    given: float
    wrong: float
    holds: float

    @property
    def wrong_of_given(self) -> float:
        """The share of the verdicts given that were wrong; NaN if none was."""
        return self.wrong / self.given if self.given else math.nan


def is_wrong(ratio: Ratio, truth: float) -> bool:
    """Whether a verdict says what is not so: the wrong side of 1, or the same beyond 2 %."""
    match ratio.verdict:
        case "faster":
            return truth <= 1
        case "slower":
            return truth >= 1
        case "same":
            return not 1 / (1 + SAME) <= truth <= 1 + SAME
        case _:
            return False


Judge = Callable[[Sequence[tuple[Sample, Sample]]], Ratio]


def score(
    model: Model,
    design: Design,
    *,
    true_ratio: float,
    trials: int = TRIALS,
    seed: int = 0,
    judge: Judge = mean_ratio,
) -> Score:
    """Judges as many comparisons, whose truth is `true_ratio`, as there are trials."""
    rng = np.random.default_rng(seed)
    counts: Counter[str] = Counter()
    for _ in range(trials):
        ratio = judge(draw_pairs(model, design, math.log(true_ratio), rng))
        counts["given"] += ratio.verdict in ("faster", "slower", "same")
        counts["wrong"] += is_wrong(ratio, true_ratio)
        if not math.isnan(ratio.low):
            counts["intervals"] += 1
            counts["holds"] += ratio.low <= true_ratio <= ratio.high
    return Score(
        given=counts["given"] / trials,
        wrong=counts["wrong"] / trials,
        holds=counts["holds"] / counts["intervals"] if counts["intervals"] else math.nan,
    )


def table(true_ratio: float, trials: int, seed: int) -> Table:
    """One row a design and model: shares of all comparisons, of the verdicts and of the intervals."""
    rows = Table(
        "compared", "varies", "verdicts", "wrong", "wrong of verdicts", "intervals hold", box=None
    )
    for design in DESIGNS:
        for place, model in enumerate(MODELS):
            found = score(model, design, true_ratio=true_ratio, trials=trials, seed=seed)
            rows.add_row(
                "" if place else design.name,
                model.name,
                percent(found.given),
                percent(found.wrong),
                percent(found.wrong_of_given),
                percent(found.holds),
            )
    return rows


def main(arguments: list[str] | None = None) -> int:
    """Prints the table for sides that are truly equal, or whose ratio is given."""
    parser = argparse.ArgumentParser(prog="python -m reports.study.simulate", description=__doc__)
    parser.add_argument(
        "--ratio", type=float, default=1.0, help="the true ratio of the speeds; default: 1, equal"
    )
    parser.add_argument("--trials", type=int, default=TRIALS, help=f"default: {TRIALS:,} a row")
    parser.add_argument("--seed", type=int, default=0, help="of all that is drawn; default: 0")
    args = parser.parse_args(arguments)
    if args.ratio <= 0 or args.trials < 1 or args.seed < 0:
        parser.error("the ratio must be above 0, the trials 1 or more, and the seed no less than 0")
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 120)
    console.print(
        f"truth: {args.ratio:g} times as fast; {args.trials:,} trials a row, {EPOCHS} epochs a run"
    )
    console.print(table(args.ratio, args.trials, args.seed))
    return 0


if __name__ == "__main__":
    sys.exit(main())
