"""The parent's side of one cell: spawn its worker, take its records, keep them, know when it is lost."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import IO

from bench.records import (
    Beat,
    Cell,
    Epoch,
    Failure,
    Job,
    Plan,
    Record,
    RecordError,
    Result,
    Start,
    from_line,
    job_to_json,
    to_line,
)

ROOT = Path(__file__).resolve().parent.parent
# Unbuffered, and with a traceback of a crash in C: the log's last words are the ones that are needed.
WORKER = (sys.executable, "-u", "-X", "faulthandler", "-m", "bench.worker")

# A framework's import, a first graph's compilation and a cold disk together stay well under this.
MIN_SILENCE_SECONDS = 300.0
# A beat comes every two seconds of training; only an evaluation, far shorter than an epoch, has none.
EPOCHS_OF_SILENCE = 3
EXIT_SECONDS = 60.0
LOG_TAIL_LINES = 25


@dataclass(kw_only=True)
class Run:
    """One cell carried out, and what came of it.

    `replay` and `clock` hand the epochs to pytest-benchmark as rounds on the worker's own clock:
    each call of `replay` moves the clock on by one epoch's training seconds.
    """

    cell: Cell
    plan: Plan
    start: Start | None = None
    epochs: list[Epoch] = field(default_factory=list)
    result: Result | None = None
    failure: Failure | None = None
    _replayed: int = 0
    _clock: float = 0.0

    def add(self, record: Record) -> None:
        match record:
            case Start():
                self.start = record
            case Epoch():
                self.epochs.append(record)
            case Result():
                self.result = record

    def replay(self) -> None:
        self._clock += self.epochs[self._replayed].train_seconds
        self._replayed += 1

    def clock(self) -> float:
        return self._clock


def carry_out(
    run: Run,
    job: Job,
    *,
    folder: Path,
    expected_epoch_seconds: float,
    on_record: Callable[[Record], None] = lambda record: None,
    command: Sequence[str] = WORKER,
    min_silence_seconds: float = MIN_SILENCE_SECONDS,
) -> None:
    """Runs one cell in a process of its own; `run` holds what came of it, failed or not.

    Every record is on disk in `folder`/CELL.jsonl before it is passed on; what the worker prints
    is in CELL.log. A worker that is silent for three epochs, as expected or as seen, and for
    `min_silence_seconds` at least, is stopped and the cell has failed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    log_path, journal_path = (folder / f"{job.cell.id}.{end}" for end in ("log", "jsonl"))
    with log_path.open("w") as log, journal_path.open("w") as journal:
        reason: str | None = None
        try:
            with _spawned(job, command, log) as (worker, pipe):
                limit = max(min_silence_seconds, EPOCHS_OF_SILENCE * expected_epoch_seconds)
                reason = _take(run, _records(pipe, limit, min_silence_seconds), journal, on_record)
                reason = reason or _end(worker, run)
        except (_Silent, RecordError) as error:
            reason = str(error)
        except OSError as error:
            reason = f"the worker could not be started, or its records not kept: {error}"
        except BaseException:
            reason = f"interrupted {_how_far(run)}"
            raise
        finally:
            # A complete result stands, even if a framework then crashed on its way out.
            if run.result is None:
                run.failure = Failure(reason=reason or "no reason is known", log_tail=_tail(log_path))
                with suppress(OSError):
                    _keep(journal, run.failure)


def _take(
    run: Run, records: Iterator[Record], journal: IO[str], on_record: Callable[[Record], None]
) -> str | None:
    """Keeps and passes on each record; returns the worker's own reason if it gave up, else None."""
    for record in records:
        if isinstance(record, Failure):
            return record.reason
        if not isinstance(record, Beat):
            _keep(journal, record)
        run.add(record)
        on_record(record)
    return None


class _Silent(Exception):
    """A worker that said nothing for too long."""


@contextmanager
def _spawned(
    job: Job, command: Sequence[str], log: IO[str]
) -> Iterator[tuple[subprocess.Popen[str], IO[bytes]]]:
    """The worker with its job on stdin, and the reading end of its private pipe; gone afterwards.

    It has a session of its own, so that Ctrl-C reaches the parent alone, which then decides.
    """
    read_end, write_end = os.pipe()
    with os.fdopen(read_end, "rb", buffering=0) as pipe:
        try:
            worker = subprocess.Popen(
                [*command, str(write_end)],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                text=True,
                cwd=ROOT,
                pass_fds=(write_end,),
                start_new_session=True,
            )
        finally:
            os.close(write_end)
        try:
            assert worker.stdin is not None
            with suppress(BrokenPipeError):  # it died at once; its exit status and log say why
                worker.stdin.write(job_to_json(job))
                worker.stdin.close()
            yield worker, pipe
        finally:
            _kill(worker)
            _remove_leftovers(job)


def _records(pipe: IO[bytes], limit: float, min_limit: float) -> Iterator[Record]:
    """The worker's records until it closes its pipe. Raises _Silent past the limit, without spinning."""
    pending = b""
    while True:
        before = monotonic()
        ready, _, _ = select.select([pipe], [], [], limit)
        if not ready:
            minutes = (monotonic() - before) / 60
            raise _Silent(f"the worker gave no sign of life for {minutes:.1f} minutes and was stopped")
        read = pipe.read(65536)
        if not read:
            return
        *lines, pending = (pending + read).split(b"\n")
        for line in lines:
            record = from_line(line.decode("utf8", errors="replace"))
            if isinstance(record, Epoch):
                limit = max(min_limit, EPOCHS_OF_SILENCE * record.train_seconds)
            yield record


def _keep(journal: IO[str], record: Record) -> None:
    journal.write(to_line(record))
    journal.flush()
    os.fsync(journal.fileno())


def _kill(worker: subprocess.Popen[str]) -> None:
    """Ends what is left of the worker and of all that it started, a stopped one too."""
    # macOS answers "not permitted" for a group in which nothing but the dead is left.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(worker.pid, signal.SIGKILL)
    worker.wait()


def _remove_leftovers(job: Job) -> None:
    """A worker that ended early leaves its best weights behind; they are of no use without it."""
    for file in Path(job.scratch_folder).glob(f"{job.cell.id}.best.safetensors*"):
        file.unlink(missing_ok=True)


def _how_far(run: Run) -> str:
    return f"after epoch {run.epochs[-1].epoch}" if run.epochs else "before its first epoch ended"


def _end(worker: subprocess.Popen[str], run: Run) -> str:
    """Why a worker closed its pipe without a result, as far as its exit status tells."""
    after = _how_far(run)
    try:
        status = worker.wait(EXIT_SECONDS)
    except subprocess.TimeoutExpired:
        return f"the worker closed its pipe {after}, did not end and was stopped"
    if status == -signal.SIGKILL:
        return f"the worker was killed {after}; the system does that when memory runs out"
    if status < 0:
        return f"the worker died of {signal.Signals(-status).name} {after}"
    return f"the worker ended with status {status} {after}, without a result"


def _tail(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines()
    return "\n".join(lines[-LOG_TAIL_LINES:])
