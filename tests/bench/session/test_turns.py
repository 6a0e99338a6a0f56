"""Every other session has the engines in reverse, and a resumed one keeps its order."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bench.session.open import open_session
from tests.bench.plan.test_grid import OPTIONS


def first_engine(results: Path) -> str:
    options = replace(OPTIONS, dataset="synthetic", machine="turns", device="cpu")
    session = open_session(options, results, only_list=True)
    return next(iter(session.plans)).engine


def test_every_other_session_begins_with_the_last_engine(tmp_path: Path) -> None:
    assert first_engine(tmp_path) == "torch"
    saved = tmp_path / "turns" / "0001_quick.json"
    saved.parent.mkdir()
    saved.write_text("{}", encoding="utf-8")
    assert first_engine(tmp_path) == "tensorflow"
    saved.with_name("0002_quick.json").write_text("{}", encoding="utf-8")
    assert first_engine(tmp_path) == "torch"


@pytest.mark.parametrize("copy", ["._0001_quick.json", "0001_quick 2.json", "0001_quick copy.json"])
def test_a_copy_of_a_file_is_no_session(tmp_path: Path, copy: str) -> None:
    for name in ("0001_quick.json", copy):
        file = tmp_path / "turns" / name
        file.parent.mkdir(exist_ok=True)
        file.write_text("{}", encoding="utf-8")
    assert first_engine(tmp_path) == "tensorflow"
