"""Rules on the installation: Python, processor, macOS, packages, environment variables."""

from __future__ import annotations

import re

from alexnet.frameworks.info import REINSTALL
from alexnet.frameworks.registry import FRAMEWORKS, VARIABLES
from bench import interpreter
from bench.doctor.facts import Facts, release_numbers
from bench.doctor.findings import Findings, error, warning

# The packages that compute: their versions change speed and numbers.
COMPUTE_PACKAGES = (*(name for info in FRAMEWORKS.values() for name in info.packages), "numpy")
INSTALL = ".venv/bin/python -m pip install --constraint constraints.txt --editable '.[{}]'"


def python(facts: Facts) -> Findings:
    """Only Python 3.11 and 3.12 have all packages; it must check itself, and not be watched."""
    version = facts.machine.python
    numbers = release_numbers(version)
    if numbers and numbers[:2] not in interpreter.VERSIONS:
        yield error(
            f"This is Python {version}; this suite and TensorFlow for Apple's GPU need 3.11 or 3.12.",
            f"install Python 3.12 from https://www.python.org/downloads/, then {REINSTALL}",
        )
    if facts.optimized:
        yield error(
            "Python leaves out assertions, and this suite checks itself by them.",
            "unset PYTHONOPTIMIZE, and call Python without -O",
        )
    if facts.traced:
        yield warning(
            "A debugger or a tool that measures coverage watches this Python, and may watch the runs.",
            "run it in a terminal, without them",
            error_if=facts.is_to_be_compared,
        )


def processor(facts: Facts) -> Findings:
    """A Mac must have Apple silicon, and its Python must be built for it."""
    if facts.platform != "darwin" or facts.machine.architecture != "x86_64":
        return
    if facts.machine.translated or "Apple" in (facts.machine.chip or ""):
        yield error(
            "This Python is built for Intel and runs translated (by Rosetta), so it finds no GPU.",
            interpreter.RUN_NATIVELY
            if facts.universal
            else "install the arm64 Python 3.12 from https://www.python.org/downloads/, then"
            f" {REINSTALL}",
        )
    else:
        yield error(
            "This Mac has an Intel processor, for which there is no torch 2.14 and no Metal plugin.",
            "use a Mac with Apple silicon (M1 or newer)",
        )


def macos(facts: Facts) -> Findings:
    """PyTorch's GPU support needs macOS 14."""
    # The wheels of torch 2.12 and later are built for macOS 14, and torch says that MPS needs it.
    major = re.search(r"\d+", facts.machine.os or "")
    if facts.platform == "darwin" and facts.device != "cpu" and major and int(major[0]) < 14:
        yield error(
            f"{facts.machine.os} is too old: PyTorch uses Apple's GPU from macOS 14 on.",
            "update macOS in System Settings > General > Software Update",
        )


def frameworks(facts: Facts) -> Findings:
    """Every framework of the run must be installed."""
    for framework in facts.frameworks:
        info = FRAMEWORKS[framework]
        if missing := [name for name in info.required if not facts.machine.packages.get(name)]:
            rest = [name for name in facts.frameworks if name != framework]
            message = f"{info.label} cannot run: {' and '.join(missing)} cannot be found here."
            how = (
                REINSTALL if facts.platform in info.default_platforms else INSTALL.format(info.pip_extra)
            )
            left_out = f"; or leave it out with --engine {','.join(rest)}" if rest else ""
            yield error(message, f"{how}{left_out}")


def versions(facts: Facts) -> Findings:
    """The packages that compute should have the versions of constraints.txt."""
    differences = [
        f"{name} {version} (not {pin})"
        for name in COMPUTE_PACKAGES
        if (version := facts.machine.packages.get(name)) and (pin := facts.pins.get(name))
        if version.split("+")[0] != pin.split("+")[0]
    ]
    if differences:
        message = f"These are not the versions that others measure with: {', '.join(differences)}."
        yield warning(message, REINSTALL)


def environment(facts: Facts) -> Findings:
    """No environment variable should change the figures."""
    for name, value in facts.environment.items():
        variable = VARIABLES[name]
        if not value or value == variable.harmless or variable.platform not in ("", facts.platform):
            continue
        fix = f"unset {name}" + (
            " (this suite ignores it, and others may not)" if variable.overridden else ""
        )
        yield warning(f"The environment variable {name} is set to {value}: it {variable.effect}.", fix)
