"""A session's result file is whole or not there, has a number of its own, and ends in no traceback."""

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


class Served:
    """A session of which is known only what its storage asks."""

    def __init__(
        self, saving: Storage, own_file: str | None, *benchmarks: str, saved: str | None = None
    ):
        self.noted: list[tuple[str, set[str]]] = []
        self.earlier = SimpleNamespace(saved=SimpleNamespace(file=saved)) if saved else None
        self.in_file: set[str] = set()
        self.file_to_replace = lambda: own_file
        self.standing = set
        self.log = self
        given = SimpleNamespace(option=SimpleNamespace(benchmark_save=None))
        self.plugin: Any = SimpleNamespace(benchmarks=benched(*benchmarks), config=given, json=None)
        session: Any = self
        saving.serve(session, self.plugin)

    def saved(self, file: str, cells: set[str]) -> None:
        self.noted.append((file, cells))


def benched(*cells: str) -> list[Any]:
    return [SimpleNamespace(param=cell) for cell in cells]


def names(folder: Path) -> list[str]:
    return sorted(str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file())


def test_a_session_is_saved_in_its_machines_folder_and_the_user_is_told_where(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    saving = storage(tmp_path / "results")
    saving.save(CONTENT, "quick")
    file = tmp_path / "results" / "mac" / "0001_quick.json"
    assert json.loads(file.read_text(encoding="ascii")) == CONTENT
    assert saving.problem is None
    assert str(file.resolve()) in capsys.readouterr().err.replace("\n", "")


def test_each_session_has_the_next_number_whatever_its_name(tmp_path: Path) -> None:
    for name in ("quick", "full", "quick"):
        storage(tmp_path).save(CONTENT, name)
    assert names(tmp_path / "mac") == ["0001_quick.json", "0002_full.json", "0003_quick.json"]
    (tmp_path / "mac" / "0001_quick.json").unlink()
    storage(tmp_path).save(CONTENT, "quick")
    assert names(tmp_path / "mac") == ["0002_full.json", "0003_quick.json", "0004_quick.json"]


def test_another_machines_numbers_do_not_count(tmp_path: Path) -> None:
    write_to = Storage(tmp_path, Logger(), "other")  # type: ignore[no-untyped-call]
    write_to.save(CONTENT, "quick")
    saving = storage(tmp_path)
    saving.save(CONTENT, "quick")
    assert names(tmp_path) == ["mac/0001_quick.json", "other/0001_quick.json"]


def test_a_session_that_goes_on_takes_the_place_of_its_own_file(tmp_path: Path) -> None:
    storage(tmp_path).save(CONTENT, "quick")
    storage(tmp_path).save(CONTENT, "full")
    saving = storage(tmp_path)
    session = Served(saving, "0001_quick.json", "one", "two")
    saving.save(CONTENT | {"version": "6"}, "another name")
    assert names(tmp_path) == ["mac/0001_quick.json", "mac/0002_full.json"]
    assert json.loads((tmp_path / "mac" / "0001_quick.json").read_text())["version"] == "6"
    assert session.noted == [("0001_quick.json", {"one", "two"})]


def test_a_file_is_not_replaced_by_one_that_lacks_a_result_of_it(tmp_path: Path) -> None:
    saving = storage(tmp_path)
    session = Served(saving, "0001_quick.json")
    session.in_file = {"one", "two"}
    assert saving.would_lose(benched("one"))
    assert not saving.would_lose(benched("one", "two", "three"))
    other = Served(saving, None)
    other.in_file = {"one", "two"}
    assert not saving.would_lose(benched("one")), "it gets a file of its own"


def test_a_session_that_goes_on_is_not_compared_with_itself(tmp_path: Path) -> None:
    storage(tmp_path).save(CONTENT, "quick")
    storage(tmp_path).save(CONTENT, "full")
    saving = storage(tmp_path)
    Served(saving, "0002_full.json", saved="0002_full.json")
    assert [file.name for file in saving.query()] == ["0001_quick.json"]


def test_benchmark_json_is_whole_or_a_sentence_too(tmp_path: Path) -> None:
    saving = storage(tmp_path)
    session = Served(saving, None)
    session.plugin.json = tmp_path / "mine.json"
    session.plugin.save_json(CONTENT)
    assert json.loads((tmp_path / "mine.json").read_text()) == CONTENT
    session.plugin.json = tmp_path / "nowhere" / "mine.json"
    session.plugin.save_json(CONTENT)
    assert saving.problem
    assert "nowhere/mine.json could not be written" in saving.problem


def test_its_own_file_is_made_anew_if_somebody_has_removed_it(tmp_path: Path) -> None:
    storage(tmp_path).save(CONTENT, "quick")
    saving = storage(tmp_path)
    Served(saving, "0007_quick.json")
    saving.save(CONTENT, "quick")
    assert names(tmp_path) == ["mac/0001_quick.json", "mac/0007_quick.json"]


@pytest.mark.parametrize("place", ["results", "results/mac"])
@pytest.mark.parametrize("own_name", [None, "0003_quick.json"])
def test_a_folder_that_cannot_be_written_is_a_sentence_and_no_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], place: str, own_name: str | None
) -> None:
    in_its_place = tmp_path / place
    in_its_place.parent.mkdir(exist_ok=True)
    in_its_place.write_text("a file")
    saving = storage(tmp_path / "results")
    session = Served(saving, own_name)
    saving.save(CONTENT, "quick")
    assert session.noted == []
    assert saving.problem
    assert "could not be written" in saving.problem
    assert str(tmp_path.resolve() / "results") in saving.problem
    assert "journals" in saving.problem
    assert in_its_place.read_text() == "a file"
    assert "Saved" not in capsys.readouterr().err


def fail(descriptor: int) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_leaves_the_earlier_file_and_nothing_besides(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage(tmp_path).save(CONTENT, "quick")
    monkeypatch.setattr(durable, "sync", fail)
    for own_name in ("0001_quick.json", None):
        saving = storage(tmp_path)
        session = Served(saving, own_name)
        saving.save({"benchmarks": ["others"]}, "quick")
        assert session.noted == []
        assert saving.problem
        assert "No space left on device" in saving.problem
    assert names(tmp_path) == ["mac/0001_quick.json"]
    assert json.loads((tmp_path / "mac" / "0001_quick.json").read_text()) == CONTENT


def test_pytest_benchmark_reads_what_was_saved(tmp_path: Path) -> None:
    storage(tmp_path).save(CONTENT, "quick")
    [(path, content)] = storage(tmp_path).load()  # type: ignore[no-untyped-call]
    assert (path, content) == (Path("mac/0001_quick.json"), CONTENT)
