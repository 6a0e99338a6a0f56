"""A run whose meters take a known time on a clock of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from bench.meters.meters import Meter, Meters
from bench.records.types import Epoch, Reads
from tests.support.samples import EPOCH, job

TRAIN_SECONDS, WAIT_SECONDS = 8.0, 2.0
"""Of an epoch of four steps: what it submits, and the wait for the device at its end."""
KERNEL_SECONDS = 0.0625
BATCH, STEPS = 64, 4


class Clock:
    """A perf_counter that moves when something is done."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def does(self, seconds: float) -> None:
        self.now += seconds


class PaperMeter:
    """It takes so many seconds to enter, and as many to leave."""

    reads = Reads(kind="no counter")

    def __init__(self, clock: Clock, seconds: float) -> None:
        self.clock, self.seconds = clock, seconds

    def __enter__(self) -> PaperMeter:
        self.clock.does(self.seconds)
        return self

    def __exit__(self, *exception: object) -> None:
        self.clock.does(self.seconds)


class PaperKernel:
    """It is measured after every epoch."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock

    def measure(self) -> float:
        self.clock.does(KERNEL_SECONDS)
        return KERNEL_SECONDS / 3

    def measure_after(self, train_seconds: float) -> float:
        assert train_seconds == TRAIN_SECONDS + WAIT_SECONDS
        return self.measure()


def backend(device: str = "cpu") -> Any:
    return SimpleNamespace(
        device=device, peak_device_bytes=lambda: None, reset_peak_device_bytes=lambda: None
    )


class PaperRun:
    """Each epoch takes ten seconds. `hidden` is what the meters take besides, unseen by the count."""

    def __init__(self, clock: Clock) -> None:
        self.clock, self.log, self.hidden = clock, [], 0.0  # type: Clock, list[tuple[int, int]], float
        self.backend, self.kernel, self.job = backend(), PaperKernel(clock), job("")
        self.trainer = SimpleNamespace(synchronize=self.wait)
        self.meters: Meters = Meters(self.backend, self.wait)
        self.recipe = SimpleNamespace(batch_size=BATCH)
        self.steps_per_epoch, self.at_work = STEPS, False
        images, labels = np.zeros((STEPS * BATCH, 4), np.uint8), np.zeros(STEPS * BATCH, np.int32)
        self.dataset = SimpleNamespace(train=SimpleNamespace(images=images, labels=labels))
        self.start = SimpleNamespace(device_name="a paper processor")

    def wait(self) -> None:
        self.clock.does(WAIT_SECONDS * self.at_work)
        self.at_work = False

    def epochs(self) -> Iterator[Epoch]:
        self.measure(1)
        yield EPOCH

    def measure(self, number: int) -> int:
        meters = self.meters.all()
        self.log.append((number, len(meters)))
        self.clock.does(self.hidden * (len(meters) > 1))
        with ExitStack() as stack:
            for meter in meters.values():
                stack.enter_context(meter)
            self.clock.does(TRAIN_SECONDS)
            self.at_work = True
        return STEPS * BATCH


def use_as_clock(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("meters.time", "overhead.meters", "overhead.parts", "overhead.count"):
        monkeypatch.setattr(f"bench.{module}.perf_counter", clock)


def use_meters(clock: Clock, monkeypatch: pytest.MonkeyPatch, **seconds: float) -> None:
    """Every run has these meters and the time meter: so many seconds to enter, and as many to leave."""

    def all_meters(self: Meters) -> dict[str, Meter]:
        return {name: PaperMeter(clock, each) for name, each in seconds.items()} | {"time": self.time}

    monkeypatch.setattr(Meters, "all", all_meters)
