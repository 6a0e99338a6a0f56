"""How steady each run and each cell was."""

from __future__ import annotations

import pandas as pd

from bench.records.limits import MAX_DRIFT
from reports.study.compare import Study
from reports.study.systems import SYSTEM, ids, middle, named, of_main, there

FIGURES = (
    *("early_images_per_second", "late_images_per_second", "drift", "probe_drift"),
    *("pipeline_ratio", "achieved_flops_per_second", "roofline_share"),
    *("roofline_flops_per_second", "roofline_bytes_per_second"),
)
COUNTS = ("steady_epochs", "disturbed_epochs", "slow_epochs")
MIN_INPUT = 0.95
"""An epoch's rate as a share of that of a resident batch, below which a cell is remarked upon: two
timings of one step differ by some 4 %."""


def cells(study: Study) -> pd.DataFrame:
    """One row a cell of the main setting: medians over its runs, and all of their epochs.

    `largest_drift` and `largest_probe_drift` are those of the run that changed most, with their signs.
    `is_remarked` says whether something was unlike a steady run.
    """
    rows = [
        named(key)
        | {name: middle(runs, name) for name in FIGURES}
        | {
            f"largest_{name}": max(there(runs, name), key=abs, default=float("nan"))
            for name in ("drift", "probe_drift")
        }
        | {name: sum(run[name] for run in runs) for name in COUNTS}
        | {"runs": ids(runs)}
        for key, runs in of_main(study).items()
    ]
    columns = [*SYSTEM, *FIGURES, "largest_drift", "largest_probe_drift", *COUNTS, "runs"]
    frame = pd.DataFrame(rows, columns=columns)
    is_remarked = (
        (frame["largest_drift"].abs() > MAX_DRIFT)
        | (frame["largest_probe_drift"] < -MAX_DRIFT)
        | (frame["disturbed_epochs"] > 0)
        | (frame["slow_epochs"] > 0)
        | (frame["pipeline_ratio"] < MIN_INPUT)
        | (frame["roofline_share"] > 1)
    )
    return frame.assign(is_remarked=is_remarked)


def measured(runs: pd.DataFrame) -> pd.DataFrame:
    """The runs with epochs enough to compare their first third with their last."""
    return runs[runs["drift"].notna()]


def drifted(runs: pd.DataFrame) -> pd.DataFrame:
    """The runs that ended over 5 % slower or faster than they began."""
    return runs[runs["drift"].astype(float).abs() > MAX_DRIFT]
