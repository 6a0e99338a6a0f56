"""The parent's side of a trial: one process, and what it says or why it says nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from bench.ipc.messages import Job, Trial
from bench.ipc.parent import (
    MIN_TIMEOUT_SECONDS,
    TRIAL_COMMAND,
    WorkerTimeout,
    exit_reason,
    read_records,
    worker_process,
)
from bench.records.codec import RecordError
from bench.records.types import Failure


class TrialFailed(Exception):
    """A trial gave no time; the message says why and what to do."""


def ask_trial(
    job: Job,
    *,
    folder: Path,
    command: Sequence[str] = TRIAL_COMMAND,
    timeout_seconds: float = MIN_TIMEOUT_SECONDS,
) -> Trial:
    """Times a cell's training step in its own process, whose output goes to `folder`/CELL.trial.log.

    Raises TrialFailed, after `timeout_seconds` at the latest.
    """
    log_file = folder / f"{job.cell.id}.trial.log"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with log_file.open("w") as log, worker_process(job, command, log) as child:
            for record in read_records(child, timeout_seconds, timeout_seconds):
                match record:
                    case Trial():
                        return record
                    case Failure(reason=reason):
                        break
            else:
                reason = exit_reason(child.process, "before it had timed a step")
    except (WorkerTimeout, RecordError, OSError) as error:
        reason = str(error)
    cell = job.cell
    raise TrialFailed(
        f"the trial of {cell.experiment} in {cell.engine} on {cell.device} gave no time, so nothing says"
        f" how many steps an epoch is to have: {reason} (its output: {log_file}). Name the steps"
        f" yourself, such as --steps 80, or leave that engine out by --engine"
    )
