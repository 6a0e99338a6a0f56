"""The cells of a session and their plans. A plan that cannot run is an error that names the option."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from alexnet.frameworks.protocol import Device
from alexnet.layers import IllegalNetwork
from alexnet.recipe import EXPERIMENTS
from bench.plan import grid
from bench.plan.options import Options
from bench.plan.profiles import PROFILES
from bench.records.cell_recipe import IllegalPlan, check_plan
from bench.records.types import Cell, Plan

OPTIONS = Options(
    profile="quick",
    engine=("torch", "tensorflow"),
    experiment=tuple(EXPERIMENTS),
    device="cpu",
    dataset="synthetic",
    data_dir=None,
    image_size=None,
    train_images=None,
    epochs=None,
    patience=None,
    seeds=1,
    repeats=1,
    batch_size=None,
    weights=None,
    machine=None,
)


def plan(experiment: str, profile: str, **changes: Any) -> Plan:
    cell = Cell(experiment=experiment, engine="torch", device="cpu", seed=0)
    options = replace(OPTIONS, **changes)
    cell_plan = grid.plan_cell(cell, options, profile=profile, dataset="synthetic", data_provenance="")
    check_plan(cell, cell_plan)
    return cell_plan


def test_there_are_eight_cells_with_the_frameworks_side_by_side() -> None:
    cells = grid.cells(OPTIONS, {"torch": "cpu", "tensorflow": "cpu"})
    assert [cell.id for cell in cells][:3] == [
        "scratch-torch-cpu-s0",
        "scratch-tensorflow-cpu-s0",
        "mistaken-torch-cpu-s0",
    ]
    assert len(cells) == 8


def test_seeds_multiply_the_cells() -> None:
    three = replace(OPTIONS, seeds=3, experiment=("scratch",))
    cells = grid.cells(three, {"torch": "mps", "tensorflow": "cpu"})
    assert len(cells) == len({cell.id for cell in cells}) == 6
    assert cells[-1].id == "scratch-tensorflow-cpu-s2"


def test_repeats_follow_each_other_with_the_engines_in_turn() -> None:
    """A B, B A, A B: what drifts while a session lasts meets both alike."""
    three = replace(OPTIONS, repeats=3, experiment=("scratch", "mistaken"))
    cells = grid.cells(three, {"torch": "cpu", "tensorflow": "cpu"})
    assert [cell.id for cell in cells[:6]] == [
        "scratch-torch-cpu-s0",
        "scratch-tensorflow-cpu-s0",
        "scratch-tensorflow-cpu-s0-r1",
        "scratch-torch-cpu-s0-r1",
        "scratch-torch-cpu-s0-r2",
        "scratch-tensorflow-cpu-s0-r2",
    ]
    assert len(cells) == len(set(cells)) == 12
    assert {cell.experiment for cell in cells[6:]} == {"mistaken"}


def engines_in_order(cells: list[Cell]) -> str:
    return "".join({"torch": "A", "tensorflow": "B"}[cell.engine] for cell in cells)


@pytest.mark.parametrize(
    ("seeds", "repeats", "last_engine_first", "order"),
    [
        (1, 1, False, "AB"),
        (1, 1, True, "BA"),
        (3, 1, False, "ABBAAB"),
        (1, 3, True, "BAABBA"),
        (2, 3, False, "ABBAABBAABBA"),
    ],
)
def test_engines_take_turns_over_repeats_seeds_and_sessions(
    seeds: int, repeats: int, *, last_engine_first: bool, order: str
) -> None:
    options = replace(OPTIONS, seeds=seeds, repeats=repeats, experiment=("scratch",))
    devices: dict[str, Device] = {"torch": "cpu", "tensorflow": "cpu"}
    cells = grid.cells(options, devices, last_engine_first=last_engine_first)
    assert engines_in_order(cells) == order


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_full_is_the_whole_protocol(experiment: str) -> None:
    full, recipe = plan(experiment, "full"), EXPERIMENTS[experiment].recipe
    assert (full.image_size, full.train_images, full.test_images) == (224, None, None)
    assert (full.epochs, full.batch_size) == (recipe.epochs, recipe.batch_size)


@pytest.mark.parametrize("experiment", EXPERIMENTS)
@pytest.mark.parametrize("profile", ["smoke", "quick"])
def test_small_profiles_have_a_round_to_measure_and_no_wasted_image(
    experiment: str, profile: str
) -> None:
    small = plan(experiment, profile)
    assert small.epochs >= 2
    assert small.train_images
    assert small.train_images % small.batch_size == 0


def test_options_come_before_the_profile() -> None:
    changed = plan(
        "scratch", "quick", epochs=7, image_size=128, train_images=500, batch_size=25, patience=1
    )
    assert (changed.epochs, changed.image_size, changed.train_images) == (7, 128, 500)
    assert (changed.batch_size, changed.patience) == (25, 1)


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"train_images": 1234}, "--train-images 1234.*multiple of 10"),
        ({"train_images": 50_000}, "--train-images 50,000.*45,000"),
        ({"train_images": 50, "batch_size": 64}, "do not fill one batch of 64"),
        ({"image_size": 5000}, "<= 4096 - at `\\$.image_size`"),
        ({"epochs": 10**16}, "at `\\$.epochs`"),
        ({"patience": 10**16}, "at `\\$.patience`"),
    ],
)
def test_numbers_that_make_no_run_name_the_option(changes: dict[str, int], match: str) -> None:
    with pytest.raises(IllegalPlan, match=match):
        plan("scratch", "quick", **changes)


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_speed_times_the_full_protocols_step_and_no_patience_ends_it(experiment: str) -> None:
    speed, full = plan(experiment, "speed"), plan(experiment, "full")
    names = ("image_size", "train_images", "test_images", "batch_size")
    assert [getattr(speed, name) for name in names] == [getattr(full, name) for name in names]
    assert (speed.epochs, speed.patience) == (7, 7)
    assert plan(experiment, "speed", epochs=4).patience == 4
    assert plan(experiment, "speed", patience=2).patience == 2


@pytest.mark.parametrize(
    ("step_seconds", "of", "steps"),
    [
        (4.0, 703, 10),
        (2.5, 703, 10),
        (2.49, 703, 20),
        (0.3, 703, 160),
        (0.08, 703, 320),
        (0.07, 703, None),
        (0.3, 160, None),
        (0.3, 161, 160),
        (9.0, 10, None),
    ],
)
def test_an_epoch_has_the_fewest_steps_that_take_25_seconds_or_all(
    step_seconds: float, of: int, steps: int | None
) -> None:
    seconds = PROFILES["speed"].epoch_seconds
    assert seconds == 25.0
    assert grid.steps_for(seconds, step_seconds, of=of) == steps


def test_steps_come_from_the_option_before_the_trial() -> None:
    cell = Cell(experiment="scratch", engine="torch", device="cpu", seed=0)
    terms: dict[str, Any] = {"profile": "speed", "dataset": "cifar10", "data_provenance": ""}
    assert grid.plan_cell(cell, OPTIONS, **terms, steps_per_epoch=40).steps_per_epoch == 40
    named = replace(OPTIONS, steps=5)
    assert grid.plan_cell(cell, named, **terms, steps_per_epoch=40).steps_per_epoch == 5


@pytest.mark.parametrize(
    ("profile", "match"),
    [
        ("quick", "--steps 704: the profile quick trains whole epochs; only speed cuts them short"),
        ("speed", "--steps 704: an epoch of scratch has only 703"),
    ],
)
def test_steps_that_no_epoch_has_name_the_option(profile: str, match: str) -> None:
    with pytest.raises(IllegalPlan, match=match):
        plan("scratch", profile, steps=704)


def test_an_image_too_small_names_the_layer() -> None:
    with pytest.raises(IllegalNetwork, match="pool5"):
        plan("scratch", "quick", image_size=32)


def test_only_the_small_profiles_have_a_stand_in() -> None:
    allowed = [name for name, profile in PROFILES.items() if profile.synthetic_allowed]
    assert allowed == ["smoke", "quick"]
