"""What each cell takes, and which engine takes more than which."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import pandas as pd

from reports.data.settings import engines_of
from reports.study.compare import CELL, Study
from reports.study.resources import CARD, HOST, joules, peaks, values
from reports.study.systems import SYSTEM, ids, middle, most, named, of_main, there
from reports.write.words import missing

IMAGE = "joules_per_image"


@dataclass(frozen=True, kw_only=True)
class Compared:
    """Each two engines of a device: the process's memory, a graphics card's own, the joules an epoch."""

    host: pd.DataFrame
    card: pd.DataFrame
    energy: pd.DataFrame

    @property
    def frames(self) -> dict[str, pd.DataFrame]:
        """Those that there are, under the names of their files."""
        names = {"memory_pairs": self.host, "card_memory_pairs": self.card, "energy_pairs": self.energy}
        return {name: rows for name, rows in names.items() if len(rows)}


FIGURES = {HOST: "memory", IMAGE: "energy"}
"""A column that is compared -> what its ratio is called."""
RATIO = ("ratio", "low", "high", "basis", "verdict")
COLUMNS = (
    *SYSTEM,
    *("baseline_host_bytes", "peak_host_bytes", HOST, f"least_{HOST}", f"largest_{HOST}", CARD),
    *("joules_per_epoch", IMAGE, f"least_{IMAGE}", f"largest_{IMAGE}", "joules_to_best_epoch"),
    *("gpu_joules_per_epoch", "idle_watts", "energy_reads", "reference"),
    *(f"{name}_{part}" for name in FIGURES.values() for part in RATIO),
    "runs",
)


def cells(study: Study, compared: Compared) -> pd.DataFrame:
    """One row a cell of the main setting, in bytes, joules and watts; NaN where nothing was measured.

    What memory grew by, the device's own memory, and the joules of an epoch and an image are the figures
    that are compared (`reports.study.resources`), with the least and the largest of the runs;
    `peak_host_bytes` is the largest, and the rest are medians. `gpu_joules_per_epoch` is of the runs
    that have no energy of processor and GPU together. `reference` is the first engine of the registry
    that was run, and the ratios are to its figures on the same device.
    """
    pooled = {column: values(peaks(study, column)) for column in (HOST, CARD)}
    pooled |= {column: values(joules(study, column)) for column in ("joules_per_epoch", IMAGE)}
    reference = engines_of(study.runs)[0]
    ratios = {
        "memory": _to_reference(compared.host, reference),
        "energy": _to_reference(compared.energy, reference),
    }
    rows = []
    for key, runs in of_main(study).items():
        cell_key = tuple((named(key) | {"setting": study.main})[name] for name in CELL)
        alone = [run for run in runs if missing(run["joules_per_epoch"])]
        reads = dict.fromkeys(run["energy_reads"] for run in runs if not missing(run["energy_reads"]))
        row = named(key) | {
            "baseline_host_bytes": middle(runs, "baseline_host_bytes"),
            "peak_host_bytes": most(runs, "peak_host_bytes"),
            **{column: figures_of.get(cell_key, math.nan) for column, figures_of in pooled.items()},
            **{name: middle(runs, name) for name in ("joules_to_best_epoch", "idle_watts")},
            "gpu_joules_per_epoch": middle(alone, "gpu_joules_per_epoch"),
            "energy_reads": tuple(reads),
            "reference": reference,
            "runs": ids(runs),
        }
        for column, name in FIGURES.items():
            positive = [value for value in there(runs, column) if value > 0]
            row[f"least_{column}"] = min(positive, default=math.nan)
            row[f"largest_{column}"] = max(positive, default=math.nan)
            ratio = ratios[name].get(key, dict.fromkeys(RATIO))
            row |= {f"{name}_{part}": value for part, value in ratio.items()}
        rows.append(row)
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    numbers = [f"{name}_{part}" for name in FIGURES.values() for part in RATIO[:3]]
    return frame.astype(dict.fromkeys(numbers, float))


def measured(frame: pd.DataFrame) -> str:
    """What the cells have figures of, as the beginning of a title."""
    is_memory, is_energy = (
        bool(frame[list(columns)].notna().any(axis=None))
        for columns in ((HOST, CARD), ("joules_per_epoch", IMAGE, "gpu_joules_per_epoch"))
    )
    if is_memory == is_energy:
        return "Memory and energy"
    return "Memory" if is_memory else "Energy"


def _to_reference(pairs: pd.DataFrame, reference: str) -> dict[tuple[str, ...], dict[str, Any]]:
    """(machine, device, experiment, engine) -> what it takes as a multiple of the reference's figure."""
    turned = {"faster": "less", "slower": "more"}
    ratios: dict[tuple[str, ...], dict[str, Any]] = {}
    for pair in pairs[pairs["first"] == reference].itertuples():
        numbers = (1 / pair.ratio, 1 / pair.high, 1 / pair.low)
        words_of = (pair.basis, turned.get(pair.verdict, pair.verdict))
        key = (pair.machine, pair.device, pair.experiment, pair.second)
        ratios.setdefault(key, dict(zip(RATIO, (*numbers, *words_of), strict=True)))
    return ratios
