"""What else the computer does while an epoch trains: processor time, and the GPU's use by others."""

from __future__ import annotations

import math
import os
import resource
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter, sleep
from typing import Any

import psutil

from bench.meters.reference_kernel import MAX_COST_SHARE
from bench.records.types import Reads

# Fields of psutil.cpu_times(), as far as a system has them. Linux counts guest in user and guest_nice in
# nice (proc_stat(5)), and macOS has user, nice, system and idle alone.
BUSY = ("user", "nice", "system", "irq", "softirq")
IDLE = ("idle", "iowait")
STOLEN = ("steal",)

IDLE_SECONDS = 2.0
"""How long the worker leaves the GPU alone before it is read. NVML's figure is of a period of 1/6 to 1 s
(nvmlUtilization_t), and after one of them the last whole one may still hold work of the worker. What
macOS's covers is not documented."""
READINGS, SECONDS_BETWEEN = 3, 0.5


@dataclass(frozen=True, kw_only=True)
class ProcessorSeconds:
    """Processor time over all logical processors, in seconds. What cannot be read is None."""

    busy: float | None = None
    idle: float | None = None
    own: float | None = None
    stolen: float | None = None


class ProcessorMeter:
    """Processor time within the meter: the system's, and the suite's own share of it.

    The system's is psutil.cpu_times(), in ticks of 10 ms per processor. The kernel's own work for the
    suite (drivers, kernel threads) is in it and not in the suite's. Inside a container psutil sees the
    whole host: neighbours count as other programs, as they should, and all of the host's processors
    count, also those that the container may not use. A virtual machine sees itself alone, and what its
    host took from it is stolen, where the hypervisor says so. macOS has no such field.

    The suite's own is this process with all its threads and the children it has waited for (getrusage),
    and its parent, which reads the records. A parent that cannot be read or has ended is left out.
    """

    def __init__(self, cpu_times: Callable[[], Any] | None = None) -> None:
        self._cpu_times = cpu_times or psutil.cpu_times
        self.seconds = ProcessorSeconds()
        try:
            self._parent: psutil.Process | None = psutil.Process(os.getppid())
        except psutil.Error:
            self._parent = None
        try:
            fields = {name: value for name, value in self._system().items() if value is not None}
        except Exception as error:  # /proc/stat hidden or cut short: OSError, ValueError, TypeError
            self.reads = Reads(kind="no processor times", detail=f"{type(error).__name__}: {error}")
            return
        if any(fields.values()):
            self.reads = Reads(kind="processor times", detail=", ".join(fields))
        else:  # a sandbox that emulates /proc may answer with zeros
            self.reads = Reads(kind="no processor times", detail="all of them are 0")

    def __enter__(self) -> ProcessorMeter:
        self.seconds = ProcessorSeconds()
        self._before = self._reading()
        return self

    def __exit__(self, *exception: object) -> None:
        before, after = self._before, self._reading()
        used = {part: _difference(before[part], after[part]) for part in before}
        if not used["busy"] and not used["idle"]:  # no tick, so nothing was counted
            used |= {"busy": None, "idle": None, "stolen": None}
        parent = used.pop("parent")
        if used["own"] is not None and parent is not None:
            used["own"] += parent
        self.seconds = ProcessorSeconds(**used)

    def _reading(self) -> dict[str, float | None]:
        """Cumulative seconds by part; a part that cannot be read is None."""
        system: dict[str, float | None] = {}
        if self.reads.measured:
            try:
                system = self._system()
            except Exception:  # as above
                system = {}
        return {
            "busy": _total(system, BUSY),
            "idle": _total(system, IDLE),
            "stolen": _total(system, STOLEN),
            "own": _own_seconds(),
            "parent": self._parent_seconds(),
        }

    def _system(self) -> dict[str, float | None]:
        times = self._cpu_times()
        return {name: getattr(times, name, None) for name in (*BUSY, *IDLE, *STOLEN)}

    def _parent_seconds(self) -> float | None:
        try:
            times = self._parent.cpu_times() if self._parent else None
        except (psutil.Error, OSError):  # it has ended, or belongs to somebody else
            return None
        return times.user + times.system if times else None


def _total(fields: dict[str, float | None], names: tuple[str, ...]) -> float | None:
    """The sum of the named fields; None if there is none of them.

    Fields are added up before they are compared: Linux moves waiting time between idle and iowait, which
    alone may fall (proc_stat(5)).
    """
    values = [value for name in names if (value := fields.get(name)) is not None]
    return sum(values) if values else None


def _difference(before: float | None, after: float | None) -> float | None:
    """None if either is missing or the counter fell.

    macOS's wraps around: 32 bits of 10 ms are 50 days of ten idle processors.
    """
    if before is None or after is None or after < before:
        return None
    return after - before


def _own_seconds() -> float:
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


class GpuUseMeter:
    """The share of time that others use the GPU, read before the epoch while the worker leaves it idle.

    `read` gives the GPU's use of late as a share of time, whoever uses it, or None. It is read after
    `IDLE_SECONDS` of waiting, `READINGS` times, of which the lowest counts: what draws the screen works
    in bursts. That is done before the first epoch, and then as often as it costs 1 % of the training
    since; `share` is the latest one. A counter that also shows nothing right after the epoch stands
    still, and has measured nothing.
    """

    def __init__(self, read: Callable[[], float | None], synchronize: Callable[[], None]) -> None:
        self._read, self._synchronize = read, synchronize
        self.reads = Reads(kind="device utilization" if read() is not None else "no device utilization")
        self.share: float | None = None
        self._is_new = False
        self._trained_seconds, self._cost_seconds = math.inf, 0.0

    def __enter__(self) -> GpuUseMeter:
        is_due = self._cost_seconds <= MAX_COST_SHARE * self._trained_seconds
        self._is_new = self.reads.measured and is_due
        if self._is_new:
            began = perf_counter()
            self._synchronize()
            self._read()  # a counter that covers the time since it was last read starts here
            sleep(IDLE_SECONDS)
            self.share = self._lowest()
            self._cost_seconds, self._trained_seconds = perf_counter() - began, 0.0
        self._began = perf_counter()
        return self

    def _lowest(self) -> float | None:
        """None if any reading failed."""
        readings = [self._read()]
        for _ in range(READINGS - 1):
            sleep(SECONDS_BETWEEN)
            readings.append(self._read())
        known = [share for share in readings if share is not None]
        return min(known) if len(known) == READINGS else None

    def __exit__(self, *exception: object) -> None:
        ended = perf_counter()
        self._trained_seconds += ended - self._began
        if self._is_new and self.share is not None:
            self.share = self.share if self._read() else None
            self._cost_seconds += perf_counter() - ended
