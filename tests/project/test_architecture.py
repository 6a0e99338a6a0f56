"""docs/architecture.md is the house as it stands: its rooms, their words, their floors, its files."""

from __future__ import annotations

import ast
import re

import pytest

from bench.paths import ROOT
from tests.project.test_imports import BENCH

PAGE = (ROOT / "docs" / "architecture.md").read_text()
TESTS_AND_FORMER_NAMES = {"test_gate", "test_train", "price", "scale"}
ROOMS = set(BENCH) - TESTS_AND_FORMER_NAMES
"""Of `bench`."""


def rows(header: str) -> dict[str, list[str]]:
    """First cell of each row -> the others, of the table with this header."""
    (table,) = re.findall(rf"^{re.escape(header)}\n\|[-|]+\|\n((?:\|.*\|\n)+)", PAGE, re.MULTILINE)
    cells = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table.splitlines()]
    return {first.strip("`"): others for first, *others in cells}


def first_line(house: str, room: str) -> str:
    """The docstring's first line of a room, be it a folder or a file."""
    folder = ROOT / house / room
    file = folder / "__init__.py" if folder.is_dir() else folder.with_suffix(".py")
    docstring = ast.get_docstring(ast.parse(file.read_text()))
    assert docstring
    return docstring.splitlines()[0]


def test_every_room_of_bench_stands_with_its_line_and_its_imports() -> None:
    assert rows("| room | what it is | imports |") == {
        room: [
            first_line("bench", room),
            ", ".join(f"`{other}`" for other in sorted(BENCH[room])) or "–",
        ]
        for room in ROOMS
    }


def test_every_room_of_alexnet_stands_with_its_line() -> None:
    files = {file.stem for file in (ROOT / "alexnet").glob("*.py")} - {"__init__", "__main__"}
    assert rows("| room | what it is |") == {
        room: [first_line("alexnet", room)] for room in files | {"frameworks"}
    }


def test_a_room_stands_one_floor_above_the_highest_that_it_imports() -> None:
    floors = {
        room: int(number)
        for number, names in re.findall(r"^floor (\d+) +(.+)$", PAGE, re.MULTILINE)
        for room in names.split()
    }
    assert set(floors) == ROOMS
    for room, floor in floors.items():
        assert floor == 1 + max((floors[other] for other in BENCH[room]), default=0), room


@pytest.mark.parametrize(
    "path",
    sorted(set(re.findall(r"`((?:alexnet|bench|reports|tests)/[\w./]*|conftest\.py)`", PAGE))),
)
def test_every_place_that_it_names_exists(path: str) -> None:
    assert (ROOT / path).exists()
