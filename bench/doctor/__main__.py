"""`python -m bench.doctor`: what is wrong with this computer for a run, each with a one-line fix."""

from __future__ import annotations

import argparse
import sys
from types import SimpleNamespace

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from alexnet.layers import IllegalNetwork
from alexnet.terminal import accept_all_letters
from bench.doctor.diagnosis import RULES, diagnose
from bench.doctor.facts import gather_facts
from bench.doctor.findings import Finding, Level
from bench.plan.options import OPTIONS, Options

MARKS: dict[Level, tuple[str, str]] = {
    "good": ("✓", "green"),
    "warning": ("!", "yellow"),
    "error": ("✗", "red"),
}


def findings_table(findings: list[Finding], *, show_good: bool = False) -> Table:
    """One row per finding, with its level as a mark and a word; the fix is a second row below it."""
    table = Table.grid(padding=(0, 1))
    for finding in findings:
        if finding.level != "good" or show_good:
            mark, style = MARKS[finding.level]
            table.add_row(Text(f"{mark} {finding.level}", style), Text(finding.message))
            if finding.fix:
                table.add_row("", Padding(Text(f"fix: {finding.fix}"), (0, 0, 0, 2)))
    return table


def summary(findings: list[Finding]) -> str:
    """Two lines: how many checks found nothing wrong, and how many warnings and errors there are."""
    levels = [finding.level for finding in findings]
    good, warnings, errors = (levels.count(level) for level in MARKS)
    return (
        f"{good} of {len(RULES)} checks found nothing wrong.\n{warnings} warning{'s' * (warnings != 1)},"
        f" {errors} error{'s' * (errors != 1)}."
    )


def main(arguments: list[str] | None = None) -> int:
    """The exit status: 0 without errors, 1 with an error, 2 for a wrong command line."""
    accept_all_letters()
    parser = argparse.ArgumentParser(prog="python -m bench.doctor", description=__doc__)
    parser.add_argument("--all", action="store_true", help="show the checks that found nothing, too")
    run = parser.add_argument_group("the run to judge, with the options of pytest bench")
    for name, settings in OPTIONS.items():
        run.add_argument(name, **settings)
    namespace = parser.parse_args(arguments)
    values = {f"--{name.replace('_', '-')}": value for name, value in vars(namespace).items()}
    options = Options.from_config(SimpleNamespace(getoption=values.__getitem__))  # type: ignore[arg-type]
    try:
        findings = diagnose(gather_facts(options, probe=True))
    except IllegalNetwork as error:
        parser.error(str(error))
    console = Console(highlight=False)
    console.print(findings_table(findings, show_good=namespace.all))
    console.print(summary(findings))
    return int(any(finding.level == "error" for finding in findings))


if __name__ == "__main__":
    sys.exit(main())
