"""The meters of one run: context managers around an epoch's training, each with a reading."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Protocol

from alexnet.frameworks.protocol import Backend
from bench.host.gpu_use import gpu_use
from bench.meters.energy import EnergyMeter
from bench.meters.interference import GpuUseMeter, ProcessorMeter
from bench.meters.memory import DeviceMemoryMeter, HostMemoryMeter
from bench.meters.time import TimeMeter
from bench.records.types import Interference, Reads


class Meter(Protocol):
    """Measures from __enter__ to __exit__. Afterwards its reading is set, to None if there is none.

    `reads` is what it reads, or why it cannot.
    """

    reads: Reads

    def __enter__(self) -> Meter: ...

    def __exit__(self, *exception: object) -> None: ...


class Meters:
    """All meters of one run.

    The time meter is entered last and left first, so its seconds include none of the others' work. The
    GPU's use by others is read first, since it waits for two seconds. On the CPU there is no such meter.
    """

    def __init__(
        self, backend: Backend, synchronize: Callable[[], None], host: HostMemoryMeter | None = None
    ) -> None:
        self.gpu_use: GpuUseMeter | None = None
        if backend.device != "cpu":
            self.gpu_use = GpuUseMeter(partial(gpu_use, backend.device), synchronize)
        self.host, self.device = host or HostMemoryMeter(), DeviceMemoryMeter(backend)
        self.energy, self.processors = EnergyMeter(), ProcessorMeter()
        self.time = TimeMeter(synchronize)

    def all(self) -> dict[str, Meter]:
        """Name -> meter, in the order of entry."""
        first: dict[str, Meter] = {"gpu use": self.gpu_use} if self.gpu_use else {}
        return first | {
            "host memory": self.host,
            "device memory": self.device,
            "energy": self.energy,
            "processors": self.processors,
            "time": self.time,
        }

    def interference(self) -> Interference:
        """What the meters of processors and GPU read of the last epoch, as its record has it."""
        processors = self.processors.seconds
        return Interference(
            busy_cpu_seconds=processors.busy,
            idle_cpu_seconds=processors.idle,
            own_cpu_seconds=processors.own,
            stolen_cpu_seconds=processors.stolen,
            gpu_share=self.gpu_use.share if self.gpu_use else None,
        )
