"""Under what conditions it was measured: the computers, the state of each run, and its gate."""

from __future__ import annotations

from math import nan

import pandas as pd

from reports.compare import Study
from reports.tables.systems import Row
from reports.words import missing

WARNED = {
    "on battery": "on battery",
    "in low power mode": "low power mode",
    "thermal pressure": "heat",
    "cut off": "cut off and resumed",
    "it ended": "slowed down",
    "a virtual Mac": "virtual Mac",
    "Python was translated": "translated by Rosetta",
}
"""How a warning of bench/records/verdict.py begins, and the short words for it."""
RUN = (
    *("run", "machine", "setting", "cell", "validity", "power", "low_power", "thermal", "load"),
    *("interruptions", "interrupted_seconds", "flags", "warnings"),
)
GATES = ("run", "machine", "setting", "cell", "validity", "checks", "passed", "worst_check")


def flags(row: Row) -> list[str]:
    """What of a run's conditions a reader should know, in a few words each."""
    found: dict[str, None] = {}
    for warning in str(row["warnings"]).split("; "):
        for begins, words in WARNED.items():
            if warning.startswith(begins):
                found[words] = None
    if row["power"] == "battery":
        found["on battery"] = None
    if row["low_power"] is True:
        found["low power mode"] = None
    if not missing(row["thermal"]) and row["thermal"] != "nominal":
        found["heat"] = None
    if not missing(row["interruptions"]) and row["interruptions"] > 0:
        found["cut off and resumed"] = None
    return list(found)


def machines(study: Study) -> pd.DataFrame:
    """One row a machine: chip, GPU, memory, system, Python, packages, whether virtual, its runs."""
    return study.frames.machines.drop(columns=["record"])


def runs(study: Study) -> pd.DataFrame:
    """One row a run with the state that its computer was in; `flags` by "; "."""
    rows = study.frames.runs.to_dict("records")
    found = [{**row, "flags": "; ".join(flags(row))} for row in rows]
    return pd.DataFrame(found, columns=list(RUN))


def gates(study: Study) -> pd.DataFrame:
    """One row a run: checks asked and passed, and the worst one as a share of its limit.

    Only a check that has zero as its best and a limit above has a share; `worst_share` is NaN without.
    """
    cells = {row["run"]: row for row in study.frames.runs.to_dict("records")}
    found: dict[str, Row] = {}
    for check in study.frames.gates.to_dict("records"):
        run = cells[check["run"]]
        row = found.setdefault(
            check["run"],
            {name: run[name] for name in GATES[:5]}
            | {"checks": 0, "passed": 0, "worst_check": "", "worst_share": nan, "failed": ""},
        )
        row["checks"] += 1
        row["passed"] += bool(check["passed"])
        if not check["passed"]:
            row["failed"] += ("; " if row["failed"] else "") + check["check"]
        if check["least"] == 0 and check["most"] > 0 and not missing(check["measured"]):
            share = check["measured"] / check["most"]
            if missing(row["worst_share"]) or share > row["worst_share"]:
                row["worst_check"], row["worst_share"] = check["check"], share
    return pd.DataFrame(list(found.values()), columns=[*GATES, "worst_share", "failed"])
