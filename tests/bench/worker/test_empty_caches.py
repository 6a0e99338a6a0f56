"""Each process compiles as on a computer that has never run its engine."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from msgspec import structs

from alexnet.frameworks.registry import ENGINES, FRAMEWORKS
from bench.worker.job import empty_caches
from tests.support.samples import job

VARIABLES = ("COMPILED_HERE", "KERNELS_THERE")


@pytest.fixture
def _framework(monkeypatch: pytest.MonkeyPatch) -> None:
    row = replace(FRAMEWORKS[ENGINES["torch"].framework], cache_variables=VARIABLES)
    monkeypatch.setitem(FRAMEWORKS, row.name, row)
    monkeypatch.setenv(VARIABLES[0], "/the/users/own")
    monkeypatch.delenv(VARIABLES[1], raising=False)


@pytest.mark.usefixtures("_framework")
def test_what_is_compiled_lies_in_an_empty_folder_of_the_session_and_goes(tmp_path: Path) -> None:
    with empty_caches(job(str(tmp_path))):
        folders = [Path(os.environ[name]) for name in VARIABLES]
        assert len(set(folders)) == 2
        for folder in folders:
            assert folder.parent == tmp_path
            assert list(folder.iterdir()) == []
            (folder / "kernel.so").touch()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("_framework")
def test_without_a_session_they_lie_where_temporary_folders_do(tmp_path: Path) -> None:
    before = set(Path.cwd().iterdir())
    with empty_caches(structs.replace(job(str(tmp_path)), session_folder="")):
        assert Path(os.environ[VARIABLES[0]]).is_dir()
        assert set(Path.cwd().iterdir()) == before
