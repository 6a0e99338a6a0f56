"""More machines and runs than a page holds: the ends are shown, the rest is counted and exported."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace as replaced
from math import nan
from pathlib import Path

import pandas as pd
import pytest
from msgspec.structs import replace

from reports.chapters.front.shown import all_rows, in_chart
from reports.render import data, html, markdown, page, pdf
from reports.study.compare import Study
from reports.study.shown import ranked
from reports.write.document import MOST_MACHINES, Picture, Report, Table
from reports.write.table import few, machines_shown
from tests.support import report_text
from tests.support.prose_figures import wrong
from tests.support.report_files import ANNA, content_of, epochs_of, run_of, write
from tests.support.report_study import study_of
from tests.support.report_text import put_together

MACHINES, FASTEST, SLOWEST = 30, 28, 27
SEEDS = 2
"""So that there are twice as many runs as rows of a table."""


def name_of(number: int) -> str:
    return f"m{number:02}"


def seconds_of(number: int) -> float:
    """The baseline, which is measured first, is in the middle; the ends come late."""
    return {0: 100.0, FASTEST: 30.0, SLOWEST: 900.0}.get(number, 60.0 + 3 * number)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Thirty machines, one measured after the other, with two seeds of scratch in both frameworks."""
    folder = tmp_path_factory.mktemp("crowd")
    for number in range(MACHINES):
        times = [seconds_of(number) * each for each in (1.2, 1.0, 1.01, 0.99, 1.0)]
        runs = [
            run_of(
                "scratch",
                engine,
                epochs_of(times),
                seed=seed,
                started_at=f"2026-10-{number + 1:02}T12:00:00+00:00",
            )
            for engine in ("torch", "tensorflow")
            for seed in range(SEEDS)
        ]
        content = content_of(replace(ANNA, name=name_of(number)), runs)
        write(folder, f"{name_of(number)}/1.json", content)
    return folder


@pytest.fixture(scope="module")
def crowd(results: Path) -> Study:
    return study_of(results)


@pytest.fixture(scope="module")
def report(crowd: Study) -> Report:
    return put_together(crowd)


@pytest.fixture(scope="module")
def tables(report: Report) -> dict[str, Table]:
    return report_text.tables(report)


def column(table: Table, name: str) -> list[str]:
    place = [each.name for each in table.columns].index(name)
    return [row[place] for row in table.rows]


def words(sentences: Sequence[object]) -> str:
    return " ".join(str(getattr(sentence, "text", sentence)) for sentence in sentences)


def test_every_number_is_what_the_files_say(report: Report, results: Path, crowd: Study) -> None:
    assert not wrong((sentence for _, sentence in report.sentences()), results, crowd)
    kinds = {number.what for _, number in report.numbers()}
    assert {
        "machines that the first chart has no room for",
        "machines that there is no room for",
    } <= kinds


def test_the_ends_and_the_baseline_are_the_first_to_be_shown(crowd: Study) -> None:
    found = ranked(crowd, crowd.frames.machines["machine"])
    assert (found.baseline, found.fastest, found.slowest) == ("m00", "m28", "m27")
    assert found.order[:5] == ("m00", "m28", "m27", "m01", "m02")
    assert sorted(found.order) == [name_of(number) for number in range(MACHINES)]


def test_machines_without_a_mean_have_no_ends(crowd: Study) -> None:
    bare = replaced(crowd, means=crowd.means.iloc[:0])
    found = ranked(bare, ["m05", "m00", "m03"])
    assert (found.order, found.fastest, found.slowest) == (("m00", "m03", "m05"), None, None)
    unknown = replaced(crowd, means=crowd.means.assign(ratio=nan))
    assert ranked(unknown, ["m05", "m00"]).fastest is None


@pytest.mark.parametrize(
    ("present", "shown", "text"),
    [
        (range(30), 2, "the baseline and the fastest that is compared with it"),
        (range(30), 3, "the baseline and the fastest and the slowest that are compared with it"),
        (
            range(30),
            4,
            "the baseline, the fastest and the slowest that are compared with it, and those with the"
            " most valid runs",
        ),
        (range(2), 2, "the baseline and the one that is compared with it"),
        (range(1, 30), 2, "the fastest and the slowest that are compared with the baseline"),
    ],
)
def test_which_machines_are_shown_is_said(
    crowd: Study, present: Sequence[int], shown: int, text: str
) -> None:
    assert machines_shown(ranked(crowd, map(name_of, present)), shown) == text


def test_the_first_page_has_all_machines_and_its_chart_the_ends(
    crowd: Study, report: Report, tables: dict[str, Table]
) -> None:
    """The fastest first; a format that shows few rows shows those of the chart."""
    front = tables["front"]
    names = list(dict.fromkeys(column(front, "Machine")))
    assert len(names) == MACHINES
    assert (names[0], names[-1]) == ("m28", "m27")
    brief = {front.rows[place][0] for place in front.brief}
    assert {"m00", "m28", "m27"} <= brief
    assert len(brief) == 12
    drawn = in_chart(all_rows(crowd))
    assert {row.name for row in drawn.rows} == brief
    assert drawn.left_out == MACHINES - 12
    [chart] = [block for block in report.front if isinstance(block, Picture)]
    assert "18 machines between the fastest and the slowest" in words(chart.caption)


def test_as_many_machines_are_shown_as_have_room(crowd: Study) -> None:
    """With 25 rows a machine two have room, and with more rows than a page the first alone."""
    wide = pd.DataFrame({"machine": [name_of(n) for n in range(MACHINES) for _ in range(25)]})
    assert few(crowd, wide, rows=60) == ("m00", "m28")
    assert few(crowd, wide, rows=20) == ("m00",)
    assert len(few(crowd, wide)) == MOST_MACHINES


def test_formats_without_links_have_no_appendix_of_numbers(report: Report) -> None:
    linked = page.page(report, numbers=True)
    bare = page.page(report, numbers=False)
    assert linked.chapters[-1].title == page.NUMBERS
    assert [each.title for each in bare.chapters] == [each.title for each in linked.chapters[:-1]]
    lines = [line for block in bare.summary for line in block.lines]
    assert all(isinstance(part, str) for line in lines for part in line)
    assert [page.text_of(line) for line in lines] == [
        page.text_of(line) for block in linked.summary for line in block.lines
    ]
    assert page.NUMBERS in html.render(report)
    assert page.NUMBERS not in markdown.render(report)
    assert pdf.render(report).startswith(b"%PDF-")


def test_what_a_page_leaves_out_is_beside_the_report(
    report: Report, tables: dict[str, Table], tmp_path: Path
) -> None:
    files = {file.name for file in data.write(report, tmp_path)}
    for key, table in tables.items():
        if table.left_out or table.brief or table.only_in_html:
            assert f"{key}.csv" in files, f"the page's table {key} is not beside the report"
            rows = len(pd.read_csv(tmp_path / "report-data" / f"{key}.csv"))
            assert rows >= len(table.rows), key
    front = pd.read_csv(tmp_path / "report-data" / "front.csv")
    slowest = front[(front["machine"] == "m27") & (front["engine"] == "torch")]
    assert slowest["seconds_per_epoch"].tolist() == pytest.approx([900.0])
