"""The parent's side of one cell: its gate, then its worker; take their records, keep them, miss none."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from bench import condition
from bench.process import (
    EPOCHS_OF_SILENCE,
    GATE,
    MIN_SILENCE_SECONDS,
    WORKER,
    Silent,
    ending,
    records,
    spawned,
)
from bench.records import (
    Beat,
    Cell,
    Condition,
    Epoch,
    Failure,
    Gate,
    Plan,
    Result,
    Roofline,
    Start,
    Verdict,
)
from bench.wire import Job, Record, RecordError, to_line

LOG_TAIL_LINES = 25
NOT_BEGUN = Verdict(validity="invalid", reasons=("it did not begin",), warnings=())


@dataclass(kw_only=True)
class Run:
    """One cell carried out, and what came of it.

    `replay` and `clock` hand the epochs to pytest-benchmark as rounds on the worker's own clock:
    each call of `replay` moves the clock on by one epoch's training seconds.
    """

    cell: Cell
    plan: Plan
    gate: Gate | None = None
    before: Condition | None = None
    start: Start | None = None
    epochs: list[Epoch] = field(default_factory=list)
    result: Result | None = None
    after: Condition | None = None
    failure: Failure | None = None
    verdict: Verdict = NOT_BEGUN
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
            run.before = condition.take()
            for known in (run.gate, run.before):
                _keep(journal, known)
            with spawned(job, command, log) as (worker, pipe):
                limit = max(min_silence_seconds, EPOCHS_OF_SILENCE * expected_epoch_seconds)
                reason = _take(run, records(pipe, limit, min_silence_seconds), journal, on_record)
                reason = reason or ending(worker, _how_far(run))
        except (Silent, RecordError) as error:
            reason = str(error)
        except OSError as error:
            reason = f"the worker could not be started, or its records not kept: {error}"
        except BaseException:
            reason = f"interrupted {_how_far(run)}"
            raise
        finally:
            run.after = condition.take()
            _remove_leftovers(job)
            # A complete result stands, even if a framework then crashed on its way out.
            if run.result is None:
                run.failure = Failure(reason=reason or "no reason is known", log_tail=_tail(log_path))
            with suppress(OSError):
                _keep(journal, run.after)
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


@dataclass(frozen=True, kw_only=True)
class Examined:
    """What a gate's process sent, or why it sent no verdict."""

    gate: Gate | None
    roofline: Roofline | None
    reason: str


def examine(
    job: Job,
    *,
    folder: Path,
    command: Sequence[str] = GATE,
    silence_seconds: float = MIN_SILENCE_SECONDS,
) -> Examined:
    """Asks one cell's gate, in a process of its own; what that prints is in `folder`/CELL.gate.log."""
    folder.mkdir(parents=True, exist_ok=True)
    gate: Gate | None = None
    roofline: Roofline | None = None
    reason = ""
    with (folder / f"{job.cell.id}.gate.log").open("w") as log:
        try:
            with spawned(job, command, log) as (worker, pipe):
                for record in records(pipe, silence_seconds, silence_seconds):
                    match record:
                        case Gate():
                            gate = record
                        case Roofline():
                            roofline = record
                        case Failure():
                            reason = record.reason
                reason = reason or ending(worker, "before it had answered")
        except (Silent, RecordError, OSError) as error:
            reason = str(error)
    return Examined(gate=gate, roofline=roofline, reason="" if gate else reason)


def _keep(journal: IO[str], record: Record | None) -> None:
    if record is None:
        return
    journal.write(to_line(record))
    journal.flush()
    os.fsync(journal.fileno())


def _remove_leftovers(job: Job) -> None:
    """A worker that ended early leaves its best weights behind; they are of no use without it."""
    for file in Path(job.scratch_folder).glob(f"{job.cell.id}.best.safetensors*"):
        file.unlink(missing_ok=True)


def _how_far(run: Run) -> str:
    return f"after epoch {run.epochs[-1].epoch}" if run.epochs else "before its first epoch ended"


def _tail(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines()
    return "\n".join(lines[-LOG_TAIL_LINES:])
