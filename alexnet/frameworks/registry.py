"""The frameworks and their engines, as rows of data, and the function that imports one of them."""

from __future__ import annotations

import importlib
import os
from collections.abc import Sequence
from typing import Literal

from alexnet.frameworks.info import REINSTALL, Engine, FrameworkInfo
from alexnet.frameworks.protocol import Backend, Device, DeviceUnavailable

FRAMEWORKS: dict[str, FrameworkInfo] = {
    folder: importlib.import_module(f"alexnet.frameworks.{folder}.info").INFO
    for folder in (
        "torch",
        "tensorflow",
    )
}
"""Name -> row, in the order in which they run and are listed."""

ENGINES: dict[str, Engine] = {
    engine.name: engine for info in FRAMEWORKS.values() for engine in info.engines
}
"""Name -> row, framework by framework. `ENGINES[framework]` is a framework's default engine."""


def environment() -> dict[str, str]:
    """The environment variables that are set and affect speed or results."""
    prefixes = tuple(prefix for info in FRAMEWORKS.values() for prefix in info.recorded_prefixes)
    return {name: value for name, value in os.environ.items() if name.startswith(prefixes)}


def backend(engine: str, device: Device | Literal["auto"] = "auto") -> Backend:
    """Imports an engine's framework and returns the engine's backend for one device.

    `auto` takes the first device that the framework can use. Raises DeviceUnavailable if the import
    fails or the framework cannot use the requested device; there is no fallback. A process may import
    only one framework: torch and TensorFlow crash in the same process.
    """
    row = ENGINES[engine]
    try:
        module = importlib.import_module(f"alexnet.frameworks.{row.framework}.backend")
    except Exception as error:  # a mismatched plugin may raise any exception of its loader
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise DeviceUnavailable(
            f"{row.framework} cannot be imported here ({reason}): {REINSTALL}"
        ) from error
    usable: Sequence[Device] = module.usable_devices()
    chosen = usable[0] if device == "auto" else device
    if chosen not in usable:
        raise DeviceUnavailable(
            f"{row.framework} {module.VERSION} cannot use {chosen} here: it sees {', '.join(usable)}."
            f" {module.why_unavailable(chosen)}"
        )
    built: Backend = module.build(row, chosen)
    return built
