"""Edited epochs, rounds, warm-ups, interruptions and times are named."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest

from alexnet.recipe import EXPERIMENTS
from tests.support.saved_file import CUTS, genuine_content, interrupted_file
from tests.support.saved_file_edits import (
    LAST_EPOCH,
    Change,
    Edits,
    assert_edit_is_named,
    edit_cases,
    interrupt,
    put,
    reseal,
    twice,
    violations_of,
    without_first,
)

EDITS: Edits = {
    "epochs_follow_the_recipe": [
        (put("run/epochs", without_first), r"epochs\[0\].epoch is 2, and by the recipe it is 1"),
        (put(f"{LAST_EPOCH}/stage", 2), r"epochs\[3\].stage is 2, and by the recipe it is 1"),
        (put(f"{LAST_EPOCH}/learning_rate", 0.01), r"epochs\[3\].learning_rate is 0.01"),
        (put("run/plan/epochs", 3), "epochs has 4, and plan.epochs is 3"),
    ],
    "epoch_fields_are_consistent": [
        (put(f"{LAST_EPOCH}/best_weights_seconds", 0.1), "the epoch is not better"),
        (put("run/epochs/1/best_weights_seconds", None), "is the best so far"),
        (put(f"{LAST_EPOCH}/energy_joules", {"gpu": 3.0}), "too short for it"),
        (put(f"{LAST_EPOCH}/validation_accuracy", 0.1501), "no whole number"),
    ],
    "first_steps_are_of_a_process": [
        (
            put("run/epochs/1/first_step_seconds", 0.1),
            r"epochs\[1\].first_step_seconds is 0.1, and the epoch is not the first of its process",
        ),
        (
            put("run/epochs/0/first_step_seconds", 1e4),
            r"epochs\[0\].first_step_seconds is 10000, and the whole epoch trained for",
        ),
    ],
    "total_covers_all_epochs": [
        (put("run/result/total_seconds", 9.0), "result.total_seconds is 9, and its epochs"),
        (put("run/epochs/2/checkpoint_seconds", 250.0), "is 200, and its epochs alone took 261"),
    ],
    "rounds_match_the_epochs": [
        (put("benchmarks/0/stats/rounds", 4), "stats.rounds is 4, and by train_seconds it is 3"),
        (put("benchmarks/0/stats/min", 1.0), "stats.min is 1, and"),
        (put("benchmarks/0/stats/median", twice), "stats.median is"),
        (put("benchmarks/0/stats/data/1", 1.0), "stats.data is"),
        (put("benchmarks/0/stats/ops", twice), "stats.ops is"),
        (put("benchmarks/0/stats", None), "stats is no object"),
    ],
    "warm_ups_match_the_interruptions": [
        (put("run/epochs/0/warm_up", False), r"epochs\[0\].warm_up is false, and by .* it is true"),
        (put(f"{LAST_EPOCH}/warm_up", True), r"epochs\[3\].warm_up is true, and by inter.* it is false"),
        (interrupt(), r"epochs\[2\].warm_up is false, and by interruptions it is true"),
        (interrupt(resumed_after=3), r"interruptions\[0\].resumed_after is 3, and after_epoch 2"),
        (interrupt(seconds=31.0), r"interruptions\[0\].seconds is 31, and by its times it is 30"),
        (interrupt(seconds=0.0), r"interruptions\[0\].seconds is 0, and by its times it is 30"),
        (interrupt(resumed_at="soon"), r"interruptions\[0\].stopped_at or resumed_at is no time with"),
        (
            interrupt(stopped_at="2026-11-24T12:01:00"),
            r"interruptions\[0\].stopped_at or .* no time with",
        ),
    ],
    "times_are_in_order": [
        (put("run/start/started_at", "2026-11-24T11:59:50+00:00"), "started_at is .* before before"),
        (put("run/after/taken_at", "2026-11-24T12:00:06+00:00"), "taken_at is 6 s after before.taken"),
    ],
    "epochs_have_all_images": [
        (put(f"{LAST_EPOCH}/images", 641), r"epochs\[3\].images is 641, and by the plan it is 640"),
    ],
    "feeding_is_part_of_the_epoch": [
        (
            put(f"{LAST_EPOCH}/feed_seconds", 99.0),
            r"epochs\[3\].feed_seconds is 99, and it is part of train_seconds",
        ),
    ],
    "times_can_be": [
        (put("run/after/taken_at", "2026-11-24T12:05:00"), "after.taken_at is .* no time with its zone"),
        (put("run/before/taken_at", "noon"), 'before.taken_at is "noon", no time with its zone'),
        (
            put("run/start/started_at", "1970-01-01T00:00:00+00:00"),
            'start.started_at is "1970-01-01T00:00:00.00:00", before 2020',
        ),
        (put("run/after/taken_at", "2999-01-01T00:00:00+00:00"), "in the future of this computer's"),
    ],
}


@pytest.mark.parametrize(("rule", "change", "sentence"), edit_cases(EDITS))
def test_an_edit_is_named_even_with_a_new_checksum(rule: str, change: Change, sentence: str) -> None:
    assert_edit_is_named(rule, change, sentence)


def test_a_rate_that_the_recipe_itself_has_wrong_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """A run trained with it agrees with its recipe; the protocol is written down apart."""
    content = json.loads(json.dumps(genuine_content("linux")))
    run = content["benchmarks"][0]["extra_info"]
    experiment = EXPERIMENTS[run["cell"]["experiment"]]
    stages = tuple(replace(stage, learning_rate=0.01) for stage in experiment.recipe.stages)
    recipe = replace(experiment.recipe, stages=stages)
    monkeypatch.setitem(EXPERIMENTS, run["cell"]["experiment"], replace(experiment, recipe=recipe))
    for epoch in run["epochs"]:
        epoch["learning_rate"] = 0.01
    violations = violations_of(reseal(content))
    sentence = "epochs[0].learning_rate is 0.01, and by the recipe it is 0.001"
    assert any(sentence in violation for violation in violations), violations


@pytest.mark.parametrize("name", CUTS)
def test_a_run_that_went_on_after_a_cut_holds(name: str) -> None:
    """The first epoch of each process is no round, and each interruption is a warning."""
    interruptions, warm_ups = CUTS[name]
    content = json.loads(json.dumps(interrupted_file(interruptions, warm_ups)))
    assert violations_of(content) == []
    (benchmark,) = content["benchmarks"]
    run = benchmark["extra_info"]
    rounds = [epoch["epoch"] for epoch in run["epochs"] if not epoch["warm_up"]]
    assert benchmark["stats"]["rounds"] == len(rounds) == 4 - len(warm_ups)
    kinds = [warning["kind"] for warning in run["verdict"]["warnings"]]
    assert kinds.count("cut off") == len(interruptions)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (put("run/interruptions", []), r"epochs\[2\].warm_up is true, and by interruptions it is false"),
        (put("run/epochs/2/warm_up", False), r"epochs\[2\].warm_up is false, and by"),
        (put("run/epochs/2/warm_up", False), "stats.rounds is 2, and by train_seconds it is 3"),
        (put("run/interruptions/0/resumed_after", 3), r"\[0\].resumed_after is 3, and after_epoch 2"),
        (put("run/interruptions/0/resumed_after", 1), r"epochs\[1\].warm_up is false, and by"),
        (put("run/interruptions/0/seconds", twice), r"interruptions\[0\].seconds is 60, and by"),
        (put("run/interruptions/0/stopped_at", "now"), r"\[0\].stopped_at or resumed_at is no time"),
        (put("run/interruptions/0/why", "Ctrl-C"), "verdict.warnings leaves out: cut off .*Ctrl-C"),
        (put("run/interruptions/0/differences", ["torch"]), "leaves out: it went on although .* torch"),
        (put("run/verdict/warnings", []), "verdict.warnings leaves out: cut off after epoch 2"),
    ],
)
def test_what_an_interrupted_run_says_of_its_cut_is_checked(change: Change, sentence: str) -> None:
    content = genuine_content("interrupted")
    change(content)
    violations = violations_of(reseal(content))
    assert any(re.search(sentence, violation) for violation in violations), violations
