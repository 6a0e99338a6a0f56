"""Machines compared: the finding, the ranking of two, of some and of many, and what is in none."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import replace as replaced
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from msgspec.structs import replace

from reports.chapters import machines
from reports.chapters.machines import chapter, finding, fitted, picture, ranking
from reports.draw import drawing, forest
from reports.study.compare import Study
from reports.write.document import MOST_MACHINES, Paragraph, Picture, Sentence, Table
from tests.support.precisions import HALF
from tests.support.prose_figures import wrong
from tests.support.report_files import (
    ANNA,
    BOB,
    JITTER,
    QUICK,
    add_engines,
    epochs_of,
    run_of,
    two_machines,
)
from tests.support.report_study import HOSTILE, saved, study_of
from tests.support.report_text import sentences_of

Run = dict[str, Any]
MACHINES, FASTEST, SLOWEST = 30, 28, 27


def run(seconds: float, engine: str = "torch", experiment: str = "scratch", **given: Any) -> Run:
    return run_of(experiment, engine, epochs_of([seconds * each for each in JITTER]), **given)


def on(day: int, seconds: float, **given: Any) -> Run:
    return run(seconds, started_at=f"2026-11-{day:02}T09:00:00+00:00", **given)


@pytest.fixture(scope="module")
def two_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return two_machines(tmp_path_factory.mktemp("two"))


@pytest.fixture(scope="module")
def two(two_folder: Path) -> Study:
    return study_of(two_folder)


def seconds_of(number: int) -> float:
    """The baseline, which is measured first, is in the middle; the ends come late."""
    return {0: 100.0, FASTEST: 30.0, SLOWEST: 900.0}.get(number, 60.0 + 3 * number)


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """Thirty machines, one measured after the other, with both engines' scratch."""
    files = [
        (
            replace(ANNA, name=f"m{number:02}"),
            [
                run_of(
                    "scratch",
                    engine,
                    epochs_of([seconds_of(number) * each for each in (1.2, 1.0, 1.01, 0.99, 1.0)]),
                    started_at=f"2026-10-{number + 1:02}T12:00:00+00:00",
                )
                for engine in ("torch", "tensorflow")
            ],
        )
        for number in range(MACHINES)
    ]
    return saved(tmp_path_factory.mktemp("crowd"), *files)


def title(given: Study) -> str:
    sentence = finding(given)
    assert sentence is not None
    return sentence.text


def words(sentences: Sequence[Sentence]) -> str:
    return " ".join(sentence.text for sentence in sentences)


def told(given: Study) -> str:
    section = chapter(given)
    blocks = section.blocks if section else ()
    return " ".join(words(block.sentences) for block in blocks if isinstance(block, Paragraph))


def column(table: Table, name: str) -> list[str]:
    place = [each.name for each in table.columns].index(name)
    return [row[place] for row in table.rows]


def block_of(monkeypatch: pytest.MonkeyPatch, given: Study) -> forest.Block:
    """What the wide picture draws."""
    caught: list[list[forest.Block]] = []

    def kept(blocks: Any, **rest: Any) -> Any:
        caught.append(blocks)
        return forest.forest(blocks, **rest)

    monkeypatch.setattr(machines, "forest", kept)
    picture(given)
    [block] = caught[0]
    return block


def test_two_machines_are_a_picture_a_word_and_a_table(two: Study) -> None:
    section = chapter(two)
    assert section is not None
    assert [type(block) for block in section.blocks] == [Picture, Paragraph, Table]
    drawn, _, table = section.blocks
    assert isinstance(drawn, Picture)
    assert isinstance(table, Table)
    assert drawn.title == title(two) == "bob trains 2.00 times as fast as anna"
    drawing.checked(drawn.svg, name="wide")
    drawing.checked(drawn.narrow_svg, name="narrow")
    assert drawn.alt.endswith("Speeds as multiples of anna's: bob 2.00; anna 1.00.")
    assert told(two) == (
        "Without an interval a lead decides only above 1.20 times. Machines get an interval from three"
        " sessions each."
    )
    assert len(section.data["machine_pairs"]) == len(two.machines) == 7


def test_the_table_ranks_the_machines_with_what_may_explain_it(two: Study) -> None:
    table = ranking(two)["means"]
    assert column(table, "Machine") == ["bob", "anna"]
    assert column(table, "Ratio") == ["2.00", "1.00"]
    assert column(table, "Chip") == ["Apple M3 Max", "Apple M1 Pro"]
    assert column(table, "GPU cores") == ["40", "16"]
    assert column(table, "System") == ["macOS 26.1", "macOS 15.6.1"]
    assert table.kinds == ("", "baseline")
    text = words(table.caption)
    assert "a machine's speed as a multiple of that of anna: the geometric mean over the cells" in text
    assert "Cells (an experiment in an engine) in each mean: 7." in text
    assert "Evidence: one session each." in text
    frame = table.frame
    assert frame is not None
    [row] = frame.to_dict("records")
    assert (row["machine"], row["chip"], row["gpu_cores"]) == ("bob", "Apple M3 Max", 40)
    assert row["ratio"] == pytest.approx(2.0)


@pytest.mark.parametrize("verdicts", [True, False], ids=["two machines", "three machines"])
def test_every_number_is_what_the_files_say(two_folder: Path, tmp_path: Path, verdicts: bool) -> None:
    folder = two_folder
    if not verdicts:
        folder = tmp_path
        files = [(ANNA, [on(20, 100.0)]), (BOB, [on(21, 50.0)])]
        saved(folder, *files, (replace(BOB, name="cleo"), [on(22, 80.0)]))
    given = study_of(folder)
    section, sentence = chapter(given), finding(given)
    assert section is not None
    assert sentence is not None
    sentences = [sentence, *sentences_of(section.blocks)]
    assert any(sentence.numbers for sentence in sentences)
    assert wrong(sentences, folder, given) == []


def test_a_slower_machine_is_named_second(tmp_path: Path) -> None:
    given = saved(tmp_path, (BOB, [on(20, 50.0)]), (ANNA, [on(25, 100.0)]))
    assert title(given) == "bob trains 2.00 times as fast as anna"
    assert column(ranking(given)["means"], "Ratio") == ["1.00", "0.50"]


@pytest.mark.parametrize(
    ("verdict", "sentence"),
    [
        ("same", "bob and anna are equally fast"),
        ("ahead", "Neither bob nor anna is known to be faster"),
        ("not decided", "Neither bob nor anna is known to be faster"),
        ("too few epochs", "Neither bob nor anna is known to be faster"),
    ],
)
def test_of_two_machines_the_finding_is_the_verdict(two: Study, verdict: str, sentence: str) -> None:
    assert title(replaced(two, means=two.means.assign(verdict=verdict))) == sentence


def test_of_many_machines_the_finding_counts_the_verdicts(crowd: Study) -> None:
    counts = crowd.means["verdict"].value_counts()
    assert title(crowd) == (
        f"Of 29 other machines {counts['faster']} are faster than m00 and {counts['slower']} slower; the"
        " rest is not decided"
    )
    verdicts = ["same"] + ["slower"] * 28
    assert title(replaced(crowd, means=crowd.means.assign(verdict=verdicts))) == (
        "Of 29 other machines 28 are slower than m00 and 1 as fast"
    )
    for verdict, sentence in (
        ("level", "No machine is known to be faster or slower than m00"),
        ("same", "All machines are as fast as m00"),
        ("faster", "Of 29 other machines 29 are faster than m00"),
    ):
        assert title(replaced(crowd, means=crowd.means.assign(verdict=verdict))) == sentence


def test_sessions_earn_an_interval(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = [
        (machine, [on(day, seconds * scale)])
        for machine, day, scale in ((ANNA, 10, 1.0), (BOB, 20, 0.9))
        for seconds in (100.0, 101.0, 100.5)
    ]
    given = saved(tmp_path, *files)
    assert title(given) == "bob trains 1.11 times as fast as anna"
    assert told(given) == ""
    block = block_of(monkeypatch, given)
    [mark] = block.rows[0].marks
    [mean] = given.means.itertuples()
    assert (mark.ratio, mark.low, mark.high) == (mean.ratio, mean.low, mean.high)
    assert (mark.is_interval, mark.is_decided, mark.text) == (True, True, "1.11")
    drawn = picture(given)
    assert drawn is not None
    assert words(drawn.caption) == (
        "A diamond is the geometric mean of a machine's cells, a thick bar a 95 % interval."
    )


def test_dots_are_of_the_cells_that_are_in_the_mean(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine's cells of lower precision are in none."""
    add_engines(monkeypatch, HALF)

    def runs(*seconds: float) -> list[Run]:
        engines = ("torch", "tensorflow", HALF.name)
        return [run(value, name) for name, value in zip(engines, seconds, strict=True)]

    given = saved(tmp_path, (ANNA, runs(10.0, 10.0, 10.0)), (BOB, runs(5.0, 4.0, 1.0)))
    assert len(given.machines) == 3
    bob, _ = block_of(monkeypatch, given).rows
    assert sorted(dot.ratio for dot in bob.dots) == pytest.approx([2.0, 2.5])
    table = ranking(given)["means"]
    assert "Cells (an experiment in an engine) in each mean: 2." in words(table.caption)
    assert "Only engines in float32 are in the mean." in words(table.caption)


def test_marks_are_the_means_and_dots_the_cells(two: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    block = block_of(monkeypatch, two)
    bob, anna = block.rows
    assert (bob.label, anna.label) == ("bob", "anna")
    assert bob.marks[0].ratio == two.means["ratio"].iloc[0]
    assert sorted(dot.ratio for dot in bob.dots) == sorted(two.machines["ratio"])
    assert (anna.marks[0].ratio, anna.marks[0].text, anna.dots) == (1.0, "baseline", ())
    drawn = picture(two)
    assert drawn is not None
    assert words(drawn.caption) == (
        "A diamond is the geometric mean of a machine's cells, a small mark one of the cells."
    )


def test_of_many_machines_the_ends_and_the_baseline_are_shown(
    crowd: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = ranking(crowd)["means"]
    names, ratios = column(table, "Machine"), [float(cell) for cell in column(table, "Ratio")]
    assert len(names) == len(set(names)) == MOST_MACHINES
    assert ratios == sorted(ratios, reverse=True)
    assert (names[0], names[-1]) == ("m28", "m27")
    assert table.kind(names.index("m00")) == "baseline"
    assert table.left_out == MACHINES - MOST_MACHINES
    assert table.frame is not None
    assert len(table.frame) == MACHINES - 1
    assert [row.label for row in block_of(monkeypatch, crowd).rows] == names
    drawn = picture(crowd)
    assert drawn is not None
    assert "18 machines between the fastest and the slowest are not shown." in words(drawn.caption)


def test_the_baseline_takes_no_room_twice() -> None:
    def ranked(baseline: int) -> list[str]:
        names = [f"n{number:02}" for number in range(20)]
        rows = pd.DataFrame({"machine": names, "baseline": names[baseline]})
        return list(fitted(rows)["machine"])

    first = [f"n{number:02}" for number in range(20)]
    assert ranked(15) == [*first[:10], "n15", "n19"]
    assert ranked(19) == [*first[:11], "n19"]
    assert ranked(0) == [*first[:11], "n19"]
    assert ranked(10) == [*first[:11], "n19"]


def test_one_machine_is_compared_with_none(tmp_path: Path) -> None:
    given = saved(tmp_path, (ANNA, [run(100.0), run(125.0, "tensorflow")]))
    assert chapter(given) is None


def test_machines_of_other_settings_or_cells_are_named(tmp_path: Path) -> None:
    small: Any = {"plan": replace(QUICK, epochs=8), "test_images": 2000}
    files = [
        (ANNA, [on(20, 100.0)]),
        (BOB, [on(21, 50.0)]),
        (
            replace(BOB, name="cleo"),
            [run_of("scratch", "torch", epochs_of([5.0] * 8, images=1920), **small)],
        ),
        (replace(BOB, name="dora"), [on(22, 80.0, engine="tensorflow")]),
    ]
    text = told(saved(tmp_path, *files))
    assert (
        "cleo has no cell in common with anna: all runs there are of other settings. dora has no cell in"
        " common with anna: other experiments or engines ran there, or a CPU in place of a GPU."
    ) in text


def test_machines_that_have_nothing_in_common_have_a_chapter_of_words(tmp_path: Path) -> None:
    given = saved(tmp_path, (ANNA, [on(20, 100.0)]), (BOB, [on(22, 80.0, engine="tensorflow")]))
    section = chapter(given)
    assert section is not None
    assert [type(block) for block in section.blocks] == [Paragraph]
    assert finding(given) is None
    assert ranking(given) == {}


def test_a_virtual_mac_is_named_and_not_ranked(tmp_path: Path) -> None:
    mac = replace(BOB, name="vm", model="VirtualMac2,1", virtual=True)
    given = saved(tmp_path, (ANNA, [on(20, 100.0)]), (mac, [on(21, 50.0)]))
    assert told(given) == "vm is a virtual Mac, whose speed is comparable with no other computer's."
    assert ranking(given) == {}


def test_cells_with_too_few_epochs_are_in_no_mean_and_counted(tmp_path: Path) -> None:
    files = []
    for machine, day, scale in ((ANNA, 20, 1.0), (BOB, 21, 0.5)):
        short = run_of("mistaken", "torch", epochs_of([120 * scale, 100 * scale, 100 * scale]))
        files.append((machine, [on(day, 100.0 * scale), short]))
    given = saved(tmp_path, *files)
    assert "1 cell with fewer than 4 timed epochs on a side is in no mean." in told(given)
    table = ranking(given)["means"]
    assert column(table, "Left out") == ["1", "–"]


def test_a_mean_over_other_cells_is_not_to_be_compared(tmp_path: Path) -> None:
    files = [
        (ANNA, [on(20, 100.0), on(20, 300.0, experiment="mistaken")]),
        (BOB, [on(21, 50.0), on(21, 150.0, experiment="mistaken")]),
        (replace(BOB, name="cleo"), [on(22, 80.0)]),
    ]
    table = ranking(saved(tmp_path, *files))["means"]
    assert column(table, "Cells") == ["2", "1", "–"]
    assert "Do not compare means over different cells with each other." in words(table.caption)


def test_other_settings_follow_in_the_ranking(two: Study) -> None:
    other = two.means.assign(setting="Z", machine="z", baseline="y", ratio=9.0)
    given = replaced(two, means=pd.concat([two.means, other], ignore_index=True))
    table = ranking(given)["means"]
    assert column(table, "Machine") == ["bob", "anna", "z", "y"]
    assert column(table, "Setting") == ["A", "A", "Z", "Z"]
    assert table.left_out == 0
    assert title(given) == "bob trains 2.00 times as fast as anna"


def test_hostile_names_are_only_names(tmp_path: Path) -> None:
    epochs = epochs_of([50.0 + i % 5 for i in range(8)])
    runs = [run_of("scratch", engine, epochs) for engine in ("torch", "tensorflow")]
    given = saved(tmp_path, *((replace(ANNA, name=name), runs) for name in HOSTILE))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        drawn = picture(given)
    assert drawn is not None
    assert len(drawn.svg) < 200_000
    drawing.checked(drawn.svg, name="machines")
    assert "bold" not in drawn.svg
    assert math.isfinite(given.means["ratio"].sum())
