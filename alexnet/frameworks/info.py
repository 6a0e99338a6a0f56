"""What is known of a framework without importing it: its row in the registry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from alexnet.frameworks.protocol import Device, Precision

Release = tuple[int, ...]
"""The numbers of a version: (2, 18) is 2.18."""

REINSTALL = "remove the folder .venv and call make again, which installs the set that was tested"


@dataclass(frozen=True, kw_only=True)
class Variable:
    """An environment variable that changes a run: it `effect`, as in "changes how many threads …".

    `overridden` marks one that this suite ignores; `harmless` is the one value that changes nothing.
    """

    effect: str
    overridden: bool = False
    harmless: str | None = None


@dataclass(frozen=True, kw_only=True)
class Suspect:
    """A package that makes a framework compute wrongly on Apple's GPU, from one release on.

    `warning` is a sentence with a place for the `{version}` that is installed.
    """

    package: str
    first: Release
    warning: str


@dataclass(frozen=True, kw_only=True)
class MacPlugin:
    """The package that gives a framework Apple's GPU; the framework loads it as it is imported.

    `clashes` are pairs (release of the framework, release of the plugin): from the first on, a plugin
    below the second crashes the import.
    """

    package: str
    clashes: tuple[tuple[Release, Release], ...] = ()
    suspects: tuple[Suspect, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Engine:
    """One way to run a framework: its precision, and whether it is compiled. Engines are compared.

    `name` is its name in records and options; the engine of its framework's name is that framework's
    default engine. A report calls it `label` and draws it with `light_hue` or `dark_hue`,
    `marker`, `line` and `shape`; `line` is matplotlib's dashes.
    """

    name: str
    framework: str
    precision: Precision
    compiled: bool
    label: str
    light_hue: str
    dark_hue: str
    marker: str
    line: str | tuple[int, tuple[float, ...]]
    shape: str


@dataclass(frozen=True, kw_only=True)
class FrameworkInfo:
    """One framework. `name` is its folder here, and `engines` are the ways in which it is run.

    `packages` are those whose versions change speed or numbers, `required` those without which it
    cannot run. `variables` are the environment variables that change a run, and `recorded_prefixes` the
    beginnings of those that every result records. `device_fixes` says how to get a device that it
    cannot use.
    """

    name: str
    label: str
    engines: tuple[Engine, ...]
    packages: tuple[str, ...]
    required: tuple[str, ...]
    pip_extra: str
    variables: Mapping[str, Variable]
    recorded_prefixes: tuple[str, ...]
    device_fixes: Mapping[Device, str]
    mac_plugin: MacPlugin | None = None
