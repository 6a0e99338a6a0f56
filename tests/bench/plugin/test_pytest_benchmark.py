"""A session's result file, and those that it is compared with: whole, and never a traceback."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pytest_benchmark.logger import Logger

from alexnet import durable
from bench.plugin import pytest_benchmark as plugin
from bench.plugin.pytest_benchmark import Storage
from tests.support.another_suite import another_suites_content
from tests.support.samples import CELL

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
    assert [file.name for file, _ in target.load()] == ["0001_quick.json"]
    assert [file.name for file, _ in target.load("0002")] == ["0002_full.json"], "asked for by name"


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
    [(path, content)] = storage(tmp_path).load()
    assert (path, content) == (Path("mac/0001_quick.json"), CONTENT)


def other_file(folder: Path, encoding: str = "utf-8") -> Path:
    """A file of another suite, elsewhere."""
    file = folder / "friend" / "0001_sorting.json"
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(another_suites_content()), encoding=encoding)
    return file


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le"])
def test_a_file_from_elsewhere_is_loaded_however_it_was_saved(tmp_path: Path, encoding: str) -> None:
    file = other_file(tmp_path, encoding)
    [(path, content)] = storage(tmp_path / "results").load(str(file))
    assert (path, content) == (file, another_suites_content())


def test_a_file_of_another_suite_is_compared_with_in_one_sentence() -> None:
    """Its `machine_info.machine` is "arm64", and ours is a record."""
    told: list[str] = []
    logger = SimpleNamespace(info=lambda line, newline: told.append(line))
    session = SimpleNamespace(logger=logger)
    for other in ("arm64", None, ["arm64"]):
        theirs = another_suites_content()
        theirs["machine_info"]["machine"] = other
        saved = theirs["machine_info"]
        hook = plugin.pytest_benchmark_compare_machine_info
        steps = hook(benchmarksession=session, machine_info={"machine": {}}, compared_benchmark=theirs)
        next(steps)
        assert theirs["machine_info"] == {"machine": {}}, "pytest-benchmark finds them equal"
        steps.close()
        assert theirs["machine_info"] is saved
    assert told == ["this machine against the saved one: saved by another suite"] * 3


def without(*path: str) -> Callable[[dict[str, Any]], None]:
    """Deletes a field of the file, or of its only benchmark."""

    def change(content: dict[str, Any]) -> None:
        at = content if path[0] in content else content["benchmarks"][0]
        for name in path[:-1]:
            at = at[name]
        del at[path[-1]]

    return change


def with_ops_as_text(content: dict[str, Any]) -> None:
    content["benchmarks"][0]["stats"]["ops"] = "many"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (without("machine_info"), "it lacks machine_info or benchmarks"),
        (without("benchmarks"), "it lacks machine_info or benchmarks"),
        (without("fullname"), "benchmarks[0] has no fullname or no stats"),
        (without("stats"), "benchmarks[0] has no fullname or no stats"),
        (without("stats", "iqr"), "benchmarks[0].stats.iqr is missing or of another kind"),
        (with_ops_as_text, "benchmarks[0].stats.ops is missing or of another kind"),
    ],
)
def test_a_file_that_cannot_be_compared_with_is_told_at_the_start(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    change: Callable[[dict[str, Any]], None],
    why: str,
) -> None:
    """Some of it would have been missed only by the table at the end."""
    content = another_suites_content()
    change(content)
    file = tmp_path / "theirs.json"
    file.write_text(json.dumps(content))
    assert list(storage(tmp_path / "results").load(str(file))) == []
    told = " ".join(capsys.readouterr().err.split())
    assert f"theirs.json is not compared with: {why}" in told


def test_a_file_before_pytest_benchmark_3_1_is_compared_with(tmp_path: Path) -> None:
    """It has no operations a second, which follow from the mean."""
    content = another_suites_content()
    stats = content["benchmarks"][0]["stats"]
    del stats["ops"]
    (tmp_path / "old.json").write_text(json.dumps(content))
    [(_, loaded)] = storage(tmp_path / "results").load(str(tmp_path / "old.json"))
    assert loaded["benchmarks"][0]["stats"]["ops"] == 1 / stats["mean"]


def test_a_name_that_stands_for_no_file_is_refused_in_a_sentence(tmp_path: Path) -> None:
    target = storage(tmp_path / "results")
    with pytest.raises(pytest.UsageError, match=r"--benchmark-compare: \S+none.json is no file"):
        list(target.load(str(tmp_path / "a" / "b" / "none.json")))


def test_a_file_that_is_closed_to_this_user_is_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = other_file(tmp_path)

    def closed(path: Path) -> bool:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    monkeypatch.setattr(Path, "is_file", closed)
    with pytest.raises(pytest.UsageError, match="is no file that can be read"):
        list(storage(tmp_path / "results").load(str(file)))


def test_a_cell_is_saved_by_its_id() -> None:
    """pytest-benchmark would save it as "UNSERIALIZABLE[Cell(…)]"."""
    config: Any = SimpleNamespace(stash=pytest.Stash())
    params = {"cell": CELL, "size": 3}
    output: dict[str, Any] = {"benchmarks": [{"params": params}, {"params": None}]}
    plugin.pytest_benchmark_update_json(config, output)
    assert output["benchmarks"] == [{"params": {"cell": CELL.id, "size": 3}}, {"params": None}]
    assert params["cell"] is CELL, "pytest's own parameters stay as they are"
