"""The first page: the finding, the rows that are shown, their figures, and how sure they are."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from bench.records.types import Machine
from reports.chapters.front import Front, front, picture
from reports.chapters.front.figures import key_figures
from reports.chapters.front.finding import finding
from reports.chapters.front.shown import Row, Shown, all_rows, in_chart
from reports.chapters.front.sure import how_sure
from reports.chapters.front.table import first_table
from reports.draw import house
from reports.study.compare import Study
from reports.write.document import Paragraph, Table
from tests.support.report_files import (
    ANNA,
    FULL,
    IMAGES,
    LOOM,
    QUICK,
    add_engines,
    epochs_of,
    run_of,
)
from tests.support.report_study import saved

TORCH, TENSORFLOW = "torch", "tensorflow"


def mac(name: str, **fields: Any) -> Machine:
    return replace(ANNA, name=name, model=name, **fields)


def run(
    seconds: float, engine: str = TORCH, repeat: int = 0, experiment: str = "scratch", **given: Any
) -> Any:
    """A run of eight epochs that each take so many seconds. Repeats follow each other in turn."""
    turn = repeat * 10 + (0 if (engine == TORCH) == (repeat % 2 == 0) else 5)
    given = {"started_at": f"2026-11-24T12:{turn:02d}:00+00:00"} | given
    return run_of(experiment, engine, epochs_of([seconds] * 8), repeat=repeat, **given)


def repeated(seconds: float, engine: str = TORCH, experiment: str = "scratch") -> list[Any]:
    """Three runs that differ by 1 %."""
    return [run(seconds * (1 + 0.01 * (place - 1)), engine, place, experiment) for place in range(3)]


def page(given: Study) -> Front:
    with house.without_drawing():
        return front(given)


def table_of(given: Study) -> Table:
    return first_table(given, all_rows(given))["front"]


def column(table: Table, name: str) -> list[str]:
    place = [each.name for each in table.columns].index(name)
    return [row[place] for row in table.rows]


def caption(table: Table) -> str:
    return " ".join(sentence.text for sentence in table.caption)


def sure(given: Study) -> str:
    return " ".join(sentence.text for sentence in how_sure(given, all_rows(given)).sentences)


class TestFinding:
    def test_of_one_engine_is_its_speed(self, tmp_path: Path) -> None:
        given = saved(tmp_path, (ANNA, [run(100.0)]))
        assert finding(given) == "anna trains AlexNet on 450 images a second in PyTorch"

    def test_of_two_engines_is_their_verdict(self, tmp_path: Path) -> None:
        given = saved(tmp_path, (ANNA, [*repeated(100.0), *repeated(80.0, TENSORFLOW)]))
        assert finding(given) == "TensorFlow trains AlexNet 1.25 times as fast as PyTorch on anna"

    def test_of_two_engines_that_met_twice_is_of_the_usual_versions(self, tmp_path: Path) -> None:
        """The comparison with the other version stands last in the study."""
        other = {"versions": {"tensorflow": "2.19.0", "numpy": "2.0.2"}}
        runs = [run(100.0), run(130.0, TENSORFLOW), run(60.0, TENSORFLOW, start=other)]
        again = [run(100.0, seed=1), run(130.0, TENSORFLOW, seed=1)]
        given = saved(tmp_path, (ANNA, [*runs, *again]))
        assert len(given.engines) == 2
        assert finding(given) == "PyTorch trains AlexNet 1.30 times as fast as TensorFlow on anna"
        _, lead, *_ = key_figures(given, all_rows(given))
        assert (lead.number.text, lead.lines[0]) == ("1.30 times", "PyTorch over TensorFlow, scratch")
        [under] = page(given).lede
        assert [sentence.text for sentence in under.sentences] == [
            "Test accuracy is 54.5 % in scratch: no engine is known to be more accurate."
        ]

    def test_says_what_is_not_decided(self, tmp_path: Path) -> None:
        given = saved(tmp_path, (ANNA, [run(100.0), run(90.0, TENSORFLOW)]))
        assert finding(given) == (
            "Which of PyTorch and TensorFlow trains AlexNet faster on anna is not decided"
        )

    def test_of_three_engines_names_the_fastest_and_its_leads(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        add_engines(monkeypatch, LOOM)
        runs = [*repeated(100.0), *repeated(80.0, TENSORFLOW), *repeated(150.0, "loom")]
        assert finding(saved(tmp_path, (ANNA, runs))) == (
            "TensorFlow is the fastest of 3 engines on anna, 1.25 to 1.88 times as fast as the others"
        )

    def test_of_machines_is_the_fastest_against_the_baseline(self, tmp_path: Path) -> None:
        machines = [(mac("anna"), [run(100.0)]), (mac("bob"), [run(50.0)]), (mac("eve"), [run(25.0)])]
        assert finding(saved(tmp_path, *machines)) == "eve trains AlexNet 4.0 times as fast as anna"

    def test_of_machines_whose_baseline_is_the_fastest_is_against_the_slowest(
        self, tmp_path: Path
    ) -> None:
        machines = [(mac("anna"), [run(100.0)]), (mac("bob"), [run(50.0)]), (mac("eve"), [run(25.0)])]
        given = saved(tmp_path, *machines, baseline="eve")
        assert finding(given) == "eve trains AlexNet 4.0 times as fast as anna"

    def test_of_two_machines_that_are_near_each_other_decides_nothing(self, tmp_path: Path) -> None:
        given = saved(tmp_path, (mac("anna"), [run(100.0)]), (mac("bob"), [run(95.0)]))
        assert finding(given) == "Which of bob and anna trains AlexNet faster is not decided"

    def test_without_a_valid_run_says_so_and_why(self, tmp_path: Path) -> None:
        failed = run_of("scratch", TORCH, [], failure="the worker was killed by signal 9")
        first = page(saved(tmp_path, (ANNA, [failed])))
        assert first.title == "No run is valid: nothing is compared"
        assert (first.figures, first.blocks) == ((), ())
        [paragraph] = first.lede
        assert " ".join(sentence.text for sentence in paragraph.sentences) == (
            "No run is valid, so nothing is compared and nothing is claimed: 1 failed. The reasons are:"
            " the worker was killed by signal 9."
        )

    def test_a_machine_that_is_judged_slower_is_known_to_be(self, tmp_path: Path) -> None:
        machines = [(mac("anna"), [run(100.0)]), (mac("bob"), [run(91.0)]), (mac("carl"), [run(300.0)])]
        assert finding(saved(tmp_path, *machines)) == "anna trains AlexNet 3.0 times as fast as carl"

    def test_another_precision_than_float32_is_told(self, tmp_path: Path) -> None:
        coarse = run(50.0)
        coarse["gate"]["precision"] = "TF32"
        given = saved(tmp_path, (ANNA, [coarse, run(100.0, TENSORFLOW)]))
        assert "As measured, PyTorch in TF32 and TensorFlow in float32." in sure(given)


def test_the_finding_ranks_machines_over_the_same_cells_alone(tmp_path: Path) -> None:
    """Carl ran the slow engine alone, in which he leads; in the fast one bob is ahead of all."""
    machines = [
        (mac("anna"), [run(100.0), run(400.0, TENSORFLOW)]),
        (mac("bob"), [run(50.0), run(200.0, TENSORFLOW)]),
        (mac("dave"), [run(60.0), run(240.0, TENSORFLOW)]),
        (mac("carl"), [run(120.0, TENSORFLOW)]),
    ]
    assert finding(saved(tmp_path, *machines)) == "bob trains AlexNet 2.0 times as fast as anna"


class TestRows:
    def test_machines_stand_by_speed_and_engines_too(self, tmp_path: Path) -> None:
        given = saved(
            tmp_path,
            (mac("anna"), [run(100.0), run(90.0, TENSORFLOW)]),
            (mac("bob"), [run(40.0, TENSORFLOW), run(50.0)]),
        )
        shown = all_rows(given)
        assert [(row.name, row.is_baseline) for row in shown.rows] == [("bob", False), ("anna", True)]
        assert [speed.engine for row in shown.rows for speed in row.speeds] == [TENSORFLOW, TORCH] * 2
        assert shown.rows[0].times == pytest.approx((90 / 40, 100 / 50))
        assert shown.rows[1].times == (1.0, 1.0)
        assert shown.rows[0].detail == "M1 Pro · 16-core GPU · 16 GiB"
        assert shown.experiment == "scratch"

    def test_one_machine_has_a_row_an_experiment(self, tmp_path: Path) -> None:
        runs = [run(100.0, experiment=name) for name in ("pretrained", "scratch", "mistaken")]
        shown = all_rows(saved(tmp_path, (ANNA, runs)))
        assert [row.name for row in shown.rows] == ["scratch", "mistaken", "pretrained"]
        assert shown.experiment is None

    def test_two_devices_of_one_machine_are_two_rows(self, tmp_path: Path) -> None:
        runs = [run(100.0), run(900.0, device="cpu")]
        shown = all_rows(saved(tmp_path, (ANNA, runs)))
        assert [row.name for row in shown.rows] == ["anna, Apple GPU", "anna, CPU"]
        assert [row.is_baseline for row in shown.rows] == [True, False]

    @pytest.mark.parametrize(("baseline", "eleventh"), [(3, 10), (14, 14)])
    def test_of_many_the_chart_has_the_ten_fastest_the_slowest_and_the_baseline(
        self, baseline: int, eleventh: int
    ) -> None:
        rows = tuple(
            Row(name=f"m{number}", detail="", speeds=(), is_baseline=number == baseline)
            for number in range(20)
        )
        drawn = in_chart(Shown(rows=rows, experiment="scratch"))
        expected = [*range(10), eleventh, 19]
        assert [row.name for row in drawn.rows] == [f"m{number}" for number in expected]
        assert drawn.left_out == 8

    def test_without_scratch_it_is_what_most_machines_have(self, tmp_path: Path) -> None:
        given = saved(
            tmp_path,
            (mac("anna"), [run(100.0, experiment="mistaken"), run(90.0, experiment="augmented")]),
            (mac("bob"), [run(50.0, experiment="augmented")]),
        )
        assert all_rows(given).experiment == "augmented"

    def test_nothing_is_a_multiple_of_what_the_study_does_not_compare(self, tmp_path: Path) -> None:
        """A CPU is no multiple of a GPU, nor an engine of one that the baseline did not run."""
        given = saved(
            tmp_path,
            (mac("anna"), [run(100.0)]),
            (mac("bob"), [run(500.0, device="cpu"), run(90.0, TENSORFLOW)]),
        )
        times = {
            (speed.machine, speed.engine, speed.device): multiple
            for row in all_rows(given).rows
            for speed, multiple in zip(row.speeds, row.times, strict=True)
        }
        assert times.pop(("anna", "torch", "mps")) == 1.0
        assert len(times) == 2
        assert all(math.isnan(multiple) for multiple in times.values())

    def test_machines_without_the_experiment_are_named(self, tmp_path: Path) -> None:
        given = saved(
            tmp_path,
            (mac("anna"), [run(100.0)]),
            (mac("bob"), [run(50.0)]),
            (mac("carl"), [run(50.0, experiment="mistaken")]),
        )
        assert all_rows(given).without == ("carl",)
        assert "Without a run of scratch: carl." in caption(table_of(given))


class TestTable:
    def test_has_a_row_a_machine_and_engine(self, tmp_path: Path) -> None:
        given = saved(
            tmp_path,
            (mac("anna"), [*repeated(100.0), *repeated(80.0, TENSORFLOW)]),
            (mac("bob"), [run(40.0), run(40.0, experiment="pretrained")]),
        )
        table = table_of(given)
        assert column(table, "Machine") == ["bob", "anna", "anna"]
        assert column(table, "Engine") == ["PyTorch", "TensorFlow", "PyTorch"]
        assert column(table, "Epoch, s") == ["40.0", "80.0", "100"]
        assert column(table, "Images/s") == ["1,125", "562", "450"]
        assert column(table, "× baseline") == ["2.50", "1.00", "1.00"]
        assert column(table, "How sure") == ["one run", "±2.5 %, 3 runs", "±2.5 %, 3 runs"]
        assert caption(table).startswith(
            "Seconds, images and memory are of scratch; × baseline is the speed as a multiple of the"
            " same engine's on anna. Accuracies are of one seed"
        )
        assert table.frame is not None
        assert table.frame["images_per_second"].tolist() == pytest.approx(
            [IMAGES / 40, IMAGES / 80, IMAGES / 100], rel=1e-4
        )
        assert table.frame["repeats"].tolist() == [1, 3, 3]

    def test_of_one_machine_has_a_row_an_experiment_and_engine(self, tmp_path: Path) -> None:
        runs = [run(100.0), run(80.0, TENSORFLOW), run(150.0, experiment="mistaken")]
        table = table_of(saved(tmp_path, (ANNA, runs)))
        assert column(table, "Experiment") == ["scratch", "scratch", "mistaken"]
        assert "Machine" not in [each.name for each in table.columns]
        assert "Test, %" in [each.name for each in table.columns]

    def test_of_many_machines_has_all_and_says_which_stand_for_them(self, tmp_path: Path) -> None:
        machines = [(mac(f"m{n:02d}"), [run(100.0 + n)]) for n in range(15)]
        table = table_of(saved(tmp_path, *machines))
        assert len(table.rows) == 15
        assert len(table.brief) == 12
        assert [table.rows[place][0] for place in table.brief][-1] == "m14"

    def test_accuracies_are_means_of_all_machines(self, tmp_path: Path) -> None:
        few, more = [700] * 10, [800] * 10
        given = saved(
            tmp_path,
            (mac("anna"), [run(100.0, rights=few)]),
            (mac("bob"), [run(50.0, rights=more, seed=1)]),
        )
        assert column(table_of(given), "scratch, %") == ["75.0", "75.0"]


class TestSure:
    def test_three_runs_of_a_session_do_not_cover_other_days(self, tmp_path: Path) -> None:
        assert sure(saved(tmp_path, (ANNA, repeated(100.0)))) == (
            "How sure: 3 valid runs in 1 session on 1 machine. Every speed was measured three or more"
            " times, but in one session: another day may give others. As measured, all computed in"
            " float32."
        )

    def test_single_runs_have_no_interval(self, tmp_path: Path) -> None:
        assert (
            "No speed has an interval: nobody knows by how much another run would differ. An interval"
            " takes 3 runs of one session or 3 sessions, and 4 undisturbed epochs."
        ) in sure(saved(tmp_path, (ANNA, [run(100.0)])))

    def test_hollow_marks_are_told_from_the_others(self, tmp_path: Path) -> None:
        text = sure(saved(tmp_path, (ANNA, [*repeated(100.0), run(90.0, TENSORFLOW)])))
        assert "Some speeds were measured three or more times, but in one session" in text
        assert "A hollow mark has no interval: nobody knows" in text

    def test_runs_in_no_comparison_are_counted(self, tmp_path: Path) -> None:
        failed = run_of("scratch", TENSORFLOW, [], failure="the worker was killed by signal 9")
        assert "In no comparison: 1 run failed." in sure(saved(tmp_path, (ANNA, [run(9.0), failed])))


class TestKeyFigures:
    def figures(self, given: Study) -> list[tuple[str, tuple[str, ...]]]:
        return [(each.number.text, each.lines) for each in key_figures(given, all_rows(given))]

    def test_are_the_fastest_epoch_the_lead_and_the_least_memory(self, tmp_path: Path) -> None:
        given = saved(tmp_path, (ANNA, [*repeated(100.0), *repeated(80.0, TENSORFLOW)]))
        epoch, lead, accuracy, memory = self.figures(given)
        assert epoch == ("80.0 s", ("an epoch of scratch at best, 562 images/s", "TensorFlow, anna"))
        assert lead[0] == "1.25 times"
        assert lead[1][0] == "TensorFlow over PyTorch, scratch"
        assert lead[1][1].startswith("95 % interval 1.2")
        assert accuracy[0].endswith(" %")
        assert memory[1][0] == "of memory in training, the least"

    def test_of_two_machines_the_lead_is_the_lesser_one_and_both(self, tmp_path: Path) -> None:
        machines = [
            (mac(f"m{n}"), [run(100.0), run(seconds, TENSORFLOW)]) for n, seconds in enumerate((50, 40))
        ]
        [lead] = [figure for figure in self.figures(saved(tmp_path, *machines)) if "times" in figure[0]]
        assert lead == ("2.00 times", ("TensorFlow over PyTorch, scratch", "2.00 to 2.50 on 2 machines"))

    def test_of_three_machines_the_lead_is_their_mean(self, tmp_path: Path) -> None:
        machines = [
            (mac(f"m{n}"), [*repeated(100.0), *repeated(seconds, TENSORFLOW)])
            for n, seconds in enumerate((50.0, 51.0, 49.0))
        ]
        [lead] = [figure for figure in self.figures(saved(tmp_path, *machines)) if "times" in figure[0]]
        assert lead == (
            "2.00 times",
            ("TensorFlow over PyTorch, scratch", "95 % interval 1.90 to 2.10 over 3 machines"),
        )

    def test_a_short_epoch_is_no_figure(self, tmp_path: Path) -> None:
        plan = replace(QUICK, epochs=8)
        given = saved(tmp_path, (ANNA, [run(10.0, plan=plan)]))
        assert self.figures(given)[0] == ("192 images/s", ("in scratch at best", "PyTorch, anna"))
        assert "an epoch of 1,920 images" in page(given).eyebrow

    def test_energy_is_of_the_cell_that_measured_it(self, tmp_path: Path) -> None:
        """A machine that is called like an engine measured none."""
        spent = run_of("scratch", TORCH, epochs_of([50.0] * 8, joules=3000.0))
        figures = self.figures(saved(tmp_path, (mac("torch"), [run(20.0)]), (mac("bob"), [spent])))
        [energy] = [figure for figure in figures if figure[0].endswith(" J")]
        assert energy[1] == ("an image, the least measured", "PyTorch, bob")

    def test_have_no_lead_that_is_not_decided_everywhere(self, tmp_path: Path) -> None:
        machines = [
            (mac("anna"), [run(100.0), run(50.0, TENSORFLOW)]),
            (mac("bob"), [run(100.0), run(98.0, TENSORFLOW)]),
        ]
        assert not any("times" in text for text, _ in self.figures(saved(tmp_path, *machines)))

    def test_the_accuracy_is_that_of_the_whole_protocol(self, tmp_path: Path) -> None:
        """The plan of a full run is the protocol's; a shorter one claims nothing of what is learnt."""
        losses = [1.0 - 0.05 * number for number in range(12)] + [0.5, 0.51, 0.52, 0.53, 0.54]
        plan = replace(FULL, patience=5)
        whole = [
            run_of(
                "scratch",
                TORCH,
                epochs_of([100.0] * len(losses), losses=losses),
                plan=plan,
                seed=seed,
                rights=[740 + 10 * seed] * 10,
            )
            for seed in range(2)
        ]
        given = saved(tmp_path, (ANNA, whole))
        assert given.says_accuracy
        [accuracy] = [figure for figure in self.figures(given) if "%" in figure[0]]
        assert accuracy == (
            "74.5 %",
            ("of the test images, scratch", "74.0 to 75.0 % over engines and seeds"),
        )
        short = saved(tmp_path / "short", (ANNA, [run(100.0, plan=QUICK)]))
        assert not any("%" in text for text, _ in self.figures(short))


class TestPage:
    def test_is_a_chart_how_sure_and_a_table(self, tmp_path: Path) -> None:
        first = page(saved(tmp_path, (ANNA, [run(100.0)])))
        chart, note, table = first.blocks
        assert chart.key == "first-chart"  # type: ignore[union-attr]
        assert isinstance(note, Paragraph)
        assert note.kind == "note"
        assert isinstance(table, Table)

    def test_the_chart_is_drawn_for_a_telephone_too(self, tmp_path: Path) -> None:
        given = saved(
            tmp_path, (mac("anna"), [run(100.0)]), (mac("bob"), [run(50.0), run(60.0, TENSORFLOW)])
        )
        drawn = picture(all_rows(given))
        assert drawn.svg
        assert drawn.narrow_svg
        assert drawn.svg != drawn.narrow_svg
        assert drawn.title == "Images per second in scratch, the fastest machine first"
        assert drawn.alt == (
            "Images per second in scratch. bob: PyTorch 900, TensorFlow 750; anna: PyTorch 450."
        )
