"""What chapters are written with: verdicts and evidence in words, times in units, the table builder."""

from __future__ import annotations

from math import nan
from types import SimpleNamespace
from typing import Any

import pytest

from reports.write import names, words
from reports.write.document import RowKind, Table
from reports.write.parts import not_shown
from reports.write.table import figures, line, table, text


def ratio(value: float = 1.09, verdict: str = "faster", **more: Any) -> Any:
    """A row of comparisons, without what nobody asks of it here."""
    row = {"ratio": value, "verdict": verdict, "comparisons": 12, "low": 1.05, "high": 1.16, "p": 0.01}
    row |= {"runs": (3, 3), "sessions": (1, 1), "basis": "runs"}
    return SimpleNamespace(**row | more)


@pytest.mark.parametrize(
    ("value", "verdict", "told"),
    [
        (1.09, "faster", "PyTorch 9 % faster"),
        (1.999, "faster", "PyTorch 100 % faster"),
        (2.5, "faster", "PyTorch 2.50 times as fast as TensorFlow"),
        (1 / 1.09, "slower", "TensorFlow 9 % faster"),
        (0.25, "slower", "TensorFlow 4.00 times as fast as PyTorch"),
        (1.0, "same", "same within 2 %"),
        (1.2, "not decided", "not decided"),
        (1.09, "not decided among many", "not decided among 12 comparisons"),
        (1.09, "ahead", "PyTorch ahead, not decided"),
        (1 / 1.09, "behind", "TensorFlow ahead, not decided"),
        (1.01, "level", "level within 2 %, not decided"),
        (3.0, "too few epochs", "too few epochs"),
    ],
)
def test_a_lead_is_told_from_the_faster_side(value: float, verdict: str, told: str) -> None:
    assert names.lead(ratio(value, verdict), "PyTorch", "TensorFlow") == told


@pytest.mark.parametrize(
    ("verdict", "told"),
    [
        ("faster", "faster"),
        ("slower", "slower"),
        ("same", "same within 2 %"),
        ("not decided", "not decided"),
        ("not decided among many", "not decided among 12 comparisons"),
        ("ahead", "ahead, not decided"),
        ("behind", "behind, not decided"),
        ("level", "level within 2 %, not decided"),
        ("too few epochs", "too few epochs"),
    ],
)
def test_a_verdict_of_the_side_named_first_is_a_word(verdict: str, told: str) -> None:
    assert names.verdict(ratio(verdict=verdict)) == told


def test_what_is_no_interval_stands_in_brackets() -> None:
    assert names.ends(ratio()) == "1.05–1.16"
    assert names.ends(ratio(p=nan)) == "(1.05–1.16)"
    assert names.ends(ratio(p=nan, low=nan, high=nan)) == "–"
    assert names.ends(ratio(low=0.0512, high=0.98)) == "0.051–0.98"


@pytest.mark.parametrize(
    ("noun", "repeats", "told"),
    [
        ("run", {"runs": (3, 3)}, "3 runs each"),
        ("run", {"runs": (1, 1), "basis": "seen"}, "one run each"),
        ("run", {"runs": (2, 3)}, "2 and 3 runs"),
        ("run", {"runs": (2, 1)}, "2 and 1 run"),
        ("run", {"runs": (3, 3), "basis": "out of turn"}, "3 runs each, the same side first"),
        ("session", {"runs": (9, 9), "sessions": (3, 3), "basis": "sessions"}, "3 sessions each"),
        ("session", {"sessions": (3, 1)}, "3 and 1 session"),
        ("session", {"sessions": (1, 1)}, "one session each"),
    ],
)
def test_what_a_ratio_rests_on(noun: Any, repeats: dict[str, Any], told: str) -> None:
    assert names.repeats(ratio(**repeats), noun) == told


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (0.0044, "0.00 s"),
        (5.9, "5.90 s"),
        (10.0, "10.0 s"),
        (89.94, "89.9 s"),
        (90.0, "1.5 min"),
        (5399.0, "90.0 min"),
        (5400.0, "1.5 h"),
        (15_840.0, "4.4 h"),
        (nan, "–"),
    ],
)
def test_a_duration_is_in_the_unit_that_a_person_says(seconds: float, told: str) -> None:
    assert words.seconds(seconds) == told


@pytest.mark.parametrize(
    ("longest", "unit"),
    [(0.9, "s"), (599.9, "s"), (600, "min"), (35_999, "min"), (36_000, "h"), (nan, "s")],
)
def test_a_column_of_durations_has_one_unit(longest: float, unit: str) -> None:
    found = words.seconds_unit(longest)
    assert found.name == unit
    assert found.seconds == {"s": 1.0, "min": 60.0, "h": 3600.0}[unit]


def test_two_durations_are_in_the_unit_of_the_longer() -> None:
    assert words.seconds_range(72.0, 168.0) == "1.2 to 2.8 min"
    assert words.seconds_range(5.0, 9.0) == "5.00 to 9.00 s"
    assert words.seconds_range(1800.0, 7200.0) == "0.5 to 2.0 h"


def cells(made: Table, column: str) -> list[str]:
    place = [each.name for each in made.columns].index(column)
    return [row[place] for row in made.rows]


def caption(made: Table) -> str:
    return " ".join(sentence.text for sentence in made.caption)


def test_columns_that_never_change_and_those_never_measured_go_into_the_caption() -> None:
    fields = [
        text("Run", ["R1", "R2"]),
        text("Machine", ["anna {value}", "anna {value}"], "All on {value}."),
        figures("A", ["–", "–"]),
        figures("B", ["–", "–"], absent=line("Nobody counts B.")),
        figures("B again", ["–", "–"], absent=line("Nobody counts B.")),
        figures("D", ["–", "–"], absent=line("")),
        figures("C", ["–", "1"]),
        text("Heat", ["nominal", ""], "Heat: {value}."),
        text("Note", ["", ""]),
        text("Engine", ["PyTorch", "PyTorch"]),
    ]
    made = table("key", "title", fields, [line("How to read it.")])["key"]
    assert [column.name for column in made.columns] == ["Run", "C", "Heat", "Engine"]
    assert caption(made) == (
        "How to read it. All on anna {value}. Nobody counts B. Not measured: A. Not known: Note."
    )
    assert cells(made, "Heat") == ["nominal", "–"]


def test_a_column_keeps_the_raw_values_behind_its_cells() -> None:
    fields = [
        text("Run", ["R1", "R2"]),
        figures("Epoch, s", ["1.00", "–"], values=[0.9987, nan], minor=True),
    ]
    run, epoch = table("key", "title", fields, [])["key"].columns
    assert (run.align, run.values, run.minor) == ("left", (), False)
    assert (epoch.align, epoch.values, epoch.minor) == ("right", (0.9987, None), True)


def test_what_the_baseline_cannot_have_is_the_same_in_all_others() -> None:
    kinds: list[RowKind] = ["", "baseline", ""]
    fields = [
        text("Machine", ["bob", "anna", "cleo"]),
        text("Evidence", ["one session each", "", "one session each"], "Evidence: {value}."),
        text("Cells", ["6", "", "7"], "Cells: {value}."),
    ]
    made = table("key", "title", fields, [], kinds=kinds)["key"]
    assert caption(made) == "Evidence: one session each."
    assert [column.name for column in made.columns] == ["Machine", "Cells"]
    assert made.kind(1) == "baseline"


def test_no_row_is_no_table() -> None:
    assert table("key", "title", [text("Run", [])], [line("Nothing.")]) == {}
    assert table("key", "title", [], [line("Nothing.")]) == {}


def test_of_many_runs_the_first_are_named() -> None:
    found = names.runs([("R1",), ("R1", "R2", "R3", "R4"), ("R1", "R2", "R3", "R4", "R5")])
    assert found == ["R1", "R1 R2 R3 R4", "R1 R2 R3 and 2 more"]


@pytest.mark.parametrize(
    ("count", "told"), [(1, "1 machine is not shown."), (2, "2 machines are not shown.")]
)
def test_the_verb_goes_with_the_number_of_machines(count: int, told: str) -> None:
    sentence = not_shown(count, "machines that there is no room for", "{n} {are} not shown.")
    assert sentence.text == told
    [number] = sentence.numbers
    assert (number.value, number.runs) == (count, ())
