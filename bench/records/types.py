"""Every record that is sent or saved: one JSON object each, with the bounds of its values."""

from __future__ import annotations

import base64
import math
import re
from typing import Annotated, Literal, get_args, get_type_hints

import msgspec
import numpy as np
from msgspec import Meta

from alexnet.data import IMAGE_SHAPE, DatasetName, Images
from alexnet.frameworks import registry
from alexnet.frameworks.protocol import Device

# The history of the schema; docs/results.md explains every field.
# 1 (2026-11): cell, plan, start, epochs, result, failure.
# 2 (2026-11): the machine's parts and its condition before and after, gate, drift, energy and roofline;
#   validity moves from the result to a verdict of its own, and each run carries a seal.
# 3 (2026-11): interruptions; an epoch says whether it is a warm-up, since each process has one, and
#   checkpoint_seconds is the checkpoint's, best_weights_seconds what it was before.
# 4 (2026-11): pictures. The first version that bench/records/upgrade.py reads.
# 5 (2026-11): engines in place of frameworks, and repeats; reasons, warnings, what was not checked and
#   what a meter reads are kinds with values instead of sentences; each run has its schema and method;
#   checksum (seal), went_back_because (setback), lower, upper and description (least, most, says).
# 6 (2026-11): what else ran during an epoch, its seconds by the time of day, the precision that the gate
#   measured, the hash of an epoch's batches; drift compares thirds: early_images_per_second (cold),
#   late_images_per_second (sustained).
# 7 (2026-11): step_seconds and step_interference, what else ran while the bare step was timed. Where it
#   was disturbed in every try, the result has no check `pipeline`.
# 8 (2026-11): weight_transfer, how each of ImageNet's tensors came into the engine.
# 9 (2026-11): the plan's steps_per_epoch, and feed_seconds, how long an epoch's loop waited for images.
SCHEMA_VERSION = 9

METHOD = 2
"""It rises with each change of what the clock, memory or energy covers. Figures of different methods
are never pooled.

1 (2026-11): a round is an epoch of training with its input pipeline, the device synchronised before and
after; peak host memory and energy are those of the same span.
2 (2026-11): an epoch's images are put on the device in chunks, of which a step takes its batch there.
"""

VIRTUAL_MAC = "VirtualMac"
"""The model of a macOS guest on Apple silicon begins with this."""

StopReason = Literal["patience", "cap", "diverged"]
Power = Literal["mains", "battery"]
Thermal = Literal["nominal", "moderate", "heavy", "trapping", "sleeping"]

Count = Annotated[int, Meta(ge=1, le=10**15)]
NaturalNumber = Annotated[int, Meta(ge=0)]
Seconds = Annotated[float, Meta(ge=1e-7, le=1e9)]
"""A timed duration; less than 0.1 us is no time that a clock gave."""
Positive = Annotated[float, Meta(gt=0, le=1e30)]
"""No figure comes near the upper bound, and two of them can be added."""
NotNegative = Annotated[float, Meta(ge=0)]
Share = Annotated[float, Meta(ge=0, le=1)]
Loss = Annotated[float, Meta(ge=-1e-4, le=1e39)]
"""Rounding may give a loss just below 0; the largest float32 is 3.4e38."""
Watts = dict[str, Positive]
Joules = dict[str, Positive]


class Record(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A record. Reading one checks its fields, types and bounds; making one does not."""


class Cell(Record, frozen=True, kw_only=True):
    """One benchmark: an experiment in one engine on one device with one seed, and which repeat of it.

    Raises ValueError for an engine that is not in the registry.
    """

    experiment: str
    engine: str
    device: Device
    seed: NaturalNumber
    repeat: NaturalNumber = 0

    def __post_init__(self) -> None:
        if self.engine not in registry.ENGINES:
            raise ValueError(
                f"there is no engine {self.engine!r} here; there are {', '.join(registry.ENGINES)}"
            )

    @property
    def id(self) -> str:
        repeat = f"-r{self.repeat}" if self.repeat else ""
        return f"{self.experiment}-{self.engine}-{self.device}-s{self.seed}{repeat}"

    @property
    def first_repeat(self) -> Cell:
        """The cell without its repeat. All repeats share its gate."""
        return msgspec.structs.replace(self, repeat=0)


SPEED = "speed"
"""The profile whose runs say nothing of accuracy: their epochs are few, and cut short, by design."""


class Plan(Record, frozen=True, kw_only=True):
    """How much of the protocol a cell runs; every number is fixed before it starts.

    `train_images` and `test_images` of None mean all there are. `steps_per_epoch` is how many of an
    epoch's steps are trained, the first ones of its order; None means all.
    """

    profile: str
    dataset: DatasetName
    data_provenance: str
    image_size: Annotated[int, Meta(ge=1, le=4096)]
    train_images: Count | None
    test_images: Count | None
    epochs: Count
    patience: Count
    batch_size: Count
    steps_per_epoch: Count | None

    @property
    def is_for_speed_alone(self) -> bool:
        """Whether accuracies, the best epoch and the end of training say nothing of the network."""
        return self.profile == SPEED


class Machine(Record, frozen=True, kw_only=True):
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
    memory_bytes: Count
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


class Condition(Record, frozen=True, kw_only=True):
    """The state of a computer at one moment. What is unknown is None.

    `load` is the one-minute load average; the swap counters count from boot on.
    """

    taken_at: str
    power: Power | None
    low_power: bool | None
    thermal: Thermal | None
    load: NotNegative
    available_memory_bytes: NaturalNumber
    swap_used_bytes: NaturalNumber
    swapped_in_bytes: NaturalNumber | None
    swapped_out_bytes: NaturalNumber | None


class Roofline(Record, frozen=True, kw_only=True):
    """The best that an engine gets out of a device: a float32 matrix product, and a scaled copy."""

    flops_per_second: Positive
    bytes_per_second: Positive


PrecisionWord = Literal["float32", "TF32", "float16", "bfloat16", "other"]
"""How exactly a device computes, in a word. TF32 and float16 keep the same ten bits; TF32 has the range
of float32."""


class Arithmetic(Record, frozen=True, kw_only=True):
    """What a device really keeps of numbers, as the gate measured it.

    `mantissa_bits` has, by operation, how many bits after the leading one the result shows, up to 23.
    `lost_powers` are those of the numbers 2^-20 and 2^20, by exponent, that do not come through.
    """

    mantissa_bits: dict[str, Annotated[float, Meta(ge=0, le=23)]]
    lost_powers: tuple[int, ...]


class Interference(Record, frozen=True, kw_only=True):
    """Readings of what else the computer did during an epoch, or a try at timing the bare step.

    What cannot be read is None. Seconds of processor time are summed over all logical processors, from
    the span's start to its end: in all, unused, the suite's own (the worker and its parent), and what
    the host of a virtual machine gave to others. `gpu_share` is the GPU's use when the worker had last
    left it idle.
    """

    busy_cpu_seconds: NotNegative | None
    idle_cpu_seconds: NotNegative | None
    own_cpu_seconds: NotNegative | None
    stolen_cpu_seconds: NotNegative | None
    gpu_share: Share | None


class Check(Record, frozen=True, kw_only=True):
    """One measured value and its limits; `measured` is None if there was nothing to measure."""

    name: str
    measured: float | None
    lower: float
    upper: float
    description: str

    @property
    def passed(self) -> bool:
        return self.measured is not None and self.lower <= self.measured <= self.upper


# Kinds: what a verdict, a gate or a meter says, with the values that a sentence needs. The sentences are
# made by bench/records/words.py.


def _tag(name: str) -> str:
    """The field `kind` of a class: that of `OnBattery` is "on battery"."""
    return re.sub(r"(?<!^)(?=[A-Z])", " ", name).lower()


class Kind(Record, frozen=True, kw_only=True, tag_field="kind", tag=_tag):
    """A record that its field `kind` tells apart from the others of its union."""


class PlacementUnknown(Kind, frozen=True, kw_only=True):
    """The framework does not tell where a training step runs, and why."""

    why: str


class NoOtherEngine(Kind, frozen=True, kw_only=True):
    """In a file of version 4: there was no other engine to compare this one with."""

    engine: str


class ReferenceDiffers(Kind, frozen=True, kw_only=True):
    """In a file of version 4: an engine was off its own reference, and not compared with others."""

    engine: str
    device: Device


NotChecked = PlacementUnknown | NoOtherEngine | ReferenceDiffers
"""What a gate could not check."""


class NotBegun(Kind, frozen=True, kw_only=True):
    """The run did not begin."""


class GateNotRun(Kind, frozen=True, kw_only=True):
    """The correctness gate was not run."""


class GateEmpty(Kind, frozen=True, kw_only=True):
    """The correctness gate checked nothing."""


class CheckFailed(Kind, frozen=True, kw_only=True):
    """A check of the gate or of the result failed."""

    check: Check


class OtherFirstWeights(Kind, frozen=True, kw_only=True):
    """The gate used other first weights than the run."""


class NoResult(Kind, frozen=True, kw_only=True):
    """The run has no result."""


class Diverged(Kind, frozen=True, kw_only=True):
    """The loss was not finite, or rose beyond all bounds."""

    epoch: int


class NotTested(Kind, frozen=True, kw_only=True):
    """No epoch's weights were scored on the test images."""


class ImagesChanged(Kind, frozen=True, kw_only=True):
    """The images in memory at the end were not those at the beginning."""


class VersionsChanged(Kind, frozen=True, kw_only=True):
    """The versions at the end, (package, version), were not those at the beginning."""

    versions: tuple[tuple[str, str], ...]


Reason = (
    NotBegun
    | GateNotRun
    | GateEmpty
    | CheckFailed
    | OtherFirstWeights
    | NoResult
    | Diverged
    | NotTested
    | ImagesChanged
    | VersionsChanged
)
"""Why a run is invalid."""


class CutOff(Kind, frozen=True, kw_only=True):
    """The run was interrupted and resumed; the fields are those of its Interruption."""

    after_epoch: int
    resumed_after: int
    seconds: float
    why: str | None
    went_back_because: str | None


class ResumedDespite(Kind, frozen=True, kw_only=True):
    """The run was resumed by --resume-anyway although something differed."""

    difference: str


class SlowedDown(Kind, frozen=True, kw_only=True):
    """The run ended slower than it began, by this share of its rate."""

    share: float


class DeviceSlowedDown(Kind, frozen=True, kw_only=True):
    """The reference kernel ended slower than it began, by this share of its rate."""

    share: float


DisturbanceKind = Literal[
    "other programs", "the virtual machine's host", "the GPU's other users", "sleep"
]
"""What disturbed an epoch or a try at timing the bare step: others took processor time, or the GPU, or
the computer slept."""


class Disturbed(Kind, frozen=True, kw_only=True):
    """So many of the epochs that count were disturbed, and by what.

    If all were, their rate is shown all the same, and nothing is decided with it.
    """

    epochs: int
    of: int
    by: tuple[DisturbanceKind, ...]


class SlowEpochs(Kind, frozen=True, kw_only=True):
    """So many of the epochs that count took longer than the rest, and nothing measured says why.

    `share` is by how much the slowest exceeds the median.
    """

    epochs: int
    of: int
    share: float


class StepsDisturbed(Kind, frozen=True, kw_only=True):
    """Every try at timing the bare step was disturbed, and by what: `pipeline` was not asked."""

    by: tuple[DisturbanceKind, ...]


class Slept(Kind, frozen=True, kw_only=True):
    """In so many epochs, counted or not, the computer slept, for so many seconds in all."""

    epochs: int
    seconds: float


class ImplausibleMemory(Kind, frozen=True, kw_only=True):
    """The peak of the host's or the device's memory is below what the run must have had."""

    of: Literal["host", "device"]
    bytes: int
    least_bytes: int


class ImplausiblePower(Kind, frozen=True, kw_only=True):
    """Processor and GPU drew so many watts on average: no computer that trains does."""

    watts: float


class OnBattery(Kind, frozen=True, kw_only=True):
    """The computer ran on battery."""


class LowPowerMode(Kind, frozen=True, kw_only=True):
    """The computer was in low power mode."""


class ThermalPressure(Kind, frozen=True, kw_only=True):
    """The computer was hot."""

    levels: tuple[Thermal, ...]


class SwappedIn(Kind, frozen=True, kw_only=True):
    """Bytes came back from swap while the run lasted: it had too little memory."""

    bytes: int


class VirtualMac(Kind, frozen=True, kw_only=True):
    """The computer is macOS in a virtual machine."""


class Translated(Kind, frozen=True, kw_only=True):
    """Python was translated by Rosetta."""


RunWarning = (
    CutOff
    | ResumedDespite
    | SlowedDown
    | DeviceSlowedDown
    | Disturbed
    | SlowEpochs
    | StepsDisturbed
    | Slept
    | ImplausibleMemory
    | ImplausiblePower
    | OnBattery
    | LowPowerMode
    | ThermalPressure
    | SwappedIn
    | VirtualMac
    | Translated
    | NotChecked
)
"""What a reader should know of a run, valid or not."""

MeasuredKind = Literal[
    "perf counter",
    "resident memory in the epoch",
    "resident memory since the start",
    "footprint in the epoch",
    "footprint since the start",
    "framework counter",
    "ioreport",
    "counters",
    "processor times",
    "device utilization",
]
NotMeasuredKind = Literal[
    "no resident memory",
    "no footprint",
    "no framework counter",
    "host memory is the device's",
    "ioreport without counter",
    "ioreport unreadable",
    "counters for root",
    "no counter",
    "no processor times",
    "no device utilization",
]
ReadsKind = Literal[MeasuredKind, NotMeasuredKind]


class Reads(Record, frozen=True, kw_only=True):
    """What a meter reads, or why it cannot; `detail` is a path, the counted parts, or an error."""

    kind: ReadsKind
    detail: str = ""

    @property
    def measured(self) -> bool:
        return self.kind in get_args(MeasuredKind)


class Gate(Record, frozen=True, kw_only=True):
    """What was checked before the first epoch, in a process of its own.

    `not_checked` is what could not be checked here. The hashes are those of the weights
    and of the batch (its images, then its labels) that all checks used. `precision` is what `arithmetic`
    comes to; both are None in a file before version 6.
    """

    checks: tuple[Check, ...]
    not_checked: tuple[NotChecked, ...]
    arithmetic: Arithmetic | None
    precision: PrecisionWord | None
    weights_sha256: str | None
    batch_sha256: str | None
    seconds: NotNegative | None


class TransferredTensor(Record, frozen=True, kw_only=True):
    """How one of the first weights came into the engine.

    `name` and `shape` are canonical. `source` is the tensor's name in torchvision's file, None if it was
    drawn for the new head. `layout` is what the engine makes of it. `sha256` is of the canonical tensor,
    which is also what the engine gave back once it had it.
    """

    name: str
    shape: tuple[Count, ...]
    source: str | None
    layout: str
    sha256: str


class Start(Record, frozen=True, kw_only=True):
    """What a worker reports before its first epoch: network, data, weights, versions and meters.

    `weight_transfer` has each tensor of a network that starts from ImageNet's weights; None for one that
    starts from drawn weights, and in a file before version 8.
    `meters` has what each meter reads, or why it cannot; `probe_seconds` is the reference
    kernel's time on the cold device.
    """

    started_at: str
    variant: str
    parameters: Count
    forward_flops: Count
    steps_per_epoch: Count
    data_sha256: str
    train_images: Count
    validation_images: Count
    test_images: Count
    weights_origin: str
    weights_source_sha256: str | None
    weights_sha256: str
    weight_transfer: tuple[TransferredTensor, ...] | None
    device_name: str
    versions: dict[str, str]
    settings: dict[str, str]
    meters: dict[str, Reads]
    baseline_host_bytes: Count | None
    idle_watts: Watts | None
    roofline: Roofline | None
    probe_flops: Count
    probe_seconds: Seconds


class Epoch(Record, frozen=True, kw_only=True):
    """One epoch, counted from 1; a process's first is a warm-up that stays out of the statistics.

    `train_seconds` is the round: training alone, the device synchronised before and after.
    `wall_seconds` is the same span by the time of day, which goes on while a computer sleeps.
    `feed_seconds` is how much of it the loop submitted no step, since it waited for images or put them
    on the device; the device waited no longer for them. None in files before version 9.
    `first_step_seconds` is what a process's first step took, until the device had done it: an engine
    that is compiled compiles in it. None in the other epochs, and in older files. The other
    durations are timed separately, and None if the step did not take place. A loss that is not finite
    is None.
    """

    epoch: Count
    warm_up: bool
    stage: Count
    learning_rate: float
    images: Count
    train_seconds: Seconds
    wall_seconds: float | None
    feed_seconds: NotNegative | None
    evaluate_seconds: Seconds
    best_weights_seconds: Seconds | None
    checkpoint_seconds: Seconds | None
    probe_seconds: Seconds | None
    train_loss: Loss | None
    train_accuracy: Share
    validation_loss: Loss | None
    validation_accuracy: Share
    peak_host_bytes: Count | None
    peak_device_bytes: Count | None
    energy_joules: Joules | None
    interference: Interference | None
    first_step_seconds: Seconds | None = None


class Drift(Record, frozen=True, kw_only=True):
    """How the rate changed from the first third of the epochs that count to the last.

    `drift` and `probe_drift` are shares, negative if it became slower. None if there are too few epochs.
    """

    early_images_per_second: Positive | None
    late_images_per_second: Positive | None
    drift: float | None
    probe_drift: float | None


class Pictures(Record, frozen=True, kw_only=True):
    """Sample test images, the same for every engine, and the best epoch's answers to them.

    `pixels` are uint8 (n, 32, 32, 3), RGB, row by row in base64; `positions` are indices into the test
    images. `answers` are classes, 10 for any class beyond the ten; `shares` are their softmax values.
    """

    positions: tuple[int, ...]
    pixels: str
    labels: tuple[int, ...]
    answers: tuple[int, ...]
    shares: tuple[Share, ...]

    def images(self) -> Images:
        """The pixels, uint8 (n, 32, 32, 3). Raises ValueError if they are not one image per label."""
        raw = base64.b64decode(self.pixels, validate=True)
        if len(raw) != len(self.labels) * math.prod(IMAGE_SHAPE):
            raise ValueError(f"{len(raw):,} bytes are not {len(self.labels)} images of 32x32 RGB")
        return np.frombuffer(raw, np.uint8).reshape(len(self.labels), *IMAGE_SHAPE)


class Result(Record, frozen=True, kw_only=True):
    """How a cell ended. `converged_at` is the best epoch if patience ended the run, and else None.

    Test figures are those of the weights of `best_epoch`, and None if the run diverged. `batches_sha256`
    is of the batches of the first epoch of the last process, None if it trained none or is not known.
    `step_images_per_second` is the rate of the bare step, on a batch that lies on the device;
    `step_seconds` is how long the try lasted that gave it, and `step_interference` what else ran then.
    Both are None in a file before version 7.
    """

    epochs: Count
    best_epoch: Count | None
    stopped: StopReason
    converged_at: Count | None
    test_images: Count
    test_loss: Loss | None
    test_accuracy: Share | None
    per_class_accuracy: tuple[Share | None, ...] | None
    confusion: tuple[tuple[int, ...], ...] | None
    pictures: Pictures | None
    epoch_images_per_second: Positive
    step_images_per_second: Positive
    step_seconds: Seconds | None
    step_interference: Interference | None
    pipeline_ratio: Positive
    achieved_flops_per_second: Positive | None
    roofline_share: Positive | None
    drift: Drift
    peak_host_bytes: Count | None
    peak_device_bytes: Count | None
    joules_per_epoch: Positive | None
    joules_per_image: Positive | None
    joules_to_best_epoch: Positive | None
    weights_sha256: str | None
    data_sha256: str
    batches_sha256: str | None
    versions: dict[str, str]
    checks: tuple[Check, ...]
    total_seconds: Seconds


class Verdict(Record, frozen=True, kw_only=True):
    """Whether a run may be compared, with the reasons if not. An invalid run is kept and shown.

    `warnings` are what a reader should know of a run, valid or not.
    """

    validity: Literal["valid", "invalid"]
    reasons: tuple[Reason, ...]
    warnings: tuple[RunWarning, ...]


class Failure(Record, frozen=True, kw_only=True):
    """Why a cell has no result, in a sentence, with the end of its worker's output."""

    reason: str
    log_tail: str


class Pause(Record, frozen=True, kw_only=True):
    """A session that stopped and was resumed later. Times are UTC, to the second.

    `why` is None if the process died without saying; `differences` were accepted by --resume-anyway.
    """

    stopped_at: str
    why: str | None
    resumed_at: str
    seconds: NotNegative
    differences: tuple[str, ...]


class Interruption(Pause, frozen=True, kw_only=True):
    """A run that stopped and was resumed in a new process, in the same session or a later one.

    `after_epoch` is the last epoch on disk, `resumed_after` the one that training resumed from, 0 if it
    started over; `went_back_because` says why that is an earlier one.
    """

    after_epoch: NaturalNumber
    resumed_after: NaturalNumber
    went_back_because: str | None


class Run(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """One cell carried out, part by part, as a result file has it; docs/results.md explains the parts.

    `checksum` covers all of it and the machine (bench/records/checksum.py).
    """

    schema: Annotated[int, Meta(ge=SCHEMA_VERSION, le=SCHEMA_VERSION)]
    method: Count
    cell: Cell
    plan: Plan
    gate: Gate | None
    before: Condition | None
    start: Start | None
    epochs: list[Epoch]
    interruptions: list[Interruption]
    result: Result | None
    after: Condition | None
    verdict: Verdict
    failure: Failure | None
    checksum: str

    @property
    def complete(self) -> bool:
        """Whether it stands among the benchmarks of a result file, and not among its failures."""
        return self.verdict.validity == "valid" and self.result is not None and self.failure is None


def record_types(run: type[Run]) -> dict[str, type[Record]]:
    """Part of a run -> the type of its records, for all parts that are records."""
    types = {}
    for part, hint in get_type_hints(run).items():
        for candidate in (hint, *get_args(hint)):
            if isinstance(candidate, type) and issubclass(candidate, Record):
                types[part] = candidate
    return types


class SkippedCell(Record, frozen=True, kw_only=True):
    """A cell that was not run; `reason` also says what to do about it."""

    cell: Cell
    plan: Plan
    reason: str
