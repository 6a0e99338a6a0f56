"""Runs on a device that says nothing about its framework: kept, shown, and in no comparison."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace as replace_row
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from alexnet.frameworks import registry
from reports import report as written
from reports.chapters import apart, sources
from reports.render import data
from reports.study.compare import Study
from reports.study.speeds import speeds
from reports.write.document import Paragraph, Report, Section, Table
from tests.support.report_files import (
    ANNA,
    BOB,
    FULL,
    JITTER,
    LOOM,
    add_engines,
    epochs_of,
    run_of,
)
from tests.support.report_study import saved, saved_runs
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
    about_it = {"Left out, and caveats", "How it was measured", "The networks"}
    for place, number in made.numbers():
        is_told = place in about_it or number.what.endswith("in no comparison")
        assert silent not in number.runs or is_told, number
    for figure in made.figures:
        assert silent not in figure.number.runs
    for key, frame in data.frames(made).items():
        for column in (name for name in frame.columns if re.fullmatch(r"run|(\w+_)?runs", name)):
            if not isinstance(frame[column].iloc[0], str | tuple | list):
                continue  # how many there are
            named = {str(run) for runs in frame[column] for run in np.atleast_1d(np.array(runs))}
            whole = ("runs", "epochs", "conditions", "gates", "numbers", "networks")
            assert silent not in named or key in whole, key


def test_they_are_compared_with_no_other_machine(tmp_path: Path) -> None:
    both = [run("torch", 100.0, device="cpu"), run(LOOM.name, 1.0, device="cpu")]
    faster = [run("torch", 50.0, device="cpu"), run(LOOM.name, 0.1, device="cpu")]
    study = saved(tmp_path, (ANNA, both), (BOB, faster))
    assert {*study.machines["engine"]} == {"torch"}
    assert study.means["ratio"].tolist() == pytest.approx([2.0])
    silent = {*study.frames.says_nothing["run"]}
    assert len(silent) == 2
    for row in study.machines.itertuples():
        assert silent.isdisjoint((*row.machine_runs, *row.baseline_runs))


def test_their_size_is_no_setting_of_the_others(tmp_path: Path) -> None:
    """They may be of a size that suits their device, and be many."""
    few = replace(FULL, epochs=7)
    runs = [run("torch", 100.0), run("tensorflow", 150.0), run("torch", 90.0, seed=1)]
    runs += [
        run(LOOM.name, 1.0, device="cpu", plan=few, seed=seed, repeat=repeat)
        for seed in (0, 1)
        for repeat in range(3)
    ]
    given = saved_runs(tmp_path, *runs)
    letters = given.frames.runs.groupby("engine", observed=True)["setting"].unique()
    assert [*letters["torch"]] == [*letters["tensorflow"]] == ["A"]
    assert given.main == "A"
    assert len(given.runs) == 3


def test_the_report_says_that_they_are_kept_and_why(given: Study) -> None:
    section = apart.chapter(given)
    assert section is not None
    [note] = [block for block in section.blocks if isinstance(block, Paragraph)]
    assert [sentence.text for sentence in note.sentences] == [
        "These runs are kept and listed, and compared with nothing: 1 run of Loom on the CPU: Loom's"
        " kernels for this device were never written."
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
