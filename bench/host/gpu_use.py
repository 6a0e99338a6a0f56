"""How busy the GPU has been of late, whoever used it: macOS's ioreg, and NVML."""

from __future__ import annotations

from typing import Any

from alexnet.frameworks.protocol import Device
from bench.host import macos
from bench.host.machine import query_nvml


def gpu_use(device: Device) -> float | None:
    """The share of time that the GPU was in use, 0 to 1, over a period that the driver chooses.

    None where it cannot be read, on the CPU, and with several GPUs: it is not known which one trains.
    """
    if device == "mps":
        return macos.device_utilization(macos.command_output(*macos.IOREG))
    return query_nvml(_nvidia_use) if device == "cuda" else None


def _nvidia_use(nvml: Any, handle: Any) -> float | None:
    """NVML orders GPUs by slot and CUDA by speed, hence a single one."""
    if nvml.nvmlDeviceGetCount() > 1:
        return None
    percent = nvml.nvmlDeviceGetUtilizationRates(handle).gpu
    return percent / 100 if 0 <= percent <= 100 else None
