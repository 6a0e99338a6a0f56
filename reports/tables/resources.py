"""What a system costs: memory and energy."""

from __future__ import annotations

from math import nan

import pandas as pd

from reports.study.compare import CELL, Study
from reports.study.resources import CARD, HOST, joules, peaks, values
from reports.tables.systems import SYSTEM, ids, middle, most, named, of_main
from reports.words import missing

COLUMNS = (
    *SYSTEM,
    *("baseline_host_bytes", "peak_host_bytes", "grown_host_bytes", "peak_device_bytes"),
    *("joules_per_epoch", "joules_per_image", "joules_to_best_epoch", "gpu_joules_per_epoch"),
    *("idle_watts", "energy_reads", "runs"),
)


def resources(study: Study) -> pd.DataFrame:
    """One row a system of the main setting.

    What memory grew by, the device's own memory, and the joules of an epoch and an image are the figures
    that are compared (`reports.study.resources`); `peak_host_bytes` is the largest of the runs, and the
    rest are medians. `energy_reads` has what the meters read, or why they cannot; `gpu_joules_per_epoch`
    is of the runs that have no energy of processor and GPU together.
    """
    rows = []
    pooled = {column: values(peaks(study, column)) for column in (HOST, CARD)}
    for column in ("joules_per_epoch", "joules_per_image"):
        pooled[column] = values(joules(study, column))
    for key, runs in of_main(study).items():
        cell = tuple((named(key) | {"setting": study.main})[name] for name in CELL)
        alone = [run for run in runs if missing(run["joules_per_epoch"])]
        reads = dict.fromkeys(run["energy_reads"] for run in runs if not missing(run["energy_reads"]))
        rows.append(
            named(key)
            | {"baseline_host_bytes": middle(runs, "baseline_host_bytes")}
            | {"peak_host_bytes": most(runs, "peak_host_bytes")}
            | {column: figures.get(cell, nan) for column, figures in pooled.items()}
            | {name: middle(runs, name) for name in ("joules_to_best_epoch", "idle_watts")}
            | {"gpu_joules_per_epoch": middle(alone, "gpu_joules_per_epoch")}
            | {"energy_reads": tuple(reads), "runs": ids(runs)}
        )
    return pd.DataFrame(rows, columns=list(COLUMNS))


def gpu_alone(runs: pd.DataFrame) -> pd.DataFrame:
    """The runs whose GPU's energy was counted and whose processor's was not."""
    return runs[runs["joules_per_epoch"].isna() & runs["gpu_joules_per_epoch"].notna()]
