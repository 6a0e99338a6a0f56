"""`python -m bench.doctor`: what would spoil a run on this computer, each with its one-line fix."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from alexnet import Device, Framework
from alexnet.layers import IllegalNetwork
from bench import doctor_rules as rules
from bench.doctor_facts import Facts, gather
from bench.doctor_rules import Finding, Findings, Level, error, gigabytes, warning
from bench.options import OPTIONS, Options
from bench.process import ROOT
from bench.records import Machine

MARKS: dict[Level, tuple[str, str]] = {
    "good": ("✓", "green"),
    "warning": ("!", "yellow"),
    "spoils": ("✗", "red"),
}


def _memory(facts: Facts) -> Findings:
    need, total = facts.memory_needs_bytes, facts.machine.memory_bytes
    available = facts.condition.available_memory_bytes
    if total < need:
        what = f"The largest network needs {gigabytes(need)} of memory; there are {gigabytes(total)}."
        yield error(what, "take smaller networks: --experiment scratch, or --profile quick")
    elif total < facts.gate_needs_bytes:
        gate = gigabytes(facts.gate_needs_bytes)
        what = f"The gate of the largest network needs {gate} for a while; there are {gigabytes(total)}."
        yield warning(what, "quit other programs; while it swaps, the gate takes minutes more")
    elif available < need:
        free = gigabytes(available)
        what = f"The largest network needs {gigabytes(need)} of memory; {free} are free."
        yield warning(what, "quit other programs, web browsers above all")


def _data(facts: Facts) -> Findings:
    level: Level = "warning" if facts.profile == "full" else "good"
    if facts.data == "missing":
        what = "The folder named with --data-dir or ALEXNET_DATA does not hold all files of CIFAR-10."
        yield error(what, "name one that holds cifar-10-batches-bin, or none: it is then downloaded")
    elif facts.data == "folder":
        what = "CIFAR-10 comes from a folder that you named, and only you can vouch for its images."
        fix = "leave out --data-dir and ALEXNET_DATA: the checked archive is downloaded"
        yield Finding(level=level, message=what, fix=fix if level == "warning" else "")
    elif facts.data == "download":
        what = "CIFAR-10 (170 MB) is not here yet and will be downloaded as the run starts."
        fix = "stay connected until it is there, or name a folder with --data-dir"
        yield Finding(level=level, message=what, fix=fix if level == "warning" else "")


def _results(facts: Facts) -> Findings:
    if not facts.results.writable:
        yield error("The folder results/ cannot be written to.", "chmod -R u+w results")


def _power(facts: Facts) -> Findings:
    if facts.condition.power == "battery":
        yield warning("The computer runs on its battery, and may slow down.", "plug in its charger")


def _low_power(facts: Facts) -> Findings:
    if facts.condition.low_power:  # seen to skew figures by about 24 %
        yield warning(
            "Low Power Mode is on, which makes a computer about a quarter slower.",
            "switch it off, on a Mac in System Settings > Battery",
            error_if=facts.profile == "full",
        )


def _thermal(facts: Facts) -> Findings:
    thermal = facts.condition.thermal
    if thermal not in (None, "nominal"):
        yield warning(
            f"The computer is hot already (thermal pressure: {thermal}), so it runs slower.",
            "let it cool down for ten minutes, on a hard surface",
            error_if=thermal != "moderate" and facts.profile == "full",
        )


def _load(facts: Facts) -> Findings:
    cores = sum((facts.machine.cpu_cores or {}).values())
    if cores and facts.condition.load / cores > 0.5:
        yield warning(
            f"Other programs keep the processor busy: load {facts.condition.load:.1f} on {cores} cores.",
            "quit them, and wait a minute: Activity Monitor (or top) shows which they are",
            error_if=facts.condition.load / cores > 1 and facts.profile == "full",
        )


def _swap(facts: Facts) -> Findings:
    used = facts.condition.swap_used_bytes
    if used > 0.1 * facts.machine.memory_bytes:
        what = f"Memory has run short: {gigabytes(used)} of it are swapped out to the disk."
        yield warning(what, "quit other programs, or restart the computer")


def _virtual(facts: Facts) -> Findings:
    if facts.platform == "darwin" and facts.machine.virtual:
        what = "This Mac is a virtual machine, so its results are marked as not comparable."
        yield warning(what, "run on the Mac itself for figures that can be compared")


def _caffeinate(facts: Facts) -> Findings:
    if facts.platform == "darwin" and not facts.caffeinate:
        what = "/usr/bin/caffeinate, which keeps a Mac awake during a run, is not there."
        yield warning(what, "let the Mac never sleep, in System Settings > Energy or Battery > Options")


Rule = Callable[[Facts], Findings]
RULES: dict[str, Rule] = {
    "Python": rules.python,
    "processor": rules.processor,
    "macOS": rules.macos,
    "frameworks": rules.installed,
    "Metal plugin": rules.plugin,
    "versions": rules.pins,
    "GPU": rules.gpu,
    "environment": rules.environment,
    "open files": rules.open_files,
    "disk": rules.disk,
    "memory": _memory,
    "data": _data,
    "results folder": _results,
    "power": _power,
    "Low Power Mode": _low_power,
    "heat": _thermal,
    "load": _load,
    "swap": _swap,
    "virtual machine": _virtual,
    "caffeinate": _caffeinate,
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


def findings_table(found: list[Finding], *, show_good: bool = False) -> Table:
    """One finding below the other, its level in words too, and under it what mends it."""
    table = Table.grid(padding=(0, 1))
    for finding in found:
        if finding.level != "good" or show_good:
            mark, style = MARKS[finding.level]
            table.add_row(Text(f"{mark} {finding.level}", style), Text(finding.message))
            if finding.fix:
                table.add_row("", Padding(Text(f"fix: {finding.fix}"), (0, 0, 0, 2)))
    return table


def summary(found: list[Finding]) -> str:
    """Two lines: how many checks found nothing, and how many warnings and spoilers there are."""
    good, warnings, spoilers = ([f.level for f in found].count(level) for level in MARKS)
    return (
        f"{good} of {len(RULES)} checks found nothing wrong.\n{warnings} warning{'s' * (warnings != 1)},"
        f" {spoilers} finding{'s' * (spoilers != 1)} that would spoil a run."
    )


def main(arguments: list[str] | None = None) -> int:
    """0 where nothing spoils a run, 1 where something does, 2 for a wrong command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.doctor", description=__doc__)
    parser.add_argument("--all", action="store_true", help="show the checks that found nothing, too")
    run = parser.add_argument_group("the run to judge, with the options of pytest bench")
    for name, settings in OPTIONS.items():
        run.add_argument(name, **settings)
    given = parser.parse_args(arguments)
    values = {f"--{name.replace('_', '-')}": value for name, value in vars(given).items()}
    options = Options.from_config(SimpleNamespace(getoption=values.__getitem__))  # type: ignore[arg-type]
    try:
        found = findings(options, ask=True)
    except IllegalNetwork as error:
        parser.error(str(error))
    console = Console(highlight=False)
    console.print(findings_table(found, show_good=given.all))
    console.print(summary(found))
    return int(any(finding.level == "spoils" for finding in found))


if __name__ == "__main__":
    sys.exit(main())
