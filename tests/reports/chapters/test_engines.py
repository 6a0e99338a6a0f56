"""Engines compared: the finding, the picture and the table of pairs, for two engines and for more."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace as replaced
from pathlib import Path
from typing import Any

import pytest
from msgspec import to_builtins
from msgspec.structs import replace

from alexnet.frameworks.registry import ENGINES
from reports.chapters.engines import chapter, finding, multiples, not_compared, unlike_precisions
from reports.chapters.engines.multiples import picture, reference_engine
from reports.chapters.engines.table import comparisons, means, pairs
from reports.draw import drawing, forest
from reports.study.compare import Study
from reports.write.document import Paragraph, Picture, Sentence, Table
from tests.support.prose_figures import wrong
from tests.support.report_files import (
    ANNA,
    BOB,
    JITTER,
    KNOTS,
    LOOM,
    SECONDS,
    add_engines,
    check_failed,
    epochs_of,
    run_of,
    several_engines,
    two_machines,
)
from tests.support.report_study import saved, study_of
from tests.support.report_text import sentences_of
from tests.support.samples import GATE

Run = dict[str, Any]
THREE = ("torch", "tensorflow", LOOM.name)
FOUR = (*THREE, KNOTS.name)


@pytest.fixture(scope="module", autouse=True)
def made_up() -> Iterator[None]:
    """The registry has two more engines for as long as this file's tests run."""
    with pytest.MonkeyPatch.context() as patch:
        add_engines(patch, LOOM, KNOTS)
        yield


def run(engine: str, seconds: float, experiment: str = "scratch", **given: Any) -> Run:
    return run_of(experiment, engine, epochs_of([seconds * each for each in JITTER]), **given)


def repeated(seconds: dict[str, Sequence[float]]) -> list[Run]:
    """Repeats of `scratch` in turn: A B, B A, A B."""
    runs = []
    for repeat, of_repeat in enumerate(zip(*seconds.values(), strict=True)):
        turn = list(zip(seconds, of_repeat, strict=True))
        for place, (engine, each) in enumerate(turn[::-1] if repeat % 2 else turn):
            began = f"2026-11-20T09:{10 * repeat + 3 * place:02}:00+00:00"
            runs.append(run(engine, each, repeat=repeat, started_at=began))
    return runs


@pytest.fixture(scope="module")
def two_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return two_machines(tmp_path_factory.mktemp("two"))


@pytest.fixture(scope="module")
def two(two_folder: Path) -> Study:
    return study_of(two_folder)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """Number of engines -> results of two machines, `scratch` and `mistaken`."""
    return {
        len(engines): several_engines(tmp_path_factory.mktemp("results"), *engines)
        for engines in (THREE, FOUR)
    }


@pytest.fixture(scope="module")
def studies(folders: dict[int, Path]) -> dict[int, Study]:
    return {number: study_of(folder) for number, folder in folders.items()}


def title(given: Study) -> str:
    sentence = finding(given)
    assert sentence is not None
    return sentence.text


def told(given: Study) -> str:
    section = chapter(given)
    blocks = section.blocks if section else ()
    sentences = [s for block in blocks if isinstance(block, Paragraph) for s in block.sentences]
    return " ".join(sentence.text for sentence in sentences)


def words(sentences: Sequence[Sentence]) -> str:
    return " ".join(sentence.text for sentence in sentences)


def rows_of(table: Table) -> list[dict[str, str]]:
    names = [column.name for column in table.columns]
    return [dict(zip(names, row, strict=True)) for row in table.rows]


def blocks_of(monkeypatch: pytest.MonkeyPatch, given: Study) -> list[forest.Block]:
    """What the wide picture draws."""
    caught: list[Any] = []

    def kept(blocks: Any, **rest: Any) -> Any:
        caught.append(blocks)
        return forest.forest(blocks, **rest)

    monkeypatch.setattr(multiples, "forest", kept)
    picture(given)
    return list(caught[0])


def test_the_chapter_is_a_picture_then_what_it_does_not_say_then_the_pairs(two: Study) -> None:
    section = chapter(two)
    assert section is not None
    assert [type(block) for block in section.blocks] == [Picture, Paragraph, Table]
    drawn = section.blocks[0]
    assert isinstance(drawn, Picture)
    assert drawn.title == (
        "PyTorch trains 1.25 times as fast as TensorFlow in all 3 experiments on both machines"
    )
    assert told(two) == (
        "Without an interval a lead decides only above 1.20 times. Engines get an interval from three"
        " runs each in one session, begun by each in turn, as --repeats 3 does."
    )
    drawing.checked(drawn.svg, name="wide")
    drawing.checked(drawn.narrow_svg, name="narrow")
    assert "TensorFlow's: scratch anna 1.25, bob 1.25" in drawn.alt.replace("; scratch bob", ", bob")


@pytest.mark.parametrize(
    ("seconds", "sentence"),
    [
        ({"torch": (80.0,), "tensorflow": (100.0,)}, "PyTorch trains 1.25 times as fast as TensorFlow"),
        ({"torch": (100.0,), "tensorflow": (80.0,)}, "TensorFlow trains 1.25 times as fast as PyTorch"),
        ({"torch": (100.0,), "tensorflow": (90.0,)}, "Neither PyTorch nor TensorFlow is known to be"),
        (
            {"torch": (100.0, 101.0, 100.5), "tensorflow": (90.0, 91.0, 90.2)},
            "TensorFlow trains 1.11 times as fast as PyTorch in scratch",
        ),
        (
            {"torch": (100.0, 100.1, 99.9), "tensorflow": (100.2, 100.0, 100.1)},
            "PyTorch and TensorFlow are equally fast",
        ),
        (
            {"torch": (100.0, 104.0, 97.0), "tensorflow": (101.0, 99.0, 107.0)},
            "Neither PyTorch nor TensorFlow is known to be faster",
        ),
    ],
)
def test_the_finding_of_two_engines_is_their_verdict(
    tmp_path: Path, seconds: dict[str, Sequence[float]], sentence: str
) -> None:
    given = saved(tmp_path, (ANNA, repeated(seconds)))
    assert title(given).startswith(sentence)
    has_interval = len(seconds["torch"]) == 3
    assert ("Without an interval" in told(given)) != has_interval


def with_verdicts(given: Study, *verdicts: str) -> Study:
    """The same with these verdicts, for as many comparisons."""
    rows = given.engines[given.engines["setting"] == given.main].head(len(verdicts))
    return replaced(given, engines=rows.assign(verdict=list(verdicts)))


@pytest.mark.parametrize(
    ("verdicts", "sentence"),
    [
        (
            ("faster", "not decided", "level", "faster", "ahead", "faster"),
            "PyTorch trains faster than TensorFlow in 3 of 6 comparisons; the rest is not decided",
        ),
        (
            ("slower", "same", "same", "same", "same", "same"),
            "TensorFlow trains faster than PyTorch in 1 of 6 comparisons; they are equally fast in the"
            " rest",
        ),
        (
            ("slower", "faster", "same", "slower", "not decided", "ahead"),
            "TensorFlow trains faster than PyTorch in 2 of 6 comparisons, and PyTorch than TensorFlow"
            " in 1",
        ),
        (
            ("faster", "not decided", "faster"),
            "PyTorch trains faster than TensorFlow in 2 of 3 experiments; the rest is not decided",
        ),
        (
            ("too few epochs", "not decided among many"),
            "Neither PyTorch nor TensorFlow is known to be faster",
        ),
    ],
)
def test_the_verdicts_are_counted(two: Study, verdicts: tuple[str, ...], sentence: str) -> None:
    assert title(with_verdicts(two, *verdicts)) == sentence


def test_of_one_experiment_machines_are_counted(two: Study) -> None:
    scratch = two.engines[two.engines["experiment"] == "scratch"]
    main = scratch[scratch["setting"] == two.main]
    assert title(replaced(two, engines=main)) == (
        "PyTorch trains 1.25 times as fast as TensorFlow on both machines"
    )
    one = main.assign(verdict=["faster", "not decided"])
    assert title(replaced(two, engines=one)) == (
        "PyTorch trains faster than TensorFlow on 1 of 2 machines; the rest is not decided"
    )


def test_the_fastest_of_several_engines_is_ahead_of_each(studies: dict[int, Study]) -> None:
    assert title(studies[3]) == (
        "Loom trains fastest in both experiments on both machines, 1.25 times as fast as PyTorch, the"
        " second fastest"
    )
    assert title(studies[4]) == (
        "PyTorch knots trains fastest in both experiments on both machines, 1.25 times as fast as Loom,"
        " the second fastest"
    )


def judged(given: Study, verdict_of: dict[tuple[str, str], str], **of_experiment: str) -> Study:
    """The same study of three engines with a verdict for each pair, and for all of an experiment."""
    rows = given.engines.copy()
    rows["verdict"] = [
        of_experiment.get(row.experiment, verdict_of[row.first, row.second]) for row in rows.itertuples()
    ]
    return replaced(given, engines=rows)


def test_what_is_not_decided_between_several_engines_is_said(studies: dict[int, Study]) -> None:
    given = studies[3]
    torch_tf, torch_loom, tf_loom = ("torch", "tensorflow"), ("torch", "loom"), ("tensorflow", "loom")
    last_is_known = {torch_tf: "faster", torch_loom: "not decided", tf_loom: "slower"}
    assert title(judged(given, last_is_known)) == (
        "PyTorch and Loom train faster than TensorFlow; which of them is the fastest is not decided"
    )
    no_order = {torch_tf: "not decided", torch_loom: "not decided", tf_loom: "slower"}
    assert title(judged(given, no_order)) == "No engine is known to be the fastest"
    nothing = dict.fromkeys((torch_tf, torch_loom, tf_loom), "ahead")
    assert title(judged(given, nothing)) == "No engine is known to be faster than another"
    alike = dict.fromkeys((torch_tf, torch_loom, tf_loom), "same")
    assert title(judged(given, alike)) == "All engines are equally fast"
    loom = {torch_tf: "faster", torch_loom: "slower", tf_loom: "slower"}
    assert title(judged(given, loom, mistaken="not decided")) == (
        "Loom trains fastest in 2 of 4 cases; the rest is not decided"
    )


@pytest.mark.parametrize("number", [2, 3, 4])
def test_every_number_is_what_the_files_say(
    two_folder: Path, folders: dict[int, Path], number: int
) -> None:
    folder = {2: two_folder, **folders}[number]
    given = study_of(folder)
    if number == 3:
        given = judged(
            given,
            {
                ("torch", "tensorflow"): "faster",
                ("torch", "loom"): "slower",
                ("tensorflow", "loom"): "slower",
            },
            mistaken="not decided",
        )
    section, sentence = chapter(given), finding(given)
    assert section is not None
    assert sentence is not None
    sentences = [sentence, *sentences_of(section.blocks)]
    assert any(sentence.numbers for sentence in sentences)
    assert wrong(sentences, folder, given) == []


def test_the_table_has_both_sides_of_each_pair(studies: dict[int, Study]) -> None:
    table = pairs(studies[3])["pairs"]
    anna = [row for row in rows_of(table) if (row["Machine"], row["Experiment"]) == ("anna", "scratch")]
    shown = [
        [row[name] for name in ("First", "Second", "First, s", "Second, s", "Ratio")] for row in anna
    ]
    assert shown == [
        ["Loom", "TensorFlow", "80.0", "125", "1.56"],
        ["PyTorch", "TensorFlow", "100", "125", "1.25"],
        ["Loom", "PyTorch", "80.0", "100", "1.25"],
    ]
    assert "the first's speed as a multiple of the second's" in words(table.caption)
    assert "Setting" not in rows_of(table)[0]


def test_the_table_of_two_engines_names_them_in_its_headings(two: Study) -> None:
    table = pairs(two)["pairs"]
    rows = rows_of(table)
    assert list(rows[0]) == [
        *("Setting", "Experiment", "Machine", "PyTorch, s", "TensorFlow, s", "Ratio", "Interval"),
        *("Evidence", "Verdict"),
    ]
    assert [row["Setting"] for row in rows] == 6 * ["A"] + ["B"]
    assert {row["Ratio"] for row in rows[:6]} == {"1.25"}
    assert rows[-1]["Verdict"] == "too few epochs"
    assert "PyTorch's speed as a multiple of TensorFlow's" in words(table.caption)
    assert "Do not compare rows of different settings" in words(table.caption)


def test_the_seconds_of_both_sides_go_together_where_there_is_no_room(two: Study) -> None:
    columns = pairs(two)["pairs"].columns
    assert [(column.name, column.joined) for column in columns if column.minor] == [
        ("PyTorch, s", False),
        ("TensorFlow, s", True),
        ("Evidence", False),
    ]


def test_the_frame_has_every_pair_as_raw_values(two: Study) -> None:
    table = pairs(two)["pairs"]
    frame = table.frame
    assert frame is not None
    assert len(frame) == len(two.engines) == 7
    row = frame[(frame["machine"] == "anna") & (frame["experiment"] == "mistaken")].iloc[0]
    assert row["first_seconds_per_epoch"] == pytest.approx(300)
    assert row["second_seconds_per_epoch"] == pytest.approx(375)
    assert row["ratio"] == pytest.approx(1.25)


def test_the_quotient_of_two_seconds_is_the_ratio_beside_them(tmp_path: Path) -> None:
    """The mean is geometric: sqrt(100 x 144) is 120 s of one session, sqrt(120 x 480) 240 s of both."""
    both = [run("torch", 100.0), run("torch", 144.0, seed=1), run("tensorflow", 120.0)]
    other = [run("torch", 480.0, seed=2), run("tensorflow", 120.0, seed=2)]
    given = saved(tmp_path, (ANNA, both), (ANNA, other))
    [row] = comparisons(given).to_dict("records")
    assert row["first_seconds_per_epoch"] == pytest.approx(240.0)
    assert row["ratio"] == pytest.approx(120 / 240)
    [shown] = rows_of(pairs(given)["pairs"])
    assert (shown["TensorFlow, s"], shown["PyTorch, s"], shown["Ratio"]) == ("120", "240", "2.00")


def test_a_long_table_is_cut_and_counted_the_largest_lead_of_an_experiment_first(
    studies: dict[int, Study], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reports.chapters.engines.table.MOST_ROWS", 20)
    table = pairs(studies[4])["pairs"]
    assert (len(table.rows), table.left_out) == (20, 4)
    rows = [(row["Experiment"] != "scratch", -float(row["Ratio"])) for row in rows_of(table)]
    assert rows == sorted(rows)
    assert {first for first, _ in rows} == {False, True}
    assert table.frame is not None
    assert len(table.frame) == 24


def test_marks_are_the_others_as_multiples_of_the_slowest(
    studies: dict[int, Study], monkeypatch: pytest.MonkeyPatch
) -> None:
    given = studies[3]
    assert reference_engine(given.engines) == "tensorflow"
    blocks = blocks_of(monkeypatch, given)
    assert [block.title for block in blocks] == ["scratch", "mistaken"]
    for block in blocks:
        assert [row.label for row in block.rows] == ["anna", "bob"]
        for row in block.rows:
            assert [mark.text for mark in row.marks] == ["Loom 1.56", "PyTorch 1.25"]
            assert [mark.ratio for mark in row.marks] == pytest.approx([125 / 80, 125 / 100])
            assert [mark.colour for mark in row.marks] == [LOOM.light_hue, ENGINES["torch"].light_hue]
            assert [mark.marker for mark in row.marks] == [LOOM.marker, ENGINES["torch"].marker]
    drawn = picture(given)
    assert drawn is not None
    assert LOOM.light_hue in drawn.svg
    assert words(drawn.caption) == "The other pairs are in the table."


def test_rows_of_one_machine_are_experiments_the_largest_lead_on_top(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = [run("torch", 100.0), run("tensorflow", 110.0)]
    runs += [run("torch", 100.0, "mistaken"), run("tensorflow", 150.0, "mistaken")]
    runs += [run("torch", 103.0, "augmented"), run("tensorflow", 100.0, "augmented")]
    given = saved(tmp_path, (ANNA, runs))
    [block] = blocks_of(monkeypatch, given)
    assert (block.title, [row.label for row in block.rows]) == ("", ["mistaken", "scratch", "augmented"])
    marks = [row.marks[0] for row in block.rows]
    assert [mark.text for mark in marks] == ["1.50", "1.10", "0.97"]
    assert [mark.is_decided for mark in marks] == [True, False, False]
    drawn = picture(given)
    assert drawn is not None
    assert words(drawn.caption) == "A hollow mark decides nothing."
    assert "Machine" not in rows_of(pairs(given)["pairs"])[0]


def test_intervals_are_thick_and_ranges_are_thin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = saved(
        tmp_path / "1",
        (ANNA, repeated({"torch": (100.0, 101.0, 100.5), "tensorflow": (90.0, 91.0, 90.2)})),
    )
    [block] = blocks_of(monkeypatch, given)
    [mark] = block.rows[0].marks
    [pair] = given.engines.itertuples()
    assert (mark.ratio, mark.low, mark.high) == pytest.approx(
        (1 / pair.ratio, 1 / pair.high, 1 / pair.low)
    )
    assert mark.is_interval
    drawn = picture(given)
    assert drawn is not None
    assert words(drawn.caption) == "Thick bars are 95 % intervals."
    seen = saved(tmp_path / "2", (ANNA, repeated({"torch": (100.0, 101.0), "tensorflow": (90.0, 91.0)})))
    drawn = picture(seen)
    assert drawn is not None
    assert words(drawn.caption) == (
        "Thin lines are the range of the runs that were seen; a hollow mark decides nothing."
    )


def crowd(folder: Path, machines: int, engines: Sequence[str]) -> Study:
    files = [
        (
            replace(ANNA, name=f"m{number:02}"),
            [
                run(engine, SECONDS[engine] * (1 + 0.01 * number * (engine == "torch")))
                for engine in engines
            ],
        )
        for number in range(machines)
    ]
    return saved(folder, *files)


def test_many_machines_are_a_mark_each_and_their_median(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = crowd(tmp_path, 5, THREE)
    [block] = blocks_of(monkeypatch, given)
    assert [row.label for row in block.rows] == ["Loom", "PyTorch"]
    torch = block.rows[1]
    assert [dot.ratio for dot in torch.dots] == pytest.approx(
        sorted(1.25 / (1 + n / 100) for n in range(5))
    )
    assert not any(math.isfinite(dot.low) for dot in torch.dots)
    assert torch.marks[0].ratio == pytest.approx(1.25 / 1.02)
    assert torch.marks[0].text == "1.23"
    drawn = picture(given)
    assert drawn is not None
    assert drawn.title == (
        "Loom trains fastest in scratch, 1.27 times as fast as PyTorch, the second fastest (means over"
        " 5 machines)"
    )
    assert words(drawn.caption).startswith("A small mark is a machine; the bar is their median.")
    assert len(drawn.svg) < 200_000


def test_a_chapter_of_many_machines_is_no_longer_than_one_of_some(tmp_path: Path) -> None:
    some, many = (chapter(crowd(tmp_path / str(n), n, ("torch", "tensorflow"))) for n in (5, 25))
    assert some is not None
    assert many is not None
    assert [type(block) for block in some.blocks] == [type(block) for block in many.blocks]
    over_machines, by_machine = many.blocks[-2:]
    assert isinstance(over_machines, Table)
    assert isinstance(by_machine, Table)
    assert (len(over_machines.rows), len(by_machine.rows)) == (1, 25)
    assert (over_machines.only_in_html, by_machine.only_in_html) == (False, True)


def test_over_machines_each_pair_is_one_row(tmp_path: Path) -> None:
    """PyTorch's seconds are 100 to 104 on five machines, and the others' the same on all."""
    given = crowd(tmp_path, 5, THREE)
    table = means(given)["engine_means"]
    rows = {(row["First"], row["Second"]): row for row in rows_of(table)}
    assert len(rows) == 3
    row = rows["PyTorch", "TensorFlow"]
    assert (row["Ratio"], row["Least to most"], row["Verdict"]) == (
        "1.23",
        "1.20–1.25",
        "PyTorch 23 % faster",
    )
    assert words(table.caption).endswith("Experiment: scratch. Each is of 5 machines.")
    assert table.frame is not None
    [pair] = [
        pair for pair in table.frame.itertuples() if (pair.first, pair.second) == ("torch", "tensorflow")
    ]
    assert pair.ratio == pytest.approx(1.25 / math.prod(1 + n / 100 for n in range(5)) ** (1 / 5))
    assert (pair.cells, pair.basis, pair.verdict) == (5, "machines", "faster")


def test_where_one_engine_came_first_on_all_machines_the_mean_has_no_interval(tmp_path: Path) -> None:
    files = []
    for number in range(3):
        runs = [
            run("torch", 100.0 + number, started_at="2026-11-20T09:00:00+00:00"),
            run("tensorflow", 130.0, started_at="2026-11-20T09:30:00+00:00"),
        ]
        files.append((replace(ANNA, name=f"m{number}"), runs))
    given = saved(tmp_path, *files)
    table = means(given)["engine_means"]
    [row] = rows_of(table)
    assert "Interval" not in row
    assert row["Least to most"] == "1.27–1.30"
    assert "There is no interval where the same engine was run first on most machines." in words(
        table.caption
    )
    assert title(given) == (
        "PyTorch trains 1.29 times as fast as TensorFlow in scratch (means over 3 machines)"
    )


def test_two_machines_have_no_mean(tmp_path: Path) -> None:
    assert means(crowd(tmp_path, 2, THREE)) == {}


def test_of_two_versions_of_an_engine_the_usual_one_is_meant(tmp_path: Path) -> None:
    """TensorFlow ran twice beside PyTorch, and the other version is in another setting."""
    other = {"versions": {"tensorflow": "2.19.0", "numpy": "2.0.2"}}
    runs = [
        run("torch", 100.0),
        run("tensorflow", 130.0),
        run("tensorflow", 60.0, start=other),
        run("torch", 100.0, seed=1),
        run("tensorflow", 130.0, seed=1),
    ]
    given = saved(tmp_path, (ANNA, runs))
    assert len(given.engines) == 2
    assert title(given) == "PyTorch trains 1.30 times as fast as TensorFlow in scratch"


def test_the_device_of_a_machine_with_two_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = [
        run(engine, seconds * slower, device=device)
        for device, slower in (("mps", 1), ("cpu", 9))
        for engine, seconds in (("torch", 100.0), ("tensorflow", 125.0))
    ]
    given = saved(tmp_path, (ANNA, runs))
    [block] = blocks_of(monkeypatch, given)
    assert sorted(row.label for row in block.rows) == ["anna (Apple GPU)", "anna (CPU)"]
    assert title(given) == "PyTorch trains 1.25 times as fast as TensorFlow on both devices"
    assert {row["Device"] for row in rows_of(pairs(given)["pairs"])} == {"Apple GPU", "CPU"}


def test_too_few_epochs_get_no_verdict(tmp_path: Path) -> None:
    runs = [
        run_of("scratch", engine, epochs_of([2.0, s, s]))
        for engine, s in (("torch", 1), ("tensorflow", 2))
    ]
    given = saved(tmp_path, (ANNA, runs))
    assert title(given) == "Neither PyTorch nor TensorFlow is known to be faster"
    [row] = rows_of(pairs(given)["pairs"])
    assert row["Verdict"] == "too few epochs"
    assert told(given) == ""


def with_precision(of: Run, word: str) -> Run:
    return of | {"gate": to_builtins(GATE) | {"precision": word}}


def test_engines_of_unlike_precision_are_compared_only_with_a_word(tmp_path: Path) -> None:
    runs = [
        with_precision(run("torch", 100.0), "float32"),
        with_precision(run("tensorflow", 50.0), "TF32"),
    ]
    given = saved(tmp_path / "1", (ANNA, runs))
    assert (
        "These computed in different precisions, which may be part of a lead: PyTorch in float32 and"
        " TensorFlow in TF32 on anna."
    ) in told(given)
    alike = saved(tmp_path / "2", (ANNA, [with_precision(each, "float32") for each in runs]))
    assert unlike_precisions(alike) is None


def test_engines_on_different_devices_are_not_compared(tmp_path: Path) -> None:
    runs = [run("torch", 10.0), run("tensorflow", 50.0, device="cpu")]
    given = saved(tmp_path, (ANNA, runs))
    section = chapter(given)
    assert section is not None
    assert [type(block) for block in section.blocks] == [Paragraph]
    assert told(given) == (
        "The engines were not compared: on anna PyTorch ran on the Apple GPU and TensorFlow on the CPU."
    )
    assert finding(given) is None


def test_engines_that_met_on_no_device_are_named(tmp_path: Path) -> None:
    runs = [run("torch", 5.0), run("tensorflow", 6.0), run(LOOM.name, 7.0, device="cpu")]
    sentence = not_compared(saved(tmp_path, (ANNA, runs)))
    assert sentence is not None
    assert sentence.text == (
        "Not every engine was compared with every other: on anna PyTorch and TensorFlow ran on the Apple"
        " GPU and Loom on the CPU."
    )


def test_a_machine_with_one_engine_is_named_whatever_its_name(tmp_path: Path) -> None:
    name = "{x} <b>%s|*"
    files = [(ANNA, [run("torch", 5.0), run("tensorflow", 6.0)])]
    files += [(replace(BOB, name=name), [run("torch", 5.0)])]
    sentence = not_compared(saved(tmp_path, *files))
    assert sentence is not None
    assert sentence.text == (
        f"The engines were not compared on every machine: {name} has valid runs of PyTorch alone in this"
        " setting."
    )


def test_one_engine_and_no_valid_run_have_no_chapter(tmp_path: Path) -> None:
    assert chapter(saved(tmp_path / "one", (ANNA, [run(LOOM.name, 5.0)]))) is None
    bad = [run("torch", 5.0, failure="killed"), run("tensorflow", 5.0, reasons=[check_failed()])]
    none = saved(tmp_path / "none", (ANNA, bad))
    assert chapter(none) is None
    assert picture(none) is None
    assert pairs(none) == {}


def test_an_engine_that_nobody_ran_changes_no_word(two: Study) -> None:
    section = chapter(two)
    assert section is not None
    text = " ".join(
        words(block.sentences)
        if isinstance(block, Paragraph)
        else f"{block.title} {words(block.caption)}"
        for block in section.blocks
    )
    assert "Loom" not in text
    assert "knots" not in text


def test_of_more_machines_than_have_room_some_are_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = crowd(tmp_path, 7, ("torch", "tensorflow"))
    monkeypatch.setattr(multiples, "MOST_DOTS", 4)
    [block] = blocks_of(monkeypatch, given)
    every = sorted(1.25 / (1 + n / 100) for n in range(7))
    assert [dot.ratio for dot in block.rows[0].dots] == pytest.approx(every[::2])
    assert block.rows[0].marks[0].ratio == pytest.approx(every[3])
    drawn = picture(given)
    assert drawn is not None
    assert words(drawn.caption).endswith("Not all machines are drawn, but as many as have room.")
