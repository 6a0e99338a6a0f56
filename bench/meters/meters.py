"""The meters of one run: context managers around an epoch's training, each with a reading."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from alexnet.frameworks.protocol import Backend
from bench.meters.energy import EnergyMeter
from bench.meters.memory import DeviceMemoryMeter, HostMemoryMeter
from bench.meters.time import TimeMeter
from bench.records.types import Reads


class Meter(Protocol):
    """Measures from __enter__ to __exit__. Afterwards its reading is set, to None if there is none.

    `reads` is what it reads, or why it cannot.
    """

    reads: Reads

    def __enter__(self) -> Meter: ...

    def __exit__(self, *exception: object) -> None: ...


class Meters:
    """All meters of one run.

    The time meter is entered last and left first, so its seconds include none of the others' work.
    """

    def __init__(
        self, backend: Backend, synchronize: Callable[[], None], host: HostMemoryMeter | None = None
    ) -> None:
        self.host, self.device = host or HostMemoryMeter(), DeviceMemoryMeter(backend)
        self.energy, self.time = EnergyMeter(), TimeMeter(synchronize)

    def all(self) -> dict[str, Meter]:
        """Name -> meter, in the order of entry."""
        return {
            "host memory": self.host,
            "device memory": self.device,
            "energy": self.energy,
            "time": self.time,
        }
