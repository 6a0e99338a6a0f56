"""What the figures of a run must fit: its clocks, its accuracies, its memory and its power."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from statistics import median_high

from alexnet.data import CLASSES
from alexnet.recipe import EXPERIMENTS
from bench.records import derive
from bench.records.limits import (
    BYTES_PER_MOVING_PARAMETER,
    BYTES_PER_PARAMETER,
    CHANCE_SIGMAS,
    MAX_ACCURACY_DIFFERENCE,
    MAX_CLOCK_ERROR,
    MAX_SECONDS_APART,
    MAX_WATTS,
    MIN_CLOCK_SECONDS,
    MIN_IMAGES_TO_LEARN,
    MIN_POOLED_CLOCK_SECONDS,
    MIN_RESIDENT_SHARE,
    MIN_WATTS,
    SAMPLE_SIGMAS,
)
from bench.records.types import Cell, Epoch, ImplausibleMemory, ImplausiblePower, Start

CHANCE = 1 / len(CLASSES)

# Clocks


def clock_ratio(epochs: Sequence[Epoch]) -> float | None:
    """An epoch's seconds by its own clock as a share of those by the time of day; None if none can tell.

    It is the median over the epochs, the higher one of two: a computer that slept in one of them says
    nothing about its clock. A clock that is off is off in all of them by the same share, and sleep is
    not: where epochs disagree, those that were slept in, or in which the time was set, are left out.
    Epochs that are too short to tell each are taken together.
    """
    ratios = [
        epoch.train_seconds / epoch.wall_seconds
        for epoch in epochs
        if epoch.wall_seconds is not None
        and min(epoch.train_seconds, epoch.wall_seconds) >= MIN_CLOCK_SECONDS
    ]
    if ratios:
        middle = median_high(ratios)
        agreeing = [ratio for ratio in ratios if abs(ratio - middle) <= MAX_CLOCK_ERROR]
        if len(agreeing) > max(1, len(ratios) / 2):
            return middle
    awake = [
        (epoch.train_seconds, epoch.wall_seconds)
        for epoch in epochs
        if epoch.wall_seconds is not None
        and abs(epoch.wall_seconds - epoch.train_seconds) <= MAX_SECONDS_APART
    ]
    long = [own / wall for own, wall in awake if min(own, wall) >= MIN_CLOCK_SECONDS]
    if long:
        return median_high(long)
    own_seconds, wall_seconds = sum(own for own, _ in awake), sum(wall for _, wall in awake)
    enough = min(own_seconds, wall_seconds) >= MIN_POOLED_CLOCK_SECONDS
    return own_seconds / wall_seconds if enough else None


# Accuracies


def must_have_learnt(epochs: Sequence[Epoch]) -> bool:
    """Whether so many images were seen in training that test accuracy must lie over chance."""
    return sum(epoch.images for epoch in epochs) >= MIN_IMAGES_TO_LEARN


def standard_error(accuracy: float, images: int) -> float:
    """Of a share of so many images that are answered independently."""
    return math.sqrt(accuracy * (1 - accuracy) / images)


def over_chance(images: int) -> float:
    """Four standard errors over chance on so many images, which a guess reaches once in 30,000 times."""
    return CHANCE + CHANCE_SIGMAS * standard_error(CHANCE, images)


def max_accuracy_difference(
    test_accuracy: float, validation_accuracy: float, *, test_images: int, validation_images: int
) -> float:
    """How far the two accuracies of the same weights may be apart, on images they were not trained on.

    Five standard errors of the difference of two shares that are equal in truth, and two points besides.
    """
    right = test_accuracy * test_images + validation_accuracy * validation_images
    pooled = right / (test_images + validation_images)
    error = math.hypot(standard_error(pooled, test_images), standard_error(pooled, validation_images))
    return SAMPLE_SIGMAS * error + MAX_ACCURACY_DIFFERENCE


# Memory and power


def implausible_memory(
    cell: Cell, start: Start | None, epochs: Sequence[Epoch]
) -> Iterator[ImplausibleMemory]:
    """Where the largest peak of host or device memory is below what the run must have had.

    The host had what its process had before data and network. Resident memory may lose some of that
    again: Linux takes a library's pages from a process, and what is swapped out does not count, so
    that a part of it is enough there. On a CPU and on Apple's GPU, whose memory is the host's, the
    weights and their velocities are in it too; on CUDA they are the device's. Gradients are not
    counted, since an engine may drop each one once it was used.
    """
    if start is None or not epochs:
        return
    weights = parameter_bytes(cell, start, epochs)
    reads = start.meters.get("host memory")
    resident = reads is not None and reads.kind == "resident memory in the epoch"
    share = MIN_RESIDENT_SHARE if resident else 1.0
    least_host = round((start.baseline_host_bytes or 0) * share)
    if cell.device != "cuda":
        least_host = max(least_host, weights)
    host = max((e.peak_host_bytes for e in epochs if e.peak_host_bytes is not None), default=None)
    if host is not None and host < least_host:
        yield ImplausibleMemory(of="host", bytes=host, least_bytes=least_host)
    device = max((e.peak_device_bytes for e in epochs if e.peak_device_bytes is not None), default=None)
    if cell.device == "cuda" and device is not None and device < weights:
        yield ImplausibleMemory(of="device", bytes=device, least_bytes=weights)


def parameter_bytes(cell: Cell, start: Start, epochs: Sequence[Epoch]) -> int:
    """The weights, and their velocities once a stage has trained them all: of the head they are few."""
    experiment = EXPERIMENTS.get(cell.experiment)
    stages = experiment.recipe.stages if experiment else ()
    numbers = {epoch.stage for epoch in epochs}
    all_move = any(stage.train == "all" for n, stage in enumerate(stages, 1) if n in numbers)
    return start.parameters * (BYTES_PER_MOVING_PARAMETER if all_move else BYTES_PER_PARAMETER)


def implausible_power(cell: Cell, epochs: Sequence[Epoch]) -> Iterator[ImplausiblePower]:
    """Where CPU and GPU drew on average, over all epochs that were measured, what no computer draws.

    On a GPU whose CPU has no counter, what the GPU drew alone.
    """
    joules = seconds = 0.0
    for epoch in epochs:
        parts = epoch.energy_joules or {}
        drawn = derive.processor_and_gpu_joules(parts, cell.device)
        if drawn is None and cell.device != "cpu":
            drawn = parts.get("gpu")
        if drawn is not None and derive.slept_seconds(epoch) <= MAX_SECONDS_APART:
            joules, seconds = joules + drawn, seconds + epoch.train_seconds
    if seconds and not MIN_WATTS <= joules / seconds <= MAX_WATTS:
        yield ImplausiblePower(watts=joules / seconds)
