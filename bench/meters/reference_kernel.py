"""The reference kernel: a matrix product, timed between epochs to see whether the device slows down."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter

from alexnet.frameworks.protocol import Backend, Device, Kernel

KERNEL_SECONDS = 0.02
"""Target seconds of one timing. A measurement takes three: 1 % of an epoch of 6 s."""
TIMINGS = 3
WAKING_SECONDS = 0.5
MAX_COST_SHARE = 0.01
MATRIX_SIZE: dict[Device, int] = {"cpu": 1024, "mps": 2048, "cuda": 2048}


def time_kernel(kernel: Kernel, repeats: int = 1, wait: Callable[[], None] | None = None) -> float:
    """Wall-clock seconds of `repeats` kernels, from an idle device to an idle device.

    `wait` returns once the device is idle; by default the kernel's own.
    """
    wait = wait or kernel.wait
    wait()
    began = perf_counter()
    for _ in range(repeats):
        kernel.run()
    wait()
    return perf_counter() - began


def repeats_for(kernel: Kernel, target_seconds: float) -> int:
    """How many kernels take about `target_seconds` in all."""
    return max(1, round(target_seconds / min(time_kernel(kernel) for _ in range(3))))


class ReferenceKernel:
    """One matrix product, timed between epochs: if it becomes slower, the device has become slower."""

    def __init__(self, backend: Backend) -> None:
        size = MATRIX_SIZE[backend.device]
        # Small, and repeated instead: its operands (50 MB at most) count in the measured memory.
        self._kernel = backend.product(size, size)
        time_kernel(self._kernel)  # the first one compiles or loads its code
        self._repeats = repeats_for(self._kernel, KERNEL_SECONDS)
        self.flops = self._repeats * self._kernel.flops
        self._trained_seconds = 0.0
        self._cost_seconds = 0.0

    def measure_cold(self) -> float:
        """The measurement before any epoch, after half a second of work, since clocks rise from idle."""
        began = perf_counter()
        while perf_counter() - began < WAKING_SECONDS:
            time_kernel(self._kernel, self._repeats)
        return self.measure()

    def measure(self) -> float:
        """Seconds of the repeated kernel: the fastest of three, since other programs only add time."""
        began = perf_counter()
        fastest = min(time_kernel(self._kernel, self._repeats) for _ in range(TIMINGS))
        self._cost_seconds = perf_counter() - began
        self._trained_seconds = 0.0
        return fastest

    def measure_after(self, train_seconds: float) -> float | None:
        """The measurement after an epoch; None if that costs over 1 % of the training since the last."""
        self._trained_seconds += train_seconds
        if self._cost_seconds > MAX_COST_SHARE * self._trained_seconds:
            return None
        return self.measure()
