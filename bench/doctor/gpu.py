"""Rules on the GPU and on the plugins that give a framework Apple's."""

from __future__ import annotations

from collections import defaultdict

from alexnet.frameworks.info import REINSTALL
from alexnet.frameworks.registry import ENGINES, FRAMEWORKS
from bench.doctor.facts import Facts, can_probe_gpu, plugin_clash, release_numbers
from bench.doctor.findings import Findings, error, warning
from bench.plan.engines import ALL

GPU_LABELS: dict[str, str] = {"mps": "Apple silicon GPU", "cuda": "NVIDIA GPU with its driver"}


def metal_plugin(facts: Facts) -> Findings:
    """A framework, its companions and Apple's plugin must fit each other."""
    packages = facts.machine.packages
    for framework in facts.frameworks:
        info = FRAMEWORKS[framework]
        if info.mac_plugin is None:
            continue
        if clash := plugin_clash(framework, facts.platform, packages):
            yield error(f"{clash}.", REINSTALL)
        if facts.platform != "darwin" or facts.device == "cpu":
            continue
        plugin = packages.get(info.mac_plugin.package)
        if packages.get(framework) and not plugin:
            yield warning(
                f"{info.mac_plugin.package} is not installed, so {info.label} runs on the CPU.",
                REINSTALL,
                error_if=facts.device == "mps",
            )
        for suspect in info.mac_plugin.suspects if plugin else ():
            version = packages.get(suspect.package)
            if release_numbers(version) >= suspect.first:
                yield warning(suspect.warning.format(version=version), REINSTALL)


def cuda_libraries(facts: Facts) -> Findings:
    """No library of NVIDIA's may be installed for two versions of CUDA.

    Both packages have the same files (nvidia/cudnn/lib/libcudnn.so.9, nvidia/nccl/lib/libnccl.so.2), and
    pip overwrites those of the first without a word.
    """
    packages = defaultdict(list)
    for name, version in sorted(facts.cuda_packages.items()):
        packages[name.rpartition("-")[0]].append(f"{name} {version}")
    clashes = [" and ".join(same) for same in packages.values() if len(same) > 1]
    if clashes and facts.gpu == "cuda":
        yield error(
            f"These packages have overwritten each other's files: {', '.join(clashes)}.",
            f"{REINSTALL}; install what needs another CUDA in a clone of its own (docs/cuda.md)",
        )


def engines(facts: Facts) -> Findings:
    """Every engine must exist on its device, with all that its compiler needs there."""
    for engine, why in facts.obstacles.items():
        rest = [name for name in facts.engines if name not in facts.obstacles]
        yield error(
            f"{ENGINES[engine].label} cannot run here. {why}.",
            f"leave it out with --engine {','.join(rest)}"
            if rest
            else f"--engine {ALL} takes those that can",
        )


def gpu(facts: Facts) -> Findings:
    """Every engine must be able to use the GPU."""
    requested = facts.device in GPU_LABELS
    if requested and facts.gpu != facts.device and facts.device not in facts.devices.values():
        message = (
            f"--device {facts.device} was asked for, and there is no {GPU_LABELS[facts.device]} here."
        )
        yield error(message, "leave --device out: each framework then takes the best that it can use")
        return
    for engine in facts.engines:
        framework = ENGINES[engine].framework
        if facts.gpu is None or not can_probe_gpu(framework, facts.platform, facts.machine.packages):
            continue  # no GPU here, or another rule reports why the framework cannot be asked
        reason = facts.refusals.get(engine)
        if reason or facts.devices.get(engine) == "cpu":
            reason = (reason or "it would run on the CPU").rstrip(".")
            message = f"{ENGINES[engine].label} does not see the GPU: {reason}."
            yield warning(
                message, FRAMEWORKS[framework].device_fixes.get(facts.gpu, REINSTALL), error_if=requested
            )


def device_that_says_nothing(facts: Facts) -> Findings:
    """The speed of a framework on a device that its makers did not build for speed says nothing."""
    for engine in facts.engines:
        if engine in facts.obstacles:
            continue  # it does not run
        info = FRAMEWORKS[ENGINES[engine].framework]
        on_cpu = facts.device == "cpu" or facts.gpu is None
        runs_on = "cpu" if on_cpu else facts.devices.get(engine)
        if runs_on and runs_on in info.says_nothing_on:
            rest = [name for name in facts.engines if ENGINES[name].framework != info.name]
            yield warning(
                f"{ENGINES[engine].label} runs on the {runs_on.upper()}, and no report ranks that:"
                f" {info.says_nothing_on[runs_on]}",
                f"leave it out with --engine {','.join(rest)}" if rest else "run it on a Mac",
            )
