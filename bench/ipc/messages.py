"""What parent and child say to each other: a job one way, records the other, one JSON line each."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass

from bench.records.codec import RecordError, build, parse
from bench.records.types import Cell, Epoch, Failure, Gate, Plan, Result, Roofline, Start, Watts


@dataclass(frozen=True, kw_only=True)
class Heartbeat:
    """A sign of life within an epoch, for the progress display; never kept."""

    epoch: int
    step: int


@dataclass(frozen=True, kw_only=True)
class Resumed:
    """From which epoch on a run goes on, 0 for the beginning, and why not from its last on disk."""

    after_epoch: int
    setback: str | None


Record = Gate | Roofline | Start | Heartbeat | Resumed | Epoch | Result | Failure


_RECORDS = {
    kind.__name__: kind for kind in (Gate, Roofline, Start, Heartbeat, Resumed, Epoch, Result, Failure)
}


@dataclass(frozen=True, kw_only=True)
class Job:
    """What the parent hands to a worker. It names folders, so it is never saved.

    `known` are the epochs on disk of a run that is to go on, None for one that begins.
    """

    cell: Cell
    plan: Plan
    data_folder: str | None
    weights_file: str | None
    scratch_folder: str
    idle_watts: Watts | None
    roofline: Roofline | None
    known: tuple[Epoch, ...] | None


def to_line(record: Record) -> str:
    """One line of JSON, its newline included."""
    fields = {"record": type(record).__name__} | dataclasses.asdict(record)
    return json.dumps(fields, allow_nan=False) + "\n"


def from_line(line: str) -> Record:
    """The record of one line. Raises RecordError for anything else."""
    fields = parse(line)
    if not isinstance(fields, dict) or str(fields.get("record")) not in _RECORDS:
        raise RecordError(f"this line is no record of {', '.join(_RECORDS)}: {line[:80]!r}")
    record: Record = build(_RECORDS[fields.pop("record")], fields)
    return record


def job_to_json(job: Job) -> str:
    """The job as the worker reads it from its stdin: one line."""
    return json.dumps(dataclasses.asdict(job), allow_nan=False) + "\n"


def job_from_json(text: str) -> Job:
    """The job that `job_to_json` wrote. Raises RecordError for anything else."""
    job: Job = build(Job, parse(text))
    return job
