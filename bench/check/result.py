"""Rules on the result of a run: its pictures, its bare step, its memory and its power."""

from __future__ import annotations

from collections import Counter

from bench.records import plausible
from bench.records.limits import (
    MAX_PICTURES,
    MAX_RATE_STEPS,
    MAX_ROOFLINE_RATIO,
    MAX_WATTS,
    MIN_RATE_STEPS,
    MIN_WATTS,
)
from bench.records.mismatch import mismatch
from bench.records.read import LoadedRun, Problems


def pictures_are_test_images(run: LoadedRun) -> Problems:
    """The pictures are MAX_PICTURES different test images, or all if there are fewer.

    No answer to a class is among them more often than the confusion matrix counts it.
    """
    result = run.result
    if result is None or (result.pictures is None and result.stopped == "diverged"):
        return
    if (pictures := result.pictures) is None or result.confusion is None:
        yield "result.pictures is null in a run that did not diverge, or it has no confusion"
        return
    count = min(MAX_PICTURES, result.test_images)
    for name in ("positions", "labels", "answers", "shares"):
        length = len(getattr(pictures, name))
        yield from mismatch(f"the length of result.pictures.{name}", length, count)
    try:
        pictures.images()
    except ValueError as error:
        yield f"result.pictures.pixels cannot be: {error}"
    if len({*pictures.positions} & {*range(result.test_images)}) != len(pictures.positions):
        yield "result.pictures.positions are not different test images"
    if not all(0 < share <= 1 for share in pictures.shares):
        yield "result.pictures.shares are not shares of 1"
    counts = {(i, j): n for i, row in enumerate(result.confusion) for j, n in enumerate(row)}
    shown = Counter(zip(pictures.labels, pictures.answers, strict=False))
    for (label, answer), times in shown.items():
        counted = counts.get((label, answer), 0)
        if times > counted:
            yield f"result.pictures has {label} taken for {answer} {times} times, confusion {counted}"


def step_fields_are_consistent(run: LoadedRun) -> Problems:
    """Rate and seconds of the bare step come to whole batches, as many as one try takes.

    A file from before version 7 has no such seconds.
    """
    if (result := run.result) is None or run.file_version < 7:
        return
    for name in ("step_seconds", "step_interference"):
        if getattr(result, name) is None:
            yield f"result.{name} is null"
    if result.step_seconds is None:
        return
    steps = result.step_images_per_second * result.step_seconds / run.plan.batch_size
    whole = abs(steps - round(steps)) <= 1e-6 * steps
    if not (whole and MIN_RATE_STEPS <= round(steps) <= MAX_RATE_STEPS):
        yield (
            f"result.step_seconds comes to {steps:.6g} batches by result.step_images_per_second, where"
            f" it is a whole number from {MIN_RATE_STEPS} to {MAX_RATE_STEPS}"
        )


def memory_and_power_are_plausible(run: LoadedRun) -> Problems:
    """Peaks are at least what the run must have had, and watts are those of a computer that trains."""
    for kind in plausible.implausible_memory(run.cell, run.start, run.epochs):
        yield (
            f"epochs.peak_{kind.of}_bytes is {kind.bytes:,} at most, and the run must have had"
            f" {kind.least_bytes:,}"
        )
    for power in plausible.implausible_power(run.cell, run.epochs):
        yield (
            f"epochs.energy_joules come to {power.watts:.3g} W, where"
            f" {MIN_WATTS:g} to {MAX_WATTS:,.0f} can be"
        )


def no_faster_than_the_device(run: LoadedRun) -> Problems:
    """Training does not reach many times the device's matrix-product rate.

    A clock that stops before the device has finished its work gives such a figure.
    """
    if run.result is None or run.start is None or run.start.roofline is None:
        return
    if run.result.achieved_flops_per_second is None:
        return
    probes = (run.start.probe_seconds, *(e.probe_seconds for e in run.epochs if e.probe_seconds))
    fastest = max(run.start.roofline.flops_per_second, run.start.probe_flops / min(probes))
    ratio = run.result.achieved_flops_per_second / fastest
    if ratio > MAX_ROOFLINE_RATIO:
        yield (
            f"result.achieved_flops_per_second is {ratio:.2f} times the most that the roofline or the"
            f" reference kernel reached"
        )
