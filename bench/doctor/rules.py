"""The doctor's rules, in the order in which they are asked, and what they find for one run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from alexnet.frameworks.protocol import Device, Framework
from bench.doctor import condition, installation, storage
from bench.doctor.facts import Facts, gather
from bench.doctor.findings import Finding, Findings
from bench.paths import ROOT
from bench.plan.options import Options
from bench.records.types import Machine

Rule = Callable[[Facts], Findings]
RULES: dict[str, Rule] = {
    "Python": installation.python,
    "processor": installation.processor,
    "macOS": installation.macos,
    "frameworks": installation.installed,
    "Metal plugin": installation.plugin,
    "versions": installation.pins,
    "GPU": installation.gpu,
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
    """What every rule finds, in the order of RULES; one that finds nothing wrong is a good finding."""
    found = []
    for topic, rule in RULES.items():
        good = Finding(level="good", message=f"{topic}: nothing wrong was found.")
        found += list(rule(facts)) or [good]
    return found


def findings(
    options: Options,
    *,
    results: Path = ROOT / "results",
    profile: str | None = None,
    devices: Mapping[Framework, Device] | None = None,
    here: Machine | None = None,
    ask: bool = False,
) -> list[Finding]:
    """What is good, doubtful or wrong here for a run with these options; see `doctor_facts.gather`."""
    return apply_rules(
        gather(options, results=results, profile=profile, devices=devices, here=here, ask=ask)
    )
