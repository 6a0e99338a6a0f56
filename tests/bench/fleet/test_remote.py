"""What a host does for its coordinator: sessions on toy workers that outlive whoever started them."""

from __future__ import annotations

import hashlib
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from bench.fleet import remote
from bench.host.lock import Lock
from bench.paths import ROOT
from tests.support.remote_session import FIRST, MACHINE, SECOND, Host, answered, order
from tests.support.toy_hold import HELD_FILE, STOP_ASKED_FILE
from tests.torture import EPOCHS

INTERRUPTED = 130


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    host = Host.here(tmp_path, monkeypatch)
    yield host
    host.kill()


@contextmanager
def full_disk() -> Iterator[None]:
    """No file can be extended, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_it_loads_nothing_that_is_large() -> None:
    """It is all that a worker on a host has beside Dask."""
    script = "import sys, bench.fleet.remote\nprint(*sys.modules)"
    loaded = set(subprocess.check_output([sys.executable, "-c", script], cwd=ROOT, text=True).split())
    assert not loaded & {"numpy", "pandas", "torch", "tensorflow", "pytest", "psutil", "distributed"}


def test_where_nothing_was_started_there_is_nothing_to_end(host: Host) -> None:
    assert (host.status().state, host.status().error) == ("none", None)
    assert (host.stop(b"at once").state, host.stop(b"gently").error) == ("none", None)
    assert not (host.folder / "results").exists(), "who asks leaves nothing behind"


@pytest.mark.parametrize(
    "payload",
    [b"", b"{}", b"[1]", b"\xff", b'{"fleet": 1}'],
    ids=["empty", "no field", "a list", "no text", "a number"],
)
def test_an_order_that_is_none_is_an_answer(host: Host, payload: bytes) -> None:
    error = answered(remote.start(payload)).error
    assert error
    assert error.kind == "order"
    assert "no order for a session" in error.detail


def test_an_order_for_another_machine_is_not_carried_out(host: Host) -> None:
    error = answered(remote.start(order(machine="mac-02"))).error
    assert error
    assert error.kind == "order"
    assert error.detail == "'mac-02' was asked for, and this is 'mac-01'"
    assert host.status().state == "none"


def test_there_are_two_ways_to_end_a_session(host: Host) -> None:
    error = host.stop(b"now").error
    assert error
    assert error.kind == "order"


@pytest.mark.parametrize("name", ["", "../other", "Mac 1", ".runs", "a/b"])
def test_a_name_that_is_no_folders_is_refused(host: Host, name: str) -> None:
    with pytest.raises(ValueError, match="is no name of a folder"):
        remote.serve(name)


def test_a_full_disk_is_told_before_a_session_begins(host: Host) -> None:
    remote.PLACE.runs.mkdir(parents=True)
    host.patch.setattr(tempfile, "tempdir", None)  # as in a new worker, which has found none yet
    with full_disk():
        status = host.start()
    assert status.error
    assert status.error.kind == "disk full"
    assert status.state == "none"


def test_a_folder_that_cannot_be_written_is_told(host: Host) -> None:
    (host.folder / "results").write_text("a file in its place")
    status = host.start()
    assert status.error
    assert status.error.kind == "not writable"


def test_a_session_of_the_user_is_left_alone_and_named(host: Host, lock_path: Path) -> None:
    users = Lock(lock_path)
    users.acquire("pytest bench, by hand")
    status = host.start()
    users.release()
    assert status.error
    assert status.error.kind == "busy"
    assert f"process {os.getpid()}" in status.error.detail
    assert "pytest bench, by hand" in status.error.detail
    assert status.state == "none"


def test_a_damaged_state_is_named_and_not_taken_for_none(host: Host) -> None:
    remote.PLACE.runs.mkdir(parents=True)
    remote.PLACE.state.write_bytes(b"half a li")
    status = host.status()
    assert status.error
    assert status.error.kind == "system"
    assert "fleet.json is damaged" in status.error.detail
    remote.PLACE.state.unlink()
    assert host.status().error is None


@pytest.mark.slow
def test_a_session_outlives_who_started_it_and_is_found_ended_and_gone_on_with(host: Host) -> None:
    host.hold(f"{SECOND}:3")
    script = (
        "import os, signal, sys\nfrom pathlib import Path\nfrom bench.fleet import remote\n"
        "signal.signal(signal.SIGHUP, signal.SIG_DFL)\n"  # nohup leaves it ignored
        "remote.serve(sys.argv[1], Path(sys.argv[2]))\n"
        "sys.stdout.buffer.write(remote.start(sys.argv[3].encode()))\nsys.stdout.flush()\n"
        "os.killpg(0, signal.SIGHUP)\n"  # as when a terminal or a connection goes
    )
    started = subprocess.run(
        [sys.executable, "-c", script, MACHINE, remote.PLACE.results, order()],
        cwd=ROOT,
        capture_output=True,
        check=False,
        start_new_session=True,
        env=os.environ | {"DASK_SCHEDULER_ADDRESS": "tls://nowhere", "PYTEST_ADDOPTS": "--nonsense"},
    )
    assert started.returncode == -signal.SIGHUP, started.stderr
    assert answered(started.stdout).state == "running"

    status = host.until(lambda status: status.cell == SECOND and status.epoch == 2)
    assert (status.state, status.fleet, status.epochs) == ("running", "f1", EPOCHS)
    assert (status.cells_done, status.cells) == (1, 2)
    assert status.seconds_left is not None
    assert status.seconds_left > 0
    (so_far,) = status.files
    assert (so_far.name, so_far.final) == ("so-far.json", False)
    assert status.session
    content = (remote.PLACE.runs / status.session / so_far.name).read_bytes()
    assert so_far.sha256 == hashlib.sha256(content).hexdigest()

    again = host.start()
    assert (again.state, again.session, again.error) == ("running", status.session, None)
    other = host.start(fleet="f2")
    assert other.error
    assert (other.error.kind, other.error.detail) == ("busy", "a session of fleet f1 runs here")

    host.stop(b"gently")
    ended = host.until_ended()
    assert (ended.state, ended.exit_status) == ("ended", INTERRUPTED), ended.log_tail
    (final,) = ended.files
    assert (final.name, final.final) == ("0001_class.json", True)
    assert "To go on:" in ended.log_tail
    assert host.start().state == "ended", "the order was carried out, and nobody asked to go on"

    host.hold()
    assert host.start(resume=True).state == "running"
    done = host.until_ended()
    assert (done.state, done.exit_status) == ("ended", 0), done.log_tail
    assert (done.cells_done, done.cells, done.session) == (2, 2, status.session)
    (file,) = done.files
    assert (file.name, file.sha256 != final.sha256) == ("0001_class.json", True)
    saved = json.loads((remote.PLACE.folder / file.name).read_bytes())
    assert [benchmark["param"] for benchmark in saved["benchmarks"]] == [FIRST, SECOND]
    assert saved["machine_info"]["machine"]["name"] == MACHINE
    assert host.start(resume=True).state == "ended", "nothing is left to do"
    assert len(list(remote.PLACE.runs.glob("*/session.jsonl"))) == 1, "all this was one session"


@pytest.mark.slow
def test_a_killed_session_was_cut_off_and_loses_nothing(host: Host) -> None:
    host.hold(f"{FIRST}:3")
    host.start()
    host.until_file(HELD_FILE)
    kept = msgspec.json.decode(remote.PLACE.state.read_bytes(), type=remote.State)
    assert kept.process
    os.killpg(kept.process, signal.SIGKILL)
    status = host.until_ended()
    assert (status.state, status.exit_status, status.error) == ("cut off", None, None)
    assert (status.cell, status.epoch) == (FIRST, 2)
    host.hold()
    assert host.start(resume=True).error is None
    done = host.until_ended()
    assert (done.state, done.exit_status, done.session) == ("ended", 0, status.session), done.log_tail
    (file,) = done.files
    saved = json.loads((remote.PLACE.folder / file.name).read_bytes())
    first = saved["benchmarks"][0]["extra_info"]
    assert [interruption["after_epoch"] for interruption in first["interruptions"]] == [2]


@pytest.mark.slow
def test_to_ask_twice_to_end_gently_is_to_ask_once_and_at_once_drops_the_epoch(host: Host) -> None:
    host.hold(f"{FIRST}:3", "stubborn")
    host.start()
    host.until_file(HELD_FILE)
    assert host.stop(b"gently").state == "running"
    host.until_file(STOP_ASKED_FILE)
    remote._stopped.clear()  # as in a worker that was started anew
    for _ in range(3):
        assert host.stop(b"gently").state == "running"
    host.stop(b"at once")
    status = host.until_ended()
    assert (status.state, status.exit_status) == ("ended", INTERRUPTED), status.log_tail
    (file,) = status.files
    saved = json.loads((remote.PLACE.folder / file.name).read_bytes())
    (failure,) = saved["failures"]
    assert failure["failure"]["reason"] == "interrupted by Ctrl-C after epoch 2"


@pytest.mark.slow
def test_a_refusal_in_between_does_not_make_it_another_session(host: Host) -> None:
    """As of the doctor on battery: pytest ends before it has gone on with anything."""
    host.hold(f"{SECOND}:3")
    host.start()
    host.until_file(HELD_FILE)
    host.stop(b"gently")
    stopped = host.until_ended()
    remote.start(order(options=("--profile", "nonsense"), resume=True))
    refused = host.until_ended()
    assert (refused.state, refused.exit_status) == ("ended", 4), refused.log_tail
    assert (refused.session, refused.files) == (stopped.session, stopped.files)
    host.hold()
    host.start(resume=True)
    done = host.until_ended()
    assert (done.state, done.exit_status, done.cells_done) == ("ended", 0, 2), done.log_tail
    assert done.session == stopped.session
    assert len(list(remote.PLACE.runs.glob("*/session.jsonl"))) == 1
    assert [file.name for file in remote.PLACE.folder.glob("*.json")] == ["0001_class.json"]


@pytest.mark.slow
def test_a_later_session_of_the_user_is_not_taken_for_the_fleets(host: Host) -> None:
    """pytest goes on with the last one that is unfinished."""
    host.hold(f"{FIRST}:3")
    host.start()
    host.until_file(HELD_FILE)
    host.stop(b"gently")
    stopped = host.until_ended()
    assert stopped.session
    later = remote.PLACE.runs / "29991231T235959-smoke"
    shutil.copytree(remote.PLACE.runs / stopped.session, later)
    refused = host.start(resume=True)
    assert refused.error
    assert refused.error.kind == "busy"
    assert f"{later} is unfinished and later than this fleet's session" in refused.error.detail
    assert refused.state == "ended"
    later.rename(remote.PLACE.runs / "20000101T000000-smoke")
    host.hold()
    assert host.start(resume=True).error is None
    done = host.until_ended()
    assert (done.exit_status, done.session) == (0, stopped.session), done.log_tail


@pytest.mark.slow
def test_a_session_that_never_began_is_begun_when_it_is_to_go_on(host: Host) -> None:
    """Its options were refused, and there is nothing to resume."""
    remote.start(order(options=("--profile", "nonsense")))
    refused = host.until_ended()
    assert (refused.state, refused.exit_status, refused.session) == ("ended", 4, None)
    assert "nonsense" in refused.log_tail
    host.start(resume=True)
    done = host.until_ended()
    assert (done.state, done.exit_status) == ("ended", 0), done.log_tail
