"""What this computer is: its name, chip, cores, GPU, memory, system, Python and packages."""

from __future__ import annotations

import platform
import shutil
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import psutil
from msgspec.structs import replace

from alexnet.frameworks.packages import installed_versions
from alexnet.frameworks.protocol import Device
from alexnet.frameworks.registry import FRAMEWORKS
from bench.host import linux, macos
from bench.records.computer import folder_name
from bench.records.types import Machine

Value = TypeVar("Value")

# Packages that may change a figure. One that is not installed is absent from the record.
PACKAGES = (
    *(name for info in FRAMEWORKS.values() for name in info.packages),
    *("numpy", "zeus-apple-silicon", "pytest", "pytest-benchmark", "psutil"),
)


def describe(name: str | None = None) -> Machine:
    """The record of this computer, named `name`, which has a letter or a digit, or by chip and model.

    The host name is not used: it often has the owner's name in it, and it changes with the network.

    The sources are `sysctl`, `sw_vers`, `ioreg` and `system_profiler` on macOS; /proc/cpuinfo,
    /sys/class/dmi, /proc/device-tree, os-release and NVML on Linux; psutil for memory in bytes. They are
    read once per process.
    """
    machine = describe_unnamed()
    model = machine.model or platform.system()
    text = name or f"{machine.chip or machine.architecture}-{model}"
    return replace(machine, name=folder_name(text))


def likely_gpu() -> Device | None:
    """The GPU for which this computer has a driver; only a framework knows whether it can use it."""
    if sys.platform == "darwin" and platform.machine() == "arm64":
        return "mps"
    nvidia = Path("/proc/driver/nvidia/version").exists() or shutil.which("nvidia-smi")
    return "cuda" if nvidia else None


def query_nvml(query: Callable[[Any, Any], Value]) -> Value | None:
    """The result of `query`, called with pynvml and the handle of the first GPU.

    None if there is no NVIDIA driver or no pynvml, or if either does not support the query.
    """
    if likely_gpu() != "cuda":
        return None
    try:
        import pynvml
    except ImportError:
        return None
    try:
        pynvml.nvmlInit()
        try:
            return query(pynvml, pynvml.nvmlDeviceGetHandleByIndex(0))
        finally:
            pynvml.nvmlShutdown()
    except (pynvml.NVMLError, AttributeError):  # an older pynvml lacks functions
        return None


@cache
def describe_unnamed() -> Machine:
    """The record without a name. It is cached, since system_profiler alone may take seconds."""
    fields = _mac() if sys.platform == "darwin" else _linux()
    return Machine(
        name="",
        memory_bytes=psutil.virtual_memory().total,
        python=platform.python_version(),
        architecture=platform.machine(),  # Python's: x86_64 under Rosetta
        packages=installed_versions(PACKAGES),
        **fields,
    )


def _mac() -> dict[str, Any]:
    values = macos.parse_pairs(macos.command_output(*macos.SYSCTL))
    system = macos.parse_pairs(macos.command_output(*macos.SW_VERS))
    version = system.get("ProductVersion") or values.get("kern.osproductversion")
    gpu, gpu_cores = macos.ioreg_gpu(macos.command_output(*macos.IOREG))
    if not (gpu and gpu_cores):
        name, cores = macos.displays_gpu(macos.command_output(*macos.DISPLAYS))
        gpu, gpu_cores = gpu or name, gpu_cores or cores
    return {
        "chip": values.get("machdep.cpu.brand_string"),
        "model": values.get("hw.model"),
        "cpu_cores": macos.core_kinds(values),
        "gpu": gpu,
        "gpu_cores": gpu_cores,
        "os": f"{system.get('ProductName', 'macOS')} {version}" if version else None,
        # Metal's graph library changes with the build, so the version alone is not enough.
        "os_build": system.get("BuildVersion") or values.get("kern.osversion"),
        "translated": macos.is_translated(values, platform.machine()),
        "virtual": macos.is_virtual(values),
    }


def _linux() -> dict[str, Any]:
    cpuinfo = linux.read_kernel_file(linux.CPUINFO) or ""
    firmware = linux.read_firmware()
    cores = psutil.cpu_count(logical=False)
    gpu, gpu_cores = query_nvml(_nvidia_gpu) or (None, None)
    return {
        "chip": linux.chip(cpuinfo, firmware),
        "model": linux.model(firmware),
        "cpu_cores": {"cores": cores} if cores else None,
        "gpu": gpu,
        "gpu_cores": gpu_cores,
        "os": _distribution(),
        "os_build": platform.release() or None,
        "translated": None,
        "virtual": linux.is_virtual(cpuinfo, firmware),
    }


def _nvidia_gpu(nvml: Any, handle: Any) -> tuple[str, int | None]:
    name = nvml.nvmlDeviceGetName(handle)
    try:
        cores = nvml.nvmlDeviceGetNumGpuCores(handle)
    except (nvml.NVMLError, AttributeError):
        cores = None
    return name.decode(errors="replace") if isinstance(name, bytes) else name, cores


def _distribution() -> str | None:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return f"{platform.system()} {platform.release()}".strip() or None
