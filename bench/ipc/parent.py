"""A child process that has a job on its stdin and sends records through a pipe of its own."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from threading import Thread
from time import monotonic
from typing import IO

from bench.ipc.child import ACK, STOP
from bench.ipc.messages import Heartbeat, Job, Record, from_line, job_to_json
from bench.paths import ROOT
from bench.records.types import Epoch

# Unbuffered, and with a traceback of a crash in C: the log's last words are the ones that are needed.
PYTHON = (sys.executable, "-u", "-X", "faulthandler", "-m")
WORKER_COMMAND, GATE_COMMAND = (*PYTHON, "bench.worker"), (*PYTHON, "bench.gate")

# A framework's import, a first graph's compilation and a cold disk together stay well under this.
MIN_TIMEOUT_SECONDS = 300.0
# A beat comes every two seconds of training; only an evaluation, far shorter than an epoch, has none.
TIMEOUT_EPOCHS = 3
EXIT_SECONDS = 60.0


class WorkerTimeout(Exception):
    """A worker that said nothing for too long."""


@dataclass(frozen=True, kw_only=True)
class Child:
    """A child process, and the reading end of its private pipe."""

    process: subprocess.Popen[bytes]
    pipe: IO[bytes]

    def write(self, line: bytes) -> None:
        """Says something on its stdin; a dead one hears nothing, and its exit status says why."""
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):
            while line:
                line = line[os.write(self.process.stdin.fileno(), line) :]

    def stop(self) -> None:
        """Wishes for no further epoch."""
        self.write(STOP)

    def close(self) -> None:
        """Closes its stdin, which tells it that nobody is there any more."""
        assert self.process.stdin is not None
        self.process.stdin.close()


@contextmanager
def worker_process(job: Job, command: Sequence[str], log: IO[str]) -> Iterator[Child]:
    """The child with its job on stdin; gone afterwards.

    It has a session of its own, so that Ctrl-C reaches the parent alone, which then decides. Its stdin
    stays open as long as this process lives: should that be killed, the child sees the end of it and
    leaves by itself.
    """
    read_end, write_end = os.pipe()
    with os.fdopen(read_end, "rb", buffering=0) as pipe:
        try:
            process = subprocess.Popen(
                [*command, str(write_end)],
                bufsize=0,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=ROOT,
                pass_fds=(write_end,),
                start_new_session=True,
            )
        finally:
            os.close(write_end)
        child = Child(process=process, pipe=pipe)
        try:
            # In a thread, since a pipe holds 64 KiB and nobody knows whether the child will ever read.
            tell = Thread(target=child.write, args=(job_to_json(job).encode(),), daemon=True)
            tell.start()
            yield child
        finally:
            _kill(process)
            tell.join()  # whom the dead one's pipe has told that nobody reads
            child.close()


def read_records(child: Child, limit: float, min_limit: float) -> Iterator[Record]:
    """The child's records until it closes its pipe, each answered once whoever takes it has kept it.

    Raises Silent past the limit, without spinning.
    """
    pending = b""
    while True:
        before = monotonic()
        ready, _, _ = select.select([child.pipe], [], [], limit)
        if not ready:
            minutes = (monotonic() - before) / 60
            raise WorkerTimeout(
                f"the worker gave no sign of life for {minutes:.1f} minutes and was stopped"
            )
        read = child.pipe.read(65536)
        if not read:
            return
        *lines, pending = (pending + read).split(b"\n")
        for line in lines:
            record = from_line(line.decode("utf8", errors="replace"))
            if isinstance(record, Epoch):
                limit = max(min_limit, TIMEOUT_EPOCHS * record.train_seconds)
            yield record
            if not isinstance(record, Heartbeat):
                child.write(ACK)


def _kill(worker: subprocess.Popen[bytes]) -> None:
    """Ends what is left of the worker and of all that it started, a stopped one too."""
    # macOS answers "not permitted" for a group in which nothing but the dead is left.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(worker.pid, signal.SIGKILL)
    worker.wait()


def exit_reason(process: subprocess.Popen[bytes], after: str) -> str:
    """Why a worker closed its pipe without a result, as far as its exit status tells."""
    try:
        status = process.wait(EXIT_SECONDS)
    except subprocess.TimeoutExpired:
        return f"the worker closed its pipe {after}, did not end and was stopped"
    if status == -signal.SIGKILL:
        return f"the worker was killed {after}; the system does that when memory runs out"
    if status < 0:
        return f"the worker died of {signal.Signals(-status).name} {after}"
    return f"the worker ended with status {status} {after}, without a result"
