"""The doctor's rules on what is set up here: Python, packages, GPU, environment, disk."""

from __future__ import annotations

import re

from alexnet.frameworks.protocol import Framework
from bench.doctor.facts import IGNORED, NEEDED, VARIABLES, Facts, can_be_asked, plugin_clash, release
from bench.doctor.findings import Findings, error, warning

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
