"""A session's result file: written whole or not at all, its own number, and never a traceback."""

from __future__ import annotations

import errno
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pytest_benchmark.logger import Logger

from alexnet import durable
from bench.plugin.pytest_benchmark import Storage

CONTENT: dict[str, Any] = {"benchmarks": [], "machine_info": {"name": "Ünïts ½"}, "version": "5"}


def storage(folder: Path) -> Storage:
    return Storage(folder, Logger(), "mac")  # type: ignore[no-untyped-call]


class SessionDouble:
    """As much of a session as its storage asks for, attached to the storage."""

    def __init__(
        self, target: Storage, own_file: str | None, *benchmarks: str, saved: str | None = None
    ):
        self.noted: list[tuple[str, set[str]]] = []
        self.earlier = SimpleNamespace(saved=SimpleNamespace(file=saved)) if saved else None
        self.saved_cells: set[str] = set()
        self.file_to_replace = lambda: own_file
        self.cells_to_save = set
        self.log = self
        config = SimpleNamespace(option=SimpleNamespace(benchmark_save=None))
        self.plugin: Any = SimpleNamespace(
            benchmarks=benchmarks_of(*benchmarks), config=config, json=None
        )
        session: Any = self
        target.attach(session, self.plugin)

    def add_saved_file(self, file: str, cells: set[str]) -> None:
        self.noted.append((file, cells))


def benchmarks_of(*cells: str) -> list[Any]:
    return [SimpleNamespace(param=cell) for cell in cells]


def names(folder: Path) -> list[str]:
    return sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())


def test_a_session_is_saved_in_its_machines_folder_and_the_user_is_told_where(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = storage(tmp_path / "results")
    target.save(CONTENT, "quick")
    file = tmp_path / "results" / "mac" / "0001_quick.json"
    assert json.loads(file.read_text(encoding="ascii")) == CONTENT
    assert target.problem is None
    assert str(file.resolve()) in capsys.readouterr().err.replace("\n", "")


def test_each_session_has_the_next_number_whatever_its_name(tmp_path: Path) -> None:
    for name in ("quick", "full", "quick"):
        storage(tmp_path).save(CONTENT, name)
    assert names(tmp_path / "mac") == ["0001_quick.json", "0002_full.json", "0003_quick.json"]
    (tmp_path / "mac" / "0001_quick.json").unlink()
    storage(tmp_path).save(CONTENT, "quick")
    assert names(tmp_path / "mac") == ["0002_full.json", "0003_quick.json", "0004_quick.json"]


def test_another_machines_numbers_do_not_count(tmp_path: Path) -> None:
    other = Storage(tmp_path, Logger(), "other")  # type: ignore[no-untyped-call]
    other.save(CONTENT, "quick")
    target = storage(tmp_path)
    target.save(CONTENT, "quick")
    assert names(tmp_path) == ["mac/0001_quick.json", "other/0001_quick.json"]


def test_a_session_that_goes_on_takes_the_place_of_its_own_file(tmp_path: Path) -> None:
    storage(tmp_path).save(CONTENT, "quick")
    storage(tmp_path).save(CONTENT, "full")
    target = storage(tmp_path)
    session = SessionDouble(target, "0001_quick.json", "one", "two")
    target.save(CONTENT | {"version": "6"}, "another name")
    assert names(tmp_path) == ["mac/0001_quick.json", "mac/0002_full.json"]
    assert json.loads((tmp_path / "mac" / "0001_quick.json").read_text())["version"] == "6"
    assert session.noted == [("0001_quick.json", {"one", "two"})]


def test_a_file_is_not_replaced_by_one_that_lacks_a_result_of_it(tmp_path: Path) -> None:
    target = storage(tmp_path)
    session = SessionDouble(target, "0001_quick.json")
    session.saved_cells = {"one", "two"}
    assert target.would_lose(benchmarks_of("one"))
    assert not target.would_lose(benchmarks_of("one", "two", "three"))
    named_anew = SessionDouble(target, None)
    named_anew.saved_cells = {"one", "two"}
    assert not target.would_lose(benchmarks_of("one")), "it gets a file of its own"


def test_a_session_that_goes_on_is_not_compared_with_itself(tmp_path: Path) -> None:
    storage(tmp_path).save(CONTENT, "quick")
    storage(tmp_path).save(CONTENT, "full")
    target = storage(tmp_path)
    SessionDouble(target, "0002_full.json", saved="0002_full.json")
    assert [file.name for file in target.query()] == ["0001_quick.json"]


def test_benchmark_json_is_whole_or_a_sentence_too(tmp_path: Path) -> None:
    target = storage(tmp_path)
    session = SessionDouble(target, None)
    session.plugin.json = tmp_path / "mine.json"
    session.plugin.save_json(CONTENT)
    assert json.loads((tmp_path / "mine.json").read_text()) == CONTENT
    session.plugin.json = tmp_path / "nowhere" / "mine.json"
    session.plugin.save_json(CONTENT)
    assert target.problem
    assert "nowhere/mine.json could not be written" in target.problem


def test_its_own_file_is_made_anew_if_somebody_has_removed_it(tmp_path: Path) -> None:
    storage(tmp_path).save(CONTENT, "quick")
    target = storage(tmp_path)
    SessionDouble(target, "0007_quick.json")
    target.save(CONTENT, "quick")
    assert names(tmp_path) == ["mac/0001_quick.json", "mac/0007_quick.json"]


@pytest.mark.parametrize("place", ["results", "results/mac"])
@pytest.mark.parametrize("own_name", [None, "0003_quick.json"])
def test_a_folder_that_cannot_be_written_is_a_sentence_and_no_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], place: str, own_name: str | None
) -> None:
    obstacle = tmp_path / place
    obstacle.parent.mkdir(exist_ok=True)
    obstacle.write_text("a file")
    target = storage(tmp_path / "results")
    session = SessionDouble(target, own_name)
    target.save(CONTENT, "quick")
    assert session.noted == []
    assert target.problem
    assert "could not be written" in target.problem
    assert str(tmp_path.resolve() / "results") in target.problem
    assert "journals" in target.problem
    assert obstacle.read_text() == "a file"
    assert "Saved" not in capsys.readouterr().err


def raise_disk_full(descriptor: int) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_leaves_the_earlier_file_and_nothing_besides(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage(tmp_path).save(CONTENT, "quick")
    monkeypatch.setattr(durable, "sync", raise_disk_full)
    for own_name in ("0001_quick.json", None):
        target = storage(tmp_path)
        session = SessionDouble(target, own_name)
        target.save({"benchmarks": ["others"]}, "quick")
        assert session.noted == []
        assert target.problem
        assert "No space left on device" in target.problem
    assert names(tmp_path) == ["mac/0001_quick.json"]
    assert json.loads((tmp_path / "mac" / "0001_quick.json").read_text()) == CONTENT


def test_pytest_benchmark_reads_what_was_saved(tmp_path: Path) -> None:
    storage(tmp_path).save(CONTENT, "quick")
    [(path, content)] = storage(tmp_path).load()  # type: ignore[no-untyped-call]
    assert (path, content) == (Path("mac/0001_quick.json"), CONTENT)
