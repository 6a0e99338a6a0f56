"""The runs and the files: whole in HTML, a count elsewhere, and files beside the report."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from msgspec.structs import replace

from reports.chapters import sources
from reports.render import html, markdown
from reports.study.compare import Study
from reports.write.document import Number, Paragraph, Report, Section, Sentence, Table
from tests.support.report_files import ANNA, content_of, epochs_of, run_of, two_machines, write
from tests.support.report_study import study_of


def written(given: Study) -> tuple[Section, Table, Table]:
    section = sources.chapter(given)
    assert section is not None
    runs, files = section.blocks
    assert isinstance(runs, Table)
    assert isinstance(files, Table)
    return section, runs, files


def cells(found: Table, column: str) -> list[str]:
    place = [each.name for each in found.columns].index(column)
    return [row[place] for row in found.rows]


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return study_of(two_machines(tmp_path_factory.mktemp("two")))


def test_every_run_and_every_file_has_its_row(two: Study) -> None:
    section, runs, files = written(two)
    assert section.appendix
    assert (runs.key, files.key) == ("runs", "sources")
    assert runs.only_in_html
    assert files.only_in_html
    assert cells(runs, "Run") == [f"R{number}" for number in range(1, 23)]
    assert cells(runs, "Started, UTC")[0] == "2026-11-20 09:00"
    assert all(len(value) == 12 for value in cells(runs, "sha256"))
    assert all(len(value) == 64 for value in cells(files, "sha256"))
    assert (runs.kinds[9], runs.kinds[21]) == ("failed", "invalid")
    assert runs.frame is not None
    assert files.frame is not None
    assert (len(runs.frame), len(files.frame)) == (22, 3)


def test_the_only_machine_and_the_only_setting_have_no_column(tmp_path: Path) -> None:
    write(tmp_path, "a/1.json", content_of(ANNA, [run_of("scratch", "torch", epochs_of([9.0] * 5))]))
    _, runs, files = written(study_of(tmp_path))
    assert [column.name for column in runs.columns] == [
        *("Run", "Cell and seed", "File", "Started, UTC", "sha256")
    ]
    assert "Machine" not in [column.name for column in files.columns]
    assert "Every run is valid." in " ".join(sentence.text for sentence in runs.caption)


@pytest.mark.parametrize(("repeat", "words"), [(0, "with its seed."), (1, "with its seed and repeat.")])
def test_a_repeat_is_part_of_a_runs_name(tmp_path: Path, repeat: int, words: str) -> None:
    runs = [run_of("scratch", "torch", epochs_of([9.0] * 5), repeat=place) for place in {0, repeat}]
    write(tmp_path, "a/1.json", content_of(ANNA, runs))
    _, of_runs, _ = written(study_of(tmp_path))
    assert words in " ".join(sentence.text for sentence in of_runs.caption)


def test_a_run_that_never_began(tmp_path: Path) -> None:
    run = run_of("scratch", "torch", epochs_of([9.0] * 5), failure="it did not start")
    run |= {"start": None, "epochs": [], "gate": None, "before": None, "after": None}
    write(tmp_path, "a/1.json", content_of(ANNA, [run]))
    _, runs, _ = written(study_of(tmp_path))
    assert "Not known: Started, UTC." in " ".join(sentence.text for sentence in runs.caption)


def test_numbers_lead_to_the_rows_of_their_runs(two: Study) -> None:
    """In HTML; elsewhere the list is a count, and the file beside the report has it."""
    section, of_runs, files = written(two)
    number = Number(text="22 runs", value=22.0, what="runs; all", runs=tuple(cells(of_runs, "Run")))
    report = Report(
        title="Title",
        summary=(Paragraph((Sentence(("Of ", number, ".")),)),),
        sections=(section,),
    )
    source = html.render(report)
    linked = set(re.findall(r'href="#run-(R\d+)"', source))
    assert {"R1", "R22"} <= linked <= set(re.findall(r'id="run-(R\d+)"', source))
    text = markdown.render(report)
    assert "0001_full.json" not in text
    assert f"{len(of_runs.rows)} rows" in text
    assert f"{len(files.rows)} rows" in text
    assert "report-data/runs.csv" in text


def test_no_run_and_no_file_is_without_its_row(tmp_path: Path) -> None:
    for number in range(70):
        machine = replace(ANNA, name=f"m{number:02}")
        runs = [run_of("scratch", "torch", epochs_of([9.0, 8.0]))]
        write(tmp_path, f"m{number:02}/1.json", content_of(machine, runs))
    _, of_runs, files = written(study_of(tmp_path))
    assert (len(of_runs.rows), of_runs.left_out) == (70, 0)
    assert (len(files.rows), files.left_out) == (70, 0)
