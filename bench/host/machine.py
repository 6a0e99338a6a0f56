"""What this computer is: its name, chip, cores, GPU, memory, system, Python and packages."""

from __future__ import annotations

import platform
import re
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any, TypeVar

import psutil

from alexnet.frameworks.protocol import Device
from bench.host import macos
from bench.records.types import Machine

Answer = TypeVar("Answer")

# What may change a figure; a package that is not installed is left out of the record.
PACKAGES = (
    *("torch", "torchvision", "tensorflow", "tensorflow-metal", "keras", "numpy"),
    *("zeus-apple-silicon", "pytest", "pytest-benchmark", "psutil"),
)
CPUINFO = Path("/proc/cpuinfo")
PRODUCT_NAME = Path("/sys/class/dmi/id/product_name")  # the serial numbers beside it stay unread


def describe(name: str | None = None) -> Machine:
    """The computer that runs this, under `name`, else under its chip and model.

    Not under its host's name, which is often its owner's and changes with the network.

    Asked once per process. The sources are `sysctl`, `sw_vers`, `ioreg` and `system_profiler` on
    macOS; /proc/cpuinfo, /sys/class/dmi, os-release and NVML on Linux; psutil's memory in bytes.
    """
    this = unnamed()
    kind = this.model or platform.system()
    return replace(this, name=slug(name or f"{this.chip or this.architecture}-{kind}"))


def slug(text: str) -> str:
    """A name that is safe as a folder everywhere: lower-case letters, digits and single dashes."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "unnamed"


def likely_gpu() -> Device | None:
    """The GPU whose driver this computer has; whether a framework can use it only that can tell."""
    if sys.platform == "darwin" and platform.machine() == "arm64":
        return "mps"
    nvidia = Path("/proc/driver/nvidia/version").exists() or shutil.which("nvidia-smi")
    return "cuda" if nvidia else None


def ask_nvidia(question: Callable[[Any, Any], Answer]) -> Answer | None:
    """What NVML says of the first GPU: `question` gets pynvml and the GPU's handle.

    None where there is no NVIDIA driver, no pynvml, or one of the two does not know the answer.
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
            return question(pynvml, pynvml.nvmlDeviceGetHandleByIndex(0))
        finally:
            pynvml.nvmlShutdown()
    except (pynvml.NVMLError, AttributeError):  # an older pynvml lacks functions
        return None


def kernel_text(file: Path) -> str | None:
    """What a file under /proc or /sys says; None if it is missing, closed to us or empty."""
    try:
        return file.read_text(errors="replace").strip() or None
    except OSError:
        return None


@cache
def unnamed() -> Machine:
    """All of the record but the name, found out once: system_profiler alone may take seconds."""
    own = _mac() if sys.platform == "darwin" else _linux()
    return Machine(
        name="",
        memory_bytes=psutil.virtual_memory().total,
        python=platform.python_version(),
        architecture=platform.machine(),  # under Rosetta x86_64, as Python is
        packages=_packages(),
        **own,
    )


def _packages() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        try:
            version: str | None = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
        if version:  # None where an installation was broken off
            found[name] = version
    return found


def _mac() -> dict[str, Any]:
    values = macos.pairs(macos.ask(*macos.SYSCTL))
    system = macos.pairs(macos.ask(*macos.SW_VERS))
    version = system.get("ProductVersion") or values.get("kern.osproductversion")
    gpu, gpu_cores = macos.ioreg_gpu(macos.ask(*macos.IOREG))
    if not (gpu and gpu_cores):
        named, cores = macos.displays_gpu(macos.ask(*macos.DISPLAYS))
        gpu, gpu_cores = gpu or named, gpu_cores or cores
    return {
        "chip": values.get("machdep.cpu.brand_string"),
        "model": values.get("hw.model"),
        "cpu_cores": macos.core_kinds(values),
        "gpu": gpu,
        "gpu_cores": gpu_cores,
        "os": f"{system.get('ProductName', 'macOS')} {version}" if version else None,
        # Metal's graph library comes with the build, so the version alone does not settle it.
        "os_build": system.get("BuildVersion") or values.get("kern.osversion"),
        "translated": macos.is_translated(values, platform.machine()),
        "virtual": macos.is_virtual(values),
    }


def _linux() -> dict[str, Any]:
    cpuinfo = kernel_text(CPUINFO) or ""
    chip = re.search(r"^model name[ \t]*:[ \t]*(\S.*)$", cpuinfo, re.MULTILINE)
    flags = re.search(r"^flags[ \t]*:(.*)$", cpuinfo, re.MULTILINE)  # x86 only
    cores = psutil.cpu_count(logical=False)
    gpu, gpu_cores = ask_nvidia(_nvidia) or (None, None)
    return {
        "chip": chip[1].strip() if chip else None,
        "model": kernel_text(PRODUCT_NAME),
        "cpu_cores": {"cores": cores} if cores else None,
        "gpu": gpu,
        "gpu_cores": gpu_cores,
        "os": _distribution(),
        "os_build": platform.release() or None,
        "translated": None,
        "virtual": "hypervisor" in flags[1].split() if flags else None,
    }


def _nvidia(nvml: Any, handle: Any) -> tuple[str, int | None]:
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
