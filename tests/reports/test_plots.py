"""The plots: what they draw is what the frames hold, in the house colours, whatever the files say."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import pandas as pd
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from msgspec.structs import replace

from alexnet.frameworks.registry import ENGINES
from bench.records.types import GateNotRun, Machine
from reports import drawing, palette, plots
from reports.document import Number, Picture
from reports.frame import frames
from reports.plots import (
    answers,
    classes,
    compared,
    cost,
    drift,
    forest,
    house,
    learning,
    memory,
    network,
    pick,
    speed,
)
from reports.sources import gather
from reports.study.compare import Study, study
from reports.study.learning import main_epochs
from tests.support.report_files import (
    ANNA,
    BOB,
    FULL,
    JITTER,
    QUICK,
    content_of,
    epochs_of,
    run_of,
    two_machines,
    write,
)

KEYS = [
    *("learning", "overfitting", "seconds", "machine-ratios", "framework-ratios"),
    *("accuracy-over-time", "time-to-accuracy", "energy-to-accuracy", "memory"),
    *("parameters-by-layer", "class-accuracy", "confusion-scratch", "confusion-mistaken"),
    *("confusion-augmented", "confusion-pretrained", "test-images", "speed-drift"),
]
HOSTILE = (
    *(
        "$x^2$ and $\\frac{a}{b",
        '<b>bold</b> & "q" --> x',
        "机器学习电脑",
        "机器学习机器",
        "{braces} {0}",
    ),
    *(
        "line\nbreak",
        "a very very long machine name of 1",
        "a very very long machine name of 2",
        "$",
        "🚀",
    ),
    *("%s %d", "\\alpha_{", "mac-1", "mac-2"),
)


def studied(folder: Path) -> Study:
    return study(frames(gather([str(folder)])))


def study_of(folder: Path, *machines: tuple[Machine, list[dict[str, Any]]]) -> Study:
    for number, (machine, runs) in enumerate(machines):
        write(folder, f"{number:04d}.json", content_of(machine, runs))
    return studied(folder)


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return studied(two_machines(tmp_path_factory.mktemp("two")))


@pytest.fixture(scope="module")
def pictures(two: Study) -> dict[str, Picture]:
    return plots.pictures(two)


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """Fourteen machines of hostile names with two runs of 20 epochs each."""
    times = [50.0 + i % 5 for i in range(20)]
    runs = []
    for engine in ("torch", "tensorflow"):
        epochs = epochs_of(times, losses=[2 - 0.05 * i for i in range(20)])
        calm = tuple(replace(each, train_loss=2 / each.epoch) for each in epochs)
        runs.append(run_of("scratch", engine, calm))
    folder = tmp_path_factory.mktemp("crowd")
    return study_of(folder, *((replace(ANNA, name=name), runs) for name in HOSTILE))


def numbers(picture: Picture) -> dict[str, Number]:
    return {number.what: number for sentence in picture.caption for number in sentence.numbers}


def figure_of(
    monkeypatch: pytest.MonkeyPatch, plot: Callable[[Study], Picture | None], it: Study
) -> Figure:
    """The figure that a plot draws, before it becomes text."""
    caught: list[Figure] = []

    def kept(figure: Figure) -> str:
        caught.append(figure)
        return "<svg></svg>"

    monkeypatch.setattr(house, "svg", kept)
    plot(it)
    return caught[0]


def luminance(colour: Iterable[float]) -> float:
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour]
    return sum(share * each for share, each in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def xs(line: Any) -> list[float]:
    return [float(x) for x in line.get_xdata()]


def ys(line: Any) -> list[float]:
    return [float(y) for y in line.get_ydata()]


def test_every_plot_has_something_to_show_for_two_machines(pictures: dict[str, Picture]) -> None:
    assert list(pictures) == KEYS
    for key, picture in pictures.items():
        assert picture.key == key
        assert picture.title
        assert len(picture.alt) > 40
        assert picture.caption[0].text.endswith((".", ":"))
        assert len(picture.caption) > 1
        drawing.checked(picture.svg, name=key)


def test_the_docstring_is_how_to_read_it(pictures: dict[str, Picture]) -> None:
    how = pictures["seconds"].caption[0].text
    assert how.startswith(
        "Each point is one epoch of training, evaluation not counted; the bar is the median."
    )


def test_only_the_palette_is_used(pictures: dict[str, Picture]) -> None:
    for picture in pictures.values():
        used = set(re.findall(r"(?:fill|stroke|color): ?(#[0-9a-fA-F]{3,8}|[a-z]+\b)", picture.svg))
        assert used <= {*palette.LIGHT.values(), "none"}, picture.key
        themed = palette.themed(re.sub(r'"(?:#|url\(#|data:)[^"]*"', "", picture.svg))
        assert not re.search(r"#[0-9a-f]{6}\b", themed), picture.key


def test_a_plot_leaves_no_trace(two: Study) -> None:
    before = dict(mpl.rcParams)
    network.parameters_by_layer(two)
    assert dict(mpl.rcParams) == before
    assert plt.get_fignums() == []


def test_the_readers_own_matplotlibrc_changes_nothing(two: Study, pictures: dict[str, Picture]) -> None:
    with mpl.rc_context(
        {"font.size": 30, "text.usetex": True, "axes.grid": False, "svg.fonttype": "none"}
    ):
        assert network.parameters_by_layer(two) == pictures["parameters-by-layer"]


def test_a_picture_is_small_and_without_dates_and_remarks(pictures: dict[str, Picture]) -> None:
    for picture in pictures.values():
        assert len(picture.svg) < 200_000
        assert "<!--" not in picture.svg
        assert "metadata" not in picture.svg


class TestLearning:
    def test_curves_are_the_least_the_median_and_the_most_of_the_runs(self, two: Study) -> None:
        curve = learning.curves(two).loc["scratch", "torch"]
        assert list(curve.index) == list(range(1, 9))
        assert (curve["runs"] == 4).all()
        assert curve["validation_accuracy_middle"].tolist() == pytest.approx(
            [0.5 + 0.01 * i for i in range(8)]
        )
        mistaken = learning.curves(two).loc["mistaken", "torch"]
        assert mistaken["gap_middle"].iloc[-1] == pytest.approx(0.98 - 0.69)

    def test_what_is_drawn(self, two: Study, monkeypatch: pytest.MonkeyPatch) -> None:
        figure = figure_of(monkeypatch, learning.learning, two)
        titles = [axes.get_title(loc="left") for axes in figure.axes]
        assert titles[::2] == [f"{e}: loss" for e in ("scratch", "mistaken", "augmented", "pretrained")]
        training, validation, ring = figure.axes[2].lines[:3]
        assert ys(training) == pytest.approx([2.1 - 0.15 * i for i in range(8)])
        assert ys(validation) == pytest.approx([1.6, 1.3, 1.1, 1.0, 1.1, 1.2, 1.3, 1.4])
        assert [*xs(ring), *ys(ring)] == [4, 1.0]

    def test_the_caption_tells_the_best_epoch_and_the_gap(self, pictures: dict[str, Picture]) -> None:
        found = numbers(pictures["learning"])
        assert found["best epoch, lower median over runs, mistaken, PyTorch"].value == 4
        gaps = [
            n for what, n in numbers(pictures["overfitting"]).items() if what.startswith("training less")
        ]
        assert [n.text for n in gaps] == ["2.0 points", "2.0 points", "29.0 points", "29.0 points"]
        assert gaps[2].runs == ("R5", "R17")

    def test_bands_and_best_epochs_of_runs_that_differ(self, tmp_path: Path) -> None:
        runs = [
            run_of(
                "scratch",
                "torch",
                seed=s,
                epochs=epochs_of([10.0] * n, validation=[0.1 * s + 0.01 * i for i in range(n)]),
            )
            for s, n in ((1, 3), (2, 4), (3, 5))
        ]
        it = study_of(tmp_path, (ANNA, runs))
        curve = learning.curves(it).loc["scratch", "torch"]
        assert curve["runs"].tolist() == [3, 3, 3, 2]
        assert curve.loc[
            1, [f"validation_accuracy_{e}" for e in ("low", "middle", "high")]
        ].tolist() == (pytest.approx([0.1, 0.2, 0.3]))
        assert learning.best_epoch(it, "scratch", "torch") == 3
        picture = learning.learning(it)
        assert picture is not None
        assert any("median of 2 to 3 runs" in sentence.text for sentence in picture.caption)


class TestSpeed:
    def test_points_and_medians_are_the_epochs(
        self, two: Study, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        scratch = figure_of(monkeypatch, speed.seconds_per_epoch, two).axes[0]
        timed, warm_ups, middle = scratch.lines[1:4]  # the first line parts the two machines
        expected = sorted([100 * each for each in JITTER[1:]] * 2)
        assert sorted(xs(timed)) == pytest.approx(expected)
        assert xs(warm_ups) == pytest.approx([120.0, 120.0])
        assert xs(middle) == pytest.approx([100.0, 100.0])
        assert scratch.get_xlim()[0] == 0

    def test_the_caption_names_the_fastest_and_the_slowest(self, pictures: dict[str, Picture]) -> None:
        text = pictures["seconds"].caption[1].text
        assert text == (
            "A median epoch of scratch takes 50.0 s (bob) to 1.7 min (anna) in PyTorch and"
            " 62.5 s (bob) to 2.1 min (anna) in TensorFlow."
        )

    def test_drift_is_relative_to_the_first_timed_epoch(self, two: Study) -> None:
        speeds = drift.speeds(main_epochs(two))
        first = speeds[speeds["run"] == "R1"]["speed"].tolist()
        assert first == pytest.approx([1 / each for each in JITTER[1:]])
        assert (drift.probes(main_epochs(two))["speed"] == 1).all()

    def test_of_one_timed_epoch_there_is_no_drift(self) -> None:
        epochs = pd.DataFrame(
            {"run": ["R1", "R1"], "timed": [False, True], "images_per_second": [1.0, 2.0]}
        )
        assert drift.speeds(epochs).empty


class TestRatios:
    def test_marks_are_the_studys_ratios(self, two: Study, monkeypatch: pytest.MonkeyPatch) -> None:
        caught: list[Any] = []

        def kept(blocks: Any, **rest: Any) -> Figure:
            caught.append(blocks)
            return forest.forest(blocks, **rest)

        monkeypatch.setattr(compared, "forest", kept)
        compared.machine_ratios(two)
        [[block]] = caught
        assert block.title == "bob"
        assert [label for label, _ in block.rows] == [
            "geometric mean",
            "scratch",
            "mistaken",
            "augmented",
            "pretrained",
        ]
        drawn = [mark.ratio for _, marks in block.rows[1:] for mark in marks]
        assert drawn == two.machines["ratio"].tolist()
        [mean] = block.rows[0][1]
        assert mean.ratio == two.means["ratio"].iloc[0]
        # A session each has no interval, and of anna's two runs of `scratch` there is a range.
        assert not any(mark.is_interval for _, marks in block.rows for mark in marks)
        scratch = two.machines[two.machines["experiment"] == "scratch"]
        assert [mark.low for mark in block.rows[1][1]] == scratch["low"].tolist()
        assert all(mark.low <= mark.ratio <= mark.high for mark in block.rows[1][1])

    def test_captions(self, two: Study, pictures: dict[str, Picture]) -> None:
        [mean] = numbers(pictures["machine-ratios"]).values()
        assert mean.text == "2.00"
        assert mean.value == pytest.approx(2.0)
        assert set(mean.runs) == set(two.runs["run"])
        texts = [sentence.text for sentence in pictures["framework-ratios"].caption[1:]]
        assert texts == ["Of 6 comparisons, PyTorch is faster in 6.", "The ratios go from 1.25 to 1.25."]


class TestCost:
    def test_a_cell_costs_the_median_of_its_runs(self, two: Study) -> None:
        table = cost.points(two, two.runs, cost.TIME)
        cells = table.set_index(["machine", "experiment", "engine"])
        row = cells.loc["anna", "scratch", "torch"]
        runs = two.runs.set_index("run").loc[list(row["runs"])]
        assert len(runs) == 2
        assert row["cost"] == pytest.approx(runs["seconds_to_best"].median())
        assert row["cost"] == pytest.approx(2 * cells.loc[("bob", "scratch", "torch"), "cost"])
        assert table["cost"].is_monotonic_increasing

    def test_caption(self, pictures: dict[str, Picture]) -> None:
        told = [sentence.text for sentence in pictures["energy-to-accuracy"].caption[1:]]
        assert told[:2] == [
            "Each accuracy is the mean over 1 to 2 seeds.",
            "There is no line through the best marks: with fewer than three seeds it is not known which"
            " these are.",
        ]


def test_memory_is_the_peak_less_the_import(two: Study, pictures: dict[str, Picture]) -> None:
    host, card = memory.means(two.runs)
    assert host == pytest.approx(2_007_000_000 - 500_000_000)
    assert pd.isna(card)
    assert (
        "Training scratch takes 1.51 GB on every machine in PyTorch"
        in pictures["memory"].caption[1].text
    )


def test_a_graphics_cards_own_memory_is_shown_beside(tmp_path: Path) -> None:
    epochs = [replace(each, peak_device_bytes=3_100_000_000) for each in epochs_of([5.0] * 4)]
    it = study_of(tmp_path, (ANNA, [run_of("scratch", "torch", epochs, device="cuda")]))
    picture = memory.memory(it)
    assert picture is not None
    number = numbers(picture)["peak memory of the graphics card, scratch, PyTorch, anna"]
    assert number.value == pytest.approx(3.1e9)
    assert "Of the card's memory, training scratch takes 3.10 GB in PyTorch." in picture.alt + " ".join(
        sentence.text for sentence in picture.caption
    )


def test_parameters_are_the_law(two: Study, pictures: dict[str, Picture]) -> None:
    table = network.parameters(two.frames.layers)
    assert table.sum().astype(int).to_dict() == {
        "standard": 58_322_314,
        "mistaken": 202_839_952,
        "torchvision": 57_044_810,
    }
    values = [int(number.value) for number in numbers(pictures["parameters-by-layer"]).values()]
    assert values == [202_839_952, 144_517_638, 58_322_314, 139_460_608, 43_264, 9_216, 5_057_030]


class TestClasses:
    def test_shares_are_of_all_runs_together(self, two: Study, pictures: dict[str, Picture]) -> None:
        table = classes.accuracies(two)
        assert table.columns.tolist()[:2] == [("scratch", "torch"), ("scratch", "tensorflow")]
        assert table["scratch", "torch"].tolist() == pytest.approx([0.51 + 0.01 * i for i in range(10)])
        assert "In scratch PyTorch knows truck best (60.0 %) and airplane worst (51.0 %)" in (
            pictures["class-accuracy"].caption[1].text
        )

    def test_rows_of_a_confusion_add_up(self, two: Study) -> None:
        found = classes.matrix(classes.counts(two), "mistaken", "torch")
        assert found.shape == (10, 11)
        assert found.sum(axis=1).tolist() == pytest.approx([1.0] * 10)
        assert found.loc["airplane", "automobile"] == pytest.approx(0.5)

    def test_the_most_frequent_mistake_is_told(self, pictures: dict[str, Picture]) -> None:
        text = pictures["confusion-scratch"].caption[1].text
        assert text.endswith("is airplane taken for automobile: 1,960 images of 4,000.")

    @pytest.mark.parametrize("theme", [palette.LIGHT, palette.DARK])
    @pytest.mark.parametrize("engine", list(ENGINES))
    def test_figures_can_be_read_on_every_cell(self, theme: dict[str, str], engine: str) -> None:
        """WCAG asks for a contrast of 4.5; a cell lies between the page's ground and the strongest."""
        paper, ink, hue = (to_rgb(theme[name]) for name in ("paper", "ink", engine))
        for opacity in (classes.FAINTEST, classes.STRONGEST):
            cell = [opacity * h + (1 - opacity) * p for h, p in zip(hue, paper, strict=True)]
            light, dark = sorted((luminance(cell), luminance(ink)), reverse=True)
            assert (light + 0.05) / (dark + 0.05) >= 4.5


class TestAnswers:
    def test_the_first_machines_images_are_shown(self, two: Study, pictures: dict[str, Picture]) -> None:
        sides = answers.chosen(two)
        assert {name: rows["run"].iloc[0] for name, rows in sides.items()} == {
            "torch": "R1",
            "tensorflow": "R3",
        }
        picture = pictures["test-images"]
        assert picture.svg.count("<image") == 10
        assert "image-rendering:crisp-edges;image-rendering:pixelated" in picture.svg
        assert picture.caption[2].text == "PyTorch has 8 of 10 right and TensorFlow has 8 of 10 right."

    def test_images_that_differ_are_not_set_side_by_side(self, tmp_path: Path) -> None:
        torch, tensorflow = (
            run_of("scratch", name, epochs_of([5.0] * 3)) for name in ("torch", "tensorflow")
        )
        tensorflow["result"]["pictures"]["positions"] = [9, *range(9)]
        it = study_of(tmp_path, (ANNA, [torch, tensorflow]))
        assert list(answers.chosen(it)) == ["torch"]


class TestWhatIsNotThere:
    def test_one_machine_one_engine_one_epoch(self, tmp_path: Path) -> None:
        it = study_of(
            tmp_path, (BOB, [run_of("scratch", "torch", epochs_of([5.0]), result={"pictures": None})])
        )
        assert list(plots.pictures(it)) == [
            *("learning", "seconds", "accuracy-over-time", "time-to-accuracy", "memory"),
            *("parameters-by-layer", "class-accuracy", "confusion-scratch"),
        ]

    def test_no_valid_run(self, tmp_path: Path) -> None:
        failed = run_of("scratch", "torch", epochs_of([5.0]), failure="it was killed")
        invalid = run_of("mistaken", "torch", epochs_of([5.0] * 2), reasons=[GateNotRun()])
        assert list(plots.pictures(study_of(tmp_path, (BOB, [failed, invalid])))) == [
            "parameters-by-layer"
        ]

    def test_nothing_measured(self, tmp_path: Path) -> None:
        epochs = [
            replace(each, peak_host_bytes=None, probe_seconds=None) for each in epochs_of([5.0] * 3)
        ]
        run = run_of("mistaken", "tensorflow", epochs, result={"pictures": None})
        found = plots.pictures(study_of(tmp_path, (BOB, [run])))
        assert "memory" not in found
        assert "test-images" not in found
        assert "nan" not in " ".join(s.text for picture in found.values() for s in picture.caption)

    def test_a_quick_run_says_that_its_accuracy_says_little(self, tmp_path: Path) -> None:
        run = run_of("scratch", "torch", epochs_of([5.0] * 3, images=1920), plan=QUICK, test_images=2000)
        picture = learning.learning(study_of(tmp_path, (ANNA, [run])))
        assert picture is not None
        assert picture.caption[-1].text == (
            "Accuracies of such a quick run show only that it runs and learns, not how well."
        )
        made_up = replace(FULL, dataset="synthetic")
        run = run_of("scratch", "torch", epochs_of([5.0] * 3), plan=made_up)
        picture = learning.learning(study_of(tmp_path / "more", (ANNA, [run])))
        assert picture is not None
        assert picture.caption[-1].text.startswith("The images are made up")


class TestACrowd:
    def test_twelve_machines_are_shown_and_the_rest_counted(self, crowd: Study) -> None:
        shown = pick.Shown(crowd)
        assert crowd.baseline in shown.machines
        assert (len(shown.machines), shown.left_out) == (12, 2)
        assert shown.rest[0].numbers[0].value == 2
        assert len(set(shown.labels.values())) == 12

    def test_hostile_names_are_only_names(self, crowd: Study) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            found = plots.pictures(crowd)
        for picture in found.values():
            assert len(picture.svg) < 600_000, picture.key
            drawing.checked(picture.svg, name=picture.key)
            assert "bold" not in picture.svg
        assert crowd.baseline is not None
        assert any(crowd.baseline in sentence.text for sentence in found["machine-ratios"].caption)

    def test_points_are_sampled_evenly(self) -> None:
        assert pick.spread(5, 10) == [0, 1, 2, 3, 4]
        assert pick.spread(1000, 3) == [0, 500, 999] or pick.spread(1000, 3) == [0, 499, 999]
        assert len(pick.spread(20_000, pick.limit(1))) == 300
        assert 96 * pick.limit(96) <= 3000


def test_names_are_cut_in_the_middle_and_drawn_as_they_are() -> None:
    assert house.cut("a very very long machine name (2)", 20) == "a very very l…me (2)"
    assert house.text("机 a\nb") == "□ a b"
    assert house.text("$x^2$ ✓✗") == "$x^2$ ✓✗"
