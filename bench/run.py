"""The parent's side of one cell: spawn its worker, take its records, keep them, miss none."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from bench import checkpoint, condition, differences, rates
from bench.interrupts import Interrupts
from bench.journal import Journal
from bench.pauses import Cut, now
from bench.process import (
    EPOCHS_OF_SILENCE,
    MIN_SILENCE_SECONDS,
    WORKER,
    Silent,
    ending,
    records,
    spawned,
)
from bench.records import (
    Cell,
    Condition,
    Epoch,
    Failure,
    Gate,
    Interruption,
    Plan,
    Result,
    Start,
    Verdict,
)
from bench.wire import Beat, Job, Record, RecordError, Resumed

LOG_TAIL_LINES = 25
ATTEMPTS = 2
NOT_BEGUN = Verdict(validity="invalid", reasons=("it did not begin",), warnings=())


@dataclass(kw_only=True)
class Run:
    """One cell carried out, and what came of it; `cut` is where it is to go on from, if it is.

    `replay` and `clock` hand the epochs to pytest-benchmark as rounds on the worker's own clock:
    each call of `replay` moves the clock on by one epoch's training seconds, warm-ups first.
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
    interruptions: list[Interruption] = field(default_factory=list)
    verdict: Verdict = NOT_BEGUN
    cut: Cut | None = None
    _replayed: int = 0
    _clock: float = 0.0

    def rounds(self) -> list[Epoch]:
        """The epochs that count in the statistics."""
        return rates.measured(self.epochs)

    def replay(self) -> None:
        rounds = self.rounds()
        warm_ups = [epoch for epoch in self.epochs if epoch not in rounds]
        self._clock += [*warm_ups, *rounds][self._replayed].train_seconds
        self._replayed += 1

    def clock(self) -> float:
        return self._clock

    def go_on(self, interruption: Interruption) -> None:
        """Takes back what came after the epoch that it goes on from."""
        self.interruptions.append(interruption)
        self.epochs = self.epochs[: interruption.resumed_after]
        if interruption.resumed_after == 0:
            self.before = self.start = None
        self.cut = self.result = self.after = self.failure = None


@dataclass(kw_only=True)
class Carrier:
    """Carries one run to its end, in a process of its own; `run` holds what came of it, failed or not.

    Every record is on disk in `folder`/CELL.jsonl before it is passed on, and before the worker goes on;
    what the worker prints is in CELL.log. A worker that is silent for three epochs, as expected or as
    seen, and for `min_silence_seconds` at least, is stopped. One that died is tried once more.
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
    command: Sequence[str] = WORKER
    min_silence_seconds: float = MIN_SILENCE_SECONDS
    _restart: Start | None = None
    _new_before: Condition | None = None

    def __post_init__(self) -> None:
        self.journal = Journal(self.folder / f"{self.job.cell.id}.jsonl")
        self.log = self.folder / f"{self.job.cell.id}.log"
        self._earlier = self.run.cut is not None

    def carry(self) -> None:
        """Until there is a result, or a failure that another attempt would not mend."""
        for attempt in range(1, ATTEMPTS + 1):
            died = self._attempt()
            if self.run.failure is None or not died or self.interrupts.asked:
                return
            if attempt == ATTEMPTS:
                self._tried_again(self.run.failure)
                return
            self.run.cut = self.run.cut or Cut(stopped_at=now(), why=self.run.failure.reason)

    def _tried_again(self, failure: Failure) -> None:
        """Says so where a second worker did not even come to where it could go on."""
        if self.run.cut:
            reason = f"{failure.reason}; at the attempt before: {self.run.cut.why}"
            self.run.failure = replace(failure, reason=reason)

    def _attempt(self) -> bool:
        """One worker. Returns whether it died, which may be chance; another reason would come again."""
        reason, died = None, False
        try:
            self._begin()
            reason, died = self._follow()
        except (Silent, RecordError) as error:
            reason, died = str(error), True
        except OSError as error:
            reason = f"the worker could not be started, or its records not kept: {error}"
        except BaseException:
            reason = f"interrupted by {self.interrupts.asked or 'the session'} {self._how_far()}"
            raise
        finally:
            self._end(reason)
        return died

    def _begin(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._new_before, self._restart = condition.take(), None
        if self.run.cut is None:
            self.journal.add("plan", self.run.plan)
            self._keep("before", self._new_before)

    def _follow(self) -> tuple[str | None, bool]:
        """Takes a worker's records. Returns why it came to no result, if so, and whether it died."""
        known = None if self.run.cut is None else tuple(self.run.epochs)
        self.run.failure = None
        limit = max(self.min_silence_seconds, EPOCHS_OF_SILENCE * self.expected_epoch_seconds)
        with (
            self.log.open("a") as log,
            spawned(replace(self.job, known=known), self.command, log) as child,
            self.interrupts.gently(child.stop),
        ):
            reason = self._take(records(child, limit, self.min_silence_seconds))
            if reason or self.run.result:
                return reason, False
            if self.interrupts.asked:
                return f"interrupted by {self.interrupts.asked} {self._how_far()}", False
            return ending(child.process, self._how_far()), True

    def _take(self, records: Iterator[Record]) -> str | None:
        """Keeps and passes on each record; returns the worker's own reason if it gave up, else None."""
        for record in records:
            self.interrupts.speak()
            match record:
                case Failure():
                    return record.reason
                case Start() if self.run.cut:
                    self._restart = record
                case Start():
                    self._keep("start", record)
                case Resumed():
                    if reason := self._go_on(record):
                        return reason
                case Epoch() | Result() if self.run.cut:
                    raise RecordError("the worker went on without saying from which epoch")
                case Epoch():
                    self.journal.add("epochs", record)
                    self.run.epochs.append(record)
                case Result():
                    # Before the result: who has one has all that comes with it.
                    self._keep("after", condition.take())
                    self._keep("result", record)
                case Beat():
                    pass
            self.on_record(record)
        return None

    def _keep(self, part: str, record: Condition | Start | Result | Failure) -> None:
        self.journal.add(part, record)
        setattr(self.run, part, record)

    def _go_on(self, resumed: Resumed) -> str | None:
        """Notes where the run goes on. Returns why it must not, if so."""
        run, restart, before = self.run, self._restart, self._new_before
        if not (run.cut and restart and before) or resumed.after_epoch > len(run.epochs):
            raise RecordError(f"nothing was to go on from epoch {resumed.after_epoch} here")
        unlike: list[str] = []
        if resumed.after_epoch and run.start:
            unlike = differences.starts(asdict(restart), asdict(run.start))
            if unlike and self.accepted is None:
                return f"{'; '.join(unlike)}. To go on all the same: --resume-anyway"
        interruption = run.cut.interruption(
            after_epoch=len(run.epochs),
            resumed_after=resumed.after_epoch,
            setback=resumed.setback,
            differences=(*(self.accepted or () if self._earlier else ()), *unlike),
        )
        self.journal.add("interruptions", interruption)
        run.go_on(interruption)
        self._earlier = False
        if not resumed.after_epoch:
            self.journal.add("plan", run.plan)
            self._keep("before", before)
            self._keep("start", restart)
        return None

    def _end(self, reason: str | None) -> None:
        if self.run.result:  # it stands, even if a framework then crashed on its way out
            with suppress(OSError):
                checkpoint.remove(self.folder, self.job.cell.id)
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
