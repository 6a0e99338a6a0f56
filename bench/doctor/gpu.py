"""Rules on the GPU and on TensorFlow's Metal plugin."""

from __future__ import annotations

from alexnet.frameworks.protocol import Framework
from bench.doctor.facts import Facts, can_probe_gpu, plugin_clash, release_numbers
from bench.doctor.findings import Findings, error, warning
from bench.doctor.installation import LABELS, REINSTALL

GPU_LABELS: dict[str, str] = {"mps": "Apple silicon GPU", "cuda": "NVIDIA GPU with its driver"}
FIXES: dict[tuple[Framework, str], str] = {
    ("torch", "mps"): f"update macOS to 14 or newer, then {REINSTALL}",
    ("tensorflow", "mps"): REINSTALL,
    ("torch", "cuda"): "see what nvidia-smi says; the CPU is measured with --device cpu",
    ("tensorflow", "cuda"): ".venv/bin/pip install 'tensorflow[and-cuda]==2.18.1'",
}


def metal_plugin(facts: Facts) -> Findings:
    """TensorFlow, Keras and Apple's plugin must fit each other."""
    if "tensorflow" not in facts.frameworks:
        return
    packages = facts.machine.packages
    plugin, keras = packages.get("tensorflow-metal"), packages.get("keras")
    if clash := plugin_clash(facts.platform, packages):
        yield error(f"{clash}.", REINSTALL)
    if facts.platform != "darwin" or facts.device == "cpu":
        return
    if packages.get("tensorflow") and not plugin:
        yield warning(
            "tensorflow-metal is not installed, so TensorFlow runs on the CPU.",
            REINSTALL,
            error_if=facts.device == "mps",
        )
    # Keras 3.7 adds the bias with tf.nn.bias_add. When ReLU follows, Apple's plugin computes the Dense
    # layer wrongly in graphs (keras#21668).
    if plugin and release_numbers(keras) >= (3, 7):
        yield warning(
            f"Keras {keras} builds Dense layers that Apple's plugin can compute wrongly; this suite"
            " switches that part of it off, and checks the GPU against the CPU before each cell.",
            REINSTALL,
        )


def gpu(facts: Facts) -> Findings:
    """Every framework must be able to use the GPU."""
    requested = facts.device in GPU_LABELS
    if requested and facts.gpu != facts.device and facts.device not in facts.devices.values():
        message = (
            f"--device {facts.device} was asked for, and there is no {GPU_LABELS[facts.device]} here."
        )
        yield error(message, "leave --device out: each framework then takes the best that it can use")
        return
    for framework in facts.frameworks:
        if facts.gpu is None or not can_probe_gpu(framework, facts.platform, facts.machine.packages):
            continue  # no GPU here, or another rule reports why the framework cannot be asked
        reason = facts.refusals.get(framework)
        if reason or facts.devices.get(framework) == "cpu":
            reason = (reason or "it would run on the CPU").rstrip(".")
            message = f"{LABELS[framework]} does not see the GPU: {reason}."
            yield warning(message, FIXES.get((framework, facts.gpu), REINSTALL), error_if=requested)
