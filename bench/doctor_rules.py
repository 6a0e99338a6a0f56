"""The doctor's rules on what is set up here: Python, packages, GPU, environment, disk."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from alexnet import Framework
from bench.doctor_facts import IGNORED, NEEDED, VARIABLES, Facts, can_be_asked, plugin_clash, release

Level = Literal["good", "warning", "spoils"]

NAMES: dict[Framework, str] = {"torch": "PyTorch", "tensorflow": "TensorFlow"}
GPUS: dict[str, str] = {"mps": "Apple silicon GPU", "cuda": "NVIDIA GPU with its driver"}
COMPUTING = (*NEEDED["torch"], *NEEDED["tensorflow"], "tensorflow-metal", "numpy")
SUPPORTED_PYTHONS = ((3, 11), (3, 12))
REINSTALL = "remove the folder .venv and call make again, which installs the set that was tested"
NO_GPU_FIXES: dict[tuple[Framework, str], str] = {
    ("torch", "mps"): f"update macOS to 14 or newer, then {REINSTALL}",
    ("tensorflow", "mps"): REINSTALL,
    ("torch", "cuda"): "see what nvidia-smi says; the CPU is measured with --device cpu",
    ("tensorflow", "cuda"): ".venv/bin/pip install 'tensorflow[and-cuda]==2.18.1'",
}


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One sentence on this computer, and one line that mends it, empty where all is good."""

    level: Level
    message: str
    fix: str = ""


Findings = Iterator[Finding]


def warning(what: str, fix: str, *, error_if: bool = False) -> Finding:
    """A finding that stops no run, unless `spoils_if` says that here it does."""
    return Finding(level="spoils" if error_if else "warning", message=what, fix=fix)


def error(what: str, fix: str) -> Finding:
    """A finding that makes a run fail, or its figures worthless."""
    return Finding(level="spoils", message=what, fix=fix)


def gigabytes(count: int) -> str:
    """Bytes as a person reads them."""
    return f"{count / 1e9:.1f} GB"


def python(facts: Facts) -> Findings:
    """Only 3.11 and 3.12 have all that is needed."""
    version = facts.machine.python
    if release(version) and release(version)[:2] not in SUPPORTED_PYTHONS:
        yield error(
            f"This is Python {version}; this suite and TensorFlow for Apple's GPU need 3.11 or 3.12.",
            f"install Python 3.12 from https://www.python.org/downloads/, then {REINSTALL}",
        )


def processor(facts: Facts) -> Findings:
    """An Intel processor, or a Python made for one."""
    if facts.platform != "darwin" or facts.machine.architecture != "x86_64":
        return
    if facts.machine.translated or "Apple" in (facts.machine.chip or ""):
        yield error(
            "This Python is made for Intel and runs translated (Rosetta), where it finds no GPU.",
            f"install the arm64 Python 3.12 from https://www.python.org/downloads/, then {REINSTALL}",
        )
    else:
        yield error(
            "This Mac has an Intel processor, for which there is no torch 2.14 and no Metal plugin.",
            "use a Mac with Apple silicon (M1 or newer)",
        )


def macos(facts: Facts) -> Findings:
    """Which macOS this is."""
    # torch 2.12 and later come for macOS 14 alone, and say that MPS needs it.
    major = re.search(r"\d+", facts.machine.os or "")
    if facts.platform == "darwin" and facts.device != "cpu" and major and int(major[0]) < 14:
        yield error(
            f"{facts.machine.os} is too old: PyTorch uses Apple's GPU from macOS 14 on.",
            "update macOS in System Settings > General > Software Update",
        )


def installed(facts: Facts) -> Findings:
    """Whether the frameworks asked for are here."""
    for framework in facts.frameworks:
        if missing := [name for name in NEEDED[framework] if not facts.machine.packages.get(name)]:
            others = " ".join(f"--framework {f}" for f in NEEDED if f != framework)
            what = f"{NAMES[framework]} cannot run: {' and '.join(missing)} cannot be found here."
            yield error(what, f"{REINSTALL}; or leave it out with {others}")


def plugin(facts: Facts) -> Findings:
    """Whether TensorFlow, Keras and Apple's plugin fit each other."""
    if "tensorflow" not in facts.frameworks:
        return
    plugin, keras = facts.machine.packages.get("tensorflow-metal"), facts.machine.packages.get("keras")
    if clash := plugin_clash(facts.platform, facts.machine.packages):
        yield error(f"{clash}.", REINSTALL)
    if facts.platform != "darwin" or facts.device == "cpu":
        return
    if facts.machine.packages.get("tensorflow") and not plugin:
        yield warning(
            "tensorflow-metal is not installed, so TensorFlow runs on the CPU.",
            REINSTALL,
            error_if=facts.device == "mps",
        )
    # Keras 3.7 adds the bias with tf.nn.bias_add; with ReLU behind it Apple's plugin computes a Dense
    # layer wrongly in graphs (keras#21668).
    if plugin and release(keras) >= (3, 7):
        yield warning(
            f"Keras {keras} builds Dense layers that Apple's plugin can compute wrongly; this suite"
            " switches that part of it off, and checks the GPU against the CPU before each cell.",
            REINSTALL,
        )


def pins(facts: Facts) -> Findings:
    """Whether the versions are those of constraints.txt."""
    other = [
        f"{name} {version} (not {pin})"
        for name in COMPUTING
        if (version := facts.machine.packages.get(name)) and (pin := facts.pins.get(name))
        if version.split("+")[0] != pin.split("+")[0]
    ]
    if other:
        what = f"These are not the versions that others measure with: {', '.join(other)}."
        yield warning(what, REINSTALL)


def gpu(facts: Facts) -> Findings:
    """Whether the frameworks see the GPU."""
    named = facts.device in GPUS
    if named and facts.gpu != facts.device and facts.device not in facts.devices.values():
        what = f"--device {facts.device} was asked for, and there is no {GPUS[facts.device]} here."
        yield error(what, "leave --device out: each framework then takes the best that it can use")
        return
    for framework in facts.frameworks:
        why = facts.refusals.get(framework)
        if facts.gpu is None or not can_be_asked(framework, facts.platform, facts.machine.packages):
            continue  # there is none to be seen, or another rule says why it is not
        if why or facts.devices.get(framework) == "cpu":
            why = (why or "it would run on the CPU").rstrip(".")
            what = f"{NAMES[framework]} does not see the GPU: {why}."
            yield warning(what, NO_GPU_FIXES.get((framework, facts.gpu), REINSTALL), error_if=named)


def environment(facts: Facts) -> Findings:
    """Variables that change figures."""
    for name, value in facts.environment.items():
        elsewhere = facts.platform != "darwin" and ("MPS" in name or "MTL" in name)
        if not value or elsewhere or (name == "KERAS_BACKEND" and value == "tensorflow"):
            continue
        does = VARIABLES.get(name, "may change figures")
        fix = f"unset {name}" + (" (only so that nobody is misled)" if IGNORED in does else "")
        yield warning(f"The environment variable {name} is set to {value}: it {does}.", fix)


def open_files(facts: Facts) -> Findings:
    """How many files a process may open."""
    if facts.open_files is not None and facts.open_files < 256:
        what = f"A process may open only {facts.open_files} files here, and frameworks open hundreds."
        yield warning(what, "ulimit -n 4096 (in the same terminal, before the run)")


def disk(facts: Facts) -> Findings:
    """Whether downloads, checkpoints and results have room."""
    results, cache = facts.results, facts.cache
    needs = [("results/", results, results.needs_bytes)]
    if results.volume is not None and results.volume == cache.volume:
        needs = [("results/ and of the downloads", results, results.needs_bytes + cache.needs_bytes)]
    else:
        needs += [("the downloads", cache, cache.needs_bytes)]
    for name, disk, need in needs:
        if disk.free_bytes is not None and disk.free_bytes < need:
            free = f"The disk of {name} has {gigabytes(disk.free_bytes)} free"
            fix = "make room: what is in the Trash counts too"
            yield error(f"{free}, and this run needs {gigabytes(need)}.", fix)
