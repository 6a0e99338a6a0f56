"""How long each system trains until it first reaches an accuracy on the validation images."""

from __future__ import annotations

import pandas as pd

from reports.compare import Study
from reports.published import SCRATCH_TEST_ACCURACY
from reports.tables.systems import SYSTEM, Row, ids, middle, named, systems

LEVELS = (0.50, 0.60, 0.70, SCRATCH_TEST_ACCURACY, 0.80, 0.90)
COLUMNS = (*SYSTEM, "level", "seconds", "epoch", "reached", "of", "runs")


def time_to_reach(study: Study) -> pd.DataFrame:
    """One row a system and level: training seconds and epoch, the medians of those runs that got there.

    `reached` runs of `of` did; seconds and epoch are NaN where none did. Training alone is counted, the
    warm-up included, evaluation not.
    """
    epochs = study.frames.epochs
    chosen = epochs[(epochs["setting"] == study.main) & (epochs["validity"] == "valid")]
    names = [*SYSTEM, "run", "epoch", "elapsed_train_seconds", "validation_accuracy"]
    rows: list[Row] = []
    for key, found in systems(chosen[names]).items():
        runs = ids(found)
        for level in LEVELS:
            first: dict[str, Row] = {}
            for row in found:
                if row["validation_accuracy"] >= level:
                    first.setdefault(row["run"], row)
            rows.append(
                named(key)
                | {"level": level, "reached": len(first), "of": len(runs), "runs": runs}
                | {"seconds": middle(first.values(), "elapsed_train_seconds")}
                | {"epoch": middle(first.values(), "epoch")}
            )
    return pd.DataFrame(rows, columns=list(COLUMNS))
