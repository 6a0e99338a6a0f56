"""Engine with engine and machine with machine: the study's ratios with what they were made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pandas as pd
from msgspec import structs

from alexnet.frameworks.registry import ENGINES
from bench.records import diff as words_for
from reports.sources import plain
from reports.study import typical
from reports.study.compare import Study
from reports.tables.conditions import flags
from reports.tables.systems import Row


def engines(study: Study) -> pd.DataFrame:
    """The ratios of two engines, both sides' seconds an epoch, and their conditions.

    `conditions` lists what a reader should know of either side's runs.
    """
    noted, precisions, valid = _noted(study), study.precisions, study.frames.valid.set_index("run")
    rows = []
    for row in study.engines.to_dict("records"):
        sides: Row = {
            f"{side}_seconds_per_epoch": typical.seconds_per_epoch(valid.loc[list(row[f"{side}_runs"])])
            for side in ("first", "second")
        }
        runs = (*row["first_runs"], *row["second_runs"])
        conditions = (
            *_other_versions(row),
            *_unlike_precision(precisions, runs),
            *_together(noted, runs),
        )
        rows.append(row | sides | {"conditions": conditions})
    return pd.DataFrame(
        rows,
        columns=[
            *study.engines.columns,
            *("first_seconds_per_epoch", "second_seconds_per_epoch", "conditions"),
        ],
    )


def machines(study: Study) -> pd.DataFrame:
    """Each machine's speed as a multiple of the baseline's, cell by cell, with the runs' conditions."""
    noted = _noted(study)
    rows = [
        row | {"conditions": _together(noted, (*row["machine_runs"], *row["baseline_runs"]))}
        for row in study.machines.to_dict("records")
    ]
    return pd.DataFrame(rows, columns=[*study.machines.columns, "conditions"])


def means(study: Study) -> pd.DataFrame:
    """The geometric means over the cells that a machine and the baseline both have."""
    return study.means


def differences(study: Study) -> pd.DataFrame:
    """What differs between each machine and the baseline, one row a field, in words.

    A machine like it in all has one row with nothing.
    """
    table = study.frames.machines
    records = {row["machine"]: row["record"] for row in table.to_dict("records")}
    rows: list[Row] = []
    if study.baseline in records:
        base = structs.asdict(records[study.baseline])
        for machine, record in records.items():
            if machine != study.baseline:
                sides = f"on {machine}", f"on {study.baseline}"
                found = words_for.diff_machines(structs.asdict(record), base, sides=sides) or [""]
                rows += [
                    {"machine": machine, "baseline": study.baseline, "difference": plain(sentence)}
                    for sentence in found
                ]
    return pd.DataFrame(rows, columns=["machine", "baseline", "difference"])


def _noted(study: Study) -> dict[str, tuple[str, ...]]:
    """Run id -> what its conditions were, where they were not as they should be."""
    return {row["run"]: flags(row) for row in study.frames.valid.to_dict("records")}


def _other_versions(row: Row) -> tuple[str, ...]:
    """Which engine is not the row's setting's own: its version or its precision is another."""
    return tuple(
        f"{ENGINES[row[side]].label} as in setting {row[f'{side}_setting']}"
        for side in ("first", "second")
        if row[f"{side}_setting"] != row["setting"]
    )


def _unlike_precision(precisions: Mapping[str, str], runs: Iterable[str]) -> tuple[str, ...]:
    """What to say of runs that did not compute equally exactly; nothing if they did."""
    found = list(dict.fromkeys(precisions[run] for run in runs if run in precisions))
    return (f"unlike precision: {' and '.join(found)}",) if len(found) > 1 else ()


def _together(noted: Mapping[str, tuple[str, ...]], runs: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(flag for run in runs for flag in noted.get(run, ())))
