"""All that crosses a pipe or a file: frozen records, one JSON line each."""

from __future__ import annotations

import dataclasses
import json
import math
from dataclasses import dataclass
from typing import Any, Literal

from alexnet import Device, Framework
from alexnet.data import DatasetName

# The history of the schema; docs/results.md explains every field.
# 1 (2026-11): cell, plan, start, epochs, result, failure.
SCHEMA_VERSION = 1


Stop = Literal["patience", "cap", "diverged"]


class RecordError(ValueError):
    """A line that is no record of this schema, and why."""


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One benchmark: an experiment in one framework on one device with one seed."""

    experiment: str
    framework: Framework
    device: Device
    seed: int

    @property
    def id(self) -> str:
        return f"{self.experiment}-{self.framework}-{self.device}-s{self.seed}"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How much of the protocol a cell runs, every number settled before it starts.

    `train_images` and `test_images` of None mean all there are.
    """

    profile: str
    dataset: DatasetName
    data_provenance: str
    image_size: int
    train_images: int | None
    test_images: int | None
    epochs: int
    patience: int
    batch_size: int


@dataclass(frozen=True, kw_only=True)
class Job:
    """What the parent hands to a worker. It names folders, so it is never saved."""

    cell: Cell
    plan: Plan
    data_folder: str | None
    weights_file: str | None
    scratch_folder: str


@dataclass(frozen=True, kw_only=True)
class Start:
    """What a worker found and settled before its first epoch."""

    schema: int
    started_at: str
    variant: str
    parameters: int
    forward_flops: int
    steps_per_epoch: int
    data_sha256: str
    train_images: int
    validation_images: int
    test_images: int
    weights_origin: str
    weights_source_sha256: str | None
    weights_sha256: str
    device_name: str
    versions: dict[str, str]
    settings: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class Beat:
    """A sign of life within an epoch, for the progress display; never saved."""

    epoch: int
    step: int


@dataclass(frozen=True, kw_only=True)
class Epoch:
    """One epoch, counted from 1; the first is a warm-up that stays out of the statistics.

    `train_seconds` is the round: device synchronised before and after, nothing else in it.
    Evaluation and checkpoint come after it; an epoch that was not the best has no checkpoint. Losses
    are None where they were not finite.
    """

    epoch: int
    stage: int
    learning_rate: float
    images: int
    train_seconds: float
    evaluate_seconds: float
    checkpoint_seconds: float | None
    train_loss: float | None
    train_accuracy: float
    validation_loss: float | None
    validation_accuracy: float
    peak_host_bytes: int
    peak_device_bytes: int | None


@dataclass(frozen=True, kw_only=True)
class Result:
    """How a cell ended. `converged_at` is the best epoch where patience ended the run.

    Test figures are of the weights of `best_epoch`, and None in a run that diverged.
    """

    validity: Literal["valid", "invalid"]
    reasons: tuple[str, ...]
    epochs: int
    best_epoch: int | None
    stopped: Stop
    converged_at: int | None
    test_images: int
    test_loss: float | None
    test_accuracy: float | None
    per_class_accuracy: tuple[float | None, ...] | None
    confusion: tuple[tuple[int, ...], ...] | None
    epoch_images_per_second: float
    step_images_per_second: float
    pipeline_ratio: float
    peak_host_bytes: int
    peak_device_bytes: int | None
    weights_sha256: str | None
    total_seconds: float


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Why a cell has no result, in a sentence, with the end of what its worker printed."""

    reason: str
    log_tail: str


Record = Start | Beat | Epoch | Result | Failure
_RECORDS = {kind.__name__: kind for kind in (Start, Beat, Epoch, Result, Failure)}


def finite(value: float) -> float | None:
    """The value, or None where it is NaN or infinite: JSON has neither, and neither is a figure."""
    return value if math.isfinite(value) else None


def to_line(record: Record) -> str:
    """One line of JSON, its newline included."""
    fields = {"record": type(record).__name__} | dataclasses.asdict(record)
    return json.dumps(fields, allow_nan=False) + "\n"


def from_line(line: str) -> Record:
    """The record of one line. Raises RecordError for anything else."""
    try:
        fields = json.loads(line)
    except json.JSONDecodeError as error:
        raise RecordError(f"this line is not JSON ({error}): {line[:80]!r}") from error
    if not isinstance(fields, dict) or fields.get("record") not in _RECORDS:
        raise RecordError(f"this line is no record of {', '.join(_RECORDS)}: {line[:80]!r}")
    record: Record = build(_RECORDS[fields.pop("record")], fields)
    return record


def build(kind: Any, fields: dict[str, Any]) -> Any:
    """A record from its fields. Raises RecordError naming each field that is missing or unknown."""
    known = {field.name for field in dataclasses.fields(kind)}
    if unknown := sorted(set(fields) - known):
        raise RecordError(
            f"{kind.__name__} has no field {', '.join(unknown)}; it has {', '.join(sorted(known))}"
        )
    if missing := sorted(known - set(fields)):
        raise RecordError(f"{kind.__name__} lacks its field {', '.join(missing)}")
    return kind(**{name: _frozen(value) for name, value in fields.items()})


def _frozen(value: Any) -> Any:
    """JSON's lists as the tuples that records are made of."""
    return tuple(_frozen(item) for item in value) if isinstance(value, list) else value


def job_to_json(job: Job) -> str:
    """The job as the worker reads it from its stdin."""
    return json.dumps(dataclasses.asdict(job))


def job_from_json(text: str) -> Job:
    """The job that `job_to_json` wrote. Raises RecordError for fields that are not its own."""
    fields = json.loads(text)
    fields["cell"] = build(Cell, fields["cell"])
    fields["plan"] = build(Plan, fields["plan"])
    job: Job = build(Job, fields)
    return job
