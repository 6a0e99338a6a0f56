"""The frameworks and their engines, as rows of data, and the function that imports one of them."""

from __future__ import annotations

import importlib
import os
import sys
from typing import Literal, cast

from alexnet.frameworks.info import REINSTALL, Engine, FrameworkInfo, Variable
from alexnet.frameworks.module import Module, UsualLoopModule
from alexnet.frameworks.protocol import Backend, Device, DeviceUnavailable
from alexnet.frameworks.variables import SHARED

FRAMEWORKS: dict[str, FrameworkInfo] = {
    folder: importlib.import_module(f"alexnet.frameworks.{folder}.info").INFO
    for folder in (
        "torch",
        "tensorflow",
        "mlx",
        "jax",
    )
}
"""Name -> row, in the order in which they run and are listed."""

ENGINES: dict[str, Engine] = {
    engine.name: engine for info in FRAMEWORKS.values() for engine in info.engines
}
"""Name -> row, framework by framework. `ENGINES[framework]` is a framework's default engine."""

VARIABLES: dict[str, Variable] = SHARED | {
    name: variable for info in FRAMEWORKS.values() for name, variable in info.variables.items()
}
"""Environment variable -> what it changes, of all frameworks and of what is common to them."""


USUAL_LOOPS: dict[str, str] = {
    engine.name: info.usual_loop
    for info in FRAMEWORKS.values()
    for engine in info.engines
    if info.usual_loop
}
"""Engine -> the address of the official example of its framework, where `usual_loop` has one."""


def default_engines(platform: str = sys.platform) -> tuple[str, ...]:
    """The engines that a session runs if none is named: of some frameworks that of their name."""
    return tuple(info.name for info in FRAMEWORKS.values() if platform in info.default_platforms)


def environment() -> dict[str, str]:
    """The environment variables that are set and affect speed or results.

    Those that name a folder for what is compiled are left out: each process has a folder of its own.
    """
    prefixes = tuple(prefix for info in FRAMEWORKS.values() for prefix in info.recorded_prefixes)
    caches = {name for info in FRAMEWORKS.values() for name in info.cache_variables}
    return {
        name: value
        for name, value in os.environ.items()
        if (name in SHARED or name.startswith(prefixes)) and name not in caches
    }


def backend(engine: str, device: Device | Literal["auto"] = "auto") -> Backend:
    """Imports an engine's framework and returns the engine's backend for one device.

    `auto` takes the first device that the framework can use. Raises DeviceUnavailable if the import
    fails, the framework cannot use the requested device or the engine does not exist on it; there is no
    fallback. A process may import only one framework, since torch and TensorFlow crash in the same
    process, and run only one engine.
    """
    row = ENGINES[engine]
    os.environ.update(row.variables)
    try:
        imported = importlib.import_module(f"alexnet.frameworks.{row.framework}.backend")
    except Exception as error:  # a mismatched plugin may raise any exception of its loader
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise DeviceUnavailable(
            f"{row.framework} cannot be imported here ({reason}): {REINSTALL}"
        ) from error
    module = cast("Module", imported)
    usable = module.usable_devices()
    if not usable:
        raise DeviceUnavailable(
            f"{row.framework} {module.VERSION} sees no device here. {module.why_unavailable('cpu')}"
        )
    chosen = usable[0] if device == "auto" else device
    excluded = {**FRAMEWORKS[row.framework].never_on, **row.not_on}
    if chosen in excluded:
        raise DeviceUnavailable(f"{engine} cannot run on {chosen}. {excluded[chosen]}")
    if chosen not in usable:
        raise DeviceUnavailable(
            f"{row.framework} {module.VERSION} cannot use {chosen} here: it sees {', '.join(usable)}."
            f" {module.why_unavailable(chosen)}"
        )
    return module.build(row, chosen)


def usual_loop(engine: str) -> UsualLoopModule:
    """The module with the usual loop of an engine in `USUAL_LOOPS`, after its `backend` was made."""
    folder = f"alexnet.frameworks.{ENGINES[engine].framework}"
    return cast("UsualLoopModule", importlib.import_module(f"{folder}.usual_loop"))
