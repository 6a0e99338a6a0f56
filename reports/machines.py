"""Which computer is which: one row each, and a label that two of them never share."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Sequence
from typing import Any

import pandas as pd

from bench.records.types import Machine
from reports.sources import SourceRun, moment, plain

BODY = ("chip", "model", "gpu", "gpu_cores", "memory_bytes", "architecture", "virtual")
"""What makes a computer the one that it is; its system and packages may change."""
COLUMNS = (
    *("machine", "name", "chip", "model", "cpu_cores", "gpu", "gpu_cores", "memory_bytes"),
    *("os", "os_build", "python", "architecture", "translated", "virtual", "packages"),
    *("first_started_at", "last_started_at", "runs", "states", "record"),
)
MOST_LETTERS = 40


def labels(runs: Sequence[SourceRun]) -> tuple[list[str], pd.DataFrame]:
    """A label for each run's machine, and a row for each machine, the one measured first on top.

    Computers of one name that differ in body are told apart by a number: "name", "name (2)"; two of one
    name and one body cannot. System and packages are those of the latest run; `states` says
    how many different ones there were, and `record` is that run's Machine as it was saved.
    """
    groups: dict[Hashable, list[SourceRun]] = defaultdict(list)
    for found in runs:
        groups[_identity(found.run.machine)].append(found)
    order = sorted(groups, key=lambda key: (_first(groups[key]), str(key)))
    label_of, taken = {}, set[str]()
    for key in order:
        label_of[key] = _free(plain(groups[key][0].run.machine.name, MOST_LETTERS) or "unnamed", taken)
    table = [_row(label_of[key], groups[key]) for key in order]
    return (
        [label_of[_identity(found.run.machine)] for found in runs],
        pd.DataFrame(table, columns=list(COLUMNS)),
    )


def _identity(machine: Machine) -> Hashable:
    return (machine.name, *(getattr(machine, name) for name in BODY))


def _started(found: SourceRun) -> str:
    run = found.run
    return moment(run.start.started_at if run.start else run.before.taken_at if run.before else "") or ""


def _first(group: Sequence[SourceRun]) -> str:
    """The earliest time of a group; what has none comes last."""
    return min((time for time in map(_started, group) if time), default="9999")


def _free(name: str, taken: set[str]) -> str:
    label, number = name, 1
    while label in taken:
        number += 1
        label = f"{name} ({number})"
    taken.add(label)
    return label


def _row(label: str, group: Sequence[SourceRun]) -> dict[str, Any]:
    times = sorted(filter(None, map(_started, group)))
    newest = max(group, key=_started).run.machine
    fields = {name: _told(getattr(newest, name)) for name in COLUMNS if hasattr(newest, name)}
    return fields | {
        "machine": label,
        "cpu_cores": tuple(
            f"{number} {plain(kind, 20)}" if kind != "cores" else str(number)
            for kind, number in (newest.cpu_cores or {}).items()
        ),
        "packages": tuple(f"{plain(k, 40)} {plain(v, 40)}" for k, v in newest.packages.items()),
        "first_started_at": times[0] if times else None,
        "last_started_at": times[-1] if times else None,
        "runs": len(group),
        "states": len({str(found.run.machine) for found in group}),
        "record": newest,
    }


def _told(value: Any) -> Any:
    return plain(value, 80) if isinstance(value, str) else value
