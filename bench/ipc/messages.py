"""The messages: a job from parent to child, records from child to parent, one JSON line each."""

from __future__ import annotations

import json
from typing import Any

from bench.records import types
from bench.records.codec import RecordError, build, parse, to_fields, to_json
from bench.records.types import Cell, Epoch, Failure, Gate, Plan, Result, Roofline, Start, Watts


class Heartbeat(types.Record, frozen=True, kw_only=True):
    """A sign of life within an epoch, for the progress display and the timeout; never saved."""

    epoch: int
    step: int


class Resumed(types.Record, frozen=True, kw_only=True):
    """The epoch after which a run resumes, 0 for a new start.

    `went_back_because` says why it is not the last epoch on disk, and is None if it is.
    """

    after_epoch: int
    went_back_because: str | None


class Trial(types.Record, frozen=True, kw_only=True):
    """So many training steps took so long, from an idle device to an idle device; never saved."""

    steps: types.Count
    seconds: types.Seconds

    @property
    def step_seconds(self) -> float:
        return self.seconds / self.steps


Record = Gate | Roofline | Start | Heartbeat | Resumed | Trial | Epoch | Result | Failure

_RECORDS: dict[str, type[Record]] = {
    kind.__name__: kind
    for kind in (Gate, Roofline, Start, Heartbeat, Resumed, Trial, Epoch, Result, Failure)
}


class Job(types.Record, frozen=True, kw_only=True):
    """The input of a worker, a gate or a trial. It names folders, so it is never saved.

    `saved_epochs` are the epochs on disk of a run that resumes, None for a new run.
    """

    cell: Cell
    plan: Plan
    data_folder: str | None
    weights_file: str | None
    session_folder: str
    idle_watts: Watts | None
    roofline: Roofline | None
    saved_epochs: tuple[Epoch, ...] | None


def to_line(record: Record) -> str:
    """The record as one line of JSON with its newline."""
    fields = {"record": type(record).__name__} | to_fields(record)
    return json.dumps(fields, allow_nan=False) + "\n"


def from_line(line: str) -> Record:
    """The record of one line. Raises RecordError if the line is not a record."""
    fields = _parse(line)
    if not isinstance(fields, dict) or str(fields.get("record")) not in _RECORDS:
        raise RecordError(f"this line is no record of {', '.join(_RECORDS)}: {line[:80]!r}")
    return build(_RECORDS[fields.pop("record")], fields)


def job_to_json(job: Job) -> str:
    """The job as one line of JSON with its newline, for the worker's stdin."""
    return to_json(job) + "\n"


def job_from_json(text: str) -> Job:
    """The job that `job_to_json` wrote. Raises RecordError if the text is not a job."""
    return build(Job, _parse(text))


def _parse(line: str) -> Any:
    """The value of one line. Raises RecordError with the beginning of a line that is no JSON."""
    try:
        return parse(line)
    except RecordError as error:
        raise RecordError(f"this line is no record ({error}): {line[:80]!r}") from error
