"""The report of sessions of the profile speed: verdicts on speed and energy, and no word of accuracy."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from rich.console import Console

from bench.records.read import load
from bench.records.types import Machine
from reports.chapters.front.figures import key_figures
from reports.chapters.front.shown import all_rows
from reports.chapters.front.table import frame_of
from reports.chapters.learning import chapter as learning
from reports.render import markdown
from reports.render.terminal import show
from reports.report import report
from reports.study.compare import Study
from reports.write.document import Paragraph
from tests.support.report_files import ANNA, BOB, FULL, JITTER, content_of, epochs_of, run_of
from tests.support.report_study import saved

STEPS = 160
WHOLE = 703
"""The steps of a whole epoch: 45,000 images in batches of 64."""
SPEED = replace(FULL, profile="speed", epochs=7, patience=7, steps_per_epoch=STEPS)
SECONDS = {"torch": 40.0, "tensorflow": 27.0}
"""An epoch of 160 steps on anna."""
CLAIMS = ("overfit", "converged", "best epoch", "Test, %", "accurate", "more epochs might", "learning")
"""Words of what is claimed of accuracy, convergence or the best epoch."""


def session(
    scale: float = 1.0, *, steps: int | None = STEPS, joules: float | None = 900.0
) -> list[dict[str, Any]]:
    """Two engines three times, in turn, with seven epochs each."""
    share = 1.0 if steps is None else steps / STEPS
    plan = replace(SPEED, steps_per_epoch=steps)
    runs: list[dict[str, Any]] = []
    for repeat in range(3):
        for engine in list(SECONDS)[:: 1 if repeat % 2 == 0 else -1]:
            times = [
                SECONDS[engine] * scale * share * (1 + 0.003 * repeat) * each for each in JITTER[:7]
            ]
            runs.append(
                run_of(
                    "scratch",
                    engine,
                    epochs_of(times, joules=joules),
                    plan=plan,
                    repeat=repeat,
                    started_at=f"2026-11-20T09:{len(runs):02d}:00+00:00",
                )
            )
    return runs


def one(folder: Path, **changes: Any) -> Study:
    return saved(folder, (ANNA, session(**changes)))


def text_of(study: Study) -> str:
    return markdown.render(report(study))


def test_the_sessions_here_are_such_as_the_suite_saves() -> None:
    file = load(content_of(ANNA, session()))
    assert file.problems == ()
    for run in file.runs:
        assert run.start is not None
        assert run.result is not None
        assert run.start.steps_per_epoch == STEPS
        assert {epoch.images for epoch in run.epochs} == {STEPS * 64}
        assert (run.result.stopped, run.result.converged_at) == ("cap", None)


def test_three_repeats_of_six_timed_epochs_earn_a_verdict(tmp_path: Path) -> None:
    study = one(tmp_path)
    (row,) = study.engines.to_dict("records")
    assert row["basis"] == "runs"
    assert row["verdict"] in ("faster", "slower")
    assert max(row["ratio"], 1 / row["ratio"]) == pytest.approx(40 / 27, rel=0.01)
    title = text_of(study).splitlines()[0]
    assert "TensorFlow" in title
    assert "not decided" not in title


def test_energy_is_judged_and_is_of_a_whole_epoch(tmp_path: Path) -> None:
    study = one(tmp_path)
    images = STEPS * 64
    energy = study.frames.runs.set_index("run")["joules_per_image"]
    assert energy.to_list() == pytest.approx([900 / images] * 6)
    per_epoch = study.frames.runs["joules_per_epoch"]
    assert per_epoch.to_list() == pytest.approx([900 * WHOLE / STEPS] * 6)


@pytest.mark.parametrize("steps", [STEPS, None])
def test_nothing_is_claimed_of_accuracy(tmp_path: Path, steps: int | None) -> None:
    """Whether its epochs were cut short or, on a fast GPU, are whole."""
    study = one(tmp_path, steps=steps)
    assert not study.says_accuracy
    columns = ["test_accuracy", "best_epoch", "converged_at", "validation_accuracy", "seconds_to_best"]
    assert study.frames.runs[columns].isna().all(axis=None)
    assert study.frames.classes.empty
    section = learning(study)
    assert section is not None
    (block,) = section.blocks
    assert isinstance(block, Paragraph)
    (sentence,) = block.sentences
    assert sentence.text == (
        "Nothing is claimed of accuracy or overfitting: speed runs are for timing. They have 7"
        " epochs, and of each the first steps alone."
    )


def test_no_page_and_no_screen_claims_what_speed_does_not_say(tmp_path: Path) -> None:
    study = one(tmp_path)
    screen = io.StringIO()
    show(report(study), Console(file=screen, width=160))
    for text in (screen.getvalue(), text_of(study).partition("## How it was measured")[0]):
        told = text.replace("What was learnt, and how fast", "")
        told = told.replace("Nothing is claimed of accuracy or overfitting", "")
        assert not [claim for claim in CLAIMS if claim in told]


def test_seconds_are_those_of_a_whole_epoch_at_the_rate_of_its_first_steps(tmp_path: Path) -> None:
    study = one(tmp_path)
    frame = frame_of(study, all_rows(study)).set_index("engine")
    for engine, seconds in SECONDS.items():
        whole = seconds * WHOLE / STEPS
        assert frame.loc[engine, "seconds_per_epoch"] == pytest.approx(whole, rel=0.01)
    assert "The seconds are those of a whole epoch at that rate." in text_of(study)
    fastest, *_ = key_figures(study, all_rows(study))
    assert fastest.number.text.endswith("images/s"), "no epoch's time that nobody took stands large"


def test_machines_with_other_numbers_of_steps_are_compared(tmp_path: Path) -> None:
    """Each has as many as take it 25 s, and a rate is a rate."""
    fast: tuple[Machine, Any] = (BOB, session(0.5, steps=320))
    study = saved(tmp_path, (ANNA, session()), fast)
    assert study.frames.settings["profile"].to_list() == ["speed"]
    (mean,) = study.means.to_dict("records")
    assert mean["ratio"] == pytest.approx(2.0, rel=0.02)
    frame = frame_of(study, all_rows(study))
    seconds = frame.set_index(["machine", "engine"])["seconds_per_epoch"]
    assert seconds["anna", "torch"] == pytest.approx(2 * seconds["bob", "torch"], rel=0.02)


@pytest.mark.parametrize(("steps", "letters"), [(30, ["A", "B"]), (75, ["A"])])
def test_epochs_of_a_few_seconds_are_a_setting_of_their_own(
    steps: int, letters: list[str], tmp_path: Path
) -> None:
    """30 steps take him 7.5 s or 5.1 s, and 75 take him 18.8 s or 12.7 s."""
    brief: tuple[Machine, Any] = (BOB, session(steps=steps))
    study = saved(tmp_path, (ANNA, session()), brief)
    assert study.frames.settings["setting"].to_list() == letters


def test_a_full_session_beside_it_keeps_its_accuracies(tmp_path: Path) -> None:
    full = [run_of("scratch", engine, epochs_of([100.0] * 8)) for engine in SECONDS]
    study = saved(tmp_path, (ANNA, full), (ANNA, session()))
    assert study.setting["profile"] == "full"
    assert study.says_accuracy
    assert study.frames.settings["profile"].to_list() == ["full", "speed"]


def test_a_file_that_cuts_the_epochs_of_another_profile_holds_no_run(tmp_path: Path) -> None:
    """No option gives it, and its accuracies would pass for those of the whole protocol."""
    cut = run_of("scratch", "torch", epochs_of([40.0] * 8), plan=replace(FULL, steps_per_epoch=STEPS))
    whole = run_of("scratch", "tensorflow", epochs_of([100.0] * 8))
    study = saved(tmp_path, (ANNA, [cut, whole]))
    assert study.frames.runs["engine"].to_list() == ["tensorflow"]
    assert "the profile full trains whole epochs; only speed cuts them short" in text_of(study)
