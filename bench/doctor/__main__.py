"""`python -m bench.doctor`: what would spoil a run on this computer, each with its one-line fix."""

from __future__ import annotations

import argparse
import sys
from types import SimpleNamespace

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from alexnet.layers import IllegalNetwork
from bench.doctor.findings import Finding, Level
from bench.doctor.rules import RULES, findings
from bench.plan.options import OPTIONS, Options

MARKS: dict[Level, tuple[str, str]] = {
    "good": ("✓", "green"),
    "warning": ("!", "yellow"),
    "error": ("✗", "red"),
}


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
    """Two lines: how many checks found nothing wrong, and how many warnings and errors there are."""
    good, warnings, errors = ([f.level for f in found].count(level) for level in MARKS)
    return (
        f"{good} of {len(RULES)} checks found nothing wrong.\n{warnings} warning{'s' * (warnings != 1)},"
        f" {errors} error{'s' * (errors != 1)}."
    )


def main(arguments: list[str] | None = None) -> int:
    """0 where there is no error, 1 where there is one, 2 for a wrong command line."""
    parser = argparse.ArgumentParser(prog="python -m bench.doctor.rules", description=__doc__)
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
    return int(any(finding.level == "error" for finding in found))


if __name__ == "__main__":
    sys.exit(main())
