"""The table of the doctor's rules, and the findings of all of them."""

from __future__ import annotations

from collections.abc import Callable

from bench.doctor import condition, gpu, installation, storage
from bench.doctor.facts import Facts
from bench.doctor.findings import Finding, Findings

Rule = Callable[[Facts], Findings]
RULES: dict[str, Rule] = {
    "Python": installation.python,
    "processor": installation.processor,
    "macOS": installation.macos,
    "frameworks": installation.frameworks,
    "Metal plugin": gpu.metal_plugin,
    "versions": installation.versions,
    "CUDA libraries": gpu.cuda_libraries,
    "GPU": gpu.gpu,
    "engines": gpu.engines,
    "device": gpu.device_that_says_nothing,
    "environment": installation.environment,
    "open files": storage.open_files,
    "disk": storage.disk,
    "temporary files": storage.temporary,
    "memory": condition.memory,
    "processors": condition.processors,
    "data": storage.data,
    "results folder": storage.results,
    "power": condition.power,
    "Low Power Mode": condition.low_power,
    "heat": condition.thermal,
    "load": condition.load,
    "swap": condition.swap,
    "virtual machine": condition.virtual,
    "caffeinate": condition.caffeinate,
}


def diagnose(facts: Facts) -> list[Finding]:
    """The findings of every rule, in the order of RULES; a rule without any gives a good finding."""
    findings = []
    for topic, rule in RULES.items():
        good = Finding(level="good", message=f"{topic}: nothing wrong was found.")
        findings += list(rule(facts)) or [good]
    return findings
