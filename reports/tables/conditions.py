"""Under what conditions it was measured: the computers, the state of each run, and its gate."""

from __future__ import annotations

from math import nan

import pandas as pd

from bench.records.types import (
    CutOff,
    DeviceSlowedDown,
    Disturbed,
    ImplausibleMemory,
    ImplausiblePower,
    LowPowerMode,
    OnBattery,
    RunWarning,
    Slept,
    SlowedDown,
    SlowEpochs,
    StepsDisturbed,
    SwappedIn,
    ThermalPressure,
    Translated,
    VirtualMac,
)
from reports.study.compare import Study
from reports.tables.systems import Row
from reports.words import missing

FLAGS: dict[type[RunWarning], str] = {
    OnBattery: "on battery",
    LowPowerMode: "low power mode",
    ThermalPressure: "heat",
    CutOff: "cut off and resumed",
    SlowedDown: "slowed down",
    DeviceSlowedDown: "the device slowed down",
    Disturbed: "disturbed epochs",
    Slept: "slept",
    SlowEpochs: "slow epochs",
    StepsDisturbed: "disturbed steps",
    ImplausibleMemory: "impossible memory",
    ImplausiblePower: "impossible energy",
    SwappedIn: "too little memory",
    VirtualMac: "virtual Mac",
    Translated: "translated by Rosetta",
}
"""The short words for each kind of warning that is about the conditions of a run."""
IN_OTHER_SENTENCES = (SlowedDown, DeviceSlowedDown, CutOff, VirtualMac)
"""The kinds of warning that the report tells in sentences of their own."""
RUN = (
    *("run", "machine", "setting", "cell", "validity", "power", "low_power", "thermal", "load"),
    *("interruptions", "interrupted_seconds", "flags", "warnings"),
)
GATES = (
    *("run", "machine", "setting", "cell", "validity", "precision"),
    *("checks", "passed", "worst_check"),
)


def flags(row: Row) -> tuple[str, ...]:
    """What of a run's conditions a reader should know, in a few words each."""
    kinds: list[type[RunWarning]] = [type(warning) for warning in row["warnings"]]
    if row["power"] == "battery":
        kinds.append(OnBattery)
    if row["low_power"] is True:
        kinds.append(LowPowerMode)
    if not missing(row["thermal"]) and row["thermal"] != "nominal":
        kinds.append(ThermalPressure)
    if not missing(row["interruptions"]) and row["interruptions"] > 0:
        kinds.append(CutOff)
    return tuple(FLAGS[kind] for kind in dict.fromkeys(kinds) if kind in FLAGS)


def machines(study: Study) -> pd.DataFrame:
    """One row a machine: chip, GPU, memory, system, Python, packages, whether virtual, its runs."""
    return study.frames.machines.drop(columns=["record"])


def runs(study: Study) -> pd.DataFrame:
    """One row a run with the state that its computer was in."""
    rows = study.frames.runs.to_dict("records")
    found = [{**row, "flags": flags(row)} for row in rows]
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
            {name: run[name] for name in GATES[:6]}
            | {"checks": 0, "passed": 0, "worst_check": "", "worst_share": nan, "failed": ()},
        )
        row["checks"] += 1
        row["passed"] += bool(check["passed"])
        if not check["passed"]:
            row["failed"] += (check["check"],)
        if check["lower"] == 0 and check["upper"] > 0 and not missing(check["measured"]):
            share = check["measured"] / check["upper"]
            if missing(row["worst_share"]) or share > row["worst_share"]:
                row["worst_check"], row["worst_share"] = check["check"], share
    return pd.DataFrame(list(found.values()), columns=[*GATES, "worst_share", "failed"])
