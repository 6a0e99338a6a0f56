"""docs/architecture.md is the house as it stands: its rooms, their words, their floors, its files."""

from __future__ import annotations

import ast
import re

import pytest

from bench.paths import ROOT
from reports.report import CHAPTERS
from tests.project.test_imports import BENCH, REPORTS

PAGE = (ROOT / "docs" / "architecture.md").read_text()
TESTS_AND_FORMER_NAMES = {"test_gate", "test_train", "price", "scale"}
HOUSES = {
    "bench": {room: BENCH[room] for room in set(BENCH) - TESTS_AND_FORMER_NAMES},
    "reports": {room: REPORTS[room] for room in set(REPORTS) - {"__main__"}},
}
"""House -> room -> the rooms that it imports, as the page has them."""
TOGETHER = {"data", "study", "write"}
"""Rooms of `reports` on one floor: frames, judgements and words need each other."""


def section(house: str) -> str:
    """What the page says of a house's rooms."""
    return PAGE.partition(f"## The rooms of `{house}/`\n")[2].partition("\n## ")[0]


def rows(header: str, text: str) -> dict[str, list[str]]:
    """First cell of each row -> the others, of the table with this header."""
    (table,) = re.findall(rf"^{re.escape(header)}\n\|[-|]+\|\n((?:\|.*\|\n)+)", text, re.MULTILINE)
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table.splitlines()]
    return {first.strip("`"): others for first, *others in cells}


def first_line(house: str, room: str) -> str:
    """The docstring's first line of a room, be it a folder or a file."""
    folder = ROOT / house / room
    file = folder / "__init__.py" if folder.is_dir() else folder.with_suffix(".py")
    docstring = ast.get_docstring(ast.parse(file.read_text()))
    assert docstring
    return docstring.splitlines()[0]


@pytest.mark.parametrize("house", HOUSES)
def test_every_room_stands_with_its_line_and_its_imports(house: str) -> None:
    assert rows("| room | what it is | imports |", section(house)) == {
        room: [first_line(house, room), ", ".join(f"`{other}`" for other in sorted(imports)) or "–"]
        for room, imports in HOUSES[house].items()
    }


def test_every_room_of_alexnet_stands_with_its_line() -> None:
    files = {file.stem for file in (ROOT / "alexnet").glob("*.py")} - {"__init__", "__main__"}
    assert rows("| room | what it is |", section("alexnet")) == {
        room: [first_line("alexnet", room)] for room in files | {"frameworks"}
    }


@pytest.mark.parametrize("house", HOUSES)
def test_a_room_stands_one_floor_above_the_highest_that_it_imports(house: str) -> None:
    floors = {
        room: int(number)
        for number, names in re.findall(r"^floor (\d+) +(.+)$", section(house), re.MULTILINE)
        for room in names.split()
    }
    assert set(floors) == set(HOUSES[house])
    for room, floor in floors.items():
        others = HOUSES[house][room]
        if house == "reports" and room in TOGETHER:
            others = others - TOGETHER
        assert floor == 1 + max((floors[other] for other in others), default=0), room


def test_the_page_on_the_report_has_the_chapters_in_their_order() -> None:
    page = (ROOT / "docs" / "report.md").read_text()
    named = re.findall(r"^\| .+ \| `reports/chapters/(\w+)(?:/|\.py)` \|$", page, re.MULTILINE)
    assert named == ["front", *(function.__module__.split(".")[2] for function in CHAPTERS)]


@pytest.mark.parametrize(
    "path",
    sorted(set(re.findall(r"`((?:alexnet|bench|reports|tests)/[\w./]*|conftest\.py)`", PAGE))),
)
def test_every_place_that_it_names_exists(path: str) -> None:
    assert (ROOT / path).exists()
