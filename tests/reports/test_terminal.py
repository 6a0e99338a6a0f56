"""`reports show`: the finding, the first page's table as far as there is room, the verdicts, in text."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.cells import cell_len
from rich.console import Console

from reports.render import terminal
from reports.write.document import Column, Report, Section, Table
from tests.support.report_document import (
    EYEBROW,
    FINDING,
    HOSTILE,
    MACS,
    NOTE,
    SPEEDS,
    front_table,
    hostile,
    with_front,
)


def shown(report: Report, width: int) -> list[str]:
    """The lines; none is wider than the terminal, or ends in a blank, and the last is a command."""
    out = io.StringIO()
    terminal.show(report, Console(file=out, width=width, force_terminal=False))
    lines = out.getvalue().splitlines()
    assert max(map(cell_len, lines)) <= width
    assert lines == [line.rstrip() for line in lines]
    assert " ".join(lines[-2:]).endswith("python -m reports RESULTS… --out DIR")
    return lines


@pytest.mark.parametrize("width", [60, 80, 100, 200])
def test_the_finding_stands_first_and_every_row_is_one_line(width: int) -> None:
    lines = shown(with_front(), width)
    assert EYEBROW in " ".join(lines[:2])
    assert FINDING in " ".join(lines[:4])
    assert any(line.startswith("How sure: 24 runs") for line in lines)
    assert len([line for line in lines if line.lstrip().startswith("TensorFlow ")]) == len(MACS)
    for machine in MACS:
        assert len([line for line in lines if line.startswith(machine)]) >= 1


def test_at_80_columns_a_machine_stands_over_its_engines() -> None:
    lines = shown(with_front(), 80)
    place = lines.index("MacBook Pro M3 Max")
    assert " ".join(lines[place + 1].split()) == "PyTorch 35 1,286 2.51 74.3 91.8 ±1.1 %, 3 runs"
    assert lines[place + 2].split()[0] == "TensorFlow"
    assert "There is no room here for Memory, GB and J/image." in " ".join(lines)


def test_what_is_joined_goes_together_and_last_of_what_is_minor() -> None:
    names = ("Experiment", "PyTorch, s", "TensorFlow, s", "Ratio", "Evidence", "Verdict")
    columns = tuple(
        Column(
            name=name,
            align="right" if place in (1, 2, 3) else "left",
            minor=place in (1, 2, 4),
            joined=place == 2,
        )
        for place, name in enumerate(names)
    )
    row = ("pretrained", "12.34", "23.45", "1.90", "3 runs each in turn", "PyTorch 90 % faster")
    table = Table(key="pairs", title="Pairs", caption=(), columns=columns, rows=(row,))
    report = Report(title="A title", summary=(), sections=(), front=(table,))
    told = {width: " ".join(shown(report, width)) for width in (90, 70, 65, 45)}
    assert "no room" not in told[90]
    assert "no room here for Evidence." in told[70]
    assert "no room here for PyTorch, s; TensorFlow, s; Evidence." in told[45]
    assert "12.34" in told[65]
    assert "23.45" in told[65]


def test_at_200_columns_nothing_is_left_out() -> None:
    lines = shown(with_front(), 200)
    [row] = [line for line in lines if line.startswith("MacBook Pro M3 Max")]
    figures = "PyTorch 35 1,286 2.51 74.3 91.8 1.31 – ±1.1 %, 3 runs"
    assert " ".join(row.split()) == f"MacBook Pro M3 Max {figures}"
    assert not [line for line in lines if "no room" in line]


def test_headings_stand_over_their_columns() -> None:
    lines = shown(with_front(), 80)
    headings = next(line for line in lines if line.startswith("Engine"))
    row = next(line for line in lines if line.startswith("  PyTorch"))
    assert headings.index("Images/s") + len("Images/s") == row.index("1,607") + len("1,607")


def test_verdicts_and_what_is_apart_follow_and_nothing_else() -> None:
    engines = Section(key="engines", title="Which engine is faster", blocks=(SPEEDS,))
    learning = Section(key="learning", title="What was learnt", blocks=(NOTE,))
    apart = Section(key="apart", title="What cannot be compared", blocks=(NOTE,), appendix=True)
    lines = shown(replace(with_front(), sections=(apart, learning, engines)), 80)
    titles = [line for line in lines if line in {each.title for each in (engines, learning, apart)}]
    assert titles == ["Which engine is faster", "What cannot be compared"]
    assert any(line.startswith("Five runs on battery") for line in lines)


def test_of_many_rows_the_first_are_shown_and_the_others_counted() -> None:
    report = with_front({f"Mac {n}": 30 + n for n in range(50)})
    text = " ".join(shown(report, 80))
    assert "and 76 more rows. " in text
    table = replace(front_table({f"Mac {n}": 30 + n for n in range(50)}), brief=(0, 1, 99))
    text = " ".join(shown(replace(report, front=(table,)), 80))
    assert "Mac 49" in text
    assert "and 97 more rows" in text


def test_a_table_that_only_a_page_folds_is_not_shown() -> None:
    table = replace(front_table({"Mac 1": 30}), title="Every run", only_in_html=True)
    section = Section(key="engines", title="Engines compared", blocks=(NOTE, table))
    lines = shown(replace(with_front(), sections=(section,)), 80)
    assert "Engines compared" in lines
    assert "Every run" not in lines


@pytest.mark.parametrize("text", [*HOSTILE, "[red]x[/red] [link=http://evil]y"])
def test_a_text_is_shown_and_never_obeyed(text: str) -> None:
    lines = shown(hostile(text), 80)
    assert not [line for line in lines if "\x1b" in line]
    start = "".join(text.split())[:9]
    assert start.isprintable() is False or start in "".join("".join(lines).split())
