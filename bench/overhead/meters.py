"""The meters of a run, with the seconds that each takes to enter and to leave."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter

from alexnet.frameworks.protocol import Backend
from bench.meters.interference import IDLE_SECONDS, READINGS, SECONDS_BETWEEN
from bench.meters.memory import HostMemoryMeter
from bench.meters.meters import Meter, Meters

PAUSE_SECONDS = IDLE_SECONDS + (READINGS - 1) * SECONDS_BETWEEN
"""How long the GPU is left alone whenever its use by others is read."""


class Stopwatch:
    """A call that counts the seconds spent in it."""

    def __init__(self, call: Callable[[], object]) -> None:
        self._call, self.seconds = call, 0.0

    def __call__(self) -> None:
        began = perf_counter()
        self._call()
        self.seconds += perf_counter() - began


class CountedMeter:
    """A meter, and in `seconds` what entering and leaving it took, epoch by epoch.

    Its waits for the device are left out: any clock that is right has them, whoever reads it. They are
    told apart by the call itself: every meter waits by the one function that it was given.
    """

    def __init__(self, meter: Meter, waits: Stopwatch) -> None:
        self.meter, self.reads = meter, meter.reads
        self.seconds: list[float] = []
        self._waits = waits

    def __enter__(self) -> CountedMeter:
        self.seconds.append(self._timed(self.meter.__enter__))
        return self

    def __exit__(self, *exception: object) -> None:
        self.seconds[-1] += self._timed(lambda: self.meter.__exit__(*exception))

    def _timed(self, call: Callable[[], object]) -> float:
        waited, began = self._waits.seconds, perf_counter()
        call()
        return perf_counter() - began - (self._waits.seconds - waited)


class CountedMeters(Meters):
    """All meters of a run, each of them counted."""

    def __init__(
        self, backend: Backend, synchronize: Callable[[], None], host: HostMemoryMeter | None = None
    ) -> None:
        waits = Stopwatch(synchronize)
        super().__init__(backend, waits, host)
        self.counted = {name: CountedMeter(meter, waits) for name, meter in super().all().items()}

    def all(self) -> dict[str, Meter]:
        return {**self.counted}

    def pauses(self) -> list[float]:
        """Of each epoch, how long the GPU was left alone before it."""
        entered = [meter.seconds for meter in self.counted.values() if meter.meter is self.gpu_use]
        return [PAUSE_SECONDS * (seconds >= PAUSE_SECONDS) for each in entered for seconds in each]


class OnlyTimeMeter(Meters):
    """The time meter and no other."""

    def all(self) -> dict[str, Meter]:
        return {"time": self.time}
