"""What a compiler needs beside its framework, and how a computer without it is told."""

from __future__ import annotations

import sysconfig
from pathlib import Path

import pytest

from alexnet.frameworks.registry import ENGINES
from alexnet.frameworks.toolchain import HEADER, Toolchain

CPP = Toolchain(language="C++", variable="CXX", programs=("first++", "second++"))


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder of programs, with none in it, of a computer that has Python's headers."""
    folder, headers = tmp_path / "bin", tmp_path / "include"
    folder.mkdir()
    headers.mkdir()
    (headers / HEADER).touch()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setattr(sysconfig, "get_paths", lambda: {"include": str(headers)})
    return folder


def install(folder: Path, name: str) -> None:
    (folder / name).touch(mode=0o755)


def test_one_of_the_programs_is_enough(programs: Path) -> None:
    assert CPP.missing() == (
        "Its compiler needs one for C++: install first++ or second++, or name another with CXX"
    )
    install(programs, "second++")
    assert CPP.missing() == ""


def test_the_variable_is_asked_before_the_programs(
    programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(programs, "first++")
    for named in ("third++ -O2", ""):
        monkeypatch.setenv("CXX", named)
        assert CPP.missing().endswith(f"or name another with CXX, which now is {named!r}")
    monkeypatch.setenv("CXX", "third++ -O2")
    install(programs, "third++")
    assert CPP.missing() == ""


def test_pythons_headers_are_needed_too(programs: Path) -> None:
    install(programs, "first++")
    (programs.parent / "include" / HEADER).unlink()
    assert f"has no {HEADER}: install them" in CPP.missing()


def test_an_engine_says_what_it_lacks_on_a_device(programs: Path) -> None:
    engine = ENGINES["torch-compile"]
    assert "for C++" in engine.lacks("cpu")
    assert "for C: install gcc or clang" in engine.lacks("cuda")
    assert engine.lacks("mps") == ENGINES["torch"].lacks("cpu") == ""
    for name in ("g++", "clang++", "gcc"):
        install(programs, name)
    assert engine.lacks("cpu") == engine.lacks("cuda") == ""
