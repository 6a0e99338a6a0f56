"""A paper device with a clock of its own, for tests of what times a device.

The device does its work in order and at a given speed. Its planted fault is `late`: `wait` returns at
once, and a clock that trusts it times the calls alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

CALL_SECONDS = 2.0**-20  # about a microsecond, what a call into a framework takes


class PaperDevice:
    """Time, and until when the device is at work; `late` is the planted fault."""

    def __init__(self, *, late: bool = False) -> None:
        self.now = self.busy_until = 0.0
        self.late = late

    def __call__(self) -> float:
        return self.now

    def give(self, work_seconds: float) -> None:
        self.now += CALL_SECONDS
        self.busy_until = max(self.busy_until, self.now) + work_seconds

    def finish(self) -> None:
        self.now = max(self.now, self.busy_until)

    def synchronize(self) -> None:
        if not self.late:
            self.finish()


class PaperKernel:
    def __init__(self, backend: PaperBackend, *, flops: int, byte_count: int) -> None:
        self.backend, self.flops, self.bytes = backend, flops, byte_count

    def run(self) -> None:
        seconds = self.flops / self.backend.flops_per_second
        if self.bytes:
            seconds = self.bytes / self.backend.bytes_per_second
        self.backend.device_time.give(seconds * self.backend.next_factor())

    def wait(self) -> None:
        self.backend.device_time.synchronize()


class PaperBackend:
    """Its kernels take as long as their work asks for, times the factors in turn."""

    device = "cpu"

    def __init__(
        self, time: PaperDevice, flops_per_second: float, *, factors: Sequence[float] = (1.0,)
    ) -> None:
        self.device_time = time
        self.flops_per_second, self.bytes_per_second = flops_per_second, 2.0**33
        self.factors, self.turn = factors, 0
        self.sizes: list[int] = []
        self.depths: list[int] = []
        self.elements: list[int] = []

    def next_factor(self) -> float:
        self.turn += 1
        return self.factors[(self.turn - 1) % len(self.factors)]

    def product(self, size: int, depth: int) -> PaperKernel:
        self.sizes.append(size)
        self.depths.append(depth)
        return PaperKernel(self, flops=2 * size * size * depth, byte_count=0)

    def addition(self, elements: int) -> PaperKernel:
        self.elements.append(elements)
        return PaperKernel(self, flops=elements, byte_count=12 * elements)


def paper_backend(device: PaperDevice, flops_per_second: float, **options: Any) -> Any:
    return PaperBackend(device, flops_per_second, **options)


def use_as_clock(device: PaperDevice, monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes the device the perf_counter of every module that times one."""
    for module in ("meters.reference_kernel", "meters.roofline", "meters.time", "gate.timing"):
        monkeypatch.setattr(f"bench.{module}.perf_counter", device)
