"""How long each system trains until it reaches an accuracy on the validation images."""

from __future__ import annotations

from dataclasses import asdict

import pandas as pd

from reports.published import SCRATCH_TEST_ACCURACY
from reports.study.compare import Study
from reports.study.learning import AccuracyCurve, level_reached, main_epochs
from reports.tables.systems import SYSTEM, Row, named, systems

LEVELS = (0.50, 0.60, 0.70, SCRATCH_TEST_ACCURACY, 0.80, 0.90)
COLUMNS = (*SYSTEM, "level", "kind", "seconds", "epoch", "reached", "of", "runs")


def time_to_reach(study: Study) -> pd.DataFrame:
    """One row a system and level: training seconds and epoch of its middle run (`level_reached`).

    `reached` runs of `of` did; seconds and epoch are NaN where fewer than half did. Training alone is
    counted, the warm-up included, evaluation not.
    """
    names = [*SYSTEM, "run", "elapsed_train_seconds", "validation_accuracy"]
    rows: list[Row] = []
    for key, epochs in systems(main_epochs(study)[names]).items():
        by_run: dict[str, list[Row]] = {}
        for epoch in epochs:
            by_run.setdefault(epoch["run"], []).append(epoch)
        curves = [
            AccuracyCurve(
                accuracies=[epoch["validation_accuracy"] for epoch in of_run],
                seconds=[epoch["elapsed_train_seconds"] for epoch in of_run],
            )
            for of_run in by_run.values()
        ]
        rows += [
            named(key) | {"level": level, "runs": tuple(by_run)} | asdict(level_reached(curves, level))
            for level in LEVELS
        ]
    return pd.DataFrame(rows, columns=list(COLUMNS))
