"""A worker's line to its parent: what was sent is on disk, and no worker outlives its parent."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from time import monotonic, sleep

import psutil
import pytest

from bench.ipc.child import ACK, ORPHANED, STOP, ParentPipe
from bench.ipc.messages import Heartbeat, Record, from_line, job_from_json, job_to_json
from bench.paths import ROOT
from tests.support.samples import EPOCH, RESULT, START, job

BEAT = Heartbeat(epoch=1, step=20)
LINK_TAKES = 60.0
"""Seconds; all of it takes milliseconds."""


@dataclass
class Parent:
    """The other end: `say` goes to the worker's stdin, `hear` takes its next record."""

    link: ParentPipe
    stdin: int
    pipe: int
    left: SimpleQueue[int]
    _heard: bytes = b""

    def say(self, line: bytes) -> None:
        while line:
            line = line[os.write(self.stdin, line) :]

    def hear(self) -> Record:
        while b"\n" not in self._heard:
            self._heard += os.read(self.pipe, 65536)
        line, self._heard = self._heard.split(b"\n", 1)
        return from_line(line.decode())

    def hang_up(self) -> int:
        """Closes the worker's stdin; returns the status that the worker leaves with."""
        os.close(self.stdin)
        self.stdin = -1
        return self.left.get(timeout=LINK_TAKES)


@contextmanager
def linked() -> Iterator[Parent]:
    stdin, parents_stdin = os.pipe()
    parents_pipe, pipe = os.pipe()
    left: SimpleQueue[int] = SimpleQueue()
    parent = Parent(ParentPipe(pipe, stdin, left.put), parents_stdin, parents_pipe, left)
    try:
        yield parent
    finally:
        if parent.stdin >= 0:
            parent.hang_up()
        for descriptor in (stdin, parents_pipe, pipe):
            with suppress(OSError):
                os.close(descriptor)


def sending(link: ParentPipe, *records: Record) -> Thread:
    """Sends them in a thread of its own, which would wait for ever if nobody answered."""

    def send() -> None:
        for record in records:
            link.send(record)

    thread = Thread(target=send, daemon=True)
    thread.start()
    return thread


def soon(asked: Callable[[], bool]) -> bool:
    until = monotonic() + LINK_TAKES
    while not asked() and monotonic() < until:
        sleep(0.005)
    return asked()


def test_the_first_line_is_the_job() -> None:
    with linked() as parent:
        parent.say(job_to_json(job("/tmp/ä")).encode() + STOP)
        assert job_from_json(parent.link.job()) == job("/tmp/ä")
        assert soon(parent.link.stop_asked)


def test_a_job_longer_than_a_pipe_holds_arrives_whole() -> None:
    long = replace(job(""), known=tuple(replace(EPOCH, epoch=n) for n in range(1, 1001)))
    with linked() as parent:
        parent.say(job_to_json(long).encode())
        assert job_from_json(parent.link.job()) == long


@pytest.mark.parametrize("record", [START, EPOCH, RESULT], ids=lambda record: type(record).__name__)
def test_a_record_counts_as_sent_when_the_parent_has_kept_it(record: Record) -> None:
    with linked() as parent:
        thread = sending(parent.link, record)
        assert parent.hear() == record
        thread.join(0.2)
        assert thread.is_alive()
        parent.say(ACK)
        thread.join(LINK_TAKES)
        assert not thread.is_alive()


def test_each_record_has_its_own_answer() -> None:
    with linked() as parent:
        thread = sending(parent.link, START, EPOCH, RESULT)
        for record in (START, EPOCH, RESULT):
            assert parent.hear() == record
            assert thread.is_alive()
            parent.say(ACK)
        thread.join(LINK_TAKES)
        assert not thread.is_alive()


def test_a_sign_of_life_is_not_waited_for() -> None:
    with linked() as parent:
        thread = sending(parent.link, BEAT, BEAT)
        thread.join(LINK_TAKES)
        assert not thread.is_alive()
        assert [parent.hear(), parent.hear()] == [BEAT, BEAT]


def test_the_wish_for_no_further_epoch_is_no_answer_to_a_record() -> None:
    with linked() as parent:
        assert not parent.link.stop_asked()
        thread = sending(parent.link, EPOCH)
        parent.hear()
        parent.say(STOP)
        assert soon(parent.link.stop_asked)
        thread.join(0.2)
        assert thread.is_alive()
        parent.say(ACK)
        thread.join(LINK_TAKES)
        assert not thread.is_alive()
        assert parent.link.stop_asked()


def test_lines_may_come_in_pieces_and_several_at_once() -> None:
    with linked() as parent:
        parent.say(b"the j")
        sleep(0.05)
        parent.say(b"ob\nke")
        assert parent.link.job() == "the job"
        sleep(0.05)
        parent.say(b"pt\nkept\nst")
        thread = sending(parent.link, START, EPOCH)
        thread.join(LINK_TAKES)
        assert not thread.is_alive()
        assert not parent.link.stop_asked()
        parent.say(b"op\n")
        assert soon(parent.link.stop_asked)


def test_a_worker_whose_parent_hangs_up_leaves_with_a_status_of_its_own() -> None:
    with linked() as parent:
        parent.say(b"the job\n")
        assert parent.link.job() == "the job"
        assert parent.left.empty()
        assert parent.hang_up() == ORPHANED


def test_the_wish_of_a_parent_that_is_gone_is_still_heard() -> None:
    with linked() as parent:
        parent.say(STOP + b"half a l")
        assert parent.hang_up() == ORPHANED
        assert parent.link.stop_asked()


def test_who_sends_to_a_closed_pipe_is_told() -> None:
    with linked() as parent:
        os.close(parent.pipe)
        with pytest.raises(BrokenPipeError):
            parent.link.send(EPOCH)


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
link = ParentPipe(int(sys.argv[1]))
link.job()
os.write(int(sys.argv[1]), b"ready")
"""


@pytest.mark.parametrize(
    "busy",
    ["time.sleep(60)", "link.send(EPOCH)", "while True: sum(range(10**6))"],
    ids=["in a long call", "waiting for an answer", "computing"],
)
def test_no_worker_outlives_a_parent_that_was_killed(tmp_path: Path, busy: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, WORKER + busy, str(tmp_path / "log")],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    ) as parent:
        assert parent.stdout
        worker = psutil.Process(int(parent.stdout.readline()))
        try:
            assert parent.stdout.readline() == "ready\n", (tmp_path / "log").read_text()
            assert worker.is_running()
            parent.kill()
            assert soon(lambda: gone(worker))
        finally:
            parent.kill()
            with suppress(psutil.NoSuchProcess):
                worker.kill()


def gone(process: psutil.Process) -> bool:
    """In a container nobody may be there to take a dead orphan's status."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True
