"""The GPU's use is what ioreg or NVML tells of one GPU, and None where they tell nothing certain."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import pytest

from bench.host import machine, macos
from bench.host.gpu_use import gpu_use
from tests.support.mac_samples import sample

APPLE = sample("ioreg_agx_m1.txt")


@pytest.mark.parametrize(
    ("name", "share"),
    [("ioreg_agx_m1.txt", 0.06), ("ioreg_agx_m4.txt", 0.3), ("ioreg_intel_mac_amd.txt", 0.17)],
)
def test_a_mac_tells_it_with_ioreg(name: str, share: float, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, ...]] = []

    def command_output(*command: str) -> str:
        asked.append(command)
        return sample(name)

    monkeypatch.setattr(macos, "command_output", command_output)
    assert gpu_use("mps") == share
    assert asked == [("ioreg", "-r", "-d", "1", "-w", "0", "-c", "IOAccelerator")]


@pytest.mark.parametrize(
    ("text", "share"),
    [
        (APPLE.replace('"Device Utilization %"=6', '"Device Utilization %"=0'), 0.0),
        (APPLE.replace('"Device Utilization %"=6', '"Device Utilization %"=100'), 1.0),
        (APPLE.replace('"Device Utilization %"=6', '"Device Utilization %"=101'), None),
        (APPLE.replace('"Device Utilization %"=6', '"Device Utilization %"=-1'), None),
        (APPLE.replace('"Device Utilization %"=6', '"Device Utilization %"=1000'), None),
        (APPLE.replace('"Device Utilization %"=6', '"Device Utilization %"=18446744073709551615'), None),
        (APPLE.replace("Device Utilization %", "Device Activity(%)"), None),
        # What Intel's driver has added up since the start is another dictionary.
        (APPLE.replace('"PerformanceStatistics"', '"PerformanceStatisticsAccum"'), None),
        (APPLE + sample("ioreg_agx_m4.txt"), None),
        ("", None),
    ],
)
def test_what_ioreg_does_not_tell_of_one_gpu_is_none(text: str, share: float | None) -> None:
    assert macos.device_utilization(text) == share


class NvmlError(Exception):
    """Replaces pynvml.NVMLError."""


def nvml(percent: Any, gpus: int) -> SimpleNamespace:
    def rates(handle: str) -> SimpleNamespace:
        assert handle == "GPU 0"
        if isinstance(percent, Exception):
            raise percent
        return SimpleNamespace(gpu=percent, memory=99)

    return SimpleNamespace(
        NVMLError=NvmlError,
        nvmlInit=lambda: None,
        nvmlShutdown=lambda: None,
        nvmlDeviceGetHandleByIndex=lambda index: f"GPU {index}",
        nvmlDeviceGetCount=lambda: gpus,
        nvmlDeviceGetUtilizationRates=rates,
    )


@pytest.mark.parametrize(
    ("percent", "gpus", "share"),
    [
        (0, 1, 0.0),
        (37, 1, 0.37),
        (100, 1, 1.0),
        (37, 2, None),
        (2**32 - 1, 1, None),  # NVML_VALUE_NOT_AVAILABLE
        (NvmlError("Not Supported"), 1, None),  # as with MIG
    ],
)
def test_nvml_tells_it_of_a_single_gpu(
    percent: Any, gpus: int, share: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine, "likely_gpu", lambda: "cuda")
    monkeypatch.setitem(sys.modules, "pynvml", nvml(percent, gpus))
    assert gpu_use("cuda") == share


def test_where_there_is_no_driver_or_no_gpu_there_is_nothing_to_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(machine, "likely_gpu", lambda: None)
    monkeypatch.setitem(sys.modules, "pynvml", nvml(37, 1))
    assert gpu_use("cuda") is None
    monkeypatch.setattr(machine, "likely_gpu", lambda: "cuda")
    assert gpu_use("cuda") == 0.37
    assert gpu_use("cpu") is None
