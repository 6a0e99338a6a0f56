"""Each framework is a folder and a row, and the row says all that others need to know of it."""

from __future__ import annotations

import importlib
import tomllib

import pytest

from alexnet.frameworks.info import FrameworkInfo
from alexnet.frameworks.registry import FRAMEWORKS
from bench.paths import ROOT

ROWS = list(FRAMEWORKS.values())
FOLDER = ROOT / "alexnet" / "frameworks"


def test_every_folder_is_a_row_and_every_row_a_folder() -> None:
    assert {file.parent.name for file in FOLDER.glob("*/backend.py")} == set(FRAMEWORKS)
    for name, info in FRAMEWORKS.items():
        assert importlib.import_module(f"alexnet.frameworks.{name}.info").INFO is info
        assert info.name == name


@pytest.mark.parametrize("field", ["label", "light_hue", "dark_hue", "marker", "line", "shape"])
def test_a_reader_of_a_report_can_tell_them_apart(field: str) -> None:
    assert len({getattr(info, field) for info in ROWS}) == len(ROWS)


@pytest.mark.parametrize("info", ROWS, ids=lambda info: info.name)
def test_what_a_row_names_exists(info: FrameworkInfo) -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    installed = {line.split(">")[0].split("=")[0] for line in extras[info.pip_extra]}
    assert set(info.packages) == installed
    assert set(info.required) <= set(info.packages)
    assert set(info.harmless_values) <= set(info.variables)
    recorded = tuple(prefix for row in ROWS for prefix in row.recorded_prefixes)
    assert all(name.startswith(recorded) for name in info.variables if name not in info.harmless_values)
