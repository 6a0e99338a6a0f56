"""What this computer is: its name, chip, memory, system and Python."""

from __future__ import annotations

import platform
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import psutil

from alexnet import Device


@dataclass(frozen=True, kw_only=True)
class Machine:
    """One computer. What could not be found out is None."""

    name: str
    chip: str | None
    cpu_cores: int | None
    memory_bytes: int
    os: str
    python: str
    architecture: str


def describe(name: str | None = None) -> Machine:
    """The computer that runs this, under `name`, else under its chip and host."""
    chip = _chip()
    host = platform.node().split(".")[0]
    return Machine(
        name=slug(name or f"{chip or platform.machine()}-{host}"),
        chip=chip,
        cpu_cores=psutil.cpu_count(logical=False) or psutil.cpu_count(),
        memory_bytes=psutil.virtual_memory().total,
        os=_os(),
        python=platform.python_version(),
        architecture=platform.machine(),
    )


def slug(text: str) -> str:
    """A name that is safe as a folder everywhere: lower-case letters, digits and single dashes."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "unnamed"


def likely_gpu() -> Device | None:
    """The GPU whose driver this computer has; whether a framework can use it only that can tell."""
    if sys.platform == "darwin" and platform.machine() == "arm64":
        return "mps"
    nvidia = Path("/proc/driver/nvidia/version").exists() or shutil.which("nvidia-smi")
    return "cuda" if nvidia else None


def _chip() -> str | None:
    if sys.platform == "darwin":
        return _sysctl("machdep.cpu.brand_string")
    try:
        cpuinfo = Path("/proc/cpuinfo").read_text(errors="replace")
    except OSError:
        return None
    named = re.search(r"^model name\s*:\s*(.+)$", cpuinfo, re.MULTILINE)
    return named[1].strip() if named else None


def _sysctl(name: str) -> str | None:
    found = subprocess.run(["sysctl", "-n", name], capture_output=True, text=True, check=False)
    return found.stdout.strip() or None


def _os() -> str:
    if sys.platform == "darwin":  # the build too: Metal's graph library comes with it
        return f"macOS {_sysctl('kern.osproductversion')} ({_sysctl('kern.osversion')})"
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return f"{platform.system()} {platform.release()}"
