"""Cumulative energy counters: Apple's through zeus, NVIDIA's through NVML, RAPL on Linux."""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any, Protocol

from bench.records.derive import is_processor
from bench.records.limits import MIN_ENERGY_SECONDS
from bench.records.types import Joules, Reads, Watts

MAX_WATTS = 400.0  # of one processor package


class Counter(Protocol):
    """One cumulative energy counter. `reads` says what it counts, or why it cannot be read."""

    reads: Reads

    def joules(self) -> Joules:
        """Part -> joules since a fixed moment in the past. Parts without a counter are left out."""


class AppleCounter:
    """Apple's own estimates for the whole chip (IOReport "Energy Model"), without sudo.

    They count the chip, not the process: other programs are included.
    """

    _PARTS = ("cpu_total", "gpu", "gpu_sram", "dram", "ane")

    def __init__(self, library: Any = None) -> None:
        try:
            self._monitor = (
                library or importlib.import_module("zeus_apple_silicon")
            ).AppleEnergyMonitor()
            counts = bool(self.joules())
            self.reads = Reads(kind="ioreport" if counts else "ioreport without counter")
        except Exception as error:  # whatever its C++ raises where IOReport has no such group
            self._monitor = None
            self.reads = Reads(kind="ioreport unreadable", detail=str(error))

    def joules(self) -> Joules:
        try:
            reading = self._monitor.get_cumulative_energy()
        except Exception:  # whatever its C++ raises, or no monitor
            return {}
        millijoules = {part: getattr(reading, f"{part}_mj", None) for part in self._PARTS}
        return {
            part.removesuffix("_total"): value / 1000
            for part, value in millijoules.items()
            if value is not None
        }


class LinuxCounter:
    """NVIDIA's board counter (Volta and newer), and RAPL's packages and memory where readable."""

    def __init__(self, powercap: Path = Path("/sys/class/powercap"), nvml: Any = None) -> None:
        self._zones = {}
        for zone in sorted(powercap.glob("intel-rapl:*")):
            if (name := _read_text(zone / "name")) and (name.startswith("package") or name == "dram"):
                self._zones[f"cpu {name}" if name != "dram" else f"dram {zone.name}"] = _Zone(zone)
        self._gpu = _nvidia_reader(nvml)
        if parts := self.joules():
            self.reads = Reads(kind="counters", detail=", ".join(parts))
        elif self._zones:
            self.reads = Reads(kind="counters for root", detail=f"{powercap}/intel-rapl:*/energy_uj")
        else:
            self.reads = Reads(kind="no counter")

    def joules(self) -> Joules:
        joules = {part: zone.joules() for part, zone in self._zones.items()}
        if self._gpu:
            joules["gpu"] = self._gpu()
        return {part: value for part, value in joules.items() if value is not None}


class _Zone:
    """One RAPL zone, whose microjoules wrap around at `max_energy_range_uj`.

    If two readings are so far apart that it may have wrapped more than once, the second is left out.
    """

    def __init__(self, folder: Path) -> None:
        self._energy = folder / "energy_uj"
        self._range = int(_read_text(folder / "max_energy_range_uj") or 0)
        self._last_microjoules = self._wraps = 0
        self._read_at = perf_counter()

    def joules(self) -> float | None:
        text, now = _read_text(self._energy), perf_counter()
        if text is None:
            return None
        may_have_wrapped_twice = (now - self._read_at) * MAX_WATTS * 1e6 > self._range
        microjoules = int(text)
        if microjoules < self._last_microjoules:
            self._wraps += 1
        self._last_microjoules, self._read_at = microjoules, now
        return None if may_have_wrapped_twice else (microjoules + self._wraps * self._range) / 1e6


def _nvidia_reader(nvml: Any) -> Callable[[], float | None] | None:
    """A function that reads the GPU's joules; None if it does not count them, or if there are several.

    NVML orders GPUs by slot and CUDA by speed, so with several it is not known which one trains.
    """
    try:
        library = nvml or importlib.import_module("pynvml")
        library.nvmlInit()
        handle = library.nvmlDeviceGetHandleByIndex(0)
        library.nvmlDeviceGetTotalEnergyConsumption(handle)
        if library.nvmlDeviceGetCount() > 1:
            return None
    except Exception:  # no package, no driver, no GPU, a GPU before Volta: each its own exception
        return None

    def joules() -> float | None:
        try:
            return float(library.nvmlDeviceGetTotalEnergyConsumption(handle)) / 1000
        except Exception:  # a GPU lost during the run loses its joules, not the run
            return None

    return joules


def _read_text(file: Path) -> str | None:
    try:
        return file.read_text().strip()
    except OSError:
        return None


def counter() -> Counter:
    """The counter of this system."""
    return AppleCounter() if sys.platform == "darwin" else LinuxCounter()


def used_between(before: Joules, after: Joules, *, seconds: float) -> Joules | None:
    """Joules by part between two readings; None if the window is shorter than `MIN_ENERGY_SECONDS`.

    A part that used nothing in such a window has a dead counter and is left out: macOS 27 freezes the
    CPU's (macmon#76). None as well if a processor could not be read at the end.
    """
    if seconds < MIN_ENERGY_SECONDS:
        return None
    if any(is_processor(part) and part not in after for part in before):
        return None
    used = {part: after[part] - before[part] for part in before if part in after}
    return {part: joules for part, joules in used.items() if joules > 0} or None


def idle_watts(source: Counter, *, seconds: float = MIN_ENERGY_SECONDS) -> Watts | None:
    """Watts by part that the machine draws while this suite trains nothing. Waits for `seconds`."""
    if not source.reads.measured:
        return None
    began, before = perf_counter(), source.joules()
    time.sleep(seconds)
    after, slept = source.joules(), perf_counter() - began
    used = used_between(before, after, seconds=slept)
    return {part: joules / slept for part, joules in used.items()} if used else None


class EnergyMeter:
    """Joules by part within the meter; None if there is no counter or the window is too short."""

    def __init__(self, source: Counter | None = None) -> None:
        self._source = source or counter()
        self.reads = self._source.reads
        self.joules: Joules | None = None

    def __enter__(self) -> EnergyMeter:
        self._source.joules()  # after a long pause, RAPL leaves one reading out
        self._began, self._before = perf_counter(), self._source.joules()
        return self

    def __exit__(self, *exception: object) -> None:
        after = self._source.joules()
        self.joules = used_between(self._before, after, seconds=perf_counter() - self._began)
