"""The state that this computer is in before and after a run, and what keeps a Mac awake meanwhile."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import warnings
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import psutil

from bench.host import macos
from bench.host.machine import ask_nvidia, kernel_text
from bench.records.codec import now
from bench.records.types import Condition

POWER_SUPPLIES = Path("/sys/class/power_supply")
PLATFORM_PROFILE = Path("/sys/firmware/acpi/platform_profile")
CAFFEINATE = ("/usr/bin/caffeinate", "-i", "-m")  # no idle sleep, and the disk stays awake as well
GRACE_SECONDS = 0.2
"""How soon a caffeinate that cannot do its work has ended; one that can ends with us."""

# nvml.h: nvmlClocksEventReasonSwThermalSlowdown and …HwThermalSlowdown, Throttle in older names.
_THERMAL_REASONS = 0x20 | 0x40

_State = tuple[macos.Power | None, bool | None, macos.Thermal | None]


def take() -> Condition:
    """The state at this moment, in bytes and in UTC to the second.

    On macOS `pmset -g batt`, `pmset -g` and `notifyutil` are asked, and `vm_stat` for what was
    swapped; `pmset -g therm` where Python is not arm64. On Linux it is /sys and psutil, and NVML for
    heat. Memory, swap in use and load are psutil's and `os.getloadavg`'s.
    """
    power, low_power, thermal = _mac() if sys.platform == "darwin" else _linux()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # psutil's, where /proc/vmstat is closed to us
        swap = psutil.swap_memory()
    swapped_in, swapped_out = swap.sin, swap.sout
    if sys.platform == "darwin":
        swapped_in, swapped_out = macos.swapped_bytes(macos.ask(*macos.VM_STAT))
    return Condition(
        taken_at=now(),
        power=power,
        low_power=low_power,
        thermal=thermal,
        load=os.getloadavg()[0],
        available_memory_bytes=psutil.virtual_memory().available,
        swap_used_bytes=swap.used,
        swapped_in_bytes=swapped_in,
        swapped_out_bytes=swapped_out,
    )


def awake() -> AbstractContextManager[str | None]:
    """Keeps a Mac from falling asleep inside, by `caffeinate -i -m -w <this process>`.

    Yields None where sleep is prevented or this is no Mac, else a sentence that says why it is not.
    Closing the lid, or choosing sleep, still puts it to sleep.
    """
    return _caffeinated() if sys.platform == "darwin" else nullcontext()


@contextmanager
def _caffeinated() -> Iterator[str | None]:
    process, trouble = None, None
    try:
        process = subprocess.Popen(
            [*CAFFEINATE, "-w", str(os.getpid())],  # -w: it ends with us, even if we are killed
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        trouble = f"caffeinate ended at once, with status {process.wait(GRACE_SECONDS)}"
    except subprocess.TimeoutExpired:
        pass
    except OSError as error:
        trouble = f"caffeinate could not be started ({error.strerror})"
    try:
        yield f"this Mac may fall asleep during the run: {trouble}" if trouble else None
    finally:
        if process:
            process.terminate()
            process.wait()


def _mac() -> _State:
    thermal = macos.thermal_level(macos.ask(*macos.PRESSURE))
    if thermal in (None, "nominal") and platform.machine() != "arm64":
        thermal = _hotter(thermal, macos.speed_limit(macos.ask(*macos.SPEED)))
    return (
        macos.power_source(macos.ask(*macos.BATTERY)),
        macos.low_power(macos.ask(*macos.SETTINGS)),
        thermal,
    )


def _hotter(level: macos.Thermal | None, limit: macos.Thermal | None) -> macos.Thermal | None:
    return limit if limit == "moderate" else level or limit


def _linux() -> _State:
    profile = kernel_text(PLATFORM_PROFILE)
    return _linux_power(), profile == "low-power" if profile else None, ask_nvidia(_nvidia_thermal)


def _linux_power() -> macos.Power | None:
    """Mains or battery by psutil; without a battery it is mains, if /sys can be read at all."""
    batteries = _batteries()
    if batteries == 0:
        return "mains"
    try:
        battery = psutil.sensors_battery() if batteries else None
    except (OSError, ValueError):
        return None
    if battery is None or battery.power_plugged is None:
        return None
    return "mains" if battery.power_plugged else "battery"


def _batteries() -> int | None:
    """How many batteries feed this computer; that of a mouse has the scope "Device", and feeds none."""
    try:
        supplies = list(POWER_SUPPLIES.iterdir())
    except OSError:
        return None
    batteries = [supply for supply in supplies if kernel_text(supply / "type") == "Battery"]
    return sum(kernel_text(battery / "scope") != "Device" for battery in batteries)


def _nvidia_thermal(nvml: Any, handle: Any) -> macos.Thermal:
    try:
        reasons = nvml.nvmlDeviceGetCurrentClocksEventReasons(handle)
    except (nvml.NVMLError, AttributeError):  # the name before driver 535
        reasons = nvml.nvmlDeviceGetCurrentClocksThrottleReasons(handle)
    return "heavy" if reasons & _THERMAL_REASONS else "nominal"
