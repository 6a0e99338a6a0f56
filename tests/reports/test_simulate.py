"""The simulation counts what it should: its models have the truth that they say."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from reports.intervals import Ratio
from reports.study import simulate
from reports.study.simulate import (
    DESIGNS,
    EPOCHS,
    MODELS,
    Model,
    Score,
    draw_epochs,
    draw_pairs,
    is_wrong,
    main,
    score,
)

MODEL = Model(name="all", epoch_sd=0.01, correlation=0.8, run_sd=0.02, session_sd=0.03)
ENGINES, MACHINES = DESIGNS[1], DESIGNS[3]


def test_epochs_vary_as_the_model_says() -> None:
    rng = np.random.default_rng(1)
    logs = np.log([draw_epochs(MODEL, math.log(300.0), rng) for _ in range(4_000)])
    assert logs.mean() == pytest.approx(math.log(300.0), abs=5e-4)
    assert logs.std(axis=0) == pytest.approx([0.01] * EPOCHS, rel=0.06)
    neighbours = [np.corrcoef(logs[:, i], logs[:, i + 1])[0, 1] for i in range(EPOCHS - 1)]
    assert neighbours == pytest.approx([0.8] * (EPOCHS - 1), abs=0.03)


def test_engines_share_what_their_session_does_and_machines_do_not() -> None:
    """The median of correlated epochs varies too, by a little."""
    silent = replace(MODEL, epoch_sd=0.0)
    for design, variance in (
        (ENGINES, 2 * 0.02**2 / 3),
        (MACHINES, 2 * (0.03**2 + 0.02**2 / 3)),
        (DESIGNS[4], 2 * (0.03**2 + 0.02**2) / 3),
    ):
        rng = np.random.default_rng(3)
        drawn = []
        for _ in range(4_000):
            (pair,) = draw_pairs(silent, design, 0.1, rng)
            drawn.append(pair[0].log_rate - pair[1].log_rate)
        assert np.mean(drawn) == pytest.approx(0.1, abs=0.003), design.name
        assert np.std(drawn) == pytest.approx(math.sqrt(variance), rel=0.05), design.name


def test_a_design_has_its_cells_runs_and_sessions() -> None:
    rng = np.random.default_rng(0)
    for design in DESIGNS:
        pairs = draw_pairs(MODEL, design, 0.0, rng)
        assert len(pairs) == design.cells
        for pair in pairs:
            for side in pair:
                assert len(side.rates) == design.sessions * design.runs
                assert len(set(side.names)) == len(side.rates)
                assert all(len(rates) == EPOCHS for rates in side.rates)


@pytest.mark.parametrize(
    ("verdict", "wrong_at"),
    [
        ("faster", {0.97, 0.99, 1.0}),
        ("slower", {1.0, 1.01, 1.03}),
        ("same", {1.03, 0.97}),
        ("not decided", set()),
        ("too few epochs", set()),
    ],
)
def test_a_verdict_is_wrong_where_it_says_what_is_not_so(verdict: Any, wrong_at: set[float]) -> None:
    ratio = Ratio(value=1.0, low=0.9, high=1.1, verdict=verdict, epochs=9, runs=1)
    truths = {0.97, 0.99, 1.0, 1.01, 1.03}
    assert {truth for truth in truths if is_wrong(ratio, truth)} == wrong_at


def judge_in_turn(*ratios: Ratio) -> Any:
    remaining = list(ratios)
    return lambda pairs: remaining.pop(0)


def test_shares_are_of_all_trials_and_of_those_with_an_interval() -> None:
    nan = math.nan
    judge = judge_in_turn(
        Ratio(value=1.2, low=1.1, high=1.3, verdict="faster", epochs=9, runs=1),
        Ratio(value=1.0, low=0.99, high=1.01, verdict="same", epochs=9, runs=1),
        Ratio(value=1.0, low=0.9, high=1.1, verdict="not decided", epochs=9, runs=1),
        Ratio(value=1.0, low=nan, high=nan, verdict="too few epochs", epochs=3, runs=1),
    )
    found = score(MODELS[0], DESIGNS[0], true_ratio=1.0, trials=4, judge=judge)
    assert (found.given, found.wrong) == (0.5, 0.25)
    assert found.holds == pytest.approx(2 / 3)
    assert found.wrong_of_given == 0.5
    assert math.isnan(Score(given=0.0, wrong=0.0, holds=1.0).wrong_of_given)


def test_what_the_present_rule_gets_wrong_is_counted() -> None:
    """Independent epochs are what it was made for; runs that differ are what it cannot know."""
    sound = score(MODELS[0], DESIGNS[0], true_ratio=1.0, trials=150)
    assert sound.holds > 0.9
    assert sound.wrong < 0.05
    deceived = score(MODELS[3], DESIGNS[0], true_ratio=1.0, trials=150)
    assert deceived.holds < 0.4
    assert deceived.wrong > 0.5


def test_the_same_seed_gives_the_same_score() -> None:
    ours, theirs = (score(MODELS[2], ENGINES, true_ratio=1.05, trials=20, seed=4) for _ in range(2))
    assert ours == theirs


def test_the_command_prints_a_row_for_each_design_and_model(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(simulate, "score", lambda *_, **__: Score(given=0.5, wrong=0.02, holds=0.93))
    assert main(["--ratio", "1.1", "--trials", "10"]) == 0
    out = capsys.readouterr().out
    assert "truth: 1.1 times as fast; 10 trials a row" in out
    assert out.count("50.0 %") == len(DESIGNS) * len(MODELS)
    assert out.count(" 2.0 %") == out.count(" 4.0 %") == len(DESIGNS) * len(MODELS)
    assert out.count("93.0 %") == len(DESIGNS) * len(MODELS)


@pytest.mark.parametrize("arguments", [["--ratio", "0"], ["--trials", "0"], ["--seed", "-1"]])
def test_what_cannot_be_simulated_is_said(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(arguments)
    assert "the ratio must be above 0" in capsys.readouterr().err
