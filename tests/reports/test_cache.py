"""What was read once is kept: the same frames come of it, and what is wrong with it is read again."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import shutil
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from msgspec.structs import replace

from bench.paths import ROOT
from reports.__main__ import main
from reports.data import cache as kept
from reports.data import sources
from reports.data.cache import Cache, code_version, users_cache
from reports.data.frame import Frames, frames
from reports.data.saved import SavedFile, SavedRun, saved_file
from reports.data.sources import Sources, gather
from tests.support.accounts import without_a_home
from tests.support.report_files import (
    ANNA,
    LOOM,
    add_engines,
    content_of,
    epochs_of,
    run_of,
    two_machines,
    write,
)


@pytest.fixture
def results(tmp_path: Path) -> Path:
    return two_machines(tmp_path / "results")


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(folder=tmp_path / "cache")


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that are read, and not taken from a cache."""
    names: list[str] = []

    def noted(path: Path) -> SavedFile:
        names.append("/".join(path.parts[-2:]))
        return saved_file(path)

    monkeypatch.setattr("reports.data.sources.saved_file", noted)
    return names


ALL = ["anna/0001_full.json", "anna/0002_quick.json", "bob/0001_full.json"]


def assert_same(first: Sources, second: Sources) -> None:
    """Both have the same frames, to the bit."""
    ours, theirs = frames(first), frames(second)
    for field in dataclasses.fields(Frames):
        pair = getattr(ours, field.name), getattr(theirs, field.name)
        pd.testing.assert_frame_equal(*pair, check_exact=True, obj=field.name)


def entries(cache: Cache, kind: str = "rows") -> list[Path]:
    return sorted(cache.folder.glob(f"*.{kind}"))


def test_a_file_is_read_once_and_gives_the_same_frames_from_the_cache(
    results: Path, cache: Cache, read: list[str]
) -> None:
    anew = gather([str(results)])
    read.clear()
    first = gather([str(results)], cache=cache)
    assert read == ALL
    second = gather([str(results)], cache=Cache(folder=cache.folder))
    assert read == ALL, "nothing was read a second time"
    assert_same(anew, first)
    assert_same(anew, second)
    assert len(entries(cache)) == 3


def test_images_that_several_files_show_are_kept_once(results: Path, cache: Cache) -> None:
    gather([str(results)], cache=cache)
    assert len(entries(cache, "pixels")) == 1
    made = frames(gather([str(results)], cache=Cache(folder=cache.folder)))
    assert len({id(pixels) for pixels in made.pictures["pixels"]}) == 10


def test_a_file_is_known_by_its_bytes_whatever_it_is_called(
    results: Path, cache: Cache, read: list[str], tmp_path: Path
) -> None:
    gather([str(results)], cache=cache)
    read.clear()
    shutil.copytree(results / "anna", tmp_path / "carl")
    found = gather([str(tmp_path / "carl")], cache=cache)
    assert not read
    assert {source.name for source in found.sources} == {"carl/0001_full.json", "carl/0002_quick.json"}


def test_a_file_that_has_changed_is_read_again(results: Path, cache: Cache, read: list[str]) -> None:
    gather([str(results)], cache=cache)
    read.clear()
    file = results / "bob/0001_full.json"
    file.write_text(file.read_text().replace("bob", "rob"))
    gather([str(results)], cache=cache)
    assert read == ["bob/0001_full.json"]


def cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


def flipped(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda content: b"",
    "cut": cut,
    "one bit flipped": flipped,
    "other bytes with their own checksum": lambda content: hashlib.sha256(b"x").digest() + b"x",
    "something else deflated": lambda content: (
        hashlib.sha256(zlib.compress(b"x" * 9)).digest() + zlib.compress(b"x" * 9)
    ),
}


@pytest.mark.parametrize("kind", ["rows", "pixels"])
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_entry_is_read_again_and_mended(
    kind: str, damage: str, results: Path, cache: Cache, read: list[str]
) -> None:
    anew = gather([str(results)], cache=cache)
    for entry in entries(cache, kind):
        entry.write_bytes(DAMAGES[damage](entry.read_bytes()))
    read.clear()
    assert_same(anew, gather([str(results)], cache=Cache(folder=cache.folder)))
    assert read == ALL
    read.clear()
    assert_same(anew, gather([str(results)], cache=Cache(folder=cache.folder)))
    assert not read


def spoilt(saved: SavedFile, **changes: Callable[[SavedRun], Any]) -> SavedFile:
    """The file with another first run."""
    first, *others = saved.runs
    assert isinstance(first, SavedRun)
    more = {name: change(first) for name, change in changes.items()}
    return replace(saved, runs=(replace(first, **more), *others))


MADE_UP: dict[str, Callable[[SavedFile], SavedFile]] = {
    "a row of one field": lambda saved: spoilt(saved, row=lambda run: run.row[:1]),
    "half an epoch": lambda saved: spoilt(saved, epochs=lambda run: run.epochs[:-8]),
    "answers of three classes": lambda saved: spoilt(saved, confusion=lambda _: bytes(8 * 30)),
    "a check without a text": lambda saved: replace(saved, texts=()),
    "no machine": lambda saved: replace(saved, machine=None),
}


@pytest.mark.parametrize("kind", MADE_UP)
def test_an_entry_that_cannot_be_is_read_again(
    kind: str, results: Path, cache: Cache, read: list[str]
) -> None:
    anew = gather([str(results)], cache=cache)
    read.clear()
    sha256 = anew.sources[0].sha256
    cache.save(sha256, MADE_UP[kind](anew.files[sha256]))
    assert_same(anew, gather([str(results)], cache=Cache(folder=cache.folder)))
    assert read == ["anna/0001_full.json"]


def test_a_file_with_something_wrong_is_never_kept(results: Path, cache: Cache, read: list[str]) -> None:
    """A time in the future is none tomorrow, and there are few such files."""
    content = content_of(ANNA, [run_of("scratch", "torch", epochs_of([6.0, 5.0]))])
    content["benchmarks"][0]["extra_info"]["start"]["started_at"] = "9999-01-01T00:00:00+00:00"
    write(results, "carl/0001.json", content)
    (results / "carl" / "0002.json").write_text("{}")
    for _ in range(2):
        read.clear()
        found = gather([str(results)], cache=cache)
        assert len(found.left_out) == 2
    assert read == ["carl/0001.json", "carl/0002.json"]
    assert len(entries(cache)) == 3


def test_an_engine_more_makes_what_was_kept_useless(
    tmp_path: Path, cache: Cache, read: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And an engine less: its runs are not taken from the cache."""
    with monkeypatch.context() as patch:
        add_engines(patch, LOOM)
        runs = [run_of("scratch", name, epochs_of([6.0, 5.0])) for name in ("torch", LOOM.name)]
        file = write(tmp_path, "results/0001.json", content_of(ANNA, runs))
        assert len(gather([str(file)], cache=cache).runs) == 2
    read.clear()
    found = gather([str(file)], cache=cache)
    assert read
    assert [left_out.kind for left_out in found.left_out] == ["unknown engine"]


def test_the_code_that_makes_the_rows_is_a_part_of_the_key(tmp_path: Path) -> None:
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        (folder / "inner").mkdir(parents=True)
        (folder / "inner" / "module.py").write_text("x = 1\n")
    versions = {code_version(folders)}
    assert code_version(folders) in versions
    (folders[1] / "inner" / "module.py").write_text("x = 2\n")
    versions.add(code_version(folders))
    (folders[1] / "inner" / "module.py").rename(folders[1] / "inner" / "other.py")
    versions.add(code_version(folders))
    (folders[0] / "more.py").write_text("")
    versions.add(code_version(folders))
    assert len(versions) == 4


def test_what_lies_beside_the_code_is_no_part_of_the_key(tmp_path: Path) -> None:
    (tmp_path / "module.py").write_text("x = 1\n")
    version = code_version([tmp_path])
    (tmp_path / "._module.py").write_bytes(b"\0\5\x16\7Mac OS X")
    (tmp_path / "module 2.py").write_text("x = 2\n")
    (tmp_path / ".#module.py").symlink_to("somebody@host.4242:1764230000")  # Emacs's lock leads nowhere
    assert code_version([tmp_path]) == version


def test_all_code_that_makes_the_rows_is_in_the_key() -> None:
    """Whatever reading a file imports of this project lies in one of the folders."""
    script = "import sys, reports.data.saved; print(*sorted(sys.modules))"
    names = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()
    own = [name for name in names if name.split(".")[0] in ("alexnet", "bench", "reports")]
    folders = tuple(f"{package.__name__}." for package in kept.PACKAGES)
    assert {name for name in own if not f"{name}.".startswith(folders)} <= {"bench", "reports"}
    assert {"pandas", "matplotlib"}.isdisjoint(names), "a process that reads files starts fast"


def test_another_version_of_the_code_reads_anew(
    results: Path, cache: Cache, read: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    gather([str(results)], cache=cache)
    read.clear()
    monkeypatch.setattr(kept, "_this_version", lambda: "another")
    gather([str(results)], cache=cache)
    assert read == ALL


def test_the_entries_that_were_not_used_for_the_longest_time_go(results: Path, cache: Cache) -> None:
    gather([str(results / "anna")], cache=cache)
    for age, entry in enumerate([*entries(cache), *entries(cache, "pixels")]):
        os.utime(entry, (1e9 + age, 1e9 + age))
    oldest, *others = entries(cache)
    gather([str(results / "anna" / "0001_full.json")], cache=cache)  # is used now
    used = [entry for entry in entries(cache) if entry.stat().st_mtime > 1.1e9]
    assert len(used) == 1
    size = sum(entry.stat().st_size for entry in cache.folder.iterdir())
    Cache(folder=cache.folder, max_bytes=size - 1).trim()
    left = set(entries(cache))
    assert len(left) == 1
    assert set(used) == left
    assert oldest in used or oldest not in left
    assert others


def test_no_file_goes_but_the_caches_own(tmp_path: Path) -> None:
    """A user may name any folder: only what an entry is called is counted and removed."""
    sha256 = "0123456789abcdef" * 4
    entries_there = [f"{sha256}.rows", f"{sha256}.pixels", f"{sha256}.rows.part"]
    foreign = ["thesis.odt", "x.rows", f"{sha256}.rows.bak", f"{sha256}", "a.pixels", ".rows"]
    for name in [*entries_there, *foreign]:
        (tmp_path / name).write_bytes(b"x" * 100)
    (tmp_path / "a folder").mkdir()
    Cache(folder=tmp_path, max_bytes=300).trim()
    assert {file.name for file in tmp_path.iterdir()} == {*entries_there, *foreign, "a folder"}
    Cache(folder=tmp_path, max_bytes=0).trim()
    assert {file.name for file in tmp_path.iterdir()} == {*foreign, "a folder"}


def test_a_folder_that_cannot_be_written_only_costs_time(
    results: Path, tmp_path: Path, read: list[str]
) -> None:
    (tmp_path / "taken").write_text("a file")
    for folder in (tmp_path / "taken", tmp_path / "taken" / "inner"):
        assert len(gather([str(results)], cache=Cache(folder=folder)).runs) == 22
    assert read == ALL * 2


@pytest.mark.parametrize("option", [True, False], ids=["option", "variable"])
def test_the_cache_can_be_turned_off(
    option: bool, results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "entries"
    given = [str(results / "anna" / "0002_quick.json"), "--csv", str(tmp_path / "out")]
    monkeypatch.setenv(kept.VARIABLE, str(folder) if option else kept.OFF)
    assert main([*given, "--no-cache"] if option else given) == 0
    assert not folder.exists()
    monkeypatch.setenv(kept.VARIABLE, str(folder))
    assert main(given) == 0
    [entry] = folder.rglob("*.rows")
    assert entry.parent != folder, "it lies in a folder of its own"


def test_the_users_cache_is_beside_the_downloads_or_where_a_variable_says(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(kept.VARIABLE, "")
    usual = users_cache()
    assert usual is not None
    assert usual.folder.parts[-2:] == ("alexnet-bench", "reports")
    monkeypatch.setenv(kept.VARIABLE, str(tmp_path))
    assert users_cache() == Cache(folder=tmp_path / "report-cache")
    monkeypatch.setenv(kept.VARIABLE, kept.OFF)
    assert users_cache() is None


@pytest.mark.parametrize("older_platformdirs", [True, False])
def test_an_account_without_a_home_folder_keeps_nothing(
    monkeypatch: pytest.MonkeyPatch, older_platformdirs: bool
) -> None:
    without_a_home(monkeypatch)
    monkeypatch.setenv(kept.VARIABLE, "")
    if older_platformdirs:  # it leaves the ~ in the path
        monkeypatch.setattr("pooch.os_cache", lambda name: Path("~/.cache", name))
    assert users_cache() is None


@pytest.fixture
def many(tmp_path: Path) -> Path:
    """Files enough for processes of their own, one of them damaged, one with half a character."""
    for number in range(sources.LEAST_FILES_APART):
        run = run_of("scratch", "torch", epochs_of([6.0, 5.0]), seed=number)
        if number == 3:
            run["start"]["device_name"] = "\ud800"
        write(tmp_path, f"many/{number:02}.json", content_of(ANNA, [run]))
    (tmp_path / "many" / "99.json").write_text("[")
    return tmp_path / "many"


def test_several_processes_read_what_one_reads(many: Path, cache: Cache, read: list[str]) -> None:
    one = gather([str(many)])
    assert len(one.runs) == sources.LEAST_FILES_APART
    assert len(one.left_out) == 1
    read.clear()
    assert_same(one, gather([str(many)], processes=2, cache=cache))
    assert read == ["many/03.json"], "it cannot be handed over, and this process reads it"
    read.clear()
    assert_same(one, gather([str(many)], processes=2, cache=cache))
    assert read == ["many/03.json", "many/99.json"]


def test_without_processes_all_is_read_in_this_one(many: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: Any, **__: Any) -> Any:
        raise OSError("no semaphores here")

    monkeypatch.setattr(sources, "ProcessPoolExecutor", none)
    assert_same(gather([str(many)]), gather([str(many)], processes=2))


def test_the_report_of_a_cache_is_the_report_of_the_files(
    results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(kept.VARIABLE, str(tmp_path / "entries"))
    texts = []
    for name in ("first", "second"):
        folder = tmp_path / name
        assert main([str(results), "--csv", str(folder)]) == 0
        texts.append({file.name: file.read_bytes() for file in sorted(folder.rglob("*.csv"))})
    assert texts[0] == texts[1]
    assert json.dumps(sorted(texts[0]))
