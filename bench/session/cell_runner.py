"""The parent's side of one cell: start its worker, save each record, and retry a worker that died."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from msgspec import to_builtins
from msgspec.structs import replace

from bench.host import condition
from bench.ipc.cell_files import journal_file, remove_checkpoint
from bench.ipc.messages import Heartbeat, Job, Record, Resumed
from bench.ipc.parent import (
    MIN_TIMEOUT_SECONDS,
    TIMEOUT_EPOCHS,
    WORKER_COMMAND,
    WorkerTimeout,
    exit_reason,
    read_records,
    worker_process,
)
from bench.records import diff
from bench.records.clock import utc_now
from bench.records.codec import RecordError
from bench.records.journal import Journal
from bench.records.run import Interrupted, SessionRun
from bench.records.types import (
    Condition,
    Epoch,
    Failure,
    Result,
    Start,
)
from bench.session.interrupts import Interrupts

LOG_TAIL_LINES = 25
MAX_ATTEMPTS = 2


@dataclass(kw_only=True)
class CellRunner:
    """Runs one cell to its end in its own process, and collects its records in `run`, failed or not.

    Each record is on disk in `folder`/CELL.jsonl before `on_record` gets it and before the worker goes
    on. The worker's output goes to CELL.log. A worker is killed if it is silent for three epochs, as
    expected or as measured, and for at least `min_timeout_seconds`. One that died is tried once more.

    `accepted_differences` are those between this session and the earlier one that began the run. If it
    is None, a run does not resume where its Start differs.
    """

    run: SessionRun
    job: Job
    folder: Path
    expected_epoch_seconds: float
    interrupts: Interrupts = field(default_factory=Interrupts)
    accepted_differences: tuple[str, ...] | None = None
    on_record: Callable[[Record], None] = lambda record: None
    command: Sequence[str] = WORKER_COMMAND
    min_timeout_seconds: float = MIN_TIMEOUT_SECONDS
    # What the current attempt sent or measured. `run` keeps the first attempt's if the run resumes.
    _attempt_before: Condition | None = None
    _attempt_start: Start | None = None

    def __post_init__(self) -> None:
        self.journal = Journal(journal_file(self.folder, self.job.cell.id))
        self.log = self.folder / f"{self.job.cell.id}.log"
        self._from_earlier_session = self.run.interrupted is not None

    def run_to_end(self) -> None:
        """Starts workers until there is a result, or a failure that a retry would not fix."""
        for attempt in range(1, MAX_ATTEMPTS + 1):
            died = self._attempt()
            failure = self.run.failure
            if failure is None or not died or self.interrupts.requested_by:
                return
            if attempt < MAX_ATTEMPTS:
                self.run.interrupted = self.run.interrupted or Interrupted(
                    stopped_at=utc_now(), why=failure.reason
                )
            elif self.run.interrupted:  # the last worker died before it had resumed the run
                reason = f"{failure.reason}; at the attempt before: {self.run.interrupted.why}"
                self.run.failure = replace(failure, reason=reason)

    def _attempt(self) -> bool:
        """Runs one worker. Returns whether it died, which may be chance; other failures would recur."""
        reason, died = None, False
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._attempt_before, self._attempt_start = condition.current_condition(), None
            if self.run.interrupted is None:
                self.journal.add("plan", self.run.plan)
                self._save("before", self._attempt_before)
            reason, died = self._run_worker()
        except (WorkerTimeout, RecordError) as error:
            reason, died = str(error), True
        except OSError as error:
            reason = f"the worker could not be started, or its records not kept: {error}"
        except BaseException:
            reason = f"interrupted by {self.interrupts.requested_by or 'the session'} {self._moment()}"
            raise
        finally:
            self._finish(reason)
        return died

    def _run_worker(self) -> tuple[str | None, bool]:
        """Starts a worker and reads its records until it ends.

        Returns the reason why there is no result, None if there is one, and whether the worker died.
        """
        saved_epochs = None if self.run.interrupted is None else tuple(self.run.epochs)
        self.run.failure = None
        timeout_seconds = max(self.min_timeout_seconds, TIMEOUT_EPOCHS * self.expected_epoch_seconds)
        with (
            self.log.open("a") as log,
            worker_process(replace(self.job, saved_epochs=saved_epochs), self.command, log) as child,
            self.interrupts.stop_after_epoch(child.request_stop),
        ):
            records = read_records(child, timeout_seconds, self.min_timeout_seconds)
            reason = self._save_records(records)
            if reason or self.run.result:
                return reason, False
            if self.interrupts.requested_by:
                return f"interrupted by {self.interrupts.requested_by} {self._moment()}", False
            return exit_reason(child.process, self._moment()), True

    def _save_records(self, records: Iterator[Record]) -> str | None:
        """Saves each record and passes it on. Returns the worker's own reason if it gave up."""
        for record in records:
            self.interrupts.announce()
            match record:
                case Failure():
                    return record.reason
                case Start() if self.run.interrupted:
                    self._attempt_start = record  # saved only if the run begins anew
                case Start():
                    self._save("start", record)
                case Resumed():
                    if reason := self._resume(record):
                        return reason
                case Epoch() | Result() if self.run.interrupted:
                    raise RecordError("the worker went on without saying from which epoch")
                case Epoch():
                    self.journal.add("epochs", record)
                    self.run.epochs.append(record)
                case Result():
                    # In this order, so that a run with a result always has its condition after it.
                    self._save("after", condition.current_condition())
                    self._save("result", record)
                case Heartbeat():
                    pass
            self.on_record(record)
        return None

    def _resume(self, resumed: Resumed) -> str | None:
        """Saves the interruption that ends here. Returns a reason if the run must not resume."""
        run, start, before = self.run, self._attempt_start, self._attempt_before
        if not (run.interrupted and start and before) or resumed.after_epoch > len(run.epochs):
            raise RecordError(f"nothing was to go on from epoch {resumed.after_epoch} here")
        differences: list[str] = []
        if resumed.after_epoch and run.start:
            differences = diff.diff_starts(to_builtins(start), to_builtins(run.start))
            if differences and self.accepted_differences is None:
                return f"{'; '.join(differences)}. To go on all the same: --resume-anyway"
        accepted = self.accepted_differences if self._from_earlier_session else None
        interruption = run.interrupted.interruption(
            after_epoch=len(run.epochs),
            resumed_after=resumed.after_epoch,
            went_back_because=resumed.went_back_because,
            differences=(*(accepted or ()), *differences),
        )
        self.journal.add("interruptions", interruption)
        run.resume_after(interruption)
        self._from_earlier_session = False
        if resumed.after_epoch == 0:  # the run begins anew
            self.journal.add("plan", run.plan)
            self._save("before", before)
            self._save("start", start)
        return None

    def _save(self, part: str, record: Condition | Start | Result | Failure) -> None:
        """Puts a record on disk, then into the run."""
        self.journal.add(part, record)
        setattr(self.run, part, record)

    def _finish(self, reason: str | None) -> None:
        """Removes the checkpoint of a run with a result; records why another one has none."""
        if self.run.result:  # it counts even if the framework crashed on exit
            with suppress(OSError):
                remove_checkpoint(self.folder, self.job.cell.id)
            return
        # Set before they are saved, since the disk may be what failed.
        self.run.after = condition.current_condition()
        self.run.failure = Failure(reason=reason or "no reason is known", log_tail=_last_lines(self.log))
        with suppress(OSError):
            self._save("after", self.run.after)
            self._save("failure", self.run.failure)

    def _moment(self) -> str:
        epochs = self.run.epochs
        return f"after epoch {epochs[-1].epoch}" if epochs else "before its first epoch ended"


def _last_lines(log: Path) -> str:
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    return "\n".join(lines[-LOG_TAIL_LINES:])
