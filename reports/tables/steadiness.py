"""Whether a system keeps its speed, is fed fast enough, and how near to the roofline it comes."""

from __future__ import annotations

import pandas as pd

from reports.study.compare import Study
from reports.tables.systems import SYSTEM, ids, middle, named, of_main

FIGURES = (
    *("early_images_per_second", "late_images_per_second", "drift", "probe_drift"),
    *("pipeline_ratio", "achieved_flops_per_second", "roofline_share"),
    *("roofline_flops_per_second", "roofline_bytes_per_second"),
)

COUNTS = ("steady_epochs", "disturbed_epochs", "slow_epochs")


def steadiness(study: Study) -> pd.DataFrame:
    """One row a system of the main setting: medians over its valid runs, and all of their epochs."""
    rows = [
        named(key)
        | {name: middle(runs, name) for name in FIGURES}
        | {name: sum(run[name] for run in runs) for name in COUNTS}
        | {"runs": ids(runs)}
        for key, runs in of_main(study).items()
    ]
    return pd.DataFrame(rows, columns=[*SYSTEM, *FIGURES, *COUNTS, "runs"])
