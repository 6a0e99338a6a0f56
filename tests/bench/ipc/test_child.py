"""The child's end of the pipe: a sent record is on disk, and no worker outlives its parent."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from time import monotonic, sleep

import psutil
import pytest
from msgspec.structs import replace

from bench.ipc.child import ACK, ORPHANED, STOP, ParentPipe
from bench.ipc.messages import Heartbeat, Record, from_line, job_from_json, job_to_json
from bench.paths import ROOT
from tests.support.samples import EPOCH, RESULT, START, job

HEARTBEAT = Heartbeat(epoch=1, step=20)
TIMEOUT_SECONDS = 60.0
"""Everything here takes milliseconds."""


@dataclass
class Parent:
    """The parent's end of a ParentPipe in this process, whose exit statuses it collects."""

    child: ParentPipe
    stdin: int
    pipe: int
    exit_statuses: SimpleQueue[int]
    _pending: bytes = b""

    def write(self, line: bytes) -> None:
        while line:
            line = line[os.write(self.stdin, line) :]

    def read_record(self) -> Record:
        while b"\n" not in self._pending:
            self._pending += os.read(self.pipe, 65536)
        line, self._pending = self._pending.split(b"\n", 1)
        return from_line(line.decode())

    def close_stdin(self) -> int:
        """Closes the child's stdin and returns the child's exit status."""
        os.close(self.stdin)
        self.stdin = -1
        return self.exit_statuses.get(timeout=TIMEOUT_SECONDS)


@contextmanager
def connected_parent() -> Iterator[Parent]:
    stdin, parents_stdin = os.pipe()
    parents_pipe, pipe = os.pipe()
    exit_statuses: SimpleQueue[int] = SimpleQueue()
    parent = Parent(
        ParentPipe(pipe, stdin, exit_statuses.put), parents_stdin, parents_pipe, exit_statuses
    )
    try:
        yield parent
    finally:
        if parent.stdin >= 0:
            parent.close_stdin()
        for descriptor in (stdin, parents_pipe, pipe):
            with suppress(OSError):
                os.close(descriptor)


def send_in_thread(parent_pipe: ParentPipe, *records: Record) -> Thread:
    """Sends records in a thread, which blocks until the parent acknowledges them."""

    def send() -> None:
        for record in records:
            parent_pipe.send(record)

    thread = Thread(target=send, daemon=True)
    thread.start()
    return thread


def becomes_true(condition: Callable[[], bool]) -> bool:
    deadline = monotonic() + TIMEOUT_SECONDS
    while not condition() and monotonic() < deadline:
        sleep(0.005)
    return condition()


def test_the_first_line_is_the_job() -> None:
    with connected_parent() as parent:
        parent.write(job_to_json(job("/tmp/ä")).encode() + STOP)
        assert job_from_json(parent.child.job()) == job("/tmp/ä")
        assert becomes_true(parent.child.stop_requested)


def test_a_job_longer_than_a_pipe_holds_arrives_whole() -> None:
    long = replace(job(""), saved_epochs=tuple(replace(EPOCH, epoch=n) for n in range(1, 1001)))
    with connected_parent() as parent:
        parent.write(job_to_json(long).encode())
        assert job_from_json(parent.child.job()) == long


@pytest.mark.parametrize("record", [START, EPOCH, RESULT], ids=lambda record: type(record).__name__)
def test_a_record_counts_as_sent_once_the_parent_has_it_on_disk(record: Record) -> None:
    with connected_parent() as parent:
        thread = send_in_thread(parent.child, record)
        assert parent.read_record() == record
        thread.join(0.2)
        assert thread.is_alive()
        parent.write(ACK)
        thread.join(TIMEOUT_SECONDS)
        assert not thread.is_alive()


def test_each_record_has_its_own_answer() -> None:
    with connected_parent() as parent:
        thread = send_in_thread(parent.child, START, EPOCH, RESULT)
        for record in (START, EPOCH, RESULT):
            assert parent.read_record() == record
            assert thread.is_alive()
            parent.write(ACK)
        thread.join(TIMEOUT_SECONDS)
        assert not thread.is_alive()


def test_a_sign_of_life_is_not_waited_for() -> None:
    with connected_parent() as parent:
        thread = send_in_thread(parent.child, HEARTBEAT, HEARTBEAT)
        thread.join(TIMEOUT_SECONDS)
        assert not thread.is_alive()
        assert [parent.read_record(), parent.read_record()] == [HEARTBEAT, HEARTBEAT]


def test_a_stop_request_does_not_acknowledge_a_record() -> None:
    with connected_parent() as parent:
        assert not parent.child.stop_requested()
        thread = send_in_thread(parent.child, EPOCH)
        parent.read_record()
        parent.write(STOP)
        assert becomes_true(parent.child.stop_requested)
        thread.join(0.2)
        assert thread.is_alive()
        parent.write(ACK)
        thread.join(TIMEOUT_SECONDS)
        assert not thread.is_alive()
        assert parent.child.stop_requested()


def test_lines_may_come_in_pieces_and_several_at_once() -> None:
    with connected_parent() as parent:
        parent.write(b"the j")
        sleep(0.05)
        parent.write(b"ob\nke")
        assert parent.child.job() == "the job"
        sleep(0.05)
        parent.write(b"pt\nkept\nst")
        thread = send_in_thread(parent.child, START, EPOCH)
        thread.join(TIMEOUT_SECONDS)
        assert not thread.is_alive()
        assert not parent.child.stop_requested()
        parent.write(b"op\n")
        assert becomes_true(parent.child.stop_requested)


def test_a_worker_whose_parent_hangs_up_leaves_with_a_status_of_its_own() -> None:
    with connected_parent() as parent:
        parent.write(b"the job\n")
        assert parent.child.job() == "the job"
        assert parent.exit_statuses.empty()
        assert parent.close_stdin() == ORPHANED


def test_the_stop_request_of_a_parent_that_died_is_still_read() -> None:
    with connected_parent() as parent:
        parent.write(STOP + b"half a l")
        assert parent.close_stdin() == ORPHANED
        assert parent.child.stop_requested()


def test_who_sends_to_a_closed_pipe_is_told() -> None:
    with connected_parent() as parent:
        os.close(parent.pipe)
        with pytest.raises(BrokenPipeError):
            parent.child.send(EPOCH)


PARENT = """
import sys, time
from bench.ipc.parent import worker_process
from tests.support.samples import job
worker = [sys.executable, "-c", sys.argv[1]]
with open(sys.argv[2], "w") as log, worker_process(job(""), worker, log) as child:
    print(child.process.pid, flush=True)
    print(child.pipe.read(5).decode(), flush=True)
    time.sleep(60)
"""
WORKER = """
import os, sys, time
from bench.ipc.child import ParentPipe
from tests.support.samples import EPOCH
parent_pipe = ParentPipe(int(sys.argv[1]))
parent_pipe.job()
os.write(int(sys.argv[1]), b"ready")
"""


@pytest.mark.parametrize(
    "busy",
    ["time.sleep(60)", "parent_pipe.send(EPOCH)", "while True: sum(range(10**6))"],
    ids=["in a long call", "waiting for an answer", "computing"],
)
def test_no_worker_outlives_a_parent_that_was_killed(tmp_path: Path, busy: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, WORKER + busy, str(tmp_path / "log")],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=os.environ | {"TMPDIR": str(tmp_path)},  # nobody removes the folder of its worker
    ) as parent:
        assert parent.stdout
        worker = psutil.Process(int(parent.stdout.readline()))
        try:
            assert parent.stdout.readline() == "ready\n", (tmp_path / "log").read_text()
            assert worker.is_running()
            parent.kill()
            assert becomes_true(lambda: has_exited(worker))
        finally:
            parent.kill()
            with suppress(psutil.NoSuchProcess):
                worker.kill()


def has_exited(process: psutil.Process) -> bool:
    """Whether a process is dead; in a container an orphan may stay a zombie."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def test_a_process_ends_with_its_status_and_its_output_and_takes_nothing_down() -> None:
    script = (
        "import atexit, sys; from bench.ipc.child import end_process; atexit.register(print, 'late')\n"
        "import ctypes; ctypes.CDLL(None).puts(b'from C')\n"
        "print('out'); print('err', file=sys.stderr); end_process(3)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, sorted(done.stdout.split())) == (3, ["C", "from", "out"])
    assert done.stderr == "err\n"
