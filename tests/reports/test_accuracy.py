"""Accuracies are judged by their seeds and images, once, and a simulation counts the wrong verdicts."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from msgspec.structs import replace
from scipy import stats

from reports.study import accuracy
from reports.study.accuracy import (
    Accuracies,
    Comparison,
    System,
    accuracies,
    judge,
    systems,
)
from reports.study.simulated import accuracies as simulated
from reports.study.simulated.accuracies import DESIGNS, MODELS, TRUTH, Model, score
from tests.support.report_files import ANNA, BOB, FULL, JITTER, epochs_of, run_of
from tests.support.report_study import saved

IMAGES = 10_000


def system(*by_seed: float, experiment: str = "scratch", engine: str = "torch") -> System:
    return System(
        experiment=experiment, engine=engine, by_seed=by_seed, images=IMAGES, runs=("R1", "R2")
    )


def pair(first: Sequence[float], second: Sequence[float]) -> Comparison:
    judged = judge([system(*first), system(*second, engine="tensorflow")])
    [comparison] = judged.comparisons
    return comparison


LOW, HIGH = (0.73, 0.74, 0.75), (0.76, 0.77, 0.78)


class TestTwoSystems:
    def test_three_seeds_a_side_have_welchs_interval_with_the_images_error_added(self) -> None:
        of_seeds = 0.01**2 / 3
        squared = 2 * of_seeds + 0.74 * 0.26 / IMAGES + 0.77 * 0.23 / IMAGES
        freedom = squared**2 / (2 * of_seeds**2 / 2)
        assert freedom > 8  # four times two of a side is the most
        half = stats.t.ppf(0.975, 8) * math.sqrt(squared)
        comparison = pair(LOW, HIGH)
        assert comparison.lead == pytest.approx(-0.03)
        assert (comparison.low, comparison.high) == pytest.approx((-0.03 - half, -0.03 + half))
        assert comparison.p == pytest.approx(2 * stats.t.sf(0.03 / math.sqrt(squared), 8))
        assert comparison.verdict == "behind"

    def test_degrees_of_freedom_are_welchs_where_seeds_differ_much(self) -> None:
        comparison = pair((0.60, 0.70, 0.80), (0.70, 0.70, 0.71))
        first, second = comparison.first, comparison.second
        parts = [side.squared_error_of_seeds**2 / 2 for side in (first, second)]
        freedom = (first.squared_error + second.squared_error) ** 2 / sum(parts)
        assert 2 < freedom < 3
        half = (comparison.high - comparison.low) / 2
        error = math.sqrt(first.squared_error + second.squared_error)
        assert half == pytest.approx(stats.t.ppf(0.975, freedom) * error)

    def test_turned_it_says_the_same(self) -> None:
        turned, comparison = pair(HIGH, LOW), pair(LOW, HIGH)
        assert (turned.verdict, comparison.verdict) == ("ahead", "behind")
        assert turned.low == pytest.approx(-comparison.high)
        back = comparison.turned()
        assert (back.first, back.second) == (comparison.second, comparison.first)
        assert (back.low, back.high, back.lead) == pytest.approx((turned.low, turned.high, turned.lead))

    def test_an_interval_that_holds_no_lead_decides_nothing(self) -> None:
        assert pair(LOW, (0.74, 0.75, 0.76)).verdict == "not decided"
        assert pair(LOW, LOW).verdict == "not decided"

    @pytest.mark.parametrize(
        ("first", "second", "verdict"),
        [
            ((0.76,), (0.74,), "too few seeds"),
            ((0.809,), (0.74,), "too few seeds"),
            ((0.811,), (0.74,), "ahead"),
            ((0.918,), (0.74,), "ahead"),
            ((0.74,), (0.918,), "behind"),
            (LOW, (0.78, 0.79), "too few seeds"),
            (LOW, (0.90,), "behind"),
            # one seed of two that did not learn: a lead of 32 points says nothing of the others
            ((0.74, 0.74), (0.10, 0.74), "too few seeds"),
        ],
    )
    def test_fewer_seeds_tell_only_a_clear_lead(
        self, first: Sequence[float], second: Sequence[float], verdict: str
    ) -> None:
        comparison = pair(first, second)
        assert comparison.verdict == verdict
        assert not comparison.has_interval
        assert math.isnan(comparison.low)
        assert comparison.comparisons == 0

    def test_a_lead_of_three_seeds_needs_its_interval_however_large(self) -> None:
        assert pair((0.10, 0.74, 0.74), (0.9, 0.9, 0.9)).verdict == "not decided"

    def test_seeds_all_alike_still_have_the_images_error(self) -> None:
        same = pair((0.74, 0.74, 0.74), (0.75, 0.75, 0.75))
        squared = 0.74 * 0.26 / IMAGES + 0.75 * 0.25 / IMAGES
        assert same.high - same.low == pytest.approx(2 * stats.t.ppf(0.975, 8) * math.sqrt(squared))
        assert same.verdict == "not decided"
        assert pair((0.74,) * 3, (0.76,) * 3).verdict == "behind"

    def test_no_number_of_seeds_brings_the_error_under_that_of_the_images(self) -> None:
        many = system(*np.linspace(0.73, 0.75, 1000))
        assert many.squared_error > 0.74 * 0.26 / IMAGES
        assert pair((0.740, 0.741) * 500, (0.745, 0.746) * 500).verdict == "not decided"

    def test_without_any_error_only_equals_are_not_apart(self) -> None:
        assert pair((1.0,) * 3, (1.0,) * 3).verdict == "not decided"
        assert pair((1.0,) * 3, (0.0,) * 3).verdict == "ahead"


def of_four(*, third: float) -> Accuracies:
    """LOW and HIGH, and two more systems about `third`."""
    shares = [LOW, HIGH, [third + each - 0.74 for each in LOW], [third + each - 0.74 for each in LOW]]
    names = [("scratch", "torch"), ("scratch", "tensorflow")]
    names += [("mistaken", name) for _, name in names]
    return judge(
        [
            system(*by_seed, experiment=experiment, engine=engine)
            for by_seed, (experiment, engine) in zip(shares, names, strict=True)
        ]
    )


class TestFamily:
    def test_what_one_comparison_decides_six_may_not(self) -> None:
        assert pair(LOW, HIGH).verdict == "behind"
        judged = of_four(third=0.755)
        [among, _] = judged.within_experiments
        assert among.verdict == "not decided among many"
        assert among.comparisons == 6
        assert among.high < 0
        assert among.p == pytest.approx(pair(LOW, HIGH).p)

    def test_those_that_are_far_apart_leave_the_others_their_verdict(self) -> None:
        """Holm steps down: four of the six are decided first, and two are left."""
        judged = of_four(third=0.20)
        assert judged.within_experiments[0].verdict == "behind"

    def test_a_pair_is_found_either_way_round(self) -> None:
        judged = of_four(third=0.755)
        first, second = judged.systems[:2]
        assert judged.between(first, second).verdict == "not decided among many"
        assert judged.between(second, first).lead == -judged.between(first, second).lead
        with pytest.raises(KeyError):
            judged.between(first, first)

    def test_engines_of_an_experiment_are_paired(self) -> None:
        names = [(c.first.name, c.second.name) for c in of_four(third=0.5).within_experiments]
        assert names == [
            (("scratch", "torch"), ("scratch", "tensorflow")),
            (("mistaken", "torch"), ("mistaken", "tensorflow")),
        ]


def of_names(shares: Mapping[str, Sequence[float]]) -> Accuracies:
    """Systems by name, such as "scratch torch", with the accuracies of their seeds."""
    return judge(
        [
            system(*by_seed, experiment=name.split()[0], engine=name.split()[1])
            for name, by_seed in shares.items()
        ]
    )


class TestBest:
    @pytest.mark.parametrize(
        ("shares", "names", "verdict"),
        [
            ({"scratch torch": (0.7,)}, ["scratch torch"], "one"),
            (
                {"scratch torch": (0.74,), "pretrained torch": (0.92,), "augmented torch": (0.80,)},
                ["pretrained torch"],
                "one",
            ),
            (
                {"scratch torch": LOW, "pretrained torch": (0.91, 0.92, 0.925)},
                ["pretrained torch"],
                "one",
            ),
            (
                {
                    "pretrained torch": (0.915,),
                    "pretrained tensorflow": (0.918,),
                    "scratch torch": (0.7,),
                },
                ["pretrained tensorflow", "pretrained torch"],
                "too few seeds",
            ),
            (
                {
                    "pretrained torch": (0.915, 0.916, 0.917),
                    "pretrained tensorflow": (0.918, 0.92, 0.916),
                    "scratch torch": LOW,
                },
                ["pretrained tensorflow", "pretrained torch"],
                "not decided",
            ),
            (
                {
                    "pretrained torch": (0.9, 0.9, 0.9),
                    "augmented torch": (0.87,),
                    "scratch torch": (0.86,),
                },
                ["pretrained torch", "augmented torch", "scratch torch"],
                "too few seeds",
            ),
        ],
    )
    def test_it_is_named_only_if_it_is_ahead_of_every_other(
        self, shares: Mapping[str, Sequence[float]], names: list[str], verdict: str
    ) -> None:
        best = of_names(shares).best
        assert best is not None
        assert [" ".join(system.name) for system in best.systems] == names
        assert best.verdict == verdict

    def test_there_is_none_without_systems(self) -> None:
        assert judge([]).best is None


class TestWorthTheirCost:
    SHARES: Mapping[str, Sequence[float]] = {
        "mistaken torch": (0.70, 0.701, 0.702),
        "scratch torch": (0.74, 0.741, 0.742),
        "scratch tensorflow": (0.743, 0.744, 0.745),
        "pretrained torch": (0.91, 0.911, 0.912),
    }

    def worth(self, *points: tuple[float, str]) -> list[bool] | None:
        judged = of_names(self.SHARES)
        by_name = {" ".join(system.name): system for system in judged.systems}
        return judged.worth_their_cost([(cost, by_name[name]) for cost, name in points])

    def test_dearer_ones_are_shown_to_be_better(self) -> None:
        assert self.worth((1, "mistaken torch"), (2, "scratch torch"), (3, "pretrained torch")) == [
            *(True, True, True)
        ]
        assert self.worth((3, "mistaken torch"), (2, "scratch torch")) == [False, True]

    def test_a_cheaper_one_that_is_level_beats(self) -> None:
        assert self.worth((1, "scratch torch"), (2, "scratch tensorflow")) == [True, False]

    def test_the_same_system_is_better_where_it_is_cheaper(self) -> None:
        assert self.worth((1, "scratch torch"), (2, "scratch torch")) == [True, False]
        assert self.worth((1, "scratch torch"), (1, "scratch torch")) == [True, True]

    def test_at_one_cost_the_one_ahead_beats(self) -> None:
        assert self.worth((1, "scratch torch"), (1, "pretrained torch")) == [False, True]
        assert self.worth((1, "scratch torch"), (1, "scratch tensorflow")) == [True, True]

    def test_too_few_seeds_judge_nothing(self) -> None:
        judged = of_names({"scratch torch": LOW, "pretrained torch": (0.9, 0.9)})
        assert judged.worth_their_cost(list(zip([1.0, 2.0], judged.systems, strict=True))) is None


def frame(**columns: Sequence[Any]) -> pd.DataFrame:
    count = len(columns["test_accuracy"])
    rest = {"experiment": "scratch", "engine": "torch", "test_images": IMAGES}
    return pd.DataFrame({"run": [f"R{n}" for n in range(count)], **rest, **columns})


class TestSystems:
    def test_repeats_of_a_seed_count_once_on_whichever_machine(self) -> None:
        runs = frame(
            seed=[0, 0, 0, 1], machine=["a", "a", "b", "b"], test_accuracy=[0.70, 0.72, 0.74, 0.80]
        )
        [pooled] = systems(runs)
        assert pooled.by_seed == pytest.approx((0.72, 0.80))
        assert pooled.mean == pytest.approx(0.76)
        assert pooled.runs == ("R0", "R1", "R2", "R3")

    def test_many_runs_of_one_seed_are_one_seed(self) -> None:
        """Nine of a side that hardly differ would decide anything."""
        runs = frame(
            seed=[0] * 18,
            engine=["torch"] * 9 + ["tensorflow"] * 9,
            test_accuracy=[0.74 + 1e-6 * n for n in range(9)] + [0.76 + 1e-6 * n for n in range(9)],
        )
        [comparison] = judge(systems(runs)).comparisons
        assert comparison.verdict == "too few seeds"

    def test_the_order_is_the_reports(self) -> None:
        runs = frame(
            seed=[0] * 4,
            experiment=["pretrained", "scratch", "scratch", "mistaken"],
            engine=["torch", "tensorflow", "torch", "torch"],
            test_accuracy=[0.9, 0.7, 0.7, 0.7],
        )
        assert [pooled.name for pooled in systems(runs)] == [
            ("scratch", "torch"),
            ("scratch", "tensorflow"),
            ("mistaken", "torch"),
            ("pretrained", "torch"),
        ]


EPOCHS = {"augmented": 15, "pretrained": 13}
TIMES = {"scratch": 1.0, "mistaken": 3.0, "augmented": 2.0, "pretrained": 4.0}
"""An epoch of an experiment as a multiple of `scratch`'s."""


def run(experiment: str, engine: str, share: float, seed: int, **more: Any) -> dict[str, Any]:
    """A whole run that gets this share of the test images right."""
    seconds = 100.0 * TIMES[experiment] * more.pop("scale", 1.0) * (1.0 if engine == "torch" else 1.25)
    plan = replace(FULL, epochs=EPOCHS.get(experiment, 20))
    return run_of(
        experiment,
        engine,
        epochs_of([seconds * jitter for jitter in JITTER]),
        seed=seed,
        rights=[round(1_000 * share)] * 10,
        plan=more.pop("plan", plan),
        **more,
    )


def seeded(shares: Mapping[str, Sequence[float]], **more: Any) -> list[dict[str, Any]]:
    """A run for each seed; `shares` are seeds' accuracies by name, such as "scratch torch"."""
    return [
        run(experiment, engine, share, seed, **more)
        for (experiment, engine), by_seed in zip(map(str.split, shares), shares.values(), strict=True)
        for seed, share in enumerate(by_seed)
    ]


class TestStudies:
    def test_machines_are_pooled_by_seed(self, tmp_path: Path) -> None:
        given = saved(
            tmp_path,
            (ANNA, [run("scratch", "torch", 0.70, 0), run("scratch", "torch", 0.80, 1)]),
            (BOB, [run("scratch", "torch", 0.74, 0, scale=0.5)]),
        )
        [pooled] = accuracies(given).systems
        assert pooled.by_seed == pytest.approx((0.72, 0.80))

    def test_weights_of_unknown_origin_stay_out(self, tmp_path: Path) -> None:
        unknown = {"start": {"weights_origin": "user file"}}
        runs = [run("pretrained", "torch", 0.92, 0, **unknown), run("scratch", "torch", 0.74, 0)]
        given = saved(tmp_path, (ANNA, runs))
        assert given.says_accuracy
        assert [pooled.experiment for pooled in accuracies(given).systems] == ["scratch"]

    def test_nothing_is_judged_of_runs_that_were_cut_short(self, tmp_path: Path) -> None:
        shares = {"scratch torch": LOW, "pretrained torch": (0.91, 0.92, 0.93)}
        given = saved(tmp_path, (ANNA, seeded(shares, plan=replace(FULL, epochs=8))))
        assert not given.says_accuracy
        assert accuracies(given).systems == ()


class TestSimulation:
    @pytest.mark.parametrize("drawn", ["by seed", "by system"])
    def test_accuracies_vary_as_the_model_says(self, drawn: simulated.Drawn) -> None:
        rng = np.random.default_rng(1)
        model = Model(seed_sd=0.01, drawn=drawn)
        reports = [simulated.draw(model, DESIGNS[2], (0.02, 0.0), rng) for _ in range(4_000)]
        first = np.array([report[0].by_seed for report in reports])
        assert first.mean() == pytest.approx(TRUTH + 0.02, abs=5e-4)
        images = 0.76 * 0.24 / IMAGES
        between = images / 5 if drawn == "by seed" else images
        assert first.mean(axis=1).var() == pytest.approx(0.01**2 / 5 + between, rel=0.1)
        within = 0.01**2 + (images if drawn == "by seed" else 0.0)
        assert first.var(axis=1, ddof=1).mean() == pytest.approx(within, rel=0.1)
        second = np.array([report[1].mean for report in reports])
        assert abs(np.corrcoef(first.mean(axis=1), second)[0, 1]) < 0.05

    @pytest.mark.parametrize("design", DESIGNS, ids=lambda design: design.name)
    def test_at_most_five_of_a_hundred_verdicts_are_wrong(self, design: simulated.Design) -> None:
        trials = 400 if len(design.seeds) == 2 else 100
        margin = 2 * math.sqrt(0.05 * 0.95 / trials)
        for model in MODELS:
            counted = score(model, design, trials=trials)
            assert counted.wrong <= 0.05 + margin, model.name
            assert counted.wrong_reports <= 0.05 + margin, model.name
            assert counted.wrong_best <= 0.05 + margin, model.name
            assert math.isnan(counted.holds) or counted.holds >= 0.93 - margin, model.name

    def test_a_true_lead_is_told(self) -> None:
        one, three, five = DESIGNS[:3]
        model = Model(seed_sd=0.01, drawn="by seed")
        assert score(model, one, trials=200, leads=(0.18, 0.0)).given == 1
        told = score(model, five, trials=200, leads=(0.04, 0.0))
        assert told.given > 0.95
        assert told.wrong == 0
        assert score(model, three, trials=200, leads=(0.0, 0.01)).given < 0.2

    def test_the_simulation_sees_a_rule_that_claims_too_much(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Without the images' error, with a lower bar for few seeds, and without Holm's correction."""
        by_system = Model(seed_sd=0.005, drawn="by system")
        with monkeypatch.context() as patch:
            patch.setattr(System, "squared_error", System.squared_error_of_seeds)
            assert score(by_system, DESIGNS[2], trials=300).wrong > 0.1
        loose = MODELS[2]
        with monkeypatch.context() as patch:
            patch.setattr(accuracy, "CLEAR_LEAD", 0.03)
            assert score(loose, DESIGNS[0], trials=300).wrong > 0.1
        with monkeypatch.context() as patch:
            patch.setattr(accuracy, "holm", list)
            assert score(MODELS[5], DESIGNS[5], trials=60).wrong_reports > 0.2

    def test_a_wrong_best_is_counted(self) -> None:
        def first_is_best(drawn: Sequence[System]) -> Accuracies:
            lowered = [
                replaced(each, [share - 0.3 * bool(place) for share in each.by_seed])
                for place, each in enumerate(drawn)
            ]
            return judge(lowered)

        counted = score(MODELS[0], DESIGNS[1], trials=20, judge=first_is_best)
        assert (counted.named, counted.wrong_best, counted.wrong_reports) == (1, 1, 1)
        right = score(MODELS[0], DESIGNS[1], trials=20, judge=first_is_best, leads=(0.05, 0.0))
        assert (right.named, right.wrong_best, right.wrong) == (1, 0, 0)

    def test_the_table_has_a_row_a_design_and_model(self) -> None:
        assert simulated.table(trials=2, seed=0).row_count == len(DESIGNS) * len(MODELS)


def replaced(given: System, by_seed: Sequence[float]) -> System:
    return System(
        experiment=given.experiment,
        engine=given.engine,
        by_seed=tuple(by_seed),
        images=given.images,
        runs=given.runs,
    )
