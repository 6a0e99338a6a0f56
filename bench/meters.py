"""What measures one thing around the one measured line: context managers with a reading."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Protocol

from alexnet import Backend
from bench import energy, memory
from bench.records import Joules


class Meter(Protocol):
    """Measures from __enter__ to __exit__; the reading is there afterwards, None where there is none.

    `reads` says what it reads, or why it cannot.
    """

    reads: str

    def available(self) -> bool: ...

    def __enter__(self) -> Meter: ...

    def __exit__(self, *exception: object) -> None: ...


class TimeMeter:
    """Wall-clock seconds, the device synchronised before the start and before the stop."""

    reads = "the worker's perf_counter, device synchronised before start and stop"
    seconds: float

    def __init__(self, synchronize: Callable[[], None]) -> None:
        self._synchronize = synchronize

    def available(self) -> bool:
        return True

    def __enter__(self) -> TimeMeter:
        self._synchronize()
        self._start = perf_counter()
        return self

    def __exit__(self, *exception: object) -> None:
        self._synchronize()
        self.seconds = perf_counter() - self._start


class HostMemoryMeter:
    """The most host memory that the process had within the meter: one definition for every framework."""

    def __init__(self, source: memory.HostMemory | None = None) -> None:
        self._source = source or memory.host_memory()
        self.reads = self._source.reads
        self.peak_bytes: int | None = None

    def available(self) -> bool:
        return self._source.available()

    def baseline_bytes(self) -> int | None:
        """What the process has now; taken once the framework has its device, before data and network."""
        return self._source.now_bytes()

    def __enter__(self) -> HostMemoryMeter:
        self._source.reset()
        return self

    def __exit__(self, *exception: object) -> None:
        self.peak_bytes = self._source.peak_bytes()


class DeviceMemoryMeter:
    """The most that the framework's own allocator had of the device's memory within the meter."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self.peak_bytes: int | None = None
        counted = "the framework's own counter of its tensors"
        self.reads = counted if self.available() else self._why_not()

    def available(self) -> bool:
        return self._backend.peak_device_bytes() is not None

    def _why_not(self) -> str:
        if self._backend.device == "cpu":
            return "not measured: on the CPU the host's memory is the device's"
        return "not measured: under Metal, TensorFlow's counter returns zeros"

    def __enter__(self) -> DeviceMemoryMeter:
        self._backend.reset_peak_device_bytes()
        return self

    def __exit__(self, *exception: object) -> None:
        self.peak_bytes = self._backend.peak_device_bytes()


class EnergyMeter:
    """Joules by part within the meter, None where nothing counts or the window is too short."""

    def __init__(self, source: energy.Counter | None = None) -> None:
        self._source = source or energy.counter()
        self.reads = self._source.reads
        self.joules: Joules | None = None

    def available(self) -> bool:
        return self._source.available()

    def __enter__(self) -> EnergyMeter:
        self._source.joules()  # a counter that nobody has read for long gives its first reading up
        self._began, self._before = perf_counter(), self._source.joules()
        return self

    def __exit__(self, *exception: object) -> None:
        after = self._source.joules()
        self.joules = energy.used_between(self._before, after, seconds=perf_counter() - self._began)


class Meters:
    """All the meters of one run; `around` them is the one measured line.

    The time meter is entered last and left first, so none of the others' work is in its seconds.
    """

    def __init__(
        self, backend: Backend, synchronize: Callable[[], None], host: HostMemoryMeter | None = None
    ) -> None:
        self.host, self.device = host or HostMemoryMeter(), DeviceMemoryMeter(backend)
        self.energy, self.time = EnergyMeter(), TimeMeter(synchronize)

    def all(self) -> dict[str, Meter]:
        """Name -> meter, in the order in which they are entered."""
        return {
            "host memory": self.host,
            "device memory": self.device,
            "energy": self.energy,
            "time": self.time,
        }
