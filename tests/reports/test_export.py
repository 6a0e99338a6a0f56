"""Frames and tables as CSV and Parquet: whole, raw, and nothing that a spreadsheet would run."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pandas as pd
import pytest
from msgspec.structs import replace

from bench.records.types import OnBattery, ResumedDespite, RunWarning
from reports import export, typeset
from reports.frame import Frames, frames
from reports.sources import gather
from reports.study.compare import Study, study
from reports.words import reads
from tests.support.report_files import ANNA, content_of, epochs_of, run_of, two_machines, write


def of(folder: Path) -> Study:
    return study(frames(gather([str(folder)])))


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return of(two_machines(tmp_path_factory.mktemp("results")))


@pytest.fixture(scope="module")
def made(two: Study) -> Frames:
    return two.frames


def test_parquet_gives_every_frame_back(two: Study, made: Frames, tmp_path: Path) -> None:
    export.parquet(two, tmp_path)
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


def test_every_table_of_the_report_is_exported_under_its_key(two: Study, tmp_path: Path) -> None:
    keys = set(typeset.tables(two))
    [meter] = two.runs["energy_reads"].unique()
    for write_files, read in ((export.csv, pd.read_csv), (export.parquet, pd.read_parquet)):
        files = write_files(two, tmp_path)
        assert all(file.is_file() for file in files)
        tables = {file.stem: file for file in files if file.parent.name == "tables"}
        assert keys <= set(tables)
        found = read(tables["machines"])
        assert list(found["ratio"]) == pytest.approx(list(two.machines["ratio"]))
        frameworks = read(tables["frameworks"])
        assert frameworks["first_seconds_per_epoch"].iloc[0] == pytest.approx(100.0)
        for cell in read(tables["resources"])["energy_reads"]:
            assert (cell if isinstance(cell, str) else "; ".join(cell)) == reads(meter)
    # A frame of the files and a table of one name have other rows, and both are there.
    assert len(pd.read_csv(tmp_path / "machines.csv")) == 2
    assert len(pd.read_csv(tmp_path / "tables/machines.csv")) == len(two.machines) > 2


def test_csv_has_raw_values_and_leaves_a_gap_where_nothing_was_measured(
    two: Study, made: Frames, tmp_path: Path
) -> None:
    export.csv(two, tmp_path)
    runs = pd.read_csv(tmp_path / "runs.csv")
    assert list(runs["images_per_second"]) == list(made.runs["images_per_second"])
    assert runs["peak_device_bytes"].isna().all()
    assert "pixels" not in pd.read_csv(tmp_path / "pictures.csv").columns


def test_several_values_are_a_list_in_parquet_and_joined_in_csv(tmp_path: Path) -> None:
    warnings: list[RunWarning] = [OnBattery(), ResumedDespite(difference="a; b")]
    run = run_of("scratch", "torch", epochs_of([6.0, 5.0]), warnings=warnings)
    calm = run_of("mistaken", "torch", epochs_of([6.0, 5.0]))
    write(tmp_path, "one.json", content_of(ANNA, [run, calm]))
    found = of(tmp_path)
    export.parquet(found, tmp_path)
    export.csv(found, tmp_path)
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
    export.csv(of(tmp_path), tmp_path)
    cells = [
        cell
        for file in tmp_path.rglob("*.csv")
        for _, column in pd.read_csv(file, dtype=str).items()
        for cell in column.dropna()
    ]
    assert '\'=HYPERLINK("http://x","y")' in cells
    assert not [cell for cell in cells if cell.startswith(("=", "@", "+"))]
    assert "'-1" in cells
