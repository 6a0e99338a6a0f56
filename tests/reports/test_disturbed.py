"""Disturbed epochs and unlike precisions: counted, and never a verdict's ground."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from msgspec import to_builtins

from bench.records.types import Epoch
from reports.study.compare import Study
from tests.support.report_files import ANNA, BOB, content_of, disturbed, epochs_of, run_of, write
from tests.support.report_study import study_of
from tests.support.samples import GATE

CALM = [120.0, 100.0, 101.0, 99.0, 100.0, 100.0, 101.0, 99.0]


def with_precision(run: dict[str, Any], word: str | None) -> dict[str, Any]:
    return run | {"gate": to_builtins(GATE) | {"precision": word}}


def a_pair(folder: Path, torch: Sequence[Epoch], tensorflow: Sequence[Epoch]) -> Study:
    runs = [
        run_of("scratch", "torch", torch, device="cpu"),
        run_of("scratch", "tensorflow", tensorflow, device="cpu"),
    ]
    write(folder, "anna/0001_full.json", content_of(ANNA, runs))
    return study_of(folder)


def test_a_disturbed_epoch_is_in_no_rate_and_is_counted(tmp_path: Path) -> None:
    calm, busy = epochs_of(CALM), disturbed(epochs_of(CALM), 3, 5)
    given = a_pair(tmp_path, busy, calm)
    run = given.frames.runs.iloc[0]
    assert run["seconds_per_epoch"] == pytest.approx(100.0)
    assert (run["steady_epochs"], run["disturbed_epochs"], run["timed_epochs"]) == (7, 2, 5)
    epochs = given.frames.epochs[given.frames.epochs["run"] == "R1"]
    assert list(epochs[epochs["disturbed"]]["epoch"]) == [3, 5]
    assert list(epochs[epochs["timed"]]["epoch"]) == [2, 4, 6, 7, 8]
    assert epochs["other_cpu_share"].dropna().tolist() == pytest.approx([0.25, 0.25])
    row = given.engines.iloc[0]
    assert (row["ratio"], row["epochs"]) == (pytest.approx(1.0), 5)


def test_if_all_epochs_were_disturbed_the_rate_is_shown_and_nothing_is_decided(tmp_path: Path) -> None:
    calm = epochs_of(CALM)
    given = a_pair(tmp_path, disturbed(calm, *range(2, 9)), calm)
    row = given.engines.iloc[0]
    assert row["ratio"] == pytest.approx(0.5)
    assert row["verdict"] == "too few epochs"
    assert row["epochs"] == 0
    assert given.frames.runs.iloc[0]["seconds_per_epoch"] == pytest.approx(200.0)


def test_the_undisturbed_run_of_a_cell_speaks_alone(tmp_path: Path) -> None:
    calm = epochs_of(CALM)
    runs = [
        run_of("scratch", "torch", disturbed(calm, *range(2, 9)), device="cpu"),
        run_of("scratch", "torch", calm, device="cpu", seed=1),
        run_of("scratch", "tensorflow", calm, device="cpu"),
    ]
    write(tmp_path, "anna/0001_full.json", content_of(ANNA, runs))
    row = study_of(tmp_path).engines.iloc[0]
    assert (row["ratio"], row["epochs"]) == (pytest.approx(1.0), 7)


def test_one_engine_in_two_precisions_is_never_pooled(tmp_path: Path) -> None:
    """As with MLX, which computes in TF32 on an M5 and in float32 before."""
    for machine, word in ((ANNA, "float32"), (BOB, "TF32")):
        seeds = (0, 1) if machine is ANNA else (0,)
        runs = [
            with_precision(run_of("scratch", "torch", epochs_of(CALM), seed=seed), word)
            for seed in seeds
        ]
        write(tmp_path, f"{machine.name}/0001_full.json", content_of(machine, runs))
    given = study_of(tmp_path)
    assert list(given.frames.runs["setting"]) == ["A", "A", "B"]
    assert given.machines.empty
    differs = given.frames.settings.iloc[1]["differs"]
    assert differs == ("precision as measured: TF32 instead of float32 (scratch with PyTorch)",)
