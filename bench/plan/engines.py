"""Which engines this computer can run, and why not the others."""

from __future__ import annotations

from typing import cast

from alexnet.frameworks.packages import installed_versions
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
    required = FRAMEWORKS[ENGINES[name].framework].required
    installed = installed_versions(required)
    missing = [package for package in required if package not in installed]
    if missing:
        return f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not installed"
    return obstacle_on(name, device, gpu)


def obstacle_on(name: str, device: str, gpu: Device | None) -> str:
    """Why an engine cannot run on the device of the option, as in `obstacles`, if it is installed.

    `gpu` is the one for which there is a driver.
    """
    engine = ENGINES[name]
    never_on = FRAMEWORKS[engine.framework].never_on
    if device == "auto":
        device = "cpu" if gpu is None or gpu in never_on else gpu
    reasons = (*engine.not_on.items(), *never_on.items())
    refusal = next((why.rstrip(".") for there, why in reasons if there == device), "")
    return refusal or engine.lacks(cast("Device", device))
