"""The parts of measuring: what each takes, where in an epoch, and how often an epoch has it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from time import perf_counter
from typing import Literal

from bench.meters.reference_kernel import MAX_COST_SHARE, ReferenceKernel
from bench.overhead.meters import PAUSE_SECONDS, CountedMeters
from bench.overhead.records import record_seconds
from bench.records.types import Epoch
from bench.worker.batch_digests import BatchDigests
from bench.worker.training_loop import HEARTBEAT_SECONDS, TrainingLoop

KERNELS = 5
"""How often the reference kernel is measured to count what that takes."""

Place = Literal["within the clock", "between epochs", "GPU left alone"]
WITHIN: Place = "within the clock"
BETWEEN: Place = "between epochs"
ALONE: Place = "GPU left alone"
COUNTED: tuple[Place, ...] = (WITHIN, BETWEEN)
"""What the limit holds for. The third waits on purpose, and has a limit of its own, MAX_COST_SHARE."""


@dataclass(frozen=True, kw_only=True)
class Length:
    """An epoch of so many steps that trains for so many seconds."""

    name: str
    seconds: float
    steps: int


@dataclass(frozen=True, kw_only=True)
class Part:
    """One part of measuring: its seconds each time, its place, and how many times an epoch has it."""

    name: str
    place: Place
    seconds: float
    times: Callable[[Length], float] = lambda epoch: 1.0

    def seconds_in(self, epoch: Length) -> float:
        """The seconds that it takes of an epoch, on average where only some epochs have it."""
        return self.seconds * self.times(epoch)


def share(parts: Sequence[Part], epoch: Length, places: Sequence[Place] = COUNTED) -> float:
    """What the parts of these places take, as a share of the epoch's training seconds."""
    return sum(part.seconds_in(epoch) for part in parts if part.place in places) / epoch.seconds


def as_due(cost_seconds: float) -> Callable[[Length], float]:
    """How many times an epoch has what is done once it costs 1 % of the training since the last time."""
    return lambda epoch: 1 / max(1, math.ceil(cost_seconds / (MAX_COST_SHARE * epoch.seconds)))


def parts_of(run: TrainingLoop, meters: CountedMeters, epoch: Epoch, folder: Path) -> list[Part]:
    """All parts, once the meters have measured some epochs; `epoch` is a record of one of them."""
    sent, heartbeat = record_seconds(run.job, epoch, folder)
    return [
        Part(
            name="heartbeats",
            place=WITHIN,
            seconds=heartbeat,
            times=lambda epoch: epoch.seconds / HEARTBEAT_SECONDS,
        ),
        Part(
            name="warm-up's digests",
            place=WITHIN,
            seconds=digest_seconds(run),
            times=lambda epoch: epoch.steps,
        ),
        *meter_parts(meters),
        kernel_part(run.kernel),
        Part(name="epoch's record", place=BETWEEN, seconds=sent),
    ]


def meter_parts(meters: CountedMeters) -> Iterator[Part]:
    """A part for each meter, and one for the pause in which the GPU's use by others is read.

    What is entered after the time meter is within its clock.
    """
    place = BETWEEN
    for name, counted in meters.counted.items():
        read = [seconds for seconds in counted.seconds if seconds >= PAUSE_SECONDS]
        if counted.meter is meters.gpu_use and read:
            reading = fmean(read) - PAUSE_SECONDS
            times = as_due(PAUSE_SECONDS + reading)
            yield Part(name=name, place=place, seconds=reading, times=times)
            yield Part(name="GPU left alone", place=ALONE, seconds=PAUSE_SECONDS, times=times)
        else:
            yield Part(name=name, place=place, seconds=fmean(counted.seconds))
        if counted.meter is meters.time:
            place = WITHIN


def kernel_part(kernel: ReferenceKernel) -> Part:
    """The reference kernel, which is measured as often as that costs 1 % of the training since."""
    began = perf_counter()
    for _ in range(KERNELS):
        kernel.measure()
    seconds = (perf_counter() - began) / KERNELS
    return Part(name="reference kernel", place=BETWEEN, seconds=seconds, times=as_due(seconds))


def digest_seconds(run: TrainingLoop) -> float:
    """The seconds of one batch's digest, the mean over an epoch's batches."""
    train, size = run.dataset.train, run.recipe.batch_size
    digests, began = BatchDigests(epoch=1), perf_counter()
    for start in range(0, run.steps_per_epoch * size, size):
        digests.add(train.images[start : start + size], train.labels[start : start + size])
    return (perf_counter() - began) / run.steps_per_epoch
