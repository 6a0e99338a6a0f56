"""Whether the speed holds: what is said of a steady machine, and what of one that slows down."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Annotation
from msgspec.structs import replace

from alexnet import spec
from alexnet.frameworks.registry import ENGINES
from alexnet.spec import network
from bench.records.flops import training_flops
from bench.records.types import CutOff, ResumedDespite, Roofline, ThermalPressure
from reports.chapters import steadiness
from reports.chapters.steadiness.frame import cells, drifted
from reports.chapters.steadiness.picture import MOST_PANELS, _name, relative_kernels, relative_speeds
from reports.chapters.steadiness.table import MOST_CELLS
from reports.draw import drawing, house
from reports.study.compare import Study
from reports.study.learning import main_epochs
from reports.write.document import Paragraph, Picture, Section, Table
from tests.support.prose_figures import wrong
from tests.support.report_files import (
    ANNA,
    BOB,
    IMAGES,
    JITTER,
    LOOM,
    add_engines,
    disturbed,
    epochs_of,
    run_of,
    several_engines,
    two_machines,
)
from tests.support.report_study import saved_runs, study_of
from tests.support.report_text import sentences_of

STEADY = [12.0, *[10.0] * 9]
SLOWING = [12.0, *[10.0] * 3, *[10.5] * 3, *[11.0] * 3]
"""The last third takes a tenth longer: its rate is 9.1 % lower."""
WARMING = [12.0, *[11.0] * 3, *[10.5] * 3, *[10.0] * 3]
PROTOCOL = ("5 %", "6 timed epochs", "100 %")
"""Digits that words may have."""
Run = dict[str, Any]


@pytest.fixture(scope="module", autouse=True)
def made_up() -> Iterator[None]:
    """The registry has an engine more for as long as this file's tests run."""
    with pytest.MonkeyPatch.context() as patch:
        add_engines(patch, LOOM)
        yield


def run(seconds: Sequence[float], engine: str = "torch", **given: Any) -> Run:
    return run_of(given.pop("experiment", "scratch"), engine, epochs_of(seconds), **given)


def section(given: Study, *, is_drawn: bool = False) -> Section:
    """The chapter, whose drawings few tests look at and which take most of its time."""
    with nullcontext() if is_drawn else house.without_drawing():
        made = steadiness.chapter(given)
    assert made is not None
    return made


def texts(given: Study) -> list[str]:
    """The sentences of the paragraphs."""
    blocks = [block for block in section(given).blocks if isinstance(block, Paragraph)]
    return [sentence.text for block in blocks for sentence in block.sentences]


def picture(given: Study, *, is_drawn: bool = False) -> Picture | None:
    blocks = section(given, is_drawn=is_drawn).blocks
    return next((block for block in blocks if isinstance(block, Picture)), None)


def title(given: Study) -> str:
    shown = picture(given)
    assert shown is not None
    return shown.title


def table(given: Study) -> Table | None:
    return next((block for block in section(given).blocks if isinstance(block, Table)), None)


def rows(given: Study) -> list[dict[str, str]]:
    shown = table(given)
    assert shown is not None
    names = [column.name for column in shown.columns]
    return [dict(zip(names, row, strict=True)) for row in shown.rows]


class TestASteadyMachine:
    def test_it_is_two_sentences(self, tmp_path: Path) -> None:
        given = saved_runs(tmp_path, run(STEADY), run(STEADY, "tensorflow"))
        assert texts(given) == [
            "The speed holds: from the first third of the timed epochs to the last, 2 runs changed by"
            " 0.0 %.",
            "Feeding the data costs 2 % of the speed at most (scratch with PyTorch), and the runs reach"
            " 80 % of the measured roofline, the most that the device's arithmetic and memory allow.",
        ]
        assert [type(block) for block in section(given).blocks] == [Paragraph]
        assert len(section(given).data["steadiness"]) == 2

    def test_runs_too_short_for_a_drift_are_not_called_steady(self, tmp_path: Path) -> None:
        given = saved_runs(tmp_path, run(STEADY[:4]))
        assert texts(given)[0] == "No run has 6 timed epochs, so nothing is known of drift."
        longer = saved_runs(tmp_path / "two", run(STEADY[:4]), run(STEADY, "tensorflow"))
        assert texts(longer)[0] == (
            "The speed holds: from the first third of the timed epochs to the last, 1 run with 6 timed"
            " epochs or more changed by 0.0 %."
        )

    def test_steps_that_were_disturbed_say_nothing_of_feeding(self, tmp_path: Path) -> None:
        given = saved_runs(tmp_path, run(STEADY))
        runs = given.runs.assign(pipeline_ratio=float("nan"))
        sentence = steadiness.efficiency(runs)
        assert sentence is not None
        assert sentence.text == (
            "The runs reach 80 % of the measured roofline, the most that the device's arithmetic and"
            " memory allow."
        )
        fast = steadiness.efficiency(given.runs.assign(pipeline_ratio=1.01, roofline_share=float("nan")))
        assert fast is not None
        assert fast.text == "Feeding the data costs no speed that two timings could tell."
        assert steadiness.efficiency(runs.assign(roofline_share=float("nan"))) is None

    def test_no_valid_run(self, tmp_path: Path) -> None:
        assert steadiness.chapter(saved_runs(tmp_path, run(STEADY, failure="it was killed"))) is None


class TestAMachineThatSlowsDown:
    def test_one_run_is_named(self, tmp_path: Path) -> None:
        given = saved_runs(tmp_path, run(SLOWING), run(STEADY, "tensorflow"))
        assert title(given) == "Scratch with PyTorch ended 9.1 % slower than it began"
        assert texts(given)[:2] == [
            "In the one run that slowed down the reference kernel changed by 0.0 %, so the device itself"
            " is not known to have slowed.",
            "The other run changed by 0.0 %.",
        ]

    def test_several_are_counted_and_their_machine_is_named(self, tmp_path: Path) -> None:
        for machine, seconds in ((ANNA, STEADY), (BOB, SLOWING), (replace(ANNA, name="carl"), STEADY)):
            saved_runs(tmp_path, *(run(seconds, seed=seed) for seed in (0, 1)), machine=machine)
        given = study_of(tmp_path)
        assert title(given) == "2 of 6 runs ended over 5 % slower than at first, all on bob"
        assert "The other 4 runs changed by 0.0 %." in texts(given)

    def test_some_may_end_faster(self, tmp_path: Path) -> None:
        given = saved_runs(tmp_path, run(SLOWING), run(WARMING, "tensorflow"), run(STEADY, seed=1))
        assert title(given) == "1 of 3 runs ended over 5 % slower than at first, 1 faster"
        faster = saved_runs(tmp_path / "one", run(WARMING))
        assert title(faster) == "Scratch with PyTorch ended 10.0 % faster than it began"
        assert not any("kernel" in text for text in texts(faster))

    def test_what_is_known_of_the_cause_is_told(self, tmp_path: Path) -> None:
        slow = [
            replace(epoch, probe_seconds=0.02 * (1 + epoch.epoch / 50)) for epoch in epochs_of(SLOWING)
        ]
        hot = run_of("scratch", "torch", slow, warnings=[ThermalPressure(levels=("heavy",))])
        given = saved_runs(tmp_path, hot, run(SLOWING, "tensorflow"))
        assert texts(given)[:2] == [
            "The computer was under thermal pressure in 1 of 2 runs that slowed down.",
            "The reference kernel slowed by over 5 % in 1 of 2 runs that slowed down.",
        ]

    def test_a_device_that_slowed_under_a_steady_run_is_told(self, tmp_path: Path) -> None:
        slow = [
            replace(epoch, probe_seconds=0.02 * (1 + epoch.epoch / 50)) for epoch in epochs_of(STEADY)
        ]
        given = saved_runs(tmp_path, run_of("scratch", "torch", slow))
        assert (
            "By the reference kernel, a fixed piece of work that is timed between the epochs, the device"
            " itself was over 5 % slower at the end of 1 run: scratch with PyTorch."
        ) in texts(given)
        assert picture(given) is None
        assert rows(given)[0]["Kernel, %"] == "−15.3"


class TestPicture:
    def test_speeds_are_relative_to_the_first_third(self, tmp_path: Path) -> None:
        given = study_of(two_machines(tmp_path))
        speeds = relative_speeds(main_epochs(given), given.runs[given.runs["drift"].notna()])
        first = speeds[speeds["run"] == "R1"]["speed"].tolist()
        early = (1 / JITTER[1] + 1 / JITTER[2]) / 2
        assert first == pytest.approx([1 / factor / early for factor in JITTER[1:]])
        kernels = relative_kernels(main_epochs(given), given.runs)
        assert len(kernels)
        assert kernels["speed"].tolist() == pytest.approx([1] * len(kernels))

    def test_the_kernel_is_drawn_as_it_is_told(self, tmp_path: Path) -> None:
        """Of the run that slowed, against before training: what the sentence and the table say of it."""
        slow = [
            replace(epoch, probe_seconds=0.02 * (1 + epoch.epoch / 500)) for epoch in epochs_of(SLOWING)
        ]
        steady = [replace(epoch, probe_seconds=0.03) for epoch in epochs_of(STEADY)]
        given = saved_runs(
            tmp_path, run_of("scratch", "torch", slow), run_of("scratch", "tensorflow", steady)
        )
        kernels = relative_kernels(main_epochs(given), drifted(given.runs))
        assert kernels["speed"].tolist() == pytest.approx([1 / (1 + n / 500) for n in range(1, 11)])
        assert texts(given)[0].startswith(
            "In the one run that slowed down the reference kernel changed by −1.8 %, so"
        )
        shown = picture(given)
        assert shown is not None
        captions = " ".join(sentence.text for sentence in shown.caption)
        assert "The grey line is the reference kernel beside a thick line" in captions

    def test_without_a_kernel_no_grey_is_explained(self, tmp_path: Path) -> None:
        unprobed = [replace(epoch, probe_seconds=None) for epoch in epochs_of(SLOWING)]
        shown = picture(saved_runs(tmp_path, run_of("scratch", "torch", unprobed)))
        assert shown is not None
        assert "kernel" not in " ".join(sentence.text for sentence in shown.caption)

    def test_machines_that_held_have_no_panel(self, tmp_path: Path) -> None:
        for number in range(MOST_PANELS + 3):
            seconds = STEADY if number == 1 else [second * 1.001**number for second in SLOWING]
            saved_runs(tmp_path, run(seconds), machine=replace(ANNA, name=f"m{number}"))
        shown = picture(study_of(tmp_path))
        assert shown is not None
        assert "2 machines on which runs changed by less, but over 5 %, are not drawn." in [
            sentence.text for sentence in shown.caption
        ]

    def test_it_is_a_drawing_in_both_widths(self, tmp_path: Path) -> None:
        runs = [run(SLOWING, engine) for engine in ("torch", "tensorflow", LOOM.name)]
        given = saved_runs(tmp_path, *runs, machine=replace(ANNA, name="<b>bold</b> $x$"))
        shown = picture(given, is_drawn=True)
        assert shown is not None
        for svg in (shown.svg, shown.narrow_svg):
            drawing.checked(svg, name="speed")
            assert "bold" not in svg
            for name in ("torch", "tensorflow", LOOM.name):
                assert ENGINES[name].light_hue in svg

    def test_a_device_of_two_is_named(self, tmp_path: Path) -> None:
        given = saved_runs(tmp_path, run(SLOWING), run(SLOWING, device="cpu"))
        shown = picture(given)
        assert shown is not None
        assert title(given) == "2 of 2 runs ended over 5 % slower than at first"


class TestTable:
    def test_steadiness_of_two_machines(self, tmp_path: Path) -> None:
        given = study_of(two_machines(tmp_path))
        frame = cells(given).set_index(["machine", "experiment", "engine"])
        anna = frame.loc[("anna", "mistaken", "torch")]
        early = (44_992 / 300 + 44_992 / 303) / 2
        assert anna["early_images_per_second"] == pytest.approx(early)
        assert (anna["disturbed_epochs"], anna["steady_epochs"]) == (0, 7 * len(anna["runs"]))
        achieved = 44_992 / 300 * training_flops(spec.network("mistaken"))
        assert anna["roofline_flops_per_second"] == pytest.approx(achieved / 0.8)
        assert not frame["is_remarked"].any()

    def test_of_several_runs_the_one_that_changed_most_is_shown(self, tmp_path: Path) -> None:
        given = saved_runs(tmp_path, run(SLOWING), run(STEADY, seed=1), run(STEADY, seed=2))
        assert rows(given)[0]["Change, %"] == "−9.1"
        assert cells(given)["drift"].tolist() == [pytest.approx(0.0)]

    def test_disturbed_and_slow_epochs_are_counted_where_there_are_some(self, tmp_path: Path) -> None:
        calm = [120.0, 100.0, 101.0, 99.0, 100.0, 100.0, 101.0, 99.0]
        busy = disturbed(epochs_of(calm), 3, 5)
        given = saved_runs(
            tmp_path / "busy",
            run_of("scratch", "torch", busy, device="cpu"),
            run(calm, "tensorflow", device="cpu"),
        )
        assert [row["Disturbed"] for row in rows(given)] == ["0 of 7", "2 of 7"]
        assert "Slow" not in rows(given)[0]
        slow = saved_runs(tmp_path / "slow", run([*calm, 130.0]))
        assert rows(slow)[0]["Slow"] == "1 of 8"
        assert "Disturbed" not in rows(slow)[0]

    def test_where_all_cells_are_shown_no_sentence_repeats_them(self, tmp_path: Path) -> None:
        given = saved_runs(tmp_path, run(SLOWING), run(STEADY, "tensorflow"))
        assert [row["Engine"] for row in rows(given)] == ["PyTorch", "TensorFlow"]
        assert [(row["Input %"], row["Roofline %"]) for row in rows(given)] == [("98", "80")] * 2
        assert not any("roofline" in text or "Feeding" in text for text in texts(given))
        assert "Machine" not in rows(given)[0]


def test_of_many_cells_those_that_were_not_steady_are_shown(tmp_path: Path) -> None:
    for number in range(MOST_CELLS + 1):
        seconds = SLOWING if number in (3, 5) else STEADY
        saved_runs(tmp_path, run(seconds), machine=replace(ANNA, name=f"m{number:02}"))
    given = study_of(tmp_path)
    assert [row["Machine"] for row in rows(given)] == ["m03", "m05"]
    shown = table(given)
    assert shown is not None
    assert shown.left_out == MOST_CELLS - 1
    assert shown.frame is not None
    assert len(shown.frame) == MOST_CELLS + 1
    assert any("measured roofline" in text for text in texts(given)), "the rest is told in words"


class TestNotes:
    def notes(self, given: Study) -> list[str]:
        return [
            sentence.text
            for block in section(given).blocks
            if isinstance(block, Paragraph) and block.kind == "note"
            for sentence in block.sentences
        ]

    def test_a_share_over_the_roofline_is_explained(self, tmp_path: Path) -> None:
        achieved = IMAGES / 10 * training_flops(network("standard"))
        low = Roofline(flops_per_second=achieved / 1.2, bytes_per_second=1e18)
        given = saved_runs(tmp_path, run(STEADY, start={"roofline": low}))
        assert "A share of the roofline over 100 % (1 run) says that" in texts(given)[-1]
        assert rows(given)[0]["Roofline %"] == "120"

    def test_runs_all_of_whose_epochs_were_disturbed_decide_nothing(self, tmp_path: Path) -> None:
        busy = disturbed(epochs_of(STEADY), *range(2, 11))
        given = saved_runs(tmp_path, run_of("scratch", "torch", busy, device="cpu"))
        assert self.notes(given) == [
            "In 1 run every epoch that counts was disturbed, so its speed decides nothing."
        ]

    def test_a_run_that_was_cut_off_could_cool_down(self, tmp_path: Path) -> None:
        cut = run(STEADY)
        cut["interruptions"] = [
            {
                "stopped_at": "2026-11-24T12:10:00+00:00",
                "resumed_at": "2026-11-24T12:20:00+00:00",
                "seconds": 600.0,
                "why": None,
                "differences": [],
                "after_epoch": 3,
                "resumed_after": 3,
                "went_back_because": None,
            }
        ]
        assert self.notes(saved_runs(tmp_path, cut)) == [
            "1 run was cut off and resumed, and the computer could cool down in between."
        ]

    def test_a_difference_with_a_semicolon_stays_whole(self, tmp_path: Path) -> None:
        """A killed worker's interruption says why in two clauses, and was torn in two."""
        cut_off = CutOff(
            after_epoch=2,
            resumed_after=2,
            seconds=5.0,
            why="the worker was killed after epoch 2; the system does that when memory runs out",
            went_back_because=None,
        )
        other = ResumedDespite(difference="load: 0.1 here; 0.2 there")
        runs = [run(STEADY, engine, warnings=[cut_off, other]) for engine in ("torch", "tensorflow")]
        assert self.notes(saved_runs(tmp_path, *runs)) == [
            "Some went on although not all was as before: load: 0.1 here; 0.2 there (2 runs)."
        ]


def slow_and_steady(folder: Path) -> Path:
    """Three engines on two machines, of which one slows down."""
    for machine, seconds in ((ANNA, STEADY), (BOB, SLOWING)):
        runs = [run(seconds, engine) for engine in ("torch", "tensorflow", LOOM.name)]
        saved_runs(folder, *runs, run([12.0, 10.0], experiment="mistaken"), machine=machine)
    return folder


@pytest.mark.parametrize("files", [two_machines, slow_and_steady, several_engines])
def test_every_number_is_that_of_the_files(tmp_path: Path, files: Any) -> None:
    engines = ("torch", LOOM.name) if files is several_engines else ()
    given = study_of(files(tmp_path, *engines))
    blocks = section(given).blocks
    sentences = sentences_of(blocks)
    assert any(sentence.numbers for sentence in sentences)
    assert wrong(sentences, tmp_path, given) == []
    for block in blocks:
        for sentence in block.sentences if isinstance(block, Paragraph) else ():
            words = "".join(part for part in sentence.parts if isinstance(part, str))
            for constant in PROTOCOL:
                words = words.replace(constant, "")
            assert not re.search(r"\d", words), sentence.text


def test_a_name_of_a_line_stands_right_of_all_lines() -> None:
    """A run that ended early is named where no other line is, and dots lead there."""
    panel = Figure().subplots()
    panel.axhline(1)  # which reaches over the whole panel, and ends at no hour
    panel.plot([0, 0.3], [1.0, 0.9])
    panel.plot([0, 0.1], [1.0, 0.8])
    named = [(0.1, 0.8, "early", "#c8500a"), (0.3, 0.9, "late", "#c8500a")]
    _name(panel, named)
    names = [text for text in panel.texts if isinstance(text, Annotation)]
    assert {name.get_text(): name.xy[0] for name in names} == {"early": 0.3, "late": 0.3}
    dotted = [line for line in panel.lines if line.get_linestyle() == ":"]
    assert [np.asarray(line.get_xdata()).tolist() for line in dotted] == [[0.1, 0.3]]
