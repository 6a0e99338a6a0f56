"""Under what conditions it was measured: the machines, their state before each run, and the gate."""

from __future__ import annotations

from typing import Any

import pandas as pd

from alexnet.frameworks.registry import FRAMEWORKS
from bench.records.types import Machine
from reports import words
from reports.document import RowKind, Sentence, Table, say
from reports.sources import plain
from reports.study.compare import Study
from reports.tables import conditions
from reports.typeset import names
from reports.typeset.build import figures, fit, kinds_of, line, table, text, which_machines
from reports.typeset.names import CELL, ON_MACHINE, known, percents, yes_no

NAMES = {"keras": "Keras"}
UNUSED = "torchvision"
"""The package that only the first weights come from; it computes nothing."""


def tables(study: Study) -> dict[str, Table]:
    """Under the keys computers, conditions, gates."""
    return _computers(study) | _conditions(study) | _gates(study)


def _computers(study: Study) -> dict[str, Table]:
    frame = conditions.machines(study)
    shown, left_out = fit(frame, study)
    records = dict(zip(study.frames.machines["machine"], study.frames.machines["record"], strict=True))
    rows = list(shown.itertuples())
    fields = [
        text("Machine", shown["machine"]),
        text("Chip", [known(row.chip) for row in rows]),
        text("CPU cores", names.joined(shown["cpu_cores"], " and ")),
        figures(
            "GPU cores",
            [words.count(row.gpu_cores) for row in rows],
            absent=line("How many cores a GPU has is not known."),
        ),
        figures("Memory", [words.gibibytes(row.memory_bytes) for row in rows]),
        text("System", [known(row.os) for row in rows]),
        text("Python", [row.python for row in rows], "Python {value}."),
        text("Packages", [_packages(records[row.machine]) for row in rows], "Packages: {value}."),
        text("Virtual", [yes_no(row.virtual) for row in rows]),
        figures("Runs", [words.count(row.runs) for row in rows]),
    ]
    kinds: list[RowKind] = [
        "baseline" if name == study.baseline and len(rows) > 1 else "" for name in shown["machine"]
    ]
    caption = [
        line("As the latest run of each found it; a virtual machine's figures stand for no real one's."),
        *(
            [say("The baseline is {machine}.", machine=str(study.baseline))]
            if "baseline" in kinds
            else []
        ),
        *which_machines(frame, shown["machine"], study),
        *_changed(shown),
    ]
    return table("computers", "The machines", fields, caption, kinds=kinds, left_out=left_out)


def _changed(shown: pd.DataFrame) -> list[Sentence]:
    changed = [row.machine for row in shown.itertuples() if row.states > 1]
    if not changed:
        return []
    return [
        say(
            "Between its runs the system or the packages changed on {names}.",
            names=words.listed(changed),
        )
    ]


def _packages(machine: Machine) -> str:
    """The versions of each framework and of the packages that it computes with."""
    known = {
        package: info.label if package == info.name else NAMES.get(package, package)
        for info in FRAMEWORKS.values()
        for package in (*info.required, *info.packages)
        if package != UNUSED
    }
    found = [
        f"{name} {plain(machine.packages[package], 40)}"
        for package, name in known.items()
        if package in machine.packages
    ]
    return ", ".join(found)


def _conditions(study: Study) -> dict[str, Table]:
    frame = conditions.runs(study)
    frame = frame[frame["power"].notna() | frame["load"].notna()]
    shown, left_out = fit(frame, study)
    rows = list(shown.itertuples())
    fields = [
        text("Run", shown["run"]),
        text("Machine", shown["machine"], ON_MACHINE),
        text(CELL, shown["cell"]),
        text("Power", [known(row.power) for row in rows], "Power source: {value}."),
        text("Low power", [yes_no(row.low_power) for row in rows], "Low power mode: {value}."),
        text("Heat", [known(row.thermal) for row in rows], "Thermal pressure: {value}."),
        figures("Load", [words.number(row.load, ".1f") for row in rows]),
        figures("Cut off", [_cut_off(row) for row in rows], constant="Cut off and resumed: {value}."),
        text(
            "Notes",
            names.joined(tuple(map(words.warning, kinds)) for kinds in shown["warnings"]),
            absent=line("Of no run there is anything to note."),
        ),
    ]
    caption = [
        line("The computer's state before each run; load is how many processes wanted the processor."),
        line("The notes also take in what was found during and after it."),
        *which_machines(frame, shown["machine"], study),
    ]
    return table(
        "conditions", "The runs' conditions", fields, caption, kinds=kinds_of(shown), left_out=left_out
    )


def _cut_off(row: Any) -> str:
    if words.missing(row.interruptions) or not row.interruptions:
        return "never"
    return f"{words.count(row.interruptions, 'time')}, {words.seconds(row.interrupted_seconds)}"


def _gates(study: Study) -> dict[str, Table]:
    frame = conditions.gates(study)
    shown, left_out = fit(frame, study)
    rows = list(shown.itertuples())
    fields = [
        text("Run", shown["run"]),
        text("Machine", shown["machine"], ON_MACHINE),
        text(CELL, shown["cell"]),
        text(
            "Precision",
            [known(row.precision) for row in rows],
            "By the gate's measurement every run computed in {value}.",
            absent=line("No gate measured how exactly its device computes."),
        ),
        figures("Checks passed", [f"{row.passed} of {row.checks}" for row in rows]),
        figures("Worst, % of its limit", percents(shown["worst_share"], 0)),
        text("Which", shown["worst_check"]),
        text("Not passed", names.joined(shown["failed"]), absent=line("Every check was passed.")),
    ]
    caption = [
        line(
            "Before its first epoch each run's device was held against the CPU in float64, with its own"
            " network, weights and first batch."
        ),
        line(
            "The worst check is the one nearest to its limit, of those that are best at zero; at 100 %"
            " it would just pass."
        ),
        *which_machines(frame, shown["machine"], study),
    ]
    return table(
        "gates", "The correctness gate", fields, caption, kinds=kinds_of(shown), left_out=left_out
    )
