"""Which engines this computer can run, and why not the others."""

from __future__ import annotations

from importlib import metadata

from alexnet.frameworks.protocol import Device
from alexnet.frameworks.registry import ENGINES, FRAMEWORKS
from bench.host.machine import likely_gpu

ALL = "all"
"""The name that stands for every engine that this computer can run."""


def obstacles(device: str) -> dict[str, str]:
    """Engine -> why this computer cannot run it, without its full stop; "" if nothing is known.

    `device` is the option: with "auto" the GPU for which there is a driver counts, or else the CPU. No
    framework is imported, so one that is installed may still turn out not to see the GPU.
    """
    wanted = (likely_gpu() or "cpu") if device == "auto" else device
    return {name: _obstacle(name, wanted) for name in ENGINES}  # type: ignore[arg-type]


def all_runnable(device: str) -> tuple[str, ...]:
    """The engines that `--engine all` stands for."""
    return tuple(name for name, why in obstacles(device).items() if not why)


def _obstacle(name: str, device: Device) -> str:
    engine = ENGINES[name]
    missing = [
        package for package in FRAMEWORKS[engine.framework].required if not _is_installed(package)
    ]
    if missing:
        return f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not installed"
    return engine.not_on.get(device, "").rstrip(".")


def _is_installed(package: str) -> bool:
    try:
        return bool(metadata.version(package))
    except metadata.PackageNotFoundError:
        return False
