"""The parent's end: it starts a child with a job on stdin, and reads records from a private pipe."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from threading import Thread
from time import monotonic
from typing import IO

from bench import interpreter
from bench.ipc.child import ACK, STOP
from bench.ipc.child_folder import child_folder
from bench.ipc.messages import Heartbeat, Job, Record, from_line, job_to_json
from bench.paths import ROOT
from bench.records.types import Epoch

# Unbuffered, and with a traceback for a crash in C: the end of the log is what explains a failure.
PYTHON = (sys.executable, "-u", "-X", "faulthandler", "-m")
WORKER_COMMAND, GATE_COMMAND = (*PYTHON, "bench.worker"), (*PYTHON, "bench.gate")
TRIAL_COMMAND = (*PYTHON, "bench.trial")

# Importing a framework and compiling its first graph from a cold disk take far less.
MIN_TIMEOUT_SECONDS = 300.0
# A heartbeat comes every two seconds of training. An evaluation sends none, but is far shorter than
# an epoch.
TIMEOUT_EPOCHS = 3
EXIT_SECONDS = 60.0


class WorkerTimeout(Exception):
    """A worker sent nothing for too long."""


@dataclass(frozen=True, kw_only=True)
class Child:
    """A child process, and the reading end of its private pipe."""

    process: subprocess.Popen[bytes]
    pipe: IO[bytes]

    def write(self, line: bytes) -> None:
        """Writes to the child's stdin. Ignores a dead child, whose exit status is reported later."""
        assert self.process.stdin is not None
        with suppress(BrokenPipeError):
            while line:
                line = line[os.write(self.process.stdin.fileno(), line) :]

    def request_stop(self) -> None:
        """Asks the child to stop after this epoch."""
        self.write(STOP)

    def close(self) -> None:
        """Closes the child's stdin."""
        assert self.process.stdin is not None
        self.process.stdin.close()


@contextmanager
def worker_process(
    job: Job, command: Sequence[str], log: IO[str], temporary: Mapping[str, str] | None = None
) -> Iterator[Child]:
    """Starts a child, sends it its job, and kills its whole process group on leaving.

    The child is in its own process session, so that Ctrl-C reaches only the parent, which then decides.
    Its stdin stays open while the parent lives. If the parent is killed, the child reads the end of its
    stdin and exits. Its temporary files, and what its engine compiles, go where the variables of
    `temporary` say, or else into an empty folder, which goes with it.
    """
    with ExitStack() as stack:
        if temporary is None:
            temporary = stack.enter_context(child_folder(job.cell.engine))
        read_end, write_end = os.pipe()
        pipe = stack.enter_context(os.fdopen(read_end, "rb", buffering=0))
        try:
            process = subprocess.Popen(
                [*command, str(write_end)],
                bufsize=0,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=ROOT,
                env={**os.environ, **interpreter.FOR_CHILDREN, **temporary},
                pass_fds=(write_end,),
                start_new_session=True,
            )
        finally:
            os.close(write_end)
        child = Child(process=process, pipe=pipe)
        try:
            # In a thread: a pipe holds 64 KiB, so the write blocks if the child never reads.
            job_writer = Thread(target=child.write, args=(job_to_json(job).encode(),), daemon=True)
            job_writer.start()
            yield child
        finally:
            _kill_group(process)
            job_writer.join()  # killing the child ended its write with BrokenPipeError
            child.close()


def read_records(child: Child, timeout_seconds: float, min_timeout_seconds: float) -> Iterator[Record]:
    """Yields the child's records until it closes its pipe.

    A record is acknowledged when the caller asks for the next one, so the caller saves it before that.
    After each epoch the timeout becomes TIMEOUT_EPOCHS times its training seconds, at least
    `min_timeout_seconds`. Raises WorkerTimeout, and RecordError for a line that is not a record.
    """
    pending = b""
    while True:
        before = monotonic()
        ready, _, _ = select.select([child.pipe], [], [], timeout_seconds)
        if not ready:
            minutes = (monotonic() - before) / 60
            raise WorkerTimeout(
                f"the worker gave no sign of life for {minutes:.1f} minutes and was stopped"
            )
        chunk = child.pipe.read(65536)
        if not chunk:
            return
        *lines, pending = (pending + chunk).split(b"\n")
        for line in lines:
            record = from_line(line.decode("utf8", errors="replace"))
            if isinstance(record, Epoch):
                timeout_seconds = max(min_timeout_seconds, TIMEOUT_EPOCHS * record.train_seconds)
            yield record
            if not isinstance(record, Heartbeat):
                child.write(ACK)


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    """Kills the child and all processes that it started, suspended ones too."""
    # macOS raises PermissionError for a group of zombies only.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def exit_reason(process: subprocess.Popen[bytes], moment: str) -> str:
    """Why a worker closed its pipe without a result, from its exit status.

    `moment` says when, such as "after epoch 3".
    """
    try:
        status = process.wait(EXIT_SECONDS)
    except subprocess.TimeoutExpired:
        return f"the worker closed its pipe {moment}, did not end and was stopped"
    if status == -signal.SIGKILL:
        return f"the worker was killed {moment}; the system does that when memory runs out"
    if status < 0:
        return f"the worker died of {signal.Signals(-status).name} {moment}"
    return f"the worker ended with status {status} {moment}, without a result"
