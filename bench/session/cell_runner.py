"""The parent's side of one cell: spawn its worker, take its records, keep them, miss none."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from bench.host import condition
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
from bench.ipc.scratch import remove_checkpoint
from bench.records import diff
from bench.records.codec import RecordError, now
from bench.records.journal import Journal
from bench.records.run import Interrupted, Run
from bench.records.types import (
    Condition,
    Epoch,
    Failure,
    Result,
    Start,
)
from bench.session.interrupts import Interrupts

LOG_TAIL_LINES = 25
ATTEMPTS = 2


@dataclass(kw_only=True)
class CellRunner:
    """Carries one run to its end, in a process of its own; `run` holds what came of it, failed or not.

    Every record is on disk in `folder`/CELL.jsonl before it is passed on, and before the worker goes on;
    what the worker prints is in CELL.log. A worker that is silent for three epochs, as expected or as
    seen, and for `min_timeout_seconds` at least, is stopped. One that died is tried once more.
    `accepted` are the differences from the session that began the run, if an earlier one did; None
    refuses further ones.
    """

    run: Run
    job: Job
    folder: Path
    expected_epoch_seconds: float
    interrupts: Interrupts = field(default_factory=Interrupts)
    accepted: tuple[str, ...] | None = None
    on_record: Callable[[Record], None] = lambda record: None
    command: Sequence[str] = WORKER_COMMAND
    min_timeout_seconds: float = MIN_TIMEOUT_SECONDS
    _new_start: Start | None = None
    _new_before: Condition | None = None

    def __post_init__(self) -> None:
        self.journal = Journal(self.folder / f"{self.job.cell.id}.jsonl")
        self.log = self.folder / f"{self.job.cell.id}.log"
        self._earlier = self.run.interrupted is not None

    def run_to_end(self) -> None:
        """Until there is a result, or a failure that another attempt would not mend."""
        for attempt in range(1, ATTEMPTS + 1):
            died = self._attempt()
            if self.run.failure is None or not died or self.interrupts.requested_by:
                return
            if attempt == ATTEMPTS:
                self._name_first_failure(self.run.failure)
                return
            self.run.interrupted = self.run.interrupted or Interrupted(
                stopped_at=now(), why=self.run.failure.reason
            )

    def _name_first_failure(self, failure: Failure) -> None:
        """Says so where a second worker did not even come to where it could go on."""
        if self.run.interrupted:
            reason = f"{failure.reason}; at the attempt before: {self.run.interrupted.why}"
            self.run.failure = replace(failure, reason=reason)

    def _attempt(self) -> bool:
        """One worker. Returns whether it died, which may be chance; another reason would come again."""
        reason, died = None, False
        try:
            self._begin()
            reason, died = self._run_worker()
        except (WorkerTimeout, RecordError) as error:
            reason, died = str(error), True
        except OSError as error:
            reason = f"the worker could not be started, or its records not kept: {error}"
        except BaseException:
            reason = f"interrupted by {self.interrupts.requested_by or 'the session'} {self._how_far()}"
            raise
        finally:
            self._end(reason)
        return died

    def _begin(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._new_before, self._new_start = condition.take(), None
        if self.run.interrupted is None:
            self.journal.add("plan", self.run.plan)
            self._keep("before", self._new_before)

    def _run_worker(self) -> tuple[str | None, bool]:
        """Takes a worker's records. Returns why it came to no result, if so, and whether it died."""
        known = None if self.run.interrupted is None else tuple(self.run.epochs)
        self.run.failure = None
        limit = max(self.min_timeout_seconds, TIMEOUT_EPOCHS * self.expected_epoch_seconds)
        with (
            self.log.open("a") as log,
            worker_process(replace(self.job, known=known), self.command, log) as child,
            self.interrupts.stop_after_epoch(child.stop),
        ):
            reason = self._take_records(read_records(child, limit, self.min_timeout_seconds))
            if reason or self.run.result:
                return reason, False
            if self.interrupts.requested_by:
                return f"interrupted by {self.interrupts.requested_by} {self._how_far()}", False
            return exit_reason(child.process, self._how_far()), True

    def _take_records(self, records: Iterator[Record]) -> str | None:
        """Keeps and passes on each record; returns the worker's own reason if it gave up, else None."""
        for record in records:
            self.interrupts.announce()
            match record:
                case Failure():
                    return record.reason
                case Start() if self.run.interrupted:
                    self._new_start = record
                case Start():
                    self._keep("start", record)
                case Resumed():
                    if reason := self._note_interruption(record):
                        return reason
                case Epoch() | Result() if self.run.interrupted:
                    raise RecordError("the worker went on without saying from which epoch")
                case Epoch():
                    self.journal.add("epochs", record)
                    self.run.epochs.append(record)
                case Result():
                    # Before the result: who has one has all that comes with it.
                    self._keep("after", condition.take())
                    self._keep("result", record)
                case Heartbeat():
                    pass
            self.on_record(record)
        return None

    def _keep(self, part: str, record: Condition | Start | Result | Failure) -> None:
        self.journal.add(part, record)
        setattr(self.run, part, record)

    def _note_interruption(self, resumed: Resumed) -> str | None:
        """Notes where the run goes on. Returns why it must not, if so."""
        run, restart, before = self.run, self._new_start, self._new_before
        if not (run.interrupted and restart and before) or resumed.after_epoch > len(run.epochs):
            raise RecordError(f"nothing was to go on from epoch {resumed.after_epoch} here")
        unlike: list[str] = []
        if resumed.after_epoch and run.start:
            unlike = diff.diff_starts(asdict(restart), asdict(run.start))
            if unlike and self.accepted is None:
                return f"{'; '.join(unlike)}. To go on all the same: --resume-anyway"
        interruption = run.interrupted.interruption(
            after_epoch=len(run.epochs),
            resumed_after=resumed.after_epoch,
            setback=resumed.setback,
            differences=(*(self.accepted or () if self._earlier else ()), *unlike),
        )
        self.journal.add("interruptions", interruption)
        run.resume_after(interruption)
        self._earlier = False
        if not resumed.after_epoch:
            self.journal.add("plan", run.plan)
            self._keep("before", before)
            self._keep("start", restart)
        return None

    def _end(self, reason: str | None) -> None:
        if self.run.result:  # it stands, even if a framework then crashed on its way out
            with suppress(OSError):
                remove_checkpoint(self.folder, self.job.cell.id)
            return
        self.run.after = condition.take()
        tail = _tail(self.log)
        self.run.failure = Failure(reason=reason or "no reason is known", log_tail=tail)
        with suppress(OSError):
            self._keep("after", self.run.after)
            self._keep("failure", self.run.failure)

    def _how_far(self) -> str:
        epochs = self.run.epochs
        return f"after epoch {epochs[-1].epoch}" if epochs else "before its first epoch ended"


def _tail(log: Path) -> str:
    try:
        lines = log.read_text(errors="replace").splitlines()
    except OSError:
        return ""
    return "\n".join(lines[-LOG_TAIL_LINES:])
