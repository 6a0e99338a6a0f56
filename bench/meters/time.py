"""Seconds of training, by a clock that waits for the device."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter, time

from bench.records.types import Reads


class TimeMeter:
    """Wall-clock seconds, with the device synchronised before start and before stop.

    `wall_seconds` are the same span by the time of day. They go on while the computer sleeps, and
    perf_counter does not: on macOS it is mach_absolute_time, on Linux CLOCK_MONOTONIC. They may be
    negative, since the clock can be set.
    """

    reads = Reads(kind="perf counter")
    seconds: float
    wall_seconds: float

    def __init__(self, synchronize: Callable[[], None]) -> None:
        self._synchronize = synchronize

    def __enter__(self) -> TimeMeter:
        self._synchronize()
        self._wall_start = time()
        self._start = perf_counter()
        return self

    def __exit__(self, *exception: object) -> None:
        self._synchronize()
        self.seconds = perf_counter() - self._start
        self.wall_seconds = time() - self._wall_start
