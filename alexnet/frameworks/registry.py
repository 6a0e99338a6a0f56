"""The frameworks there are, and the way to one of them: one import, and no more in a process."""

from __future__ import annotations

import importlib
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    pass
from alexnet.frameworks.protocol import Backend, Device, DeviceUnavailable, Framework

FRAMEWORKS: tuple[Framework, ...] = ("torch", "tensorflow")


# What changes speed or numbers in a framework, if it is set; a doctor warns, and a result must say.
_ENVIRONMENT = (
    "PYTORCH_",
    "MPS_",
    "TF_MTL_",
    "TF_MPS_",
    "TF_ENABLE_ONEDNN_OPTS",
    "OMP_",
    "MKL_",
    "KMP_",
    "CUDA_VISIBLE_DEVICES",
)


def environment() -> dict[str, str]:
    """The variables in force that change speed or numbers."""
    return {name: value for name, value in os.environ.items() if name.startswith(_ENVIRONMENT)}


def backend(framework: Framework, device: Device | Literal["auto"] = "auto") -> Backend:
    """Imports one framework and takes hold of one device.

    Raises DeviceUnavailable where the framework cannot use the device asked for: `auto` alone may
    choose. Import a second framework in another process: torch and TensorFlow in one crash.
    """
    try:
        module = importlib.import_module(f"alexnet.frameworks.{framework}.backend")
    except Exception as error:  # a plugin that does not fit raises whatever its loader raises
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
