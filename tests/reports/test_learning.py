"""What losses and accuracies over the epochs say: each rule, with the value that must come out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from alexnet.recipe import FINETUNE, SCRATCH
from reports.study.learning import (
    AccuracyCurve,
    OverfittingKind,
    Rise,
    epoch_of_level,
    judge_rises,
    last_shared_epoch,
    level_reached,
    rise,
)
from reports.study.simulated import losses
from reports.study.simulated.losses import NOISES, RECIPES, Noise, Truth, draw_run, scores

FALLING = [2.0 - 0.1 * epoch for epoch in range(12)]
"""A training loss that goes on falling."""
RISING = [1.6, 1.3, 1.1, 1.0, 1.1, 1.2, 1.3, 1.4]
PLATEAU = [1.6, 1.3, 1.02, 1.0, 1.01, 1.03, 1.01, 1.02]
SMALL_RISE = [1.6, 1.3, 1.02, 1.0, 1.02, 1.05, 1.10, 1.12]
"""By 9.5 %. Each of the three ends four epochs after its minimum, as one patience has it."""


def of_losses(validation: Sequence[Any], train: Sequence[Any] | None = None) -> Rise:
    return rise("R1", validation, FALLING[: len(validation)] if train is None else train)


def risen(share: float, run: str = "R") -> Rise:
    return Rise(run=run, kind="measured", rise=share)


class TestRise:
    def test_the_last_two_epochs_are_held_against_the_three_around_the_minimum(self) -> None:
        measured = of_losses(RISING)
        assert measured.kind == "measured"
        assert measured.rise == pytest.approx((1.3 + 1.4) / 2 / ((1.1 + 1.0 + 1.1) / 3) - 1)

    def test_a_minimum_in_the_first_epoch_has_the_first_three_around_it(self) -> None:
        measured = of_losses([1.0, 1.1, 1.2, 1.3, 1.4])
        assert measured.rise == pytest.approx(1.35 / 1.1 - 1)

    def test_of_equal_lowest_losses_the_first_is_the_minimum(self) -> None:
        assert of_losses([1.2, 1.0, 1.2, 1.0, 1.2]).rise == pytest.approx(1.1 / (3.4 / 3) - 1)

    def test_a_plateau_is_no_rise_and_one_noisy_last_epoch_is_none(self) -> None:
        assert of_losses(PLATEAU).rise == pytest.approx(1.015 / (3.03 / 3) - 1)
        spike = of_losses([1.6, 1.05, 1.0, 1.05, 1.04, 1.03, 1.04, 1.15])
        assert spike.rise == pytest.approx(0.06, abs=0.001), "by 15 % from epoch to epoch"
        assert judge_rises("e", "t", [[spike]]).kind == "not overfitted"

    @pytest.mark.parametrize(("after", "kind"), [(2, "still falling"), (3, "measured")])
    def test_three_epochs_must_follow_the_minimum(self, after: int, kind: str) -> None:
        assert of_losses([1.6, 1.3, 1.0, *[1.5] * after]).kind == kind

    def test_the_training_loss_must_go_on_falling(self) -> None:
        flat = of_losses(RISING, [0.5] * 8)
        assert (flat.kind, math.isnan(flat.rise)) == ("training rose", True)
        # Lower at the end, by the means that count, though the last epoch alone is higher.
        assert of_losses(RISING, [2, 1.5, 1.0, 0.9, 0.8, 0.7, 0.1, 0.95]).kind == "measured"

    def test_three_epochs_are_too_few(self) -> None:
        assert of_losses([1.0, 1.1, 1.2]).kind == "too short"
        assert of_losses([]).kind == "too short"

    @pytest.mark.parametrize("lost", [None, math.nan, math.inf])
    def test_a_run_that_diverged_says_nothing(self, lost: float | None) -> None:
        for place in (0, 3, 7):
            broken: list[float | None] = [*RISING]
            broken[place] = lost
            assert of_losses(broken).kind == "no loss"
            assert of_losses(RISING, [*FALLING[:place], lost, *FALLING[place + 1 : 8]]).kind == "no loss"

    def test_of_a_validation_loss_of_0_nothing_is_a_multiple(self) -> None:
        assert of_losses([1.6, 0.0, 0.0, 0.0, 0.0, 0.5]).kind == "no loss"
        memorised = [1.0, 0.5, 0.2, 0.1, 0.05, 0.0, 0.0, 0.0]
        assert of_losses(RISING, memorised).kind == "measured", "a training loss may be 0"


class TestOverfitting:
    @pytest.mark.parametrize(
        ("seeds", "kind"),
        [
            ([0.10], "not overfitted"),
            ([0.12], "overfitted"),
            ([0.10, 0.10], "overfitted"),
            ([0.30, 0.07], "not overfitted"),
            ([0.09, 0.09, -0.02], "overfitted"),
            ([0.07, 0.07, 0.50], "not overfitted"),
            ([0.09, 0.09, 0.0, 0.0], "not overfitted"),
            ([], "not judged"),
        ],
        ids=str,
    )
    def test_more_than_half_of_the_seeds_decide_and_one_seed_needs_more(
        self, seeds: list[float], kind: OverfittingKind
    ) -> None:
        assert judge_rises("e", "t", [[risen(share)] for share in seeds]).kind == kind

    def test_runs_of_one_seed_are_no_more_than_one_run(self) -> None:
        assert judge_rises("e", "t", [[risen(0.10)] * 5]).kind == "not overfitted"
        assert judge_rises("e", "t", [[risen(0.30)] * 5, [risen(0.0)]]).kind == "not overfitted"
        assert judge_rises("e", "t", [[risen(0.30)] * 2, [risen(0.10)]]).kind == "overfitted"
        half = [[risen(0.30), risen(0.0)]]
        assert judge_rises("e", "t", half).kind == "not overfitted", "half of a seed's runs"

    def test_runs_that_say_nothing_do_not_count(self) -> None:
        short, lost = Rise(run="R1", kind="too short"), Rise(run="R2", kind="no loss")
        assert judge_rises("e", "t", [[short], [lost]]).kind == "not judged"
        judgement = judge_rises("e", "t", [[short], [risen(0.12, "R3")], [lost]])
        assert (judgement.kind, judgement.runs) == ("overfitted", ("R3",))
        falling = Rise(run="R4", kind="still falling")
        judgement = judge_rises("e", "t", [[falling], [risen(0.12, "R3")]])
        assert (judgement.kind, judgement.runs) == ("not overfitted", ("R4", "R3"))
        assert [of_run.run for of_run in judgement.risen] == ["R3"]


class TestLevels:
    @pytest.mark.parametrize(
        ("accuracies", "epoch"),
        [
            ([0.4, 0.6, 0.7], 3),
            ([0.6, 0.6], 2),
            ([0.7, 0.5, 0.61, 0.60], 4),
            ([0.7, 0.5, 0.7, 0.5, 0.7], None),
            ([0.4, 0.5, 0.9], None),
            ([0.9], None),
            ([], None),
            ([0.7, math.nan, 0.7], None),
        ],
        ids=str,
    )
    def test_a_level_is_reached_with_the_second_epoch_in_a_row(
        self, accuracies: list[float], epoch: int | None
    ) -> None:
        assert epoch_of_level(accuracies, 0.6) == epoch

    @staticmethod
    def curve(epoch: int | None, seconds_per_epoch: float = 10.0) -> AccuracyCurve:
        """Of twenty epochs, at the level from the one before `epoch` on."""
        accuracies = [0.7 if epoch is not None and e >= epoch - 1 else 0.1 for e in range(1, 21)]
        return AccuracyCurve(
            accuracies=accuracies, seconds=[seconds_per_epoch * e for e in range(1, 21)]
        )

    def test_a_run_that_never_got_there_counts_as_the_latest(self) -> None:
        curves = [self.curve(None), self.curve(12), self.curve(9)]
        level = level_reached(curves, 0.6)
        assert (level.kind, level.epoch, level.seconds) == ("reached", 12, 120.0)
        assert (level.reached, level.of) == (2, 3)

    def test_of_fewer_than_half_nothing_is_said(self) -> None:
        level = level_reached([self.curve(3), self.curve(None), self.curve(None)], 0.6)
        assert (level.kind, level.reached, level.of) == ("reached by few", 1, 3)
        assert math.isnan(level.seconds)
        assert math.isnan(level.epoch)
        never = level_reached([self.curve(None)], 0.6)
        assert (never.kind, never.reached, never.of) == ("never reached", 0, 1)

    def test_the_middle_of_an_even_number_is_a_run_that_was(self) -> None:
        level = level_reached([self.curve(14), self.curve(15), self.curve(19), self.curve(3)], 0.6)
        assert (level.kind, level.epoch, level.seconds) == ("reached", 14, 140.0)
        half = level_reached([self.curve(14), self.curve(None)], 0.6)
        assert (half.kind, half.epoch) == ("reached", 14)

    def test_seconds_and_epoch_are_of_one_run(self) -> None:
        curves = [self.curve(10, 1.0), self.curve(4, 5.0), self.curve(6, 9.0)]
        level = level_reached(curves, 0.6)
        assert (level.seconds, level.epoch) == (20.0, 4), "the middle one by time"

    def test_no_run_is_an_error(self) -> None:
        with pytest.raises(ValueError, match="there is no run"):
            level_reached([], 0.6)

    @pytest.mark.parametrize(
        ("lengths", "last"),
        [
            ([7], 7),
            ([5, 9], 9),
            ([5, 7, 9], 7),
            ([5, 7, 9, 9], 9),
            ([5, 6, 7, 9], 7),
            ([3] * 9 + [20], 3),
        ],
        ids=str,
    )
    def test_the_last_epoch_that_half_of_the_runs_have(self, lengths: list[int], last: int) -> None:
        assert last_shared_epoch(lengths) == last
        assert sum(length >= last for length in lengths) * 2 >= len(lengths)
        assert sum(length >= last + 1 for length in lengths) * 2 < len(lengths)


class TestSimulation:
    """The short form of `python -m reports.study.simulate`'s table of losses."""

    WORST = Noise(sd=0.04, correlation=0.5)
    LEAST = Noise(sd=0.02, correlation=0.0)

    def test_losses_vary_as_the_noise_says(self) -> None:
        rng = np.random.default_rng(1)
        endless = replace(SCRATCH, patience=100)
        truth = Truth(recipe=endless, lowest_epoch=8)
        logs = np.log([draw_run(truth, self.WORST, rng).validation for _ in range(4_000)])
        assert logs.std(axis=0) == pytest.approx([0.04] * 20, rel=0.06)
        neighbours = [np.corrcoef(logs[:, e], logs[:, e + 1])[0, 1] for e in range(19)]
        assert neighbours == pytest.approx([0.5] * 19, abs=0.06)

    def test_a_true_rise_has_its_minimum_and_its_end(self) -> None:
        truth = Truth(recipe=SCRATCH, lowest_epoch=8, rise=0.2)
        curve = [truth.loss(epoch) for epoch in range(1, 14)]
        assert curve[7] == min(curve) == pytest.approx(1.0)
        assert curve[12] == pytest.approx(1.2), "patience ends it five epochs after the minimum"
        assert Truth(recipe=SCRATCH, lowest_epoch=8).loss(1) == 1.0

    def test_training_stops_as_the_suite_stops_it(self) -> None:
        silent = Noise(sd=0.0, correlation=0.0)
        rng = np.random.default_rng(0)
        flat = draw_run(Truth(recipe=SCRATCH, lowest_epoch=8), silent, rng)
        assert len(flat.validation) == len(flat.train) == 1 + SCRATCH.patience
        rising = draw_run(Truth(recipe=SCRATCH, lowest_epoch=8, rise=0.1), silent, rng)
        assert len(rising.validation) == 8 + SCRATCH.patience
        tuned = draw_run(Truth(recipe=FINETUNE, lowest_epoch=5), silent, rng)
        assert len(tuned.validation) == 3 + FINETUNE.patience, "patience counts in the last stage"

    def test_at_most_5_per_cent_of_plateaus_are_called_overfitted(self) -> None:
        assert NOISES[-1] == self.WORST
        for plateau in RECIPES:
            for score in scores(plateau, self.WORST, trials=600, seed=1):
                assert score.overfitted <= 0.05, (plateau.recipe.name, score)

    def test_a_true_rise_is_found(self) -> None:
        for plateau in RECIPES:
            for true_rise, least in (
                (0.2, {1: 0.65, 3: 0.95, 9: 0.99}),
                (0.3, {1: 0.93, 3: 0.98, 9: 0.99}),
            ):
                truth = replace(plateau, rise=true_rise)
                for score in scores(truth, self.LEAST, trials=300, seed=1):
                    assert score.overfitted >= least[score.runs], (plateau.recipe.name, true_rise, score)

    def test_the_table_has_every_case(self) -> None:
        table = losses.table(1, 0)
        noises = len(NOISES) + len(losses.RISES) * 2
        assert table.row_count == len(RECIPES) * noises
        assert [str(column.header) for column in table.columns][-3:] == ["1 run", "3 runs", "9 runs"]
