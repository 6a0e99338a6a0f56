"""More machines and runs than a page holds: the ends are shown, the rest is counted and exported."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace as replaced
from math import nan
from pathlib import Path

import pandas as pd
import pytest
from msgspec.structs import replace

from reports import export, html, markdown, page, pdf, typeset, written
from reports.document import MOST_MACHINES, Table
from reports.frame import frames
from reports.plots import compared, pick
from reports.sources import gather
from reports.study.compare import Study, study
from reports.study.shown import ranked
from reports.tables.wording import machines_shown
from reports.typeset.build import MOST_ROWS, few, fit, ranking
from tests.support.report_files import ANNA, content_of, epochs_of, run_of, write

MACHINES, FASTEST, SLOWEST = 30, 28, 27
SEEDS = 2
"""So that there are twice as many runs as rows of a table."""


def name_of(number: int) -> str:
    return f"m{number:02}"


def seconds_of(number: int) -> float:
    """The baseline, which is measured first, is in the middle; the ends come late."""
    return {0: 100.0, FASTEST: 30.0, SLOWEST: 900.0}.get(number, 60.0 + 3 * number)


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Study:
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
    return study(frames(gather([str(folder)])))


@pytest.fixture(scope="module")
def tables(crowd: Study) -> dict[str, Table]:
    return typeset.tables(crowd)


def column(table: Table, name: str) -> list[str]:
    place = [each.name for each in table.columns].index(name)
    return [row[place] for row in table.rows]


def words(sentences: Sequence[object]) -> str:
    return " ".join(str(getattr(sentence, "text", sentence)) for sentence in sentences)


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


@pytest.mark.parametrize("key", ["glance", "computers", "steadiness", "resources", "machines"])
def test_a_table_shows_the_ends_and_says_so(tables: dict[str, Table], key: str) -> None:
    found = tables[key]
    shown = set(column(found, "Machine"))
    assert {"m28", "m27"} <= shown
    assert ("m00" in shown) == (key != "machines"), "the baseline is compared with itself nowhere"
    assert len(shown) <= MOST_MACHINES
    there = MACHINES - (key == "machines")
    own = shown - {"published, M1 Pro, 224 px"}
    assert f"Of {there} machines, {len(own)} are shown: the " in words(found.caption)
    assert "the fastest and the slowest that are compared with" in words(found.caption)


def test_as_many_machines_are_shown_as_have_room(crowd: Study) -> None:
    """With 25 rows a machine two have room, and with more rows than a page the first has them cut."""
    wide = pd.DataFrame({"machine": [name_of(n) for n in range(MACHINES) for _ in range(25)]})
    assert few(crowd, wide, rows=MOST_ROWS) == ("m00", "m28")
    assert few(crowd, wide, rows=MOST_ROWS, at_least=3) == ("m00", "m28", "m27")
    shown, left_out = fit(wide, crowd)
    assert (set(shown["machine"]), len(shown), left_out) == ({"m00", "m28"}, 50, 28 * 25)
    huge = pd.DataFrame({"machine": ["m01"] * 100})
    assert (len(fit(huge, crowd)[0]), fit(huge, crowd)[1]) == (MOST_ROWS, 40)


def test_every_machine_has_its_row_in_the_ranking(crowd: Study, tables: dict[str, Table]) -> None:
    found = tables["means"]
    names, ratios = column(found, "Machine"), [float(cell) for cell in column(found, "Ratio")]
    assert len(names) == len(set(names)) == MACHINES
    assert ratios == sorted(ratios, reverse=True)
    assert (names[0], names[-1]) == ("m28", "m27")
    assert found.kind(names.index("m00")) == "baseline"
    assert found.left_out == 0


def test_a_ranking_of_more_than_a_page_has_both_ends_and_the_baseline(crowd: Study) -> None:
    many = 70
    means = pd.concat([crowd.means.iloc[[0]]] * many, ignore_index=True)
    means = means.assign(
        machine=[f"n{n:02}" for n in range(many)], ratio=[3 - n / 40 for n in range(many)]
    )
    other = means.iloc[[5]].assign(setting="Z", machine="z", ratio=9.0)
    shown, left_out, sentences = ranking(pd.concat([means, other]), crowd)
    names = list(shown["machine"])
    # The baseline, 1.00, stands at a ratio that 80 machines would reach: last of 71.
    assert names == [f"n{n:02}" for n in (*range(30), *range(41, 70))] + ["m00"]
    assert left_out == 12
    assert words(sentences) == (
        "Shown are the 30 fastest, the 30 slowest and the baseline; 11 machines between them are not."
    )
    in_between = means.assign(ratio=[2 - n / 35 for n in range(many)])
    shown, _, _ = ranking(in_between, crowd)
    assert list(shown["machine"]).index("m00") == 30
    assert len(shown) == MOST_ROWS + 1


def test_other_settings_follow_in_the_ranking(crowd: Study) -> None:
    other = crowd.means.iloc[[3]].assign(setting="Z", machine="z", baseline="y", ratio=9.0)
    shown, left_out, _ = ranking(pd.concat([crowd.means, other]), crowd)
    assert list(shown["machine"])[-2:] == ["z", "y"]
    assert left_out == 0


def test_the_plots_show_the_ends_and_their_captions_name_them(crowd: Study) -> None:
    shown = pick.Shown(crowd)
    assert {"m00", "m28", "m27"} <= set(shown.machines)
    assert (len(shown.machines), shown.left_out) == (MOST_MACHINES, MACHINES - MOST_MACHINES)
    assert shown.machines == sorted(shown.machines), "in the order in which they were measured"
    assert words(shown.rest) == (
        "Shown are the baseline, the fastest and the slowest that are compared with it, and those with"
        " the most valid runs, and not 18 machines more."
    )
    picture = compared.machine_ratios(crowd)
    assert picture is not None
    caption = words(picture.caption)
    assert "m28 is" in caption
    assert "m27 is" in caption


def test_no_run_and_no_file_is_without_its_row(crowd: Study, tables: dict[str, Table]) -> None:
    runs = MACHINES * 2 * SEEDS
    assert column(tables["runs"], "Run") == [f"R{n}" for n in range(1, runs + 1)]
    assert len(column(tables["sources"], "File")) == MACHINES
    assert tables["runs"].left_out == tables["sources"].left_out == 0
    report = written.report(crowd)
    source = html.render(report)
    linked = set(re.findall(r'href="#run-(R\d+)"', source))
    assert f"R{runs}" in linked
    assert linked <= set(re.findall(r'id="run-(R\d+)"', source))
    rows = re.findall(r"^\| (R\d+) \| m\d\d \|.*1\.json", markdown.render(report), re.MULTILINE)
    assert set(rows) >= {f"R{n}" for n in range(1, runs + 1)}


def test_formats_without_links_have_no_appendix_of_numbers(crowd: Study) -> None:
    report = written.report(crowd)
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


PIVOTED = {"classes": 10, "time_to_reach": 6}
"""Tables with a row a system, whose frames have so many."""


def test_what_a_page_leaves_out_is_in_the_export(
    crowd: Study, tables: dict[str, Table], tmp_path: Path
) -> None:
    files = {str(file.relative_to(tmp_path)) for file in export.csv(crowd, tmp_path)}
    cut = {key for key, table in tables.items() if table.left_out}
    assert {"glance", "machines", "computers", "steadiness", "resources", "classes", "conditions"} <= cut
    for key, table in tables.items():
        assert f"tables/{key}.csv" in files, f"the page's table {key} is not exported"
        rows = (len(table.rows) + table.left_out) * PIVOTED.get(key, 1)
        if key in cut:
            assert len(pd.read_csv(tmp_path / f"tables/{key}.csv")) == rows, key
    glance = pd.read_csv(tmp_path / "tables/glance.csv")
    slowest = glance[(glance["machine"] == "m27") & (glance["engine"] == "torch")]
    assert slowest["seconds_per_epoch"].dropna().tolist() == pytest.approx([900.0])
