"""Where a session or a run stopped, and where it went on: by whom, for how long, from which epoch."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True, kw_only=True)
class Pause:
    """Where a session stopped and a later one went on with it. Times are UTC, to the second.

    `why` is None where nobody was left to say it; `differences` were accepted by --resume-anyway.
    """

    stopped_at: str
    why: str | None
    resumed_at: str
    seconds: float
    differences: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Interruption(Pause):
    """Where a run was cut off and went on in a new process, in the same session or a later one.

    `after_epoch` was its last on disk, `resumed_after` the one it went on from, 0 where it began anew;
    `setback` says why that is an earlier one.
    """

    after_epoch: int
    resumed_after: int
    setback: str | None


@dataclass(frozen=True, kw_only=True)
class Interrupted:
    """Where something stopped that has not yet gone on."""

    stopped_at: str
    why: str | None

    def pause(self, differences: tuple[str, ...]) -> Pause:
        """The pause that ends now."""
        resumed_at = now()
        apart = datetime.fromisoformat(resumed_at) - datetime.fromisoformat(self.stopped_at)
        return Pause(
            stopped_at=self.stopped_at,
            why=self.why,
            resumed_at=resumed_at,
            seconds=max(apart.total_seconds(), 0.0),  # a clock may have been set back in between
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
        """The interruption of a run that goes on now."""
        return Interruption(
            **vars(self.pause(differences)),
            after_epoch=after_epoch,
            resumed_after=resumed_after,
            setback=setback,
        )


def now() -> str:
    """The present moment in UTC, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
