"""The plots: what they draw is what the frames hold, in the house colours, whatever the files say."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.transforms import Bbox
from msgspec.structs import replace

from bench.records.types import GateNotRun
from reports.chapters import classes, engines, learning, machines, networks, resources, steadiness
from reports.chapters.classes import shares
from reports.draw import drawing, house, palette
from reports.study.compare import Study
from reports.write.document import Number, Picture
from tests.support.report_files import (
    ANNA,
    BOB,
    epochs_of,
    run_of,
    two_machines,
)
from tests.support.report_study import HOSTILE, saved, study_of

CHAPTERS = (engines, machines, learning, classes, networks, resources, steadiness)


def pictures_of(given: Study) -> dict[str, Picture]:
    """Key -> picture of all chapters."""
    sections = [section for chapter in CHAPTERS if (section := chapter.chapter(given)) is not None]
    blocks = [block for section in sections for block in section.blocks]
    return {block.key: block for block in blocks if isinstance(block, Picture)}


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return study_of(two_machines(tmp_path_factory.mktemp("two")))


@pytest.fixture(scope="module")
def pictures(two: Study) -> dict[str, Picture]:
    return pictures_of(two)


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
    return saved(folder, *((replace(ANNA, name=name), runs) for name in HOSTILE))


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


def xs(line: Any) -> list[float]:
    return [float(x) for x in line.get_xdata()]


def ys(line: Any) -> list[float]:
    return [float(y) for y in line.get_ydata()]


def test_every_picture_of_two_machines_is_a_drawing_with_words(pictures: dict[str, Picture]) -> None:
    assert {"memory", "energy"} <= set(pictures)
    for key, picture in pictures.items():
        assert picture.key == key
        assert picture.title
        assert len(picture.alt) > 40
        assert picture.caption[0].text.endswith((".", ":"))
        for svg in filter(None, (picture.svg, picture.narrow_svg)):
            drawing.checked(svg, name=key)


def test_only_the_palette_is_used(pictures: dict[str, Picture]) -> None:
    for picture in pictures.values():
        used = set(re.findall(r"(?:fill|stroke|color): ?(#[0-9a-fA-F]{3,8}|[a-z]+\b)", picture.svg))
        assert used <= {*palette.LIGHT.values(), "none"}, picture.key
        themed = palette.themed(re.sub(r'"(?:#|url\(#|data:)[^"]*"', "", picture.svg))
        assert not re.search(r"#[0-9a-f]{6}\b", themed), picture.key


def test_a_plot_leaves_no_trace(two: Study) -> None:
    before = dict(mpl.rcParams)
    shares.right_answers(two, shares.answered(two))
    assert dict(mpl.rcParams) == before
    assert plt.get_fignums() == []


def test_the_readers_own_matplotlibrc_changes_nothing(two: Study) -> None:
    usual = shares.right_answers(two, shares.answered(two))
    with mpl.rc_context(
        {"font.size": 30, "text.usetex": True, "axes.grid": False, "svg.fonttype": "none"}
    ):
        assert shares.right_answers(two, shares.answered(two)) == usual


def test_a_picture_is_small_and_without_dates_and_remarks(pictures: dict[str, Picture]) -> None:
    for picture in pictures.values():
        assert len(picture.svg) < 200_000
        assert "<!--" not in picture.svg
        assert "metadata" not in picture.svg


class TestWhatIsNotThere:
    def test_one_machine_one_engine_one_epoch(self, tmp_path: Path) -> None:
        it = saved(
            tmp_path, (BOB, [run_of("scratch", "torch", epochs_of([5.0]), result={"pictures": None})])
        )
        assert {"memory", "parameters"} <= set(pictures_of(it))

    def test_no_valid_run(self, tmp_path: Path) -> None:
        failed = run_of("scratch", "torch", epochs_of([5.0]), failure="it was killed")
        invalid = run_of("mistaken", "torch", epochs_of([5.0] * 2), reasons=[GateNotRun()])
        assert not {"memory", "energy", "speed"} & set(
            pictures_of(saved(tmp_path, (BOB, [failed, invalid])))
        )

    def test_nothing_measured(self, tmp_path: Path) -> None:
        epochs = [
            replace(each, peak_host_bytes=None, probe_seconds=None) for each in epochs_of([5.0] * 3)
        ]
        run = run_of("mistaken", "tensorflow", epochs, result={"pictures": None})
        found = pictures_of(saved(tmp_path, (BOB, [run])))
        assert "memory" not in found
        assert "nan" not in " ".join(s.text for picture in found.values() for s in picture.caption)


class TestACrowd:
    def test_hostile_names_are_only_names(self, crowd: Study) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            found = pictures_of(crowd)
        for picture in found.values():
            assert len(picture.svg) < 600_000, picture.key
            drawing.checked(picture.svg, name=picture.key)
            assert "bold" not in picture.svg


def test_names_are_cut_in_the_middle_and_drawn_as_they_are() -> None:
    assert house.cut("a very very long machine name (2)", 20) == "a very very l…me (2)"
    assert house.text("$x^2$ ✓✗") == "$x^2$ ✓✗"


@pytest.mark.parametrize(("moved", "is_seen"), [(1e-9, False), (1e-3, True)])
@house.styled
def test_the_last_digits_of_a_layout_are_in_no_drawing(moved: float, is_seen: bool) -> None:
    """They were seen to differ between two drawings of one report."""

    class Moved(ConstrainedLayoutEngine):
        def execute(self, figure: Figure) -> None:
            super().execute(figure)
            for axes in figure.axes:
                left, *rest = axes.get_position().bounds
                axes.set_position(Bbox.from_bounds(left + moved, *rest))

    def drawn(engine: ConstrainedLayoutEngine) -> str:
        figure = Figure((3, 2), layout=engine)
        figure.add_subplot().plot([1, 2, 4], [-1, 0.5, 3])
        return house.svg(figure)

    assert (drawn(Moved()) != drawn(ConstrainedLayoutEngine())) is is_seen
