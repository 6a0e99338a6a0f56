"""The roofline of a device, as a framework reaches it: its best FLOP/s and bytes/s."""

from __future__ import annotations

from time import perf_counter

from alexnet.frameworks.protocol import Backend, Kernel
from alexnet.spec import FLOAT32_BYTES
from bench.meters.reference_kernel import _SIZE, repeats_for, seconds
from bench.records.types import Roofline

ROOFLINE_SECONDS = 2.0


ADDED_BYTES = 256 * 2**20  # many times the largest cache: 48 MB in an M3 Ultra, 50 MB in an H100


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
