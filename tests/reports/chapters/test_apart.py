"""What is in no comparison, and why; and nothing where there is nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from msgspec import to_builtins
from msgspec.structs import replace

from bench.records.types import Machine
from reports.chapters import apart
from reports.study.compare import Study
from reports.write.document import Paragraph, Section, Table
from tests.support.report_files import (
    ANNA,
    BOB,
    FULL,
    check_failed,
    content_of,
    epochs_of,
    run_of,
    two_machines,
    write,
)
from tests.support.report_study import study_of

STEADY = (120.0, 100.0, 101.0, 99.0, 100.0)


def saved(
    folder: Path, *runs: dict[str, Any], machine: Machine = ANNA, skipped: Sequence[Any] = ()
) -> Study:
    write(folder, f"{machine.name[:4].strip('<')}/0001.json", content_of(machine, runs, skipped))
    return study_of(folder)


def good(engine: str = "torch", **given: Any) -> dict[str, Any]:
    return run_of("scratch", engine, epochs_of(STEADY), **given)


def written(given: Study) -> Section:
    section = apart.chapter(given)
    assert section is not None
    return section


def table(given: Study, key: str) -> Table:
    return next(b for b in written(given).blocks if isinstance(b, Table) and b.key == key)


def cells(found: Table, column: str) -> list[str]:
    place = [each.name for each in found.columns].index(column)
    return [row[place] for row in found.rows]


def note(given: Study) -> str:
    """The chapter's paragraphs."""
    paragraphs = [block for block in written(given).blocks if isinstance(block, Paragraph)]
    return " ".join(sentence.text for block in paragraphs for sentence in block.sentences)


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return study_of(two_machines(tmp_path_factory.mktemp("two")))


def test_where_there_is_nothing_there_is_no_chapter(tmp_path: Path) -> None:
    assert apart.chapter(saved(tmp_path, good())) is None


def test_settings_are_told_apart_and_the_reports_is_named(two: Study) -> None:
    found = table(two, "settings")
    assert found.title == "The runs are of 2 settings, and this report is about A"
    assert cells(found, "Profile, images") == [
        "full, CIFAR-10 at 224 px, 10,000 test images",
        "quick, CIFAR-10 at 64 px, 2,000 test images",
    ]
    assert (cells(found, "Runs"), cells(found, "Valid")) == (["20", "2"], ["18", "2"])


def test_a_setting_says_what_it_differs_in(tmp_path: Path) -> None:
    later = good(seed=1, start={"versions": {"torch": "2.13.0", "numpy": "2.0.2"}})
    found = table(saved(tmp_path, good(), later), "settings")
    assert cells(found, "Differs in") == [
        "–",
        "framework version: 2.14.1 instead of 2.13.0 (scratch with PyTorch)",
    ]


def test_runs_that_are_invalid_or_failed_have_their_reason(two: Study) -> None:
    found = table(two, "apart")
    assert found.title == "1 run is invalid and 1 failed"
    assert cells(found, "Run of") == ["pretrained with TensorFlow"] * 2
    assert cells(found, "State") == ["invalid", "failed"]
    assert cells(found, "On") == ["bob, Apple GPU", "anna, Apple GPU"]
    assert cells(found, "Reason") == [
        "logits: 0.3 where 2.4e-05 at most is allowed (the compiled logits on cpu, against the reference"
        " in float64)",
        "its worker was killed by signal 9",
    ]
    assert cells(found, "Runs") == ["R22", "R10"]
    assert found.frame is not None
    assert list(found.frame["run"]) == ["R10", "R22"]


def test_an_invalid_run_is_in_no_comparison(two: Study) -> None:
    cell = ("A", "pretrained", "tensorflow", "mps")
    assert ("bob", *cell) not in two.samples
    assert ("bob", "A", "pretrained", "torch", "mps") in two.samples
    engines = two.engines[(two.engines["machine"] == "bob") & (two.engines["setting"] == "A")]
    assert set(engines["experiment"]) == {"scratch", "mistaken", "augmented"}


def test_runs_of_one_cell_and_one_reason_are_one_row(tmp_path: Path) -> None:
    lost = [good("tensorflow", seed=seed, failure="killed by {x}") for seed in range(6)]
    found = table(saved(tmp_path, good(), *lost, good(seed=1, reasons=[check_failed()])), "apart")
    assert found.title == "1 run is invalid and 6 failed"
    assert cells(found, "Reason")[1] == "killed by {x}"
    assert cells(found, "Runs")[1].endswith("and 3 more")
    assert cells(found, "On")[0] == "Apple GPU", "of one machine its name says nothing"
    assert len(found.rows) == 2


def test_skipped_cells_are_told_with_their_reason(tmp_path: Path) -> None:
    run = good()
    skip = {"cell": run["cell"], "plan": run["plan"], "reason": "no {weights} could be had"}
    given = saved(tmp_path, run, skipped=[skip, skip])
    assert note(given) == "2 cells were skipped: no {weights} could be had (2 cells)."
    assert len(written(given).data["skipped"]) == 2


def test_files_and_parts_of_files_that_are_left_out(tmp_path: Path) -> None:
    two_machines(tmp_path)
    (tmp_path / "broken.json").write_text("{", encoding="utf-8")
    (tmp_path / "again.json").write_bytes((tmp_path / "bob/0001_full.json").read_bytes())
    found = table(study_of(tmp_path), "left_out")
    assert found.title == "2 files or parts of files are left out"
    assert cells(found, "File")[0] == "bob/0001_full.json"
    assert cells(found, "Why")[0].endswith("again.json, which counts once")
    assert cells(found, "Why")[1].startswith("it is not JSON")
    assert found.frame is not None
    assert set(found.frame["kind"]) == {"same file", "not a result file"}


def test_parts_of_one_file_are_one_row(tmp_path: Path) -> None:
    content = content_of(ANNA, [good(seed=seed) for seed in range(4)])
    for run in content["benchmarks"][1:]:
        run["extra_info"]["epochs"][0]["train_seconds"] = -1.0
    write(tmp_path, "a/0001.json", content)
    found = table(study_of(tmp_path), "left_out")
    assert found.title == "3 files or parts of files are left out"
    assert cells(found, "Parts") == ["3"]
    assert found.left_out == 0


def test_a_checksum_that_does_not_fit_is_told(tmp_path: Path) -> None:
    file = write(tmp_path, "anna/1.json", content_of(ANNA, [good()]))
    changed = file.read_text(encoding="utf-8").replace('"load": 0.4', '"load": 0.1')
    file.write_text(changed, encoding="utf-8")
    assert note(study_of(tmp_path)) == (
        "The checksums of 1 file do not fit: something in it was changed after it was saved"
        " (anna/1.json)."
    )


def test_weights_of_a_users_file_claim_nothing_of_pretraining(tmp_path: Path) -> None:
    run = run_of("pretrained", "torch", epochs_of(STEADY), start={"weights_origin": "user file"})
    assert "1 run of pretrained started from a user's file" in note(saved(tmp_path, run))


def test_hostile_texts_stay_the_texts_that_they_are(tmp_path: Path) -> None:
    hostile = '<script>{x}</script> | # {{7*7}} *b* $x$ "q"'
    machine = replace(ANNA, name=hostile)
    cell = {"experiment": "scratch", "engine": "tensorflow", "device": "mps", "seed": 0}
    skip = {"cell": cell, "plan": to_builtins(FULL), "reason": hostile}
    lost = good("tensorflow", failure=hostile, seed=3)
    write(tmp_path, "b/1.json", content_of(BOB, [good()]))
    given = saved(tmp_path, good(), lost, machine=machine, skipped=[skip])
    assert cells(table(given, "apart"), "Reason") == [hostile]
    assert hostile in note(given)
