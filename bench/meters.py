"""What measures one thing around the one measured line: context managers with a reading."""

from __future__ import annotations

import resource
import sys
from collections.abc import Callable
from time import perf_counter
from typing import Protocol

from alexnet import Backend


class Meter(Protocol):
    """Measures from __enter__ to __exit__; the reading is there afterwards."""

    def __enter__(self) -> Meter: ...

    def __exit__(self, *exception: object) -> None: ...


class TimeMeter:
    """Wall-clock seconds, the device synchronised before the start and before the stop."""

    seconds: float

    def __init__(self, synchronize: Callable[[], None]) -> None:
        self._synchronize = synchronize

    def __enter__(self) -> TimeMeter:
        self._synchronize()
        self._start = perf_counter()
        return self

    def __exit__(self, *exception: object) -> None:
        self._synchronize()
        self.seconds = perf_counter() - self._start


class MemoryMeter:
    """The host's peak over the process's life, and the device's peak within the meter.

    The host's is `ru_maxrss`, in bytes on macOS and in KiB on Linux. It never falls, so it holds what
    came before the first epoch as well, and the checkpoints between the later ones. The device's is
    the framework's own counter, None where there is none.
    """

    peak_host_bytes: int
    peak_device_bytes: int | None

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    def __enter__(self) -> MemoryMeter:
        self._backend.reset_peak_device_bytes()
        return self

    def __exit__(self, *exception: object) -> None:
        unit = 1 if sys.platform == "darwin" else 1024
        self.peak_host_bytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
        self.peak_device_bytes = self._backend.peak_device_bytes()
