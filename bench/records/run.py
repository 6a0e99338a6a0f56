"""One cell as the session runs it: its records so far, and where it was interrupted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from msgspec import structs

from bench.records import derive
from bench.records.clock import utc_now
from bench.records.types import (
    METHOD,
    SCHEMA_VERSION,
    Cell,
    Epoch,
    Interruption,
    NotBegun,
    Pause,
    Plan,
    Run,
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
        went_back_because: str | None,
        differences: tuple[str, ...],
    ) -> Interruption:
        """The interruption, if the run is resumed now."""
        return Interruption(
            **structs.asdict(self.pause(differences)),
            after_epoch=after_epoch,
            resumed_after=resumed_after,
            went_back_because=went_back_because,
        )


class SessionRun(Run, kw_only=True):
    """The run of a session; `interrupted` is set while it waits to be resumed.

    `replay` and `clock` give pytest-benchmark the epochs as rounds, on the worker's clock: each call
    of `replay` advances the clock by one epoch's training seconds, warm-ups first.
    """

    interrupted: Interrupted | None = None
    _replayed: int = 0
    _clock: float = 0.0

    @classmethod
    def of_cell(cls, cell: Cell, plan: Plan) -> SessionRun:
        """A run that has not begun."""
        return cls(
            schema=SCHEMA_VERSION,
            method=METHOD,
            cell=cell,
            plan=plan,
            gate=None,
            before=None,
            start=None,
            epochs=[],
            interruptions=[],
            result=None,
            after=None,
            verdict=Verdict(validity="invalid", reasons=(NotBegun(),), warnings=()),
            failure=None,
            checksum="",
        )

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

    def begin_anew(self, plan: Plan) -> None:
        """Drops everything but the gate and the interruptions."""
        self.plan = plan
        self.before = self.start = self.result = self.after = self.failure = self.interrupted = None
        self.epochs = []

    def resume_after(self, interruption: Interruption) -> None:
        """Drops the records after the epoch from which the run resumes."""
        self.interruptions.append(interruption)
        self.epochs = self.epochs[: interruption.resumed_after]
        if interruption.resumed_after == 0:
            self.before = self.start = None
        self.interrupted = self.result = self.after = self.failure = None
