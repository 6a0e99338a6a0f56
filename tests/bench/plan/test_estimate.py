"""The estimate of a cell's time: guessed, from a trial, and from earlier runs on the same machine."""

from __future__ import annotations

import json
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from msgspec.structs import replace

from bench.plan import estimate
from bench.plan.estimate import Pace
from bench.records.read import load
from bench.records.types import Cell, Plan
from tests.bench.plan.test_grid import plan
from tests.support.saved_file import linux_file

CELL = Cell(experiment="scratch", engine="torch", device="cpu", seed=0)
PACE = Pace(train_seconds=0.01, score_seconds=0.002, gate_seconds=30.0, rest_seconds=8.0)


def cut(steps: int | None) -> Plan:
    return replace(plan("scratch", "speed"), steps_per_epoch=steps)


def test_a_larger_network_is_expected_to_take_longer() -> None:
    small, large = (estimate.expected_seconds(CELL, plan("scratch", name)) for name in ("quick", "full"))
    assert 0 < small < large


def test_an_epoch_that_is_cut_short_takes_as_much_less() -> None:
    """The limit on a worker's silence follows from it, too."""
    tenth, whole = (estimate.expected_epoch_seconds(CELL, cut(steps)) for steps in (70, 700))
    assert tenth == pytest.approx(whole / 10)


def test_a_cell_takes_its_gate_its_images_and_the_rest() -> None:
    trained, scored = 7 * 40 * 64, 7 * 500 + 10_000
    seconds = trained * 0.01 + scored * 0.002 + 8.0
    assert estimate.expected_seconds(CELL, cut(40), PACE, gate=False) == pytest.approx(seconds)
    assert estimate.expected_seconds(CELL, cut(40), PACE) == pytest.approx(seconds + 30)


def saved(folder: Path, content: Any, name: str = "0001_smoke.json") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(content if isinstance(content, str) else json.dumps(content))
    return folder


def test_a_pace_is_that_of_the_runs_own_epochs_and_gives_its_time_back(tmp_path: Path) -> None:
    content = linux_file()
    (run, *_) = load(content).runs
    assert run.result is not None
    paces = estimate.measured_paces(saved(tmp_path, content))
    pace = paces["scratch", "torch", "cpu", 64, 64]
    assert pace == estimate.pace_of(run)
    timed = [epoch.train_seconds / epoch.images for epoch in run.epochs if not epoch.warm_up]
    assert pace.train_seconds == median(timed)
    assert pace.gate_seconds == 9.5
    ended = replace(run.plan, epochs=len(run.epochs))
    expected = estimate.expected_seconds(run.cell, ended, pace, gate=False)
    assert expected == pytest.approx(run.result.total_seconds, rel=0.02)


def test_the_newest_run_of_a_kind_counts_and_another_size_is_another_kind(tmp_path: Path) -> None:
    content = linux_file()
    for entry in content["benchmarks"]:
        entry["extra_info"]["gate"]["seconds"] = 77.0
    saved(tmp_path, linux_file())
    paces = estimate.measured_paces(saved(tmp_path, content, "0002_smoke.json"))
    quick = plan("scratch", "quick")
    pace = estimate.pace_for(CELL, quick, paces, {})
    assert pace is not None
    assert pace.gate_seconds == 77.0
    assert estimate.pace_for(CELL, replace(quick, image_size=224), paces, {}) is None
    assert estimate.pace_for(CELL, replace(quick, batch_size=32), paces, {}) is None
    assert estimate.pace_for(replace(CELL, device="mps"), quick, paces, {}) is None


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("{", "no JSON"),
        ("{}", "no result file"),
        (linux_file() | {"schema": 99}, "a later version"),
    ],
    ids=lambda value: value if isinstance(value, str) and len(value) > 2 else "",
)
def test_a_file_that_cannot_be_read_only_makes_the_estimate_rougher(
    content: Any, why: str, tmp_path: Path
) -> None:
    assert estimate.measured_paces(saved(tmp_path, content)) == {}, why
    assert estimate.measured_paces(tmp_path / "not there") == {}


def test_a_run_in_another_precision_than_its_engines_gives_no_pace() -> None:
    (run, *_) = load(linux_file()).runs
    assert run.gate is not None
    assert estimate.pace_of(run) is not None
    run.gate = replace(run.gate, precision="TF32")
    assert estimate.pace_of(run) is None


def test_without_an_earlier_run_a_trial_gives_the_seconds_of_an_image() -> None:
    kind = estimate.kind_of(CELL, cut(80))
    pace = estimate.pace_for(CELL, cut(80), {}, {kind: 0.64})
    assert pace is not None
    assert pace.train_seconds == pytest.approx(0.01)
    assert estimate.pace_for(CELL, cut(80), {kind: PACE}, {kind: 0.64}) == PACE
