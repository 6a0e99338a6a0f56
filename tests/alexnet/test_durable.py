"""A file is replaced atomically, whenever it is read and whenever its writer stops."""

from __future__ import annotations

import errno
import fcntl
import os
import signal
import subprocess
import sys
from pathlib import Path
from threading import Event, Thread

import pytest

from alexnet import durable
from bench.paths import ROOT

F_FULLFSYNC = 51  # from macOS's <fcntl.h>


def file_names(folder: Path) -> set[str]:
    return {file.name for file in folder.iterdir()}


def test_a_reader_sees_the_old_file_until_the_new_one_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    path.write_text("old")
    with durable.replacing(path) as partial, partial.open("w") as file:
        assert path.read_text() == "old"
        file.write("new, first half")
        file.flush()
        assert path.read_text() == "old"
        file.write(", second half")
    assert path.read_text() == "new, first half, second half"
    assert file_names(tmp_path) == {"file.json"}


def test_what_can_be_made_again_does_not_wait_for_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(durable, "sync", lambda descriptor: pytest.fail("it waits for the disk"))
    path = tmp_path / "file.rows"
    with durable.replacing(path, synced=False) as partial:
        partial.write_text("whole")
        assert not path.exists()
    assert path.read_text() == "whole"
    assert file_names(tmp_path) == {"file.rows"}


def test_a_file_that_was_not_there_before_appears_whole(tmp_path: Path) -> None:
    path = tmp_path / "file.json"
    with durable.replacing(path) as partial:
        partial.write_text("half")
        assert not path.exists()
    assert path.read_text() == "half"


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "no space left"), KeyboardInterrupt()])
def test_what_ends_the_writing_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, error: BaseException
) -> None:
    path = tmp_path / "file.json"
    path.write_text("old")

    def write_half() -> None:
        with durable.replacing(path) as partial:
            partial.write_text("half of the n")
            raise error

    with pytest.raises(type(error)) as raised:
        write_half()
    assert raised.value is error
    assert path.read_text() == "old"
    assert file_names(tmp_path) == {"file.json"}


def test_a_writer_that_is_killed_leaves_the_old_file_and_its_rest_is_in_nobodys_way(
    tmp_path: Path,
) -> None:
    path = tmp_path / "file.json"
    path.write_text("old")
    script = f"""
import os, signal
from pathlib import Path
from alexnet.durable import replacing
with replacing(Path({str(path)!r})) as partial:
    partial.write_text("a long half of what was to come")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    killed = subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert path.read_text() == "old"
    with durable.replacing(path) as partial:
        partial.write_text("new")
    assert path.read_text() == "new"
    assert file_names(tmp_path) == {"file.json"}


def test_who_reads_all_the_time_never_meets_half_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without `sync`, which would only make the test slow."""
    monkeypatch.setattr(durable, "sync", lambda descriptor: None)
    path = tmp_path / "file.json"
    versions = {f"{number:03}" * 100_000 for number in range(100)}
    path.write_text("000" * 100_000)
    seen: list[str] = []
    done = Event()

    def read() -> None:
        while not done.is_set():
            seen.append(path.read_text())

    reader = Thread(target=read)
    reader.start()
    for version in sorted(versions):
        with durable.replacing(path) as partial:
            partial.write_text(version)
    done.set()
    reader.join()
    assert seen
    assert set(seen) <= versions


def test_the_bytes_are_on_the_disk_before_the_name_is_theirs_and_then_the_name_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file.json"
    path.write_text("old")
    seen: list[tuple[int, str]] = []
    monkeypatch.setattr(
        durable, "sync", lambda number: seen.append((os.fstat(number).st_ino, path.read_text()))
    )
    with durable.replacing(path) as partial:
        partial.write_text("new")
    assert seen == [(path.stat().st_ino, "old"), (tmp_path.stat().st_ino, "new")]


def test_a_disk_that_cannot_keep_the_bytes_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(descriptor: int) -> None:
        raise OSError(errno.EIO, "the disk failed")

    monkeypatch.setattr(durable, "sync", fail)
    path = tmp_path / "file.json"
    path.write_text("old")
    with pytest.raises(OSError, match="the disk failed"), durable.replacing(path) as partial:
        partial.write_text("new")
    assert path.read_text() == "old"
    assert file_names(tmp_path) == {"file.json"}


def test_a_writer_that_wrote_nothing_and_a_folder_that_is_none_are_errors(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), durable.replacing(tmp_path / "never-written"):
        pass
    (tmp_path / "file").write_text("")
    with pytest.raises(NotADirectoryError), durable.replacing(tmp_path / "file" / "x") as partial:
        partial.write_text("new")
    assert file_names(tmp_path) == {"file"}


def test_a_real_file_and_a_real_folder_are_synced(tmp_path: Path) -> None:
    with (tmp_path / "file").open("wb") as file:
        file.write(b"bytes")
        durable.sync(file.fileno())
    durable.sync_folder(tmp_path)
    durable.sync_folder(tmp_path / "closed to us")


def test_a_descriptor_that_is_closed_is_an_error(tmp_path: Path) -> None:
    descriptor = os.open(tmp_path, os.O_RDONLY)
    os.close(descriptor)
    with pytest.raises(OSError, match="descriptor"):
        durable.sync(descriptor)


@pytest.mark.parametrize(
    ("system", "calls"),
    [
        ("macOS", [("fcntl", 7, F_FULLFSYNC)]),
        ("macOS on a network's disk", [("fcntl", 7, F_FULLFSYNC), ("fsync", 7)]),
        ("Linux", [("fsync", 7)]),
    ],
)
def test_the_drive_itself_is_asked_where_the_system_can(
    monkeypatch: pytest.MonkeyPatch, system: str, calls: list[tuple[object, ...]]
) -> None:
    calls_made: list[tuple[object, ...]] = []

    def full_sync(descriptor: int, command: int) -> int:
        calls_made.append(("fcntl", descriptor, command))
        if "network" in system:
            raise OSError(errno.ENOTSUP, "not supported")
        return 0

    if system == "Linux":
        monkeypatch.delattr(fcntl, "F_FULLFSYNC", raising=False)
    else:
        monkeypatch.setattr(fcntl, "F_FULLFSYNC", F_FULLFSYNC, raising=False)
    monkeypatch.setattr(fcntl, "fcntl", full_sync)
    monkeypatch.setattr(os, "fsync", lambda descriptor: calls_made.append(("fsync", descriptor)))
    durable.sync(7)
    assert calls_made == calls
