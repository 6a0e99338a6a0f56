"""The roofline of a device: the best FLOP/s and bytes/s that a framework reaches on it."""

from __future__ import annotations

from time import perf_counter

from alexnet.frameworks.protocol import Backend, Kernel
from alexnet.spec import FLOAT32_BYTES
from bench.meters.reference_kernel import MATRIX_SIZE, repeats_for, time_kernel
from bench.records.types import Roofline

ROOFLINE_SECONDS = 1.0
ADDED_BYTES = 256 * 2**20  # many times the largest cache: 48 MB in an M3 Ultra, 50 MB in an H100


def measure_roofline(backend: Backend) -> Roofline:
    """The best rates of float32 matrix products and of in-place additions, in a second of each."""
    size = 2 * MATRIX_SIZE[backend.device]
    product, addition = backend.product(size, size), backend.addition(ADDED_BYTES // FLOAT32_BYTES)
    return Roofline(
        flops_per_second=product.flops / _best_seconds(product),
        bytes_per_second=addition.bytes / _best_seconds(addition),
    )


def _best_seconds(kernel: Kernel) -> float:
    """The fewest seconds of one kernel. A timing covers many, so that call overhead is negligible."""
    time_kernel(kernel)
    repeats, began = repeats_for(kernel, ROOFLINE_SECONDS / 10), perf_counter()
    timings: list[float] = []
    while not timings or perf_counter() - began < ROOFLINE_SECONDS:
        timings.append(time_kernel(kernel, repeats) / repeats)
    return min(timings)
