"""What is known of a framework without importing it: its row in the registry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from alexnet.frameworks.protocol import Device, Precision
from alexnet.frameworks.toolchain import Toolchain

Release = tuple[int, ...]
"""The numbers of a version: (2, 18) is 2.18."""

REINSTALL = "remove the folder .venv and call make again, which installs the set that was tested"


@dataclass(frozen=True, kw_only=True)
class Variable:
    """An environment variable that changes a run: it `effect`, as in "changes how many threads …".

    `overridden` marks one that this suite ignores; `harmless` is the one value that changes nothing.
    `platform` is the only one on which it has its effect, as `sys.platform` has it; "" stands for any.
    """

    effect: str
    overridden: bool = False
    harmless: str | None = None
    platform: str = ""


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
    """One way to run a framework: its precision, and what compiles it. Engines are what is compared.

    `name` is its name in records and options; the engine of its framework's name is that framework's
    default engine. `compiler` is what compiles a training step or the larger part of it, by the name
    that its framework gives it, or None. `not_on` has the devices on which the framework runs and this
    engine does not, each with the reason, a sentence. `builds_with` has what must be installed for its
    compiler, for each device where that is more than the framework's packages. `variables` are
    environment variables that it needs from before the framework is imported. A report calls it `label`
    and draws it with `light_hue` or `dark_hue`, `marker`, `line` and `shape`; `line` is matplotlib's
    dashes.
    """

    name: str
    framework: str
    precision: Precision
    compiler: str | None
    label: str
    light_hue: str
    dark_hue: str
    marker: str
    line: str | tuple[int, tuple[float, ...]]
    shape: str
    not_on: Mapping[Device, str] = field(default_factory=dict)
    builds_with: Mapping[Device, Toolchain] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)

    def lacks(self, device: Device) -> str:
        """What its compiler misses here for a device, a sentence without full stop; "" if nothing."""
        return self.builds_with[device].missing() if device in self.builds_with else ""


@dataclass(frozen=True, kw_only=True)
class FrameworkInfo:
    """One framework. `name` is its folder here, and `engines` are the ways in which it is run.

    `packages` are those whose versions change speed or numbers, `required` those without which it
    cannot run. `variables` are the environment variables that change a run, and `recorded_prefixes` the
    beginnings of those that every result records. `never_on` has the devices on which this suite does
    not run it on any computer, each with the reason, a sentence; `device_fixes` says how to get a device
    that it cannot use. `default_platforms` are those (`sys.platform`) on which a session runs the engine
    of its name unasked. `says_nothing_on` has the devices whose speed says nothing about the framework,
    each with the reason, a sentence: runs there are kept, and compared with no other. `cache_variables`
    are the environment variables that name a folder in which its compiled engines keep what they
    compiled. `usual_loop` is the address of the official example after which the file `usual_loop.py` in
    its folder trains; "" if there is no such file.
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
    never_on: Mapping[Device, str] = field(default_factory=dict)
    mac_plugin: MacPlugin | None = None
    default_platforms: tuple[str, ...] = ("darwin", "linux")
    says_nothing_on: Mapping[Device, str] = field(default_factory=dict)
    cache_variables: tuple[str, ...] = ()
    usual_loop: str = ""
