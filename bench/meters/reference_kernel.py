"""The device by itself: a reference kernel that shows drift, twice the work, the roofline."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter

from alexnet.frameworks.protocol import Backend, Device, Kernel

KERNEL_SECONDS = 0.02
"""What a kernel should take: three of them are the 1 % that a probe may cost in an epoch of 6 s."""
PROBE_KERNELS = 3
WAKING_SECONDS = 0.5
PROBE_SHARE = 0.01
_SIZE: dict[Device, int] = {"cpu": 1024, "mps": 2048, "cuda": 2048}


def seconds(kernel: Kernel, repeats: int = 1, wait: Callable[[], None] | None = None) -> float:
    """Wall-clock seconds of `repeats` kernels, from an idle device to an idle device.

    `wait` is what says that it is idle, if not the kernel's own.
    """
    wait = wait or kernel.wait
    wait()
    began = perf_counter()
    for _ in range(repeats):
        kernel.run()
    wait()
    return perf_counter() - began


def repeats_for(kernel: Kernel, aim_seconds: float) -> int:
    """How many kernels take about `aim_seconds` together."""
    return max(1, round(aim_seconds / min(seconds(kernel) for _ in range(3))))


class ReferenceKernel:
    """The same matrix product again and again, between epochs: slower means that the device is."""

    def __init__(self, backend: Backend) -> None:
        size = _SIZE[backend.device]
        # Small, and repeated: its operands (50 MB at most) stay in the memory that is measured.
        self._kernel = backend.product(size, size)
        seconds(self._kernel)  # the first one compiles or loads its code
        self._repeats = repeats_for(self._kernel, KERNEL_SECONDS)
        self.flops = self._repeats * self._kernel.flops
        self._trained_seconds = 0.0
        self._cost_seconds = 0.0

    def measure_cold(self) -> float:
        """The first one, before any epoch: after half a second of work, since clocks rise from idle."""
        began = perf_counter()
        while perf_counter() - began < WAKING_SECONDS:
            seconds(self._kernel, self._repeats)
        return self.measure()

    def measure(self) -> float:
        """Seconds of the kernel's repeats: the fastest of three, since what else runs only adds."""
        began = perf_counter()
        found = min(seconds(self._kernel, self._repeats) for _ in range(PROBE_KERNELS))
        self._cost_seconds = perf_counter() - began
        self._trained_seconds = 0.0
        return found

    def measure_after(self, train_seconds: float) -> float | None:
        """The same after an epoch; None while it would cost over 1 % of the training since the last."""
        self._trained_seconds += train_seconds
        if self._cost_seconds > PROBE_SHARE * self._trained_seconds:
            return None
        return self.measure()
