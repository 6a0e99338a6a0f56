"""Frames and tables as CSV and Parquet: whole, raw, and nothing that a spreadsheet would run."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pandas as pd
import pytest
from msgspec.structs import replace

from bench.records.types import OnBattery, ResumedDespite, RunWarning
from reports.data.frame import Frames
from reports.render import data
from reports.study.compare import Study
from reports.write.words import reads
from tests.support.report_files import ANNA, content_of, epochs_of, run_of, two_machines, write
from tests.support.report_study import study_of


def save(study: Study, folder: Path, *endings: str) -> list[Path]:
    """The frames as files, as `--csv` and `--parquet` write them."""
    named = {field.name: getattr(study.frames, field.name) for field in dataclasses.fields(Frames)}
    return data.save(named, folder, endings)


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return study_of(two_machines(tmp_path_factory.mktemp("results")))


@pytest.fixture(scope="module")
def made(two: Study) -> Frames:
    return two.frames


def test_parquet_gives_every_frame_back(two: Study, made: Frames, tmp_path: Path) -> None:
    save(two, tmp_path, data.PARQUET)
    files = list(tmp_path.glob("*.parquet"))
    assert {file.stem for file in files} == {field.name for field in dataclasses.fields(Frames)}
    for file in files:
        own = getattr(made, file.stem).drop(columns=["record"], errors="ignore")
        back = pd.read_parquet(file)
        assert list(back.columns) == list(own.columns)
        assert len(back) == len(own)
    back = pd.read_parquet(tmp_path / "epochs.parquet")
    pd.testing.assert_series_equal(back["train_seconds"], made.epochs["train_seconds"])
    pictures = pd.read_parquet(tmp_path / "pictures.parquet")
    assert pictures["pixels"].iloc[0] == bytes([10]) * 3072


def test_kinds_are_exported_in_words(two: Study, tmp_path: Path) -> None:
    [meter] = two.runs["energy_reads"].unique()
    for ending, read in ((data.CSV, pd.read_csv), (data.PARQUET, pd.read_parquet)):
        files = save(two, tmp_path, ending)
        assert all(file.is_file() for file in files)
        [runs] = [file for file in files if file.stem == "runs"]
        assert set(read(runs)["energy_reads"]) == {reads(meter)}
    assert len(pd.read_csv(tmp_path / "machines.csv")) == 2


def test_csv_has_raw_values_and_leaves_a_gap_where_nothing_was_measured(
    two: Study, made: Frames, tmp_path: Path
) -> None:
    save(two, tmp_path, data.CSV)
    runs = pd.read_csv(tmp_path / "runs.csv")
    assert list(runs["images_per_second"]) == list(made.runs["images_per_second"])
    assert runs["peak_device_bytes"].isna().all()
    assert "pixels" not in pd.read_csv(tmp_path / "pictures.csv").columns


def test_several_values_are_a_list_in_parquet_and_joined_in_csv(tmp_path: Path) -> None:
    warnings: list[RunWarning] = [OnBattery(), ResumedDespite(difference="a; b")]
    run = run_of("scratch", "torch", epochs_of([6.0, 5.0]), warnings=warnings)
    calm = run_of("mistaken", "torch", epochs_of([6.0, 5.0]))
    write(tmp_path, "one.json", content_of(ANNA, [run, calm]))
    found = study_of(tmp_path)
    save(found, tmp_path, *data.ENDINGS)
    lists = pd.read_parquet(tmp_path / "runs.parquet")
    assert [list(cell) for cell in lists["warnings"]] == [
        ["on battery", "it went on although not all was as before: a; b"],
        [],
    ]
    assert [list(cell) for cell in lists["reasons"]] == [[], []]
    assert list(lists["versions"].iloc[0]) == ["torch 2.14.1", "numpy 2.0.2"]
    joined = pd.read_csv(tmp_path / "runs.csv")
    assert list(joined["warnings"].fillna("")) == [
        "on battery; it went on although not all was as before: a; b",
        "",
    ]
    assert list(joined["engine"]) == ["torch", "torch"]


def test_a_spreadsheet_is_given_no_formula(tmp_path: Path) -> None:
    hostile = replace(ANNA, name='=HYPERLINK("http://x","y")', gpu="@SUM(A1)", os="+1", os_build="-1")
    run = run_of("scratch", "torch", epochs_of([6.0, 5.0]), failure="=1+1")
    write(tmp_path, "one.json", content_of(hostile, [run]))
    save(study_of(tmp_path), tmp_path, data.CSV)
    cells = [
        cell
        for file in tmp_path.rglob("*.csv")
        for _, column in pd.read_csv(file, dtype=str).items()
        for cell in column.dropna()
    ]
    assert '\'=HYPERLINK("http://x","y")' in cells
    assert not [cell for cell in cells if cell.startswith(("=", "@", "+"))]
    assert "'-1" in cells
