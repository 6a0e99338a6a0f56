"""The state that a computer was in around each run, and what the run's correctness gate measured."""

from __future__ import annotations

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
from reports.study.systems import Row
from reports.write.words import missing

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
OF_THE_SPEED = tuple(
    FLAGS[kind] for kind in (SlowedDown, DeviceSlowedDown, Disturbed, SlowEpochs, StepsDisturbed, CutOff)
)
"""The flags that the chapter on steadiness tells with the speeds that they are about."""
FLAGGED = ("warnings", "power", "low_power", "thermal", "interruptions")
"""The columns that `flags` reads."""
CONDITIONS = (
    *("run", "machine", "setting", "cell", "validity", "power", "low_power", "thermal", "load"),
    *("interruptions", "interrupted_seconds", "flags", "warnings"),
)
GATES = (
    *("run", "machine", "setting", "cell", "validity", "precision"),
    *("checks", "passed", "worst_check", "worst_share", "failed"),
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


def conditions(study: Study) -> pd.DataFrame:
    """One row a run with the state that its computer was in, and `flags`, a tuple of short words."""
    runs = study.frames.runs
    of_runs = [flags(row) for row in runs[list(FLAGGED)].to_dict("records")]
    return runs.assign(flags=pd.Series(of_runs, index=runs.index, dtype=object))[list(CONDITIONS)]


def gates(study: Study) -> pd.DataFrame:
    """One row a run: checks asked and passed, and the worst one as a share of its limit.

    Only a check that has zero as its best and a limit above has a share; `worst_share` is NaN without.
    `failed` is a tuple of the checks that were not passed.
    """
    checks = study.frames.gates
    # A category is no place for a tuple, nor for the name of no check.
    checks = checks.assign(passed=checks["passed"].astype(bool), check=checks["check"].astype(object))
    limited = (checks["lower"] == 0) & (checks["upper"] > 0) & checks["measured"].notna()
    shares = (checks["measured"] / checks["upper"])[limited]
    worst = shares.groupby(checks["run"]).idxmax()
    of_run = checks.groupby("run", sort=False)
    failed = checks[~checks["passed"]].groupby("run")["check"].agg(tuple)
    runs = study.frames.runs
    gated = runs[runs["run"].isin(checks["run"].unique())]
    return gated.assign(
        checks=gated["run"].map(of_run.size()),
        passed=gated["run"].map(of_run["passed"].sum()),
        worst_check=gated["run"].map(worst.map(checks["check"])).fillna(""),
        worst_share=gated["run"].map(worst.map(shares)).astype(float),
        failed=[failed.get(run, ()) for run in gated["run"]],
    )[list(GATES)].reset_index(drop=True)
