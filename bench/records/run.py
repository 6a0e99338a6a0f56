"""One cell as the session runs it: its records so far, and where it was interrupted."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from bench.records import derive
from bench.records.clock import utc_now
from bench.records.types import (
    Cell,
    Condition,
    Epoch,
    Failure,
    Gate,
    Interruption,
    Pause,
    Plan,
    Result,
    Start,
    Verdict,
)


@dataclass(frozen=True, kw_only=True)
class Interrupted:
    """A session or run that stopped and has not been resumed yet."""

    stopped_at: str
    why: str | None

    def pause(self, differences: tuple[str, ...]) -> Pause:
        """The pause, if the session is resumed now."""
        resumed_at = utc_now()
        elapsed = datetime.fromisoformat(resumed_at) - datetime.fromisoformat(self.stopped_at)
        return Pause(
            stopped_at=self.stopped_at,
            why=self.why,
            resumed_at=resumed_at,
            seconds=max(elapsed.total_seconds(), 0.0),  # the clock may have been set back meanwhile
            differences=differences,
        )

    def interruption(
        self,
        *,
        after_epoch: int,
        resumed_after: int,
        setback: str | None,
        differences: tuple[str, ...],
    ) -> Interruption:
        """The interruption, if the run is resumed now."""
        return Interruption(
            **vars(self.pause(differences)),
            after_epoch=after_epoch,
            resumed_after=resumed_after,
            setback=setback,
        )


NOT_BEGUN = Verdict(validity="invalid", reasons=("it did not begin",), warnings=())


@dataclass(kw_only=True)
class Run:
    """The records of one cell; `interrupted` is set while the run waits to be resumed.

    `replay` and `clock` give pytest-benchmark the epochs as rounds, on the worker's clock: each call
    of `replay` advances the clock by one epoch's training seconds, warm-ups first.
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
    interrupted: Interrupted | None = None
    _replayed: int = 0
    _clock: float = 0.0

    def timed_epochs(self) -> list[Epoch]:
        """The epochs that count in pytest-benchmark's statistics."""
        return derive.timed_epochs(self.epochs)

    def replay(self) -> None:
        rounds = self.timed_epochs()
        warm_ups = [epoch for epoch in self.epochs if epoch not in rounds]
        self._clock += [*warm_ups, *rounds][self._replayed].train_seconds
        self._replayed += 1

    def clock(self) -> float:
        return self._clock

    def resume_after(self, interruption: Interruption) -> None:
        """Drops the records after the epoch from which the run resumes."""
        self.interruptions.append(interruption)
        self.epochs = self.epochs[: interruption.resumed_after]
        if interruption.resumed_after == 0:
            self.before = self.start = None
        self.interrupted = self.result = self.after = self.failure = None
