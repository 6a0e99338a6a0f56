"""The device by itself: a reference kernel that shows drift, twice the work, the roofline."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from time import perf_counter

from alexnet import Backend, Device, Kernel
from alexnet.layers import Dropout, Flatten
from alexnet.recipe import Recipe
from alexnet.spec import FLOAT32_BYTES, Network
from bench.records import Epoch, Roofline

KERNEL_SECONDS = 0.02
"""What a kernel should take: three of them are the 1 % that a probe may cost in an epoch of 6 s."""
PROBE_KERNELS = 3
WAKING_SECONDS = 0.5
PROBE_SHARE = 0.01
ROOFLINE_SECONDS = 2.0
ADDED_BYTES = 256 * 2**20  # many times the largest cache: 48 MB in an M3 Ultra, 50 MB in an H100
_SIZE: dict[Device, int] = {"cpu": 1024, "mps": 2048, "cuda": 2048}
_MOST_DEPTH = 2**15


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


def depth_for(backend: Backend, aim_seconds: float) -> int:
    """The smallest power of two from 64 on whose product takes `aim_seconds`."""
    depth = 64
    while True:
        kernel = backend.product(_SIZE[backend.device], depth)
        kernel.run()  # the first one compiles or loads its code
        if depth >= _MOST_DEPTH or min(seconds(kernel) for _ in range(3)) >= aim_seconds:
            return depth
        depth *= 2


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


def doubled_work_ratios(backend: Backend, wait: Callable[[], None]) -> Iterator[float]:
    """Time of twice the work over the time of once, with as many calls: 2 where the clock waits.

    Each one is measured when it is asked for. `wait` is the epochs' own. If it returns before the
    device is done, only the calls were timed, and the ratio is 1.
    """
    size, depth = _SIZE[backend.device], depth_for(backend, 2 * KERNEL_SECONDS)
    once, twice = backend.product(size, depth), backend.product(size, 2 * depth)
    twice.run()
    while True:
        pairs = [[seconds(kernel, wait=wait) for kernel in (once, twice)] for _ in range(5)]
        yield min(long for _, long in pairs) / min(short for short, _ in pairs)


def measure_roofline(backend: Backend) -> Roofline:
    """float32 matrix products, then additions in place, two seconds of each: the best rates seen."""
    size = 2 * _SIZE[backend.device]
    product, addition = backend.product(size, size), backend.addition(ADDED_BYTES // FLOAT32_BYTES)
    return Roofline(
        flops_per_second=product.flops / _best_seconds(product),
        bytes_per_second=addition.bytes / _best_seconds(addition),
    )


def _best_seconds(kernel: Kernel) -> float:
    """Of one kernel; so many at a time that handing them over is no part of it."""
    seconds(kernel)
    repeats, began = repeats_for(kernel, ROOFLINE_SECONDS / 10), perf_counter()
    found: list[float] = []
    while not found or perf_counter() - began < ROOFLINE_SECONDS:
        found.append(seconds(kernel, repeats) / repeats)
    return min(found)


def training_flops(net: Network) -> int:
    """FLOPs of one image in one step: forward, and twice that backward (inputs' and weights' gradients).

    The usual count; the first convolution needs no gradient of its input, which is not taken off.
    """
    return 3 * net.forward_flops


def training_bytes(net: Network, batch_size: int) -> int:
    """The least bytes that one step moves, if every tensor were read and written no more than it must.

    A parameter: read forward and backward, its gradient written and read, itself and its momentum
    read and written: 8 float32. An activation: written, read by the next layer and again backward,
    its gradient written and read: 5 float32 an image. Flattening moves nothing, and dropout can be
    done on the way.
    """
    free = (Flatten, Dropout)
    activations = sum(row.activation_bytes for row in net.rows if not isinstance(row.layer, free))
    return 8 * FLOAT32_BYTES * net.parameters + 5 * activations * batch_size


def attainable_flops_per_second(net: Network, batch_size: int, roof: Roofline) -> float:
    """The roofline at this step's intensity (Williams, Waterman and Patterson 2009)."""
    intensity = training_flops(net) * batch_size / training_bytes(net, batch_size)
    return min(roof.flops_per_second, intensity * roof.bytes_per_second)


@dataclass(frozen=True, kw_only=True)
class AchievedSpeed:
    """FLOP/s of the steady epochs, and as a share of what the roofline allows; None where not known."""

    flops_per_second: float | None
    roofline_share: float | None

    @classmethod
    def from_run(
        cls, net: Network, recipe: Recipe, last: Epoch, images_per_second: float, roof: Roofline | None
    ) -> AchievedSpeed:
        """Of a run whose last epoch is `last`: one that ended in a head-only stage did other work."""
        if recipe.stages[last.stage - 1].train != "all":
            return cls(flops_per_second=None, roofline_share=None)
        achieved = images_per_second * training_flops(net)
        if roof is None:
            return cls(flops_per_second=achieved, roofline_share=None)
        attainable = attainable_flops_per_second(net, recipe.batch_size, roof)
        return cls(flops_per_second=achieved, roofline_share=achieved / attainable)
