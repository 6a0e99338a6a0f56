"""Disturbed epochs and unlike precisions: shown, counted, and never a verdict's ground unsaid."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from msgspec import to_builtins
from msgspec.structs import replace

from bench.records.types import Epoch
from reports import typeset
from reports.study.compare import Study
from tests.reports.test_prose import of, told
from tests.support.report_files import ANNA, BOB, content_of, epochs_of, run_of, write
from tests.support.samples import GATE, INTERFERENCE

CALM = [120.0, 100.0, 101.0, 99.0, 100.0, 100.0, 101.0, 99.0]


def disturbed(epochs: Sequence[Epoch], *numbers: int) -> tuple[Epoch, ...]:
    """The same epochs; in these, others took half of one of two processors."""
    return tuple(
        replace(epoch, train_seconds=2 * epoch.train_seconds, interference=_half_taken(epoch))
        if epoch.epoch in numbers
        else epoch
        for epoch in epochs
    )


def _half_taken(epoch: Epoch) -> Any:
    seconds = 2 * epoch.train_seconds
    return replace(
        INTERFERENCE,
        busy_cpu_seconds=2 * seconds,
        idle_cpu_seconds=0.0,
        own_cpu_seconds=1.5 * seconds,
        stolen_cpu_seconds=0.0,
    )


def with_precision(run: dict[str, Any], word: str | None) -> dict[str, Any]:
    return run | {"gate": to_builtins(GATE) | {"precision": word}}


def a_pair(folder: Path, torch: Sequence[Epoch], tensorflow: Sequence[Epoch]) -> Study:
    runs = [
        run_of("scratch", "torch", torch, device="cpu"),
        run_of("scratch", "tensorflow", tensorflow, device="cpu"),
    ]
    write(folder, "anna/0001_full.json", content_of(ANNA, runs))
    return of(folder)


def cells(study: Study, table: str, column: str) -> list[str]:
    found = typeset.tables(study)[table]
    place = [each.name for each in found.columns].index(column)
    return [each[place] for each in found.rows]


def test_a_disturbed_epoch_is_in_no_rate_and_is_counted(tmp_path: Path) -> None:
    calm, busy = epochs_of(CALM), disturbed(epochs_of(CALM), 3, 5)
    study = a_pair(tmp_path, busy, calm)
    run = study.frames.runs.iloc[0]
    assert run["seconds_per_epoch"] == pytest.approx(100.0)
    assert (run["steady_epochs"], run["disturbed_epochs"], run["timed_epochs"]) == (7, 2, 5)
    epochs = study.frames.epochs[study.frames.epochs["run"] == "R1"]
    assert list(epochs[epochs["disturbed"]]["epoch"]) == [3, 5]
    assert list(epochs[epochs["timed"]]["epoch"]) == [2, 4, 6, 7, 8]
    assert epochs["other_cpu_share"].dropna().tolist() == pytest.approx([0.25, 0.25])
    row = study.engines.iloc[0]
    assert (row["ratio"], row["epochs"]) == (pytest.approx(1.0), 5)
    assert cells(study, "steadiness", "Disturbed epochs") == ["2 of 7", "0 of 7"]
    assert "1 run had epochs that were disturbed" in told(study, "summary")


def test_if_all_epochs_were_disturbed_the_rate_is_shown_and_nothing_is_decided(tmp_path: Path) -> None:
    calm = epochs_of(CALM)
    study = a_pair(tmp_path, disturbed(calm, *range(2, 9)), calm)
    row = study.engines.iloc[0]
    assert row["ratio"] == pytest.approx(0.5)
    assert row["verdict"] == "too few epochs"
    assert row["epochs"] == 0
    assert study.frames.runs.iloc[0]["seconds_per_epoch"] == pytest.approx(200.0)


def test_the_undisturbed_run_of_a_cell_speaks_alone(tmp_path: Path) -> None:
    calm = epochs_of(CALM)
    runs = [
        run_of("scratch", "torch", disturbed(calm, *range(2, 9)), device="cpu"),
        run_of("scratch", "torch", calm, device="cpu", seed=1),
        run_of("scratch", "tensorflow", calm, device="cpu"),
    ]
    write(tmp_path, "anna/0001_full.json", content_of(ANNA, runs))
    row = of(tmp_path).engines.iloc[0]
    assert (row["ratio"], row["epochs"]) == (pytest.approx(1.0), 7)


def test_engines_of_unlike_precision_are_compared_only_with_a_word(tmp_path: Path) -> None:
    runs = [
        with_precision(run_of("scratch", "torch", epochs_of(CALM)), "float32"),
        with_precision(run_of("scratch", "tensorflow", epochs_of([s / 2 for s in CALM])), "TF32"),
    ]
    write(tmp_path, "anna/0001_full.json", content_of(ANNA, runs))
    study = of(tmp_path)
    sentence = "PyTorch in float32 and TensorFlow in TF32 on anna"
    assert sentence in told(study, "summary")
    assert sentence in told(study, "frameworks")
    assert cells(study, "frameworks", "Conditions") == ["unlike precision: float32 and TF32"]
    assert cells(study, "gates", "Precision") == ["float32", "TF32"]


def test_one_engine_in_two_precisions_is_never_pooled(tmp_path: Path) -> None:
    """As with MLX, which computes in TF32 on an M5 and in float32 before."""
    for machine, word in ((ANNA, "float32"), (BOB, "TF32")):
        seeds = (0, 1) if machine is ANNA else (0,)
        runs = [
            with_precision(run_of("scratch", "torch", epochs_of(CALM), seed=seed), word)
            for seed in seeds
        ]
        write(tmp_path, f"{machine.name}/0001_full.json", content_of(machine, runs))
    study = of(tmp_path)
    assert list(study.frames.runs["setting"]) == ["A", "A", "B"]
    assert study.machines.empty
    differs = study.frames.settings.iloc[1]["differs"]
    assert differs == ("precision as measured: TF32 instead of float32 (scratch with PyTorch)",)
    assert "different precisions" not in told(study, "summary")


def test_of_like_precision_nothing_is_said(tmp_path: Path) -> None:
    study = a_pair(tmp_path, epochs_of(CALM), epochs_of(CALM))
    assert "different precisions" not in told(study)
    caption = typeset.tables(study)["gates"].caption
    assert any("every run computed in float32" in sentence.text for sentence in caption)
