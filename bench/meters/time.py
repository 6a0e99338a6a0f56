"""Seconds of training, by a clock that waits for the device."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter

from bench.records.types import Reads


class TimeMeter:
    """Wall-clock seconds, with the device synchronised before start and before stop."""

    reads = Reads(kind="perf counter")
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
