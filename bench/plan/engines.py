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

    `device` is the option: with "auto" the GPU for which there is a driver counts, or else the CPU, as
    it does for a framework that never runs on that GPU. No framework is imported, so one that is
    installed may still turn out not to see the GPU.
    """
    gpu = likely_gpu()
    return {name: _obstacle(name, device, gpu) for name in ENGINES}


def all_runnable(device: str) -> tuple[str, ...]:
    """The engines that `--engine all` stands for."""
    return tuple(name for name, why in obstacles(device).items() if not why)


def _obstacle(name: str, device: str, gpu: Device | None) -> str:
    engine = ENGINES[name]
    framework = FRAMEWORKS[engine.framework]
    missing = [package for package in framework.required if not _is_installed(package)]
    if missing:
        return f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not installed"
    if device == "auto":
        device = "cpu" if gpu is None or gpu in framework.never_on else gpu
    reasons = (*engine.not_on.items(), *framework.never_on.items())
    return next((why.rstrip(".") for there, why in reasons if there == device), "")


def _is_installed(package: str) -> bool:
    try:
        return bool(metadata.version(package))
    except metadata.PackageNotFoundError:
        return False
