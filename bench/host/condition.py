"""The computer's condition before and after a run, and caffeinate, which keeps a Mac awake."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from bench.host import macos
from bench.host.linux import read_kernel_file
from bench.host.machine import query_nvml
from bench.records.clock import utc_now
from bench.records.types import Condition, Power, Thermal

POWER_SUPPLIES = Path("/sys/class/power_supply")
PLATFORM_PROFILE = Path("/sys/firmware/acpi/platform_profile")
CAFFEINATE = ("/usr/bin/caffeinate", "-i", "-m")  # -i: no idle sleep; -m: no disk sleep
GRACE_SECONDS = 0.2
"""A caffeinate that fails exits within this time; one that works runs until this process ends."""

# nvml.h: nvmlClocksEventReasonSwThermalSlowdown and …HwThermalSlowdown, called …Throttle… before.
_THERMAL_REASONS = 0x20 | 0x40

_State = tuple[Power | None, bool | None, Thermal | None]


def current_condition() -> Condition:
    """The condition now: sizes in bytes, the time in UTC to the second.

    On macOS power and heat come from `pmset -g batt`, `pmset -g` and `notifyutil`, also from
    `pmset -g therm` if Python is not arm64, and the swapped bytes from `vm_stat`. On Linux they come
    from /sys, psutil and, for heat, NVML. Memory and swap in use are psutil's, the load is
    `os.getloadavg`'s of the last minute.
    """
    power, low_power, thermal = _mac() if sys.platform == "darwin" else _linux()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # psutil warns if /proc/vmstat is unreadable
        swap = psutil.swap_memory()
    swapped_in, swapped_out = swap.sin, swap.sout
    if sys.platform == "darwin":
        swapped_in, swapped_out = macos.swapped_bytes(macos.command_output(*macos.VM_STAT))
    return Condition(
        taken_at=utc_now(),
        power=power,
        low_power=low_power,
        thermal=thermal,
        load=os.getloadavg()[0],
        available_memory_bytes=psutil.virtual_memory().available,
        swap_used_bytes=swap.used,
        swapped_in_bytes=swapped_in,
        swapped_out_bytes=swapped_out,
    )


@contextmanager
def keep_awake() -> Iterator[str | None]:
    """Keeps a Mac awake within the context, by `caffeinate -i -m -w <this process>`.

    Yields None if sleep is prevented or this is not a Mac, else a sentence that says why it is not.
    A closed lid or the Sleep command still puts the Mac to sleep.
    """
    if sys.platform != "darwin":
        yield None
        return
    process, failure = None, None
    try:
        process = subprocess.Popen(
            [*CAFFEINATE, "-w", str(os.getpid())],  # -w: it exits with this process, even if killed
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        failure = f"caffeinate ended at once, with status {process.wait(GRACE_SECONDS)}"
    except subprocess.TimeoutExpired:
        pass
    except OSError as error:
        failure = f"caffeinate could not be started ({error.strerror})"
    try:
        yield f"this Mac may fall asleep during the run: {failure}" if failure else None
    finally:
        if process:
            process.terminate()
            process.wait()


def _mac() -> _State:
    thermal = macos.thermal_level(macos.command_output(*macos.PRESSURE))
    if thermal in (None, "nominal") and platform.machine() != "arm64":
        speed_limit = macos.speed_limit(macos.command_output(*macos.SPEED))
        thermal = "moderate" if speed_limit == "moderate" else thermal or speed_limit
    return (
        macos.power_source(macos.command_output(*macos.BATTERY)),
        macos.low_power(macos.command_output(*macos.SETTINGS)),
        thermal,
    )


def _linux() -> _State:
    profile = read_kernel_file(PLATFORM_PROFILE)
    return _linux_power(), profile == "low-power" if profile else None, query_nvml(_nvidia_thermal)


def _linux_power() -> Power | None:
    """The answer of psutil if there is a battery, "mains" if not, None if /sys is unreadable."""
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
    """The number of batteries that power the computer; a mouse's has the scope "Device"."""
    try:
        supplies = list(POWER_SUPPLIES.iterdir())
    except OSError:
        return None
    batteries = [supply for supply in supplies if read_kernel_file(supply / "type") == "Battery"]
    return sum(read_kernel_file(battery / "scope") != "Device" for battery in batteries)


def _nvidia_thermal(nvml: Any, handle: Any) -> Thermal:
    try:
        reasons = nvml.nvmlDeviceGetCurrentClocksEventReasons(handle)
    except (nvml.NVMLError, AttributeError):  # the function's name before driver 535
        reasons = nvml.nvmlDeviceGetCurrentClocksThrottleReasons(handle)
    return "heavy" if reasons & _THERMAL_REASONS else "nominal"
