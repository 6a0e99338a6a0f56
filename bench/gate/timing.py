"""Two checks that the clock waits for the device; if not, unfinished work would look like speed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from time import perf_counter
from typing import Any

from alexnet.data import Images, Labels
from alexnet.frameworks.protocol import Backend, Trainer
from bench.meters.reference_kernel import KERNEL_SECONDS, MATRIX_SIZE, time_kernel
from bench.meters.time import TimeMeter
from bench.records.limits import MAX_SHARE_LEFT, MAX_WORK_RATIO, MIN_WORK_RATIO
from bench.records.types import Check

MAX_TRIES = 8
"""Each check is measured up to this often, until it passes. Other programs add time to one try and not
to the next: on a busy computer a ratio of 2.57 and a share above 0.1 were seen once each. A clock that
does not wait fails every try."""
TIMED_SECONDS, MAX_STEPS = 0.5, 128
MAX_DEPTH = 2**14
"""Twice this depth is 32,768. Before macOS 14.4 torch multiplies matrices with rows longer than that by
another kernel, and then two kernels would be compared."""


def check_timing(backend: Backend, trainer: Trainer, images: Images, labels: Labels) -> list[Check]:
    """Twice the work takes twice as long, and no work is left once the clock has stopped."""
    return [
        Check(
            name="twice the work",
            measured=doubled_work_ratio(backend, trainer),
            lower=MIN_WORK_RATIO,
            upper=MAX_WORK_RATIO,
            description=(
                "how many times longer twice the work takes: 1 would be a clock that does not wait"
            ),
        ),
        Check(
            name="nothing left",
            measured=share_left_after_stop(trainer, images, labels),
            lower=0.0,
            upper=MAX_SHARE_LEFT,
            description=(
                "what one image's logits take once the clock has stopped, as a share of what it timed"
            ),
        ),
    ]


def doubled_work_ratio(backend: Backend, trainer: Trainer) -> float:
    """The first ratio within the limits, else the last try's. Waits with the trainer's synchronize."""
    for ratio in islice(doubled_work_ratios(backend, trainer.synchronize), MAX_TRIES):
        if MIN_WORK_RATIO <= ratio <= MAX_WORK_RATIO:
            break
    return ratio


def share_left_after_stop(trainer: Trainer, images: Images, labels: Labels) -> float:
    """Seconds until one image's logits can be read after the clock has stopped, over the timed seconds.

    The logits need every weight after the last step, so reading them waits for all work. Returns the
    first share within the limit, else the last try's.
    """
    batch, steps = trainer.to_device(images, labels), 2
    trainer.logits(images[:1])  # compiles
    while sum(seconds := _timed_and_left(trainer, batch, images, steps)) <= TIMED_SECONDS:
        if steps >= MAX_STEPS:
            break
        steps *= 2
    for _ in range(MAX_TRIES - 1):
        timed, left = seconds
        if left / timed <= MAX_SHARE_LEFT:
            break
        seconds = _timed_and_left(trainer, batch, images, steps)
    trainer.pop_metrics()
    timed, left = seconds
    return left / timed


def _timed_and_left(trainer: Trainer, batch: Any, images: Images, steps: int) -> tuple[float, float]:
    """(timed, left): the time meter's seconds of the steps, and those of reading logits after them."""
    with TimeMeter(trainer.synchronize) as time:
        for _ in range(steps):
            trainer.step(batch, 0.0)
    began = perf_counter()
    trainer.logits(images[:1])
    return time.seconds, perf_counter() - began


def depth_for(backend: Backend, target_seconds: float) -> int:
    """The smallest power of two, 64 or more, for which a product this deep takes the target."""
    depth = 64
    while True:
        kernel = backend.product(MATRIX_SIZE[backend.device], depth)
        kernel.run()  # the first one compiles or loads its code
        if depth >= MAX_DEPTH or min(time_kernel(kernel) for _ in range(3)) >= target_seconds:
            return depth
        depth *= 2


def doubled_work_ratios(backend: Backend, wait: Callable[[], None]) -> Iterator[float]:
    """Yields the time of a product over that of one half as deep: 2 if the clock waits.

    Each ratio is measured when it is requested. `wait` is the trainer's synchronize. If it returns
    before the device is done, only the calls are timed, and the ratio is 1.
    """
    size, depth = MATRIX_SIZE[backend.device], depth_for(backend, 2 * KERNEL_SECONDS)
    once, twice = backend.product(size, depth), backend.product(size, 2 * depth)
    twice.run()
    while True:
        pairs = [[time_kernel(kernel, wait=wait) for kernel in (once, twice)] for _ in range(5)]
        yield min(long for _, long in pairs) / min(short for short, _ in pairs)
