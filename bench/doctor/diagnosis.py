"""The table of the doctor's rules, and the findings of all of them for one run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from alexnet.frameworks.protocol import Device, Framework
from bench.doctor import condition, gpu, installation, storage
from bench.doctor.facts import Facts, gather_facts
from bench.doctor.findings import Finding, Findings
from bench.paths import ROOT
from bench.plan.options import Options
from bench.records.types import Machine

Rule = Callable[[Facts], Findings]
RULES: dict[str, Rule] = {
    "Python": installation.python,
    "processor": installation.processor,
    "macOS": installation.macos,
    "frameworks": installation.frameworks,
    "Metal plugin": gpu.metal_plugin,
    "versions": installation.versions,
    "GPU": gpu.gpu,
    "environment": installation.environment,
    "open files": storage.open_files,
    "disk": storage.disk,
    "memory": condition.memory,
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


def apply_rules(facts: Facts) -> list[Finding]:
    """The findings of every rule, in the order of RULES; a rule without any gives a good finding."""
    findings = []
    for topic, rule in RULES.items():
        good = Finding(level="good", message=f"{topic}: nothing wrong was found.")
        findings += list(rule(facts)) or [good]
    return findings


def diagnose(
    options: Options,
    *,
    results: Path = ROOT / "results",
    profile: str | None = None,
    devices: Mapping[Framework, Device] | None = None,
    machine: Machine | None = None,
    probe: bool = False,
) -> list[Finding]:
    """The findings on this computer for a run with these options; parameters as in `gather_facts`."""
    facts = gather_facts(
        options, results=results, profile=profile, devices=devices, machine=machine, probe=probe
    )
    return apply_rules(facts)
