"""The frameworks, as rows of data, and the function that imports one of them."""

from __future__ import annotations

import importlib
import os
from collections.abc import Sequence
from typing import Literal

from alexnet.frameworks.info import FrameworkInfo
from alexnet.frameworks.protocol import Backend, Device, DeviceUnavailable, Framework
from alexnet.frameworks.tensorflow.info import INFO as TENSORFLOW
from alexnet.frameworks.torch.info import INFO as TORCH

FRAMEWORKS: dict[Framework, FrameworkInfo] = {info.name: info for info in (TORCH, TENSORFLOW)}
"""Name -> row, in the order in which they run and are listed."""


def environment() -> dict[str, str]:
    """The environment variables that are set and affect speed or results."""
    prefixes = tuple(prefix for info in FRAMEWORKS.values() for prefix in info.recorded_prefixes)
    return {name: value for name, value in os.environ.items() if name.startswith(prefixes)}


def backend(framework: Framework, device: Device | Literal["auto"] = "auto") -> Backend:
    """Imports one framework and returns its backend for one device.

    `auto` takes the first device that the framework can use. Raises DeviceUnavailable if the import
    fails or the framework cannot use the requested device; there is no fallback. A process may import
    only one framework: torch and TensorFlow crash in the same process.
    """
    try:
        module = importlib.import_module(f"alexnet.frameworks.{framework}.backend")
    except Exception as error:  # a mismatched plugin may raise any exception of its loader
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise DeviceUnavailable(
            f"{framework} cannot be imported here ({reason}): remove .venv and install anew with make"
        ) from error
    usable: Sequence[Device] = module.usable_devices()
    chosen = usable[0] if device == "auto" else device
    if chosen not in usable:
        raise DeviceUnavailable(
            f"{framework} {module.VERSION} cannot use {chosen} here: it sees {', '.join(usable)}."
            f" {module.why_unavailable(chosen)}"
        )
    built: Backend = module.build(chosen)
    return built
