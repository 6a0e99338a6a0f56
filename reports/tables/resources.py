"""What a system costs: memory and energy."""

from __future__ import annotations

import pandas as pd

from reports.compare import Study
from reports.tables.systems import SYSTEM, ids, middle, most, named, of_main
from reports.words import missing

COLUMNS = (
    *SYSTEM,
    *("baseline_host_bytes", "peak_host_bytes", "grown_host_bytes", "peak_device_bytes"),
    *("joules_per_epoch", "joules_per_image", "joules_to_best_epoch", "gpu_joules_per_epoch"),
    *("idle_watts", "energy_reads", "runs"),
)


def resources(study: Study) -> pd.DataFrame:
    """One row a system of the main setting: peaks are the largest of its runs, the rest medians.

    `energy_reads` has what the meters read, or why they cannot. `gpu_joules_per_epoch` is of the runs
    that have no energy of processor and GPU together.
    """
    rows = []
    for key, runs in of_main(study).items():
        peaks = ("peak_host_bytes", "grown_host_bytes", "peak_device_bytes")
        joules = ("joules_per_epoch", "joules_per_image", "joules_to_best_epoch", "idle_watts")
        alone = [run for run in runs if missing(run["joules_per_epoch"])]
        reads = dict.fromkeys(run["energy_reads"] for run in runs if not missing(run["energy_reads"]))
        rows.append(
            named(key)
            | {"baseline_host_bytes": middle(runs, "baseline_host_bytes")}
            | {name: most(runs, name) for name in peaks}
            | {name: middle(runs, name) for name in joules}
            | {"gpu_joules_per_epoch": middle(alone, "gpu_joules_per_epoch")}
            | {"energy_reads": tuple(reads), "runs": ids(runs)}
        )
    return pd.DataFrame(rows, columns=list(COLUMNS))


def gpu_alone(runs: pd.DataFrame) -> pd.DataFrame:
    """The runs whose GPU's energy was counted and whose processor's was not."""
    return runs[runs["joules_per_epoch"].isna() & runs["gpu_joules_per_epoch"].notna()]
