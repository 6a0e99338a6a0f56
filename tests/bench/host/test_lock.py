"""A second session on one computer is refused; the lock of a dead session is free."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import gettempdir

import psutil
import pytest

from bench.host.lock import Busy, Lock, lock_file
from bench.paths import ROOT

HOLD = """
import subprocess, sys
from pathlib import Path
from bench.host.lock import Lock
lock = Lock(Path(sys.argv[1]))
lock.acquire("results/mac, 8 cells")
"""
WAIT = "print('holds it', flush=True); sys.stdin.read(); lock.release(); print('released', flush=True)"
LEAVE_A_CHILD = """
sleeper = subprocess.Popen(["sleep", "60"], close_fds=False)
print(sleeper.pid, flush=True)
sys.stdin.read()
"""


@contextmanager
def holder(path: Path, then: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A process that holds the lock, and its first line of output; killed at the end."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD + then, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    with process:
        assert process.stdout
        try:
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()


def refusal(path: Path) -> str:
    with pytest.raises(Busy) as exception:
        Lock(path).acquire("another")
    return str(exception.value)


def test_a_second_session_is_refused_with_who_holds_it_since_when_and_what_for(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with holder(path, WAIT) as (process, line):
        assert line == "holds it"
        text = refusal(path)
        assert f"process {process.pid} since 20" in text
        assert "+00:00: results/mac, 8 cells)" in text
        assert f"`kill {process.pid}`" in text
        assert refusal(path) == text, "a refusal changes nothing"


def test_the_lock_of_a_killed_session_is_free(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with holder(path, WAIT) as (process, _):
        refusal(path)
        process.kill()
        process.wait()
        lock = Lock(path)
        lock.acquire("the next one")
        assert f"process {os.getpid()}" in refusal(path)
        lock.release()


def test_release_lets_the_next_one_in(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with holder(path, WAIT) as (process, _):
        assert process.stdin
        assert process.stdout
        process.stdin.close()
        assert process.stdout.readline() == "released\n"
        lock = Lock(path)
        lock.acquire("the next one")
        lock.release()


def test_a_session_can_hold_it_again_after_its_own_release(tmp_path: Path) -> None:
    lock = Lock(tmp_path / "lock")
    lock.acquire("a first time, said with many words")
    assert "a first time" in refusal(lock.path)
    lock.release()
    lock.release()
    lock.acquire("a second time")
    assert "a second time)" in refusal(lock.path)
    lock.release()


GARBAGE = {
    "nothing": b"",
    "no JSON": b"{",
    "no text": b"\xff\xfe\x00\x80" * 99,
    "a list": b"[1, 2]",
    "a number": b"5",
    "null": b"null",
    "another object": b'{"process": 5}',
    "deep lists": b"[" * 100_000,
    "much": b'"' + b"x" * 100_000 + b'"',
    "an integer of 4,000 digits": b'{"process": ' + b"1" * 4000 + b"}",
}


@pytest.mark.parametrize("name", GARBAGE)
def test_garbage_in_the_file_is_in_nobodys_way(tmp_path: Path, name: str) -> None:
    path = tmp_path / "lock"
    path.write_bytes(GARBAGE[name])
    lock = Lock(path)
    lock.acquire("a session")
    assert f"process {os.getpid()} since" in refusal(path)
    lock.release()


@pytest.mark.parametrize("name", GARBAGE)
def test_garbage_in_the_file_of_a_holder_is_still_a_refusal(tmp_path: Path, name: str) -> None:
    lock = Lock(tmp_path / "lock")
    lock.acquire("a session")
    lock.path.write_bytes(GARBAGE[name])
    try:
        text = refusal(lock.path)
    finally:
        lock.release()
    assert text.startswith("this computer is measuring already")
    assert "has not yet said its name" in text


def test_a_child_that_outlives_a_killed_session_does_not_keep_its_lock(tmp_path: Path) -> None:
    """The child inherits every inheritable file, as the child of a careless library does."""
    path = tmp_path / "lock"
    with holder(path, LEAVE_A_CHILD) as (process, line):
        sleeper = psutil.Process(int(line))
        try:
            refusal(path)
            process.kill()
            process.wait()
            assert sleeper.status() != psutil.STATUS_ZOMBIE
            lock = Lock(path)
            lock.acquire("the next one")
            lock.release()
        finally:
            sleeper.send_signal(signal.SIGKILL)


def test_a_link_in_the_place_of_the_file_is_not_followed(tmp_path: Path) -> None:
    """On Linux every user can write to the folder for temporary files."""
    victim = tmp_path / "victim"
    victim.write_text("mine")
    (tmp_path / "lock").symlink_to(victim)
    with pytest.raises(Busy, match="lock cannot be opened"):
        Lock(tmp_path / "lock").acquire("a session")
    assert victim.read_text() == "mine"


def test_every_clone_of_one_user_has_the_same_lock_and_another_user_another() -> None:
    assert Lock().path == lock_file()
    assert lock_file().parent == Path(gettempdir())
    assert str(os.getuid()) in lock_file().name


def test_without_a_folder_for_temporary_files_there_is_a_sentence(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Python raises where neither TMPDIR nor any folder of the system can be written: in a container."""

    def none_usable() -> str:
        raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found in ['/tmp']")

    monkeypatch.setattr(tempfile, "gettempdir", none_usable)
    with pytest.raises(Busy, match=r"no folder for temporary files can be written, .*: set TMPDIR"):
        Lock().acquire("a session")
