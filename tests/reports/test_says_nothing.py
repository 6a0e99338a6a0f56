"""Runs on a device that says nothing about its framework: kept, shown, and in no comparison."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace as replace_row
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alexnet.frameworks import registry
from reports import report as written
from reports.chapters import apart, sources
from reports.render import data
from reports.study.compare import Study
from reports.study.speeds import speeds
from reports.write.document import Paragraph, Report, Section, Table
from tests.support.report_files import (
    JITTER,
    LOOM,
    add_engines,
    epochs_of,
    run_of,
)
from tests.support.report_study import saved_runs
from tests.support.report_text import put_together, text, whole_text

WHY = "Loom's kernels for this device were never written."


@pytest.fixture(scope="module", autouse=True)
def made_up() -> Iterator[None]:
    """The CPU says nothing of Loom."""
    with pytest.MonkeyPatch.context() as patch:
        add_engines(patch, LOOM)
        silent = replace_row(registry.FRAMEWORKS[LOOM.framework], says_nothing_on={"cpu": WHY})
        patch.setitem(registry.FRAMEWORKS, LOOM.framework, silent)
        yield


def run(engine: str, seconds: float, **given: Any) -> dict[str, Any]:
    return run_of("scratch", engine, epochs_of([seconds * each for each in JITTER]), **given)


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """Loom would be by far the fastest on the CPU; on the GPU it may be compared."""
    return saved_runs(
        tmp_path_factory.mktemp("results"),
        run("torch", 100.0, device="cpu"),
        run("tensorflow", 150.0, device="cpu"),
        run(LOOM.name, 1.0, device="cpu"),
        run("torch", 10.0),
        run(LOOM.name, 20.0),
    )


def test_they_are_in_the_frame_of_runs_with_the_reason(given: Study) -> None:
    runs = given.frames.runs
    silent = runs[(runs["engine"] == LOOM.name) & (runs["device"] == "cpu")]
    assert silent["says_nothing"].tolist() == [WHY]
    assert silent["validity"].tolist() == ["valid"]
    assert runs["says_nothing"].notna().sum() == 1
    assert given.frames.says_nothing["run"].tolist() == silent["run"].tolist()


def test_they_are_in_no_comparison_speed_or_judgement(given: Study) -> None:
    [silent] = given.frames.says_nothing["run"]
    pairs = [(row.device, row.first, row.second) for row in given.engines.itertuples()]
    assert sorted(pairs) == [("cpu", "torch", "tensorflow"), ("mps", "torch", LOOM.name)]
    assert silent not in set(given.runs["run"])
    assert not [speed for speed in speeds(given) if silent in speed.runs]


def test_no_figure_of_any_chapter_is_made_of_them(given: Study) -> None:
    [silent] = given.frames.says_nothing["run"]
    made = written.report(given)
    about_it = {"Left out, and caveats", "How it was measured", "In short", "The networks"}
    for place, number in made.numbers():
        assert silent not in number.runs or place in about_it, number
    for figure in made.figures:
        assert silent not in figure.number.runs
    for key, frame in data.frames(made).items():
        for column in {"run", "runs", "first_runs", "second_runs"} & {*frame.columns}:
            named = {str(run) for runs in frame[column] for run in np.atleast_1d(np.array(runs))}
            whole = ("runs", "epochs", "conditions", "gates", "numbers", "networks")
            assert silent not in named or key in whole, key


def test_the_report_says_that_they_are_kept_and_why(given: Study) -> None:
    section = apart.chapter(given)
    assert section is not None
    [note] = [block for block in section.blocks if isinstance(block, Paragraph)]
    assert [sentence.text for sentence in note.sentences] == [
        "Kept, shown in the list of runs, and in no comparison: 1 run of Loom on the CPU: Loom's kernels"
        " for this device were never written."
    ]
    assert "In no comparison: 1 run of Loom on the CPU." in text(put_together(given), "front")


def listed(made: Section | Report | None) -> Table:
    assert isinstance(made, Section)
    [runs] = [block for block in made.blocks if isinstance(block, Table) and block.key == "runs"]
    return runs


def test_the_list_of_runs_has_them(given: Study) -> None:
    runs = listed(sources.chapter(given))
    heads = [column.name for column in runs.columns]
    by_run = {row[0]: row[heads.index("Validity")] for row in runs.rows}
    [silent] = given.frames.says_nothing["run"]
    assert by_run.pop(silent) == "valid, not compared"
    assert set(by_run.values()) == {"valid"}


def test_alone_they_are_a_report_that_says_so(tmp_path: Path) -> None:
    made = written.report(saved_runs(tmp_path, run(LOOM.name, 1.0, device="cpu")))
    assert made.title == "No run says how fast its framework is: nothing is compared"
    assert made.figures == ()
    assert (
        "No run says how fast its framework is, so nothing is compared: 1 of Loom on the CPU. The"
        " reasons are: Loom's kernels for this device were never written."
    ) in whole_text(made)


def test_on_another_device_the_framework_is_compared(given: Study) -> None:
    [row] = given.engines[given.engines["device"] == "mps"].itertuples()
    assert (row.first, row.second) == ("torch", LOOM.name)
    assert row.ratio == pytest.approx(2.0)
