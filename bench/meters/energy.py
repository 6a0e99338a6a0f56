"""Energy counters that only ever rise: Apple's through zeus, NVIDIA's through NVML, RAPL on Linux."""

from __future__ import annotations

import importlib
import sys
import time
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any, Protocol

from bench.records.derive import _computes
from bench.records.limits import WINDOW_SECONDS
from bench.records.types import Joules, Watts

MOST_WATTS = 400.0  # of one processor package


class Counter(Protocol):
    """One source. `reads` names it, or says why it cannot be read."""

    reads: str

    def available(self) -> bool: ...

    def joules(self) -> Joules:
        """Part -> joules since some moment in the past. Parts that are not there are left out."""


class AppleCounter:
    """Apple's own estimates for the whole chip (IOReport "Energy Model"), without sudo.

    They are the chip's, not the process's: what else runs is in them.
    """

    _PARTS = ("cpu_total", "gpu", "gpu_sram", "dram", "ane")

    def __init__(self, library: Any = None) -> None:
        try:
            self._monitor = (
                library or importlib.import_module("zeus_apple_silicon")
            ).AppleEnergyMonitor()
            self.reads = "the chip's own estimate by part (IOReport), in windows of 20 s or more"
            if not self.available():
                self.reads = "not measured: zeus-apple-silicon finds no counter on this chip"
        except Exception as error:  # whatever its C++ raises where IOReport has no such group
            self._monitor = None
            self.reads = f"not measured: zeus-apple-silicon cannot read this chip ({error})"

    def available(self) -> bool:
        return bool(self.joules())

    def joules(self) -> Joules:
        try:
            found = self._monitor.get_cumulative_energy()
        except Exception:  # whatever its C++ raises; and before it there is no monitor to ask
            return {}
        millijoules = {part: getattr(found, f"{part}_mj", None) for part in self._PARTS}
        return {
            part.removesuffix("_total"): value / 1000
            for part, value in millijoules.items()
            if value is not None
        }


class LinuxCounter:
    """NVIDIA's board counter (Volta and newer) and RAPL's packages and memory, where readable."""

    def __init__(self, powercap: Path = Path("/sys/class/powercap"), nvml: Any = None) -> None:
        self._zones = {}
        for zone in sorted(powercap.glob("intel-rapl:*")):
            if (name := _text(zone / "name")) and (name.startswith("package") or name == "dram"):
                self._zones[f"cpu {name}" if name != "dram" else f"dram {zone.name}"] = _Zone(zone)
        self._gpu = _nvidia(nvml)
        if self.available():
            self.reads = f"{', '.join(self.joules())}, in windows of 20 s or more"
        elif self._zones:
            self.reads = f"not measured: {powercap}/intel-rapl:*/energy_uj is readable by root alone"
        else:
            self.reads = "not measured: neither RAPL nor NVML counts energy here"

    def available(self) -> bool:
        return bool(self.joules())

    def joules(self) -> Joules:
        found = {name: zone.joules() for name, zone in self._zones.items()}
        if self._gpu:
            found["gpu"] = self._gpu()
        return {name: value for name, value in found.items() if value is not None}


class _Zone:
    """One RAPL zone, whose microjoules begin anew at `max_energy_range_uj`.

    Read too seldom, it may have begun anew more than once: then that reading is left out.
    """

    def __init__(self, folder: Path) -> None:
        self._energy = folder / "energy_uj"
        self._range = int(_text(folder / "max_energy_range_uj") or 0)
        self._before = self._turns = 0
        self._read_at = perf_counter()

    def joules(self) -> float | None:
        text, now = _text(self._energy), perf_counter()
        if text is None:
            return None
        unsure = (now - self._read_at) * MOST_WATTS * 1e6 > self._range
        microjoules = int(text)
        if microjoules < self._before:
            self._turns += 1
        self._before, self._read_at = microjoules, now
        return None if unsure else (microjoules + self._turns * self._range) / 1e6


def _nvidia(nvml: Any) -> Callable[[], float | None] | None:
    """A reader of the one GPU's joules, or None where it counts none, or where there are several.

    NVML numbers GPUs by their slot and CUDA by their speed: of several, nobody knows which one works.
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
        except Exception:  # a GPU that was lost meanwhile costs its joules, not the run
            return None

    return joules


def _text(file: Path) -> str | None:
    try:
        return file.read_text().strip()
    except OSError:
        return None


def counter() -> Counter:
    """The counter of this system."""
    return AppleCounter() if sys.platform == "darwin" else LinuxCounter()


def used_between(before: Joules, after: Joules, *, seconds: float) -> Joules | None:
    """What was used between two readings; None in too short a window.

    A part that used nothing at all in such a window is not counting, and left out: macOS 27 freezes the
    CPU's (macmon#76). Where a processor could not be read at the end, nothing is left to say.
    """
    if seconds < WINDOW_SECONDS:
        return None
    if any(_computes(part) and part not in after for part in before):
        return None
    used = {part: after[part] - before[part] for part in before if part in after}
    return {part: joules for part, joules in used.items() if joules > 0} or None


def idle_watts(source: Counter, *, seconds: float = WINDOW_SECONDS) -> Watts | None:
    """What the machine draws by part while nothing of ours runs. Waits for `seconds`."""
    if not source.available():
        return None
    began, before = perf_counter(), source.joules()
    time.sleep(seconds)
    after, slept = source.joules(), perf_counter() - began
    used = used_between(before, after, seconds=slept)
    return {part: joules / slept for part, joules in used.items()} if used else None


class EnergyMeter:
    """Joules by part within the meter, None where nothing counts or the window is too short."""

    def __init__(self, source: Counter | None = None) -> None:
        self._source = source or counter()
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
        self.joules = used_between(self._before, after, seconds=perf_counter() - self._began)
