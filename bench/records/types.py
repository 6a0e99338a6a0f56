"""Every record that is sent or saved: frozen, one JSON object each (bench/records/codec.py)."""

from __future__ import annotations

import base64
import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from alexnet.data import IMAGE_SHAPE, DatasetName, Images
from alexnet.frameworks.protocol import Device, Framework

# The history of the schema; docs/results.md explains every field.
# 1 (2026-11): cell, plan, start, epochs, result, failure.
# 2 (2026-11): the machine's parts and its condition before and after, gate, drift, energy and roofline;
#   validity moves from the result to a verdict of its own, and each run carries a seal.
# 3 (2026-11): interruptions; an epoch says whether it is a warm-up, since each process has one, and
#   checkpoint_seconds is the checkpoint's, best_weights_seconds what it was before.
# 4 (2026-11): pictures.
SCHEMA_VERSION = 4

VIRTUAL_MAC = "VirtualMac"
"""The model of a macOS guest on Apple silicon begins with this."""

StopReason = Literal["patience", "cap", "diverged"]
Power = Literal["mains", "battery"]
Thermal = Literal["nominal", "moderate", "heavy", "trapping", "sleeping"]
Watts = dict[str, float]
Joules = dict[str, float]


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
    """How much of the protocol a cell runs; every number is fixed before it starts.

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
class Machine:
    """One computer. What is unknown is None, never a guess.

    `cpu_cores` counts physical cores by kind. Only `name`, which the owner chooses, identifies the
    computer or its owner.
    """

    name: str
    chip: str | None
    model: str | None
    cpu_cores: dict[str, int] | None
    gpu: str | None
    gpu_cores: int | None
    memory_bytes: int
    os: str | None
    os_build: str | None
    python: str
    architecture: str
    translated: bool | None
    virtual: bool | None
    packages: dict[str, str]


def is_virtual_mac(model: object, virtual: object) -> bool:
    """Whether a machine of this model is macOS in a virtual machine, whose GPU is not the chip's."""
    return virtual is True and str(model).startswith(VIRTUAL_MAC)


@dataclass(frozen=True, kw_only=True)
class Condition:
    """The state of a computer at one moment. What is unknown is None.

    `load` is the one-minute load average; the swap counters count from boot on.
    """

    taken_at: str
    power: Power | None
    low_power: bool | None
    thermal: Thermal | None
    load: float
    available_memory_bytes: int
    swap_used_bytes: int
    swapped_in_bytes: int | None
    swapped_out_bytes: int | None


@dataclass(frozen=True, kw_only=True)
class Roofline:
    """The best that a framework gets out of a device: a float32 matrix product, and a scaled copy."""

    flops_per_second: float
    bytes_per_second: float


@dataclass(frozen=True, kw_only=True)
class Check:
    """One measured value and its limits; `says` describes what was measured."""

    name: str
    measured: float | None
    least: float
    most: float
    says: str

    @property
    def passed(self) -> bool:
        return self.measured is not None and self.least <= self.measured <= self.most


@dataclass(frozen=True, kw_only=True)
class Gate:
    """What was checked before the first epoch, in a process of its own.

    `not_checked` are sentences on what could not be checked here. The hashes are those of the weights
    and of the batch (its images, then its labels) that all checks used.
    """

    checks: tuple[Check, ...]
    not_checked: tuple[str, ...]
    weights_sha256: str | None
    batch_sha256: str | None
    seconds: float | None


@dataclass(frozen=True, kw_only=True)
class Start:
    """What a worker reports before its first epoch: network, data, weights, versions and meters.

    `meters` says of each meter what it reads, or why it cannot; `probe_seconds` is the reference
    kernel's time on the cold device.
    """

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
    meters: dict[str, str]
    baseline_host_bytes: int | None
    idle_watts: Watts | None
    roofline: Roofline | None
    probe_flops: int
    probe_seconds: float


@dataclass(frozen=True, kw_only=True)
class Epoch:
    """One epoch, counted from 1; a process's first is a warm-up that stays out of the statistics.

    `train_seconds` is the round: training alone, the device synchronised before and after. The other
    durations are timed separately, and None if the step did not take place. A loss that is not finite
    is None.
    """

    epoch: int
    warm_up: bool
    stage: int
    learning_rate: float
    images: int
    train_seconds: float
    evaluate_seconds: float
    best_weights_seconds: float | None
    checkpoint_seconds: float | None
    probe_seconds: float | None
    train_loss: float | None
    train_accuracy: float
    validation_loss: float | None
    validation_accuracy: float
    peak_host_bytes: int | None
    peak_device_bytes: int | None
    energy_joules: Joules | None


@dataclass(frozen=True, kw_only=True)
class Drift:
    """How the rate changed. `drift` and `probe_drift` are shares, negative if it became slower."""

    cold_images_per_second: float
    sustained_images_per_second: float | None
    drift: float | None
    probe_drift: float | None


@dataclass(frozen=True, kw_only=True)
class Pictures:
    """Sample test images, the same for every framework, and the best epoch's answers to them.

    `pixels` are uint8 (n, 32, 32, 3), RGB, row by row in base64; `positions` are indices into the test
    images. `answers` are classes, 10 for any class beyond the ten; `shares` are their softmax values.
    """

    positions: tuple[int, ...]
    pixels: str
    labels: tuple[int, ...]
    answers: tuple[int, ...]
    shares: tuple[float, ...]

    def images(self) -> Images:
        """The pixels, uint8 (n, 32, 32, 3). Raises ValueError if they are not one image per label."""
        raw = base64.b64decode(self.pixels, validate=True)
        if len(raw) != len(self.labels) * math.prod(IMAGE_SHAPE):
            raise ValueError(f"{len(raw):,} bytes are not {len(self.labels)} images of 32x32 RGB")
        return np.frombuffer(raw, np.uint8).reshape(len(self.labels), *IMAGE_SHAPE)


@dataclass(frozen=True, kw_only=True)
class Result:
    """How a cell ended. `converged_at` is the best epoch if patience ended the run, and else None.

    Test figures are those of the weights of `best_epoch`, and None if the run diverged.
    """

    epochs: int
    best_epoch: int | None
    stopped: StopReason
    converged_at: int | None
    test_images: int
    test_loss: float | None
    test_accuracy: float | None
    per_class_accuracy: tuple[float | None, ...] | None
    confusion: tuple[tuple[int, ...], ...] | None
    pictures: Pictures | None
    epoch_images_per_second: float
    step_images_per_second: float
    pipeline_ratio: float
    achieved_flops_per_second: float | None
    roofline_share: float | None
    drift: Drift
    peak_host_bytes: int | None
    peak_device_bytes: int | None
    joules_per_epoch: float | None
    joules_per_image: float | None
    joules_to_best_epoch: float | None
    weights_sha256: str | None
    data_sha256: str
    versions: dict[str, str]
    checks: tuple[Check, ...]
    total_seconds: float


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Whether a run may be compared, with the reasons if not. An invalid run is kept and shown.

    `warnings` are what a reader should know of a run, valid or not.
    """

    validity: Literal["valid", "invalid"]
    reasons: tuple[str, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Why a cell has no result, in a sentence, with the end of its worker's output."""

    reason: str
    log_tail: str


@dataclass(frozen=True, kw_only=True)
class Pause:
    """A session that stopped and was resumed later. Times are UTC, to the second.

    `why` is None if the process died without saying; `differences` were accepted by --resume-anyway.
    """

    stopped_at: str
    why: str | None
    resumed_at: str
    seconds: float
    differences: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Interruption(Pause):
    """A run that stopped and was resumed in a new process, in the same session or a later one.

    `after_epoch` is the last epoch on disk, `resumed_after` the one that training resumed from, 0 if it
    started over; `setback` says why that is an earlier one.
    """

    after_epoch: int
    resumed_after: int
    setback: str | None


@dataclass(frozen=True, kw_only=True)
class SkippedCell:
    """A cell that was not run; `reason` also says what to do about it."""

    cell: Cell
    plan: Plan
    reason: str
