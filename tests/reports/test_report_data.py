"""The files beside a report: every run, epoch and comparison of the saved files is in them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pandas as pd
import pytest
from msgspec.structs import replace

from reports.data.frame import frames
from reports.data.sources import gather
from reports.render import data
from reports.study.compare import study
from tests.support import report_text
from tests.support.report_files import ANNA, content_of, epochs_of, run_of, two_machines, write

CELL = ("experiment", "engine", "device", "seed")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two machines with runs of two settings, one of them failed and one invalid, and their report."""
    folder = tmp_path_factory.mktemp("data")
    two_machines(folder / "results")
    report = report_text.put_together(study(frames(gather([str(folder / "results")])), None))
    data.write(report, folder)
    return folder


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_every_run_of_every_file_is_there_with_its_file(folder: Path, ending: str) -> None:
    file = folder / "report-data" / f"runs.{ending}"
    runs = pd.read_csv(file) if ending == "csv" else pd.read_parquet(file)
    saved = []
    for source in (folder / "results").rglob("*.json"):
        content = json.loads(source.read_bytes())
        sha256 = hashlib.sha256(source.read_bytes()).hexdigest()
        runs_saved = [*(entry["extra_info"] for entry in content["benchmarks"]), *content["failures"]]
        saved += [(sha256, *(run["cell"][name] for name in CELL)) for run in runs_saved]
    columns = (runs[name] for name in ("sha256", *CELL))
    assert sorted(zip(*columns, strict=True)) == sorted(saved)
    assert {*runs["validity"]} == {"valid", "invalid", "failed"}


def test_every_comparison_has_its_runs(folder: Path) -> None:
    runs, pairs, means = (
        pd.read_parquet(folder / "report-data" / f"{name}.parquet")
        for name in ("runs", "pairs", "means")
    )
    for frame, sides in ((pairs, ("first_runs", "second_runs")), (means, ("machine_runs",))):
        assert len(frame)
        for side in sides:
            assert all(len(ids) and set(ids) <= set(runs["run"]) for ids in frame[side])


def test_comparisons_have_what_their_tables_show(folder: Path) -> None:
    """The seconds behind a ratio, and what of a machine may explain one."""
    pairs, means = (pd.read_csv(folder / "report-data" / f"{name}.csv") for name in ("pairs", "means"))
    scratch = pairs[(pairs["machine"] == "bob") & (pairs["experiment"] == "scratch")]
    assert list(scratch["first_seconds_per_epoch"]) == [pytest.approx(50.0, rel=0.02)]
    assert {"second_seconds_per_epoch", "verdict"} <= {*pairs}
    assert {"chip", "gpu_cores", "memory_bytes", "os", "ratio"} <= {*means}


def test_of_three_machines_there_is_a_mean_of_each_two_engines(tmp_path: Path) -> None:
    for number, name in enumerate(("anna", "bob", "carl")):
        runs = [
            run_of("scratch", engine, epochs_of([seconds + number] * 6))
            for engine, seconds in (("torch", 60.0), ("tensorflow", 66.0))
        ]
        write(tmp_path, f"{name}.json", content_of(replace(ANNA, name=name), runs))
    report = report_text.put_together(study(frames(gather([str(tmp_path)])), None))
    [mean] = data.frames(report)["engine_means"].to_dict("records")
    assert (mean["experiment"], mean["cells"]) == ("scratch", 3)


def test_seconds_are_seconds_and_what_was_not_measured_is_a_gap(folder: Path) -> None:
    runs = pd.read_csv(folder / "report-data" / "runs.csv")
    bobs = runs[(runs["machine"] == "bob") & (runs["engine"] == "torch")]
    [seconds] = bobs.loc[bobs["experiment"] == "scratch", "seconds_per_epoch"].unique()
    assert seconds == pytest.approx(50.0, rel=0.02), "of the file's epochs of 50 s with their jitter"
    assert runs.loc[runs["validity"] == "failed", "test_accuracy"].isna().all()
