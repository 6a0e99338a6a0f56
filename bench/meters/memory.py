"""Host memory of this process, now and at its peak, and peak device memory."""

from __future__ import annotations

import ctypes
import os
import re
import struct
import sys
from pathlib import Path
from typing import Any, Protocol

from alexnet.frameworks.protocol import Backend
from bench.records.types import Reads


class HostMemory(Protocol):
    """One system's counter of host memory. `reads` says what it counts, or why it cannot be read."""

    reads: Reads

    def now_bytes(self) -> int | None: ...

    def peak_bytes(self) -> int | None:
        """The peak since the last `reset`, or since the process began where a reset is not possible."""

    def reset(self) -> None: ...


class LinuxMemory:
    """Resident memory: VmRSS and its high-water mark VmHWM (proc(5))."""

    def __init__(self, folder: Path = Path("/proc/self")) -> None:
        self._status, self._reset = folder / "status", folder / "clear_refs"
        self.reads = Reads(kind="resident memory in the epoch")
        if self._field("VmHWM") is None:
            self.reads = Reads(kind="no resident memory", detail=str(self._status))
        elif not self._try_reset():
            self.reads = Reads(kind="resident memory since the start")

    def _field(self, name: str) -> int | None:
        try:
            match = re.search(rf"^{name}:\s+(\d+) kB$", self._status.read_text(), re.MULTILINE)
        except OSError:
            return None
        return int(match[1]) * 1024 if match else None

    def _try_reset(self) -> bool:
        try:
            self._reset.write_text("5")  # sets the high-water mark to what is resident now
        except OSError:
            return False
        return True

    def now_bytes(self) -> int | None:
        return self._field("VmRSS")

    def peak_bytes(self) -> int | None:
        return self._field("VmHWM")

    def reset(self) -> None:
        self._try_reset()


RUSAGE_INFO_V4, RUSAGE_INFO_V4_BYTES = 4, 296
# A 16-byte UUID, then uint64 fields (xnu, bsd/sys/resource.h): byte offsets of the three used here.
PHYS_FOOTPRINT, LIFETIME_MAX_FOOTPRINT, INTERVAL_MAX_FOOTPRINT = 72, 240, 280


class MacMemory:
    """The physical footprint, by which macOS itself judges a process.

    It counts Metal's buffers; resident memory does not. `proc_pid_rusage` and
    `proc_reset_footprint_interval` are libSystem's and need no privileges for the process itself.
    """

    def __init__(self, library: Any = None) -> None:
        self._library = library or ctypes.CDLL(None)
        self._peak_offset = LIFETIME_MAX_FOOTPRINT
        self.reads = Reads(kind="footprint since the start")
        if self._usage() is None:
            self.reads = Reads(kind="no footprint")
        elif self._try_reset():
            self._peak_offset = INTERVAL_MAX_FOOTPRINT
            self.reads = Reads(kind="footprint in the epoch")

    def _usage(self) -> bytes | None:
        buffer = ctypes.create_string_buffer(RUSAGE_INFO_V4_BYTES)
        failed = self._library.proc_pid_rusage(os.getpid(), RUSAGE_INFO_V4, buffer)
        return None if failed else buffer.raw

    def _try_reset(self) -> bool:
        try:
            return not self._library.proc_reset_footprint_interval(os.getpid())
        except AttributeError:
            return False

    def _field(self, offset: int) -> int | None:
        usage = self._usage()
        return int(struct.unpack_from("<Q", usage, offset)[0]) if usage else None

    def now_bytes(self) -> int | None:
        return self._field(PHYS_FOOTPRINT)

    def peak_bytes(self) -> int | None:
        # Older kernels start an interval at 0, newer ones at the current footprint.
        peak, now = self._field(self._peak_offset), self.now_bytes()
        return None if peak is None or now is None else max(peak, now)

    def reset(self) -> None:
        self._try_reset()


def host_memory() -> HostMemory:
    """The counter of this system."""
    return MacMemory() if sys.platform == "darwin" else LinuxMemory()


class HostMemoryMeter:
    """Peak host memory of the process within the meter, defined alike for every framework."""

    def __init__(self, source: HostMemory | None = None) -> None:
        self._source = source or host_memory()
        self.reads = self._source.reads
        self.peak_bytes: int | None = None

    def baseline_bytes(self) -> int | None:
        """What the process has now; taken once the framework has its device, before data and network."""
        return self._source.now_bytes()

    def __enter__(self) -> HostMemoryMeter:
        self._source.reset()
        return self

    def __exit__(self, *exception: object) -> None:
        self.peak_bytes = self._source.peak_bytes()


class DeviceMemoryMeter:
    """Peak device memory within the meter, by the framework's own allocator."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self.peak_bytes: int | None = None
        self.reads = Reads(kind="framework counter")
        if backend.peak_device_bytes() is None:
            on_cpu = backend.device == "cpu"
            self.reads = Reads(kind="host memory is the device's" if on_cpu else "no framework counter")

    def __enter__(self) -> DeviceMemoryMeter:
        self._backend.reset_peak_device_bytes()
        return self

    def __exit__(self, *exception: object) -> None:
        self.peak_bytes = self._backend.peak_device_bytes()
