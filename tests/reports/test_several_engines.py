"""Three engines and more: each pair is compared, and no figure is given to another engine."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from reports import report as written
from reports.draw import palette
from reports.render import data, html, markdown
from reports.study.compare import Study
from reports.write.document import Number, Paragraph, Report, Sentence
from tests.support.golden import assert_as_in
from tests.support.prose_figures import NAMES, key_figure_wrong, wrong
from tests.support.report_files import (
    IMAGES,
    JITTER,
    KNOTS,
    LOOM,
    SECONDS,
    add_engines,
    epochs_of,
    run_of,
    several_engines,
)
from tests.support.report_study import saved_runs, study_of
from tests.support.report_text import frames_text, put_together, tables, text, whole_text

THREE = ("torch", "tensorflow", LOOM.name)
FOUR = (*THREE, KNOTS.name)
LABELS = sorted(NAMES.values(), key=len, reverse=True)


@pytest.fixture(scope="module", autouse=True)
def made_up() -> Iterator[None]:
    """The registry has two more engines for as long as this file's tests run."""
    with pytest.MonkeyPatch.context() as patch:
        add_engines(patch, LOOM, KNOTS)
        yield


def quick(engine: str, seconds: float = 5.0, **given: Any) -> dict[str, Any]:
    return run_of("scratch", engine, epochs_of([seconds * each for each in JITTER]), **given)


def told(given: Study, key: str) -> str:
    return text(put_together(given), key)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """Number of engines -> results of two machines."""
    return {
        len(engines): several_engines(tmp_path_factory.mktemp("results"), *engines)
        for engines in (THREE, FOUR)
    }


@pytest.fixture(scope="module")
def studies(folders: dict[int, Path]) -> dict[int, Study]:
    return {number: study_of(folder) for number, folder in folders.items()}


@pytest.fixture(scope="module")
def reports(studies: dict[int, Study]) -> dict[int, Report]:
    """Their drawings are made where they are looked at alone."""
    return {number: put_together(each) for number, each in studies.items()}


def engine_of(given: Study) -> dict[str, str]:
    """Run id -> its engine."""
    return dict(zip(given.frames.runs["run"], given.frames.runs["engine"], strict=True))


@pytest.mark.parametrize("engines", [THREE, FOUR], ids=len)
def test_every_pair_is_compared_in_the_registrys_order(
    studies: dict[int, Study], engines: tuple[str, ...]
) -> None:
    given = studies[len(engines)]
    ran = engine_of(given)
    expected = [*combinations(engines, 2)]
    for _, rows in given.engines.groupby(["machine", "experiment"], sort=False):
        assert [*zip(rows["first"], rows["second"], strict=True)] == expected
    assert len(given.engines) == 2 * 2 * len(expected)
    for row in given.engines.itertuples():
        assert row.ratio == pytest.approx(SECONDS[row.second] / SECONDS[row.first])
        assert row.verdict == ("faster" if row.ratio > 1 else "slower")  # the least is 1.25 times
        assert (row.basis, row.runs) == ("seen", (1, 1))
        assert {ran[run] for run in row.first_runs} == {row.first}
        assert {ran[run] for run in row.second_runs} == {row.second}


@pytest.mark.parametrize("number", [3, 4])
def test_every_number_of_the_prose_is_what_the_files_say(
    folders: dict[int, Path], studies: dict[int, Study], reports: dict[int, Report], number: int
) -> None:
    found = [sentence for _, sentence in reports[number].sentences()]
    assert not wrong(found, folders[number], studies[number])
    for figure in reports[number].figures:
        assert key_figure_wrong(figure, folders[number], studies[number]) == ""
    assert sum(len(sentence.numbers) for sentence in found) >= 30


def test_the_whole_text_of_three_engines(reports: dict[int, Report]) -> None:
    assert_as_in("three_engines.txt", whole_text(reports[3]))


def test_the_frames_of_three_engines(reports: dict[int, Report]) -> None:
    """All that lies beside the report: what it is made of, and what its chapters and tables show."""
    assert_as_in("frames.txt", frames_text(reports[3]))


def beside(sentence: Sentence, place: int) -> str | None:
    """The engine that a sentence gives a number to, where it says so right before or right behind it."""
    texts = [part if isinstance(part, str) else "\0" for part in sentence.parts]
    before, after = "".join(texts[:place]), "".join(texts[place + 1 :])
    labels = "|".join(LABELS)
    behind = re.match(rf" (?:with|in) ({labels})\b", after)
    ahead = re.search(rf"({labels}) (?:has|knows \w+ best \()$|({labels}) has $", before)
    found = behind or ahead
    return None if found is None else next(group for group in found.groups() if group)


def mentioned(number: Number) -> set[str]:
    """The engines that the words of a number name, by label or by name."""
    found, text = set(), number.what
    for name, label in sorted(NAMES.items(), key=lambda item: -len(item[0])):
        for word in (label, name):
            text, times = re.subn(rf"(?<![\w-]){re.escape(word)}(?![\w-])", "", text)
            if times:
                found.add(name)
    return found


@pytest.mark.parametrize("number", [3, 4])
def test_no_figure_is_given_to_another_engine(
    studies: dict[int, Study], reports: dict[int, Report], number: int
) -> None:
    ran, checked = engine_of(studies[number]), 0
    for _, sentence in reports[number].sentences():
        for place, part in enumerate(sentence.parts):
            if isinstance(part, str) or not part.runs:
                continue
            of_runs = {ran[run] for run in part.runs}
            if named := mentioned(part):
                assert named == of_runs, (sentence.text, part)
                checked += 1
            if label := beside(sentence, place):
                assert {NAMES[name] for name in of_runs} == {label}, (sentence.text, part)
                checked += 1
    assert checked >= 8


OF_ENGINES = {
    "engine": ("run", "runs", "machine_runs", "baseline_runs"),
    "first": ("first_runs",),
    "second": ("second_runs",),
}
"""A frame's column of engines -> those of the runs that the row's figures were made of."""


def rows_of_engines(frame: pd.DataFrame) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The engine of each row, or its side's, and the runs that its figures were made of."""
    for engine, columns in OF_ENGINES.items():
        for column in columns:
            if {engine, column} <= {*frame.columns}:
                for name, runs in zip(frame[engine], frame[column], strict=True):
                    ids = (runs,) if isinstance(runs, str) else runs
                    if isinstance(ids, tuple) and all(isinstance(run, str) for run in ids):
                        yield name, ids


@pytest.mark.parametrize("number", [3, 4])
def test_no_row_beside_the_report_is_given_to_another_engine(
    studies: dict[int, Study], reports: dict[int, Report], number: int
) -> None:
    ran, checked = engine_of(studies[number]), set[str]()
    for key, frame in data.frames(reports[number]).items():
        for name, runs in rows_of_engines(frame):
            assert {ran[run] for run in runs} == {name}, key
            checked.add(key)
    assert checked >= {"runs", "pairs", "machine_pairs", "energy_pairs", "accuracies", "resources"}


@pytest.mark.parametrize("number", [3, 4])
def test_the_cells_of_the_tables_are_their_engines(reports: dict[int, Report], number: int) -> None:
    """A machine and engine a row, or a column an engine: figures as the files were made with them."""
    engines, shown = (THREE, FOUR)[number - 3], tables(reports[number])
    labels = {NAMES[name]: name for name in engines}
    front = shown["front"]
    heads = [column.name for column in front.columns]
    for row in front.rows:
        cells = dict(zip(heads, row, strict=True))
        engine = labels[cells["Engine"]]
        place = engines.index(engine) + 1
        seconds = SECONDS[engine] * {"anna": 1.0, "bob": 0.5}[cells["Machine"]]
        assert float(cells["Epoch, s"]) == pytest.approx(seconds, rel=2e-3)
        assert float(cells["J/image"]) == pytest.approx(100 * place * seconds / IMAGES, rel=2e-3)
        assert cells["Memory, GB"] == f"{place}.00"
        assert cells["scratch, %"] == f"{34.5 + 4 * place}"
    assert len(front.rows) == 2 * number
    accuracies = shown["accuracies"]
    heads = [column.name for column in accuracies.columns]
    for row in accuracies.rows:
        cells = dict(zip(heads, row, strict=True))
        assert {name: cells[name] for name in labels} == {
            NAMES[name]: f"{34.5 + 4 * place}" for place, name in enumerate(engines, 1)
        }


def test_the_first_page_says_which_engine_trains_fastest(reports: dict[int, Report]) -> None:
    assert reports[3].title == "bob trains AlexNet 2.0 times as fast as anna"
    assert "Loom trains fastest" in text(reports[3], "front")
    assert "PyTorch knots trains fastest" in text(reports[4], "front")


def test_one_engine_alone_is_a_report(tmp_path: Path) -> None:
    given = saved_runs(tmp_path, quick(LOOM.name))
    made = put_together(given)
    assert "engines" not in {section.key for section in made.sections}


def test_the_whole_report_has_a_place_for_every_pair(studies: dict[int, Study]) -> None:
    made = written.report(studies[3])
    [chapter] = [section for section in made.sections if section.key == "engines"]
    assert chapter.title == "Engines compared"
    keys = [block.key for block in chapter.blocks if not isinstance(block, Paragraph)]
    assert keys == ["engines", "pairs"]
    page = html.render(made)
    assert f"--{LOOM.name}: {LOOM.light_hue};" in page
    assert f"--{LOOM.name}: {LOOM.dark_hue};" in page
    assert f"var(--{LOOM.name})" in page
    drawn = markdown.files(made)
    dark = drawn["pictures/engines-dark.svg"]
    assert LOOM.dark_hue in dark
    assert not [colour for colour in palette.LIGHT.values() if colour in dark]
    assert "**Loom trains fastest in both experiments" in markdown.render(made)


def test_two_engines_beside_a_registry_of_four_read_as_two(tmp_path: Path) -> None:
    """An engine that nobody ran changes no word."""
    given = saved_runs(tmp_path, quick("torch"), quick("tensorflow", 6.0))
    made = put_together(given)
    page = markdown.render(made)
    assert made.title == "PyTorch trains AlexNet 1.20 times as fast as TensorFlow on anna"
    assert "Loom" not in page
    assert "knots" not in page
