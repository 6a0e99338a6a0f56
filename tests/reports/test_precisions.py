"""The first page is about engines in float32; those of lower precision are marked as such."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.markers import MarkerStyle
from msgspec.structs import replace

from alexnet.frameworks.registry import ENGINES
from reports.chapters.front import front
from reports.chapters.front.shown import MOST_LANES, all_rows, in_chart
from reports.chapters.front.table import first_table
from reports.draw import house
from reports.render import html
from reports.study.compare import Study
from reports.study.speeds import speeds
from reports.write.document import Paragraph, Picture
from tests.support.precisions import HALF, WARP, Side, in_turn, timed_run
from tests.support.report_files import ANNA, BOB, KNOTS, LOOM, add_engines
from tests.support.report_study import saved

SIX: tuple[Side, ...] = (
    ("torch", 10.0, "float32"),
    (KNOTS.name, 9.0, "float32"),
    (HALF.name, 5.0, "float16"),
    ("tensorflow", 12.0, "float32"),
    (LOOM.name, 20.0, "float32"),
    (WARP.name, 16.0, "bfloat16"),
)
EXPERIMENTS = ("scratch", "mistaken", "augmented", "pretrained")


@pytest.fixture(scope="module", autouse=True)
def made_up() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        add_engines(patch, LOOM, KNOTS, HALF, WARP)
        yield


def of_all_experiments(scale: float = 1.0) -> list[dict[str, Any]]:
    return [
        timed_run(engine, seconds * scale, precision=precision, experiment=experiment)
        for experiment in EXPERIMENTS
        for engine, seconds, precision in SIX
    ]


def lines(given: Study) -> str:
    made = front(given)
    told = [*made.lede, *(block for block in made.blocks if isinstance(block, Paragraph))]
    return " ".join(sentence.text for paragraph in told for sentence in paragraph.sentences)


def test_the_title_and_the_figures_are_of_engines_in_float32(tmp_path: Path) -> None:
    given = saved(tmp_path, (ANNA, in_turn(*SIX)))
    made = front(given)
    assert made.title == (
        "PyTorch knots is the fastest of 4 engines in float32 on anna, 1.11 to 2.2 times as fast as the"
        " others"
    )
    assert made.figures[0].lines[1] == "PyTorch knots, anna"
    assert made.figures[1].lines[0] == "PyTorch knots over PyTorch, scratch"
    assert "PyTorch knots trains fastest in scratch, 1.11 times as fast as PyTorch" in lines(given)
    assert (
        "As measured, PyTorch, TensorFlow, Loom and PyTorch knots in float32; PyTorch half in float16;"
        " Loom warp in bfloat16."
    ) in lines(given)


def test_machines_are_ranked_by_their_engines_in_float32(tmp_path: Path) -> None:
    """Bob is twice as fast in float32, and ten times in float16: that is not in the mean."""
    ours = [timed_run("torch", 10.0), timed_run(HALF.name, 10.0, precision="float16")]
    theirs = [timed_run("torch", 5.0), timed_run(HALF.name, 1.0, precision="float16")]
    given = saved(tmp_path, (ANNA, ours), (BOB, theirs))
    assert len(given.machines) == 2, "cell by cell all are there"
    [mean] = given.means.itertuples()
    assert (mean.cells, mean.ratio) == (1, pytest.approx(2.0))
    assert front(given).title == "bob trains AlexNet 2.0 times as fast as anna"


def test_machines_are_ranked_where_their_means_are_over_the_same_cells(tmp_path: Path) -> None:
    """Anna and bob have an engine of lower precision besides, which is in no mean."""

    def runs(seconds: float, *, with_half: bool) -> list[dict[str, Any]]:
        of_both = [timed_run("torch", seconds), timed_run("tensorflow", seconds)]
        half = timed_run(HALF.name, seconds, precision="float16")
        return [*of_both, half] if with_half else of_both

    seconds = {"anna": 10.0, "bob": 2.0, "cleo": 5.0, "dora": 6.0}
    files = [
        (replace(ANNA, name=name), runs(of_one, with_half=name in ("anna", "bob")))
        for name, of_one in seconds.items()
    ]
    given = saved(tmp_path, *files)
    assert {*given.means["cells"]} == {2}
    assert front(given).title == "bob trains AlexNet 5.0 times as fast as anna"


def test_an_engine_of_lower_precision_that_was_measured_as_float32_is_none_of_float32(
    tmp_path: Path,
) -> None:
    """As one that asks for TF32 is on a GPU that has none."""
    sides: tuple[Side, ...] = (
        (HALF.name, 5.0, "float32"),
        ("torch", 10.0, "float32"),
        (LOOM.name, 20.0, "float32"),
    )
    made = front(saved(tmp_path, (ANNA, in_turn(*sides))))
    assert made.title == "PyTorch trains AlexNet 2.00 times as fast as Loom on anna"
    assert made.figures[1].lines[0] == "PyTorch over Loom, scratch"


def test_a_machine_without_an_engine_in_float32_stands_last(tmp_path: Path) -> None:
    """It would be the first by its speed, and the first page's short table has it all the same."""
    half = in_turn((HALF.name, 1.0, "float16"))
    files = [(replace(ANNA, name=name), in_turn(*SIX)) for name in ("anna", "bob", "cleo", "dora")]
    given = saved(tmp_path, *files, (replace(ANNA, name="erik"), half))
    shown = all_rows(given)
    assert [row.name for row in shown.rows][-1] == "erik"
    table = first_table(given, shown)["front"]
    brief = [table.rows[place][:2] for place in table.brief]
    assert ("erik", "PyTorch half") in brief
    assert ("anna", "PyTorch half") not in brief
    assert len(brief) == 4 * 4 + 1


def test_engines_of_lower_precision_alone_are_a_finding_all_the_same(tmp_path: Path) -> None:
    runs = in_turn((HALF.name, 5.0, "float16"), (WARP.name, 10.0, "bfloat16"))
    assert front(saved(tmp_path, (ANNA, runs))).title == (
        "PyTorch half trains AlexNet 2.0 times as fast as Loom warp on anna"
    )


def test_float32_comes_first_in_a_row_and_then_the_fastest(tmp_path: Path) -> None:
    given = saved(tmp_path, (ANNA, in_turn(*SIX)))
    [row] = all_rows(given).rows
    assert [speed.engine for speed in row.speeds] == [
        *(KNOTS.name, "torch", "tensorflow", LOOM.name),
        *(HALF.name, WARP.name),
    ]
    assert {speed.engine: speed.precision for speed in speeds(given)} == {
        engine: precision for engine, _, precision in SIX
    }


def test_the_chart_of_one_machine_with_many_engines_has_one_experiment(tmp_path: Path) -> None:
    given = saved(tmp_path, (ANNA, of_all_experiments()))
    shown = all_rows(given)
    drawn = in_chart(shown)
    assert shown.lanes == 24 > MOST_LANES
    assert [row.name for row in drawn.rows] == ["scratch"]
    assert drawn.lanes == 6
    [chart] = [block for block in front(given).blocks if isinstance(block, Picture)]
    assert chart.title == "Images per second in scratch"
    assert "Engines of less precision than float32 stand in grey" in " ".join(
        sentence.text for sentence in chart.caption
    )
    made = first_table(given, shown)["front"]
    assert len(made.rows) == 24
    assert "Computed in" in [column.name for column in made.columns]
    assert {made.rows[place][2] for place in made.brief} == {"float32"}
    assert len(made.brief) == 16


def test_the_chart_of_machines_with_many_engines_has_those_in_float32(tmp_path: Path) -> None:
    files = [(replace(ANNA, name=name), of_all_experiments()) for name in ("anna", "bob", "cleo")]
    given = saved(tmp_path, *files)
    drawn = in_chart(all_rows(given))
    assert all(speed.is_exact for speed in drawn.speeds)
    assert drawn.lanes == 3 * 4
    assert all(len(row.speeds) == len(row.times) for row in drawn.rows)
    [chart] = [block for block in front(given).blocks if isinstance(block, Picture)]
    assert "Engines of less precision than float32 are in report-data/front.csv." in " ".join(
        sentence.text for sentence in chart.caption
    )


@pytest.mark.parametrize("columns", [2, 4, 8])
@house.styled
def test_a_key_is_no_wider_than_its_picture(columns: int) -> None:
    labels = [f"an engine of a long name {number}" for number in range(9)]
    figure = Figure(figsize=(house.WIDTH_INCHES, 3), layout="constrained")
    figure.subplots()
    house.key(figure, [house.mark(label, marker="o") for label in labels], columns=columns)
    figure.draw_without_rendering()
    [legend] = figure.legends
    assert legend.get_window_extent().width <= 72 * house.WIDTH_INCHES * figure.dpi / 72


@pytest.mark.parametrize("engine", ENGINES.values(), ids=lambda engine: engine.name)
def test_a_table_shows_each_engine_as_its_plots_do(engine: Any) -> None:
    """A class for the common marks, and matplotlib's own outline for any other."""
    style = html._outline(engine.marker)
    if engine.marker in html.MARKERS:
        assert style == ""
        return
    corners = style.removeprefix(";clip-path:polygon(").removesuffix(")").split(", ")
    outline = MarkerStyle(engine.marker)
    assert len(corners) == len(np.asarray(outline.get_path().to_polygons()[0]))
    numbers = [float(number.removesuffix("%")) for corner in corners for number in corner.split()]
    assert min(numbers) >= 0
    assert max(numbers) <= 100
    assert len(set(numbers)) > 2
