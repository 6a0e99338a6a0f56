"""What the first page shows: a row a machine's device, or of one machine a row an experiment."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace

from alexnet.recipe import EXPERIMENTS
from bench.records.words import memory_text
from reports.study.compare import CELL, Study
from reports.study.speeds import Speed, headline_experiment, speeds
from reports.write.words import DEVICES, count, missing

MOST_ROWS = 12
"""Machines in the chart: of more, the ten fastest, the slowest and the baseline."""
FEW_ROWS, MOST_LANES = 4, 16
"""Up to so many rows have a lane an engine, so many in all, each with its value; of more, each row is
one lane."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """A row of the chart: its name, a line under it, and a speed an engine, as `in_order` has them.

    `times` is how many times as fast each of the speeds is as the same engine's on the baseline; NaN
    where the study compares them with none.
    """

    name: str
    detail: str
    speeds: tuple[Speed, ...]
    times: tuple[float, ...] = ()
    is_baseline: bool = False


@dataclass(frozen=True, kw_only=True)
class Shown:
    """The rows of the first page, the fastest first, or of one machine by experiment.

    `experiment` is the one that machines are compared in, and `without` are those that have no run of
    it; None where rows are experiments. `left_out` is how many rows the chart has no room for.
    """

    rows: tuple[Row, ...]
    experiment: str | None
    left_out: int = 0
    without: tuple[str, ...] = ()

    @property
    def lanes(self) -> int:
        """A lane an engine and row."""
        return sum(len(row.speeds) for row in self.rows)

    @property
    def speeds(self) -> list[Speed]:
        return [speed for row in self.rows for speed in row.speeds]


def all_rows(study: Study) -> Shown:
    """Every row, however many."""
    cells = speeds(study)
    headline = headline_experiment(cells, study.baseline)
    if len({cell.place for cell in cells}) < 2 or headline is None:
        return Shown(rows=tuple(_experiments(cells)), experiment=None)
    own = [cell for cell in cells if cell.experiment == headline]
    there = {cell.machine for cell in own}
    return Shown(
        rows=tuple(_machines(study, own)),
        experiment=headline,
        without=tuple(dict.fromkeys(cell.machine for cell in cells if cell.machine not in there)),
    )


def in_chart(shown: Shown) -> Shown:
    """What the chart has room for.

    Of one machine with many engines the headline's experiment. Of machines with more engines than have a
    lane each, the engines in float32.
    """
    if shown.experiment is None:
        return shown if shown.lanes <= MOST_LANES else _headline(shown)
    if shown.lanes > MOST_LANES or len(shown.rows) > FEW_ROWS:
        shown = replace(shown, rows=tuple(map(_exact, shown.rows)))
    if len(shown.rows) <= MOST_ROWS:
        return shown
    kept = [*shown.rows[: MOST_ROWS - 2], shown.rows[-1]]
    baseline = next((row for row in shown.rows if row.is_baseline), None)
    extra = baseline if baseline is not None and baseline not in kept else shown.rows[MOST_ROWS - 2]
    rows = [row for row in shown.rows if row in kept or row is extra]
    return replace(shown, rows=tuple(rows), left_out=len(shown.rows) - len(rows))


def _headline(shown: Shown) -> Shown:
    """The row of the headline's experiment alone."""
    name = headline_experiment(shown.speeds, None)
    return replace(shown, rows=tuple(row for row in shown.rows if row.name == name), experiment=name)


def _exact(row: Row) -> Row:
    """The row without engines that do not compute in float32, if one does."""
    kept = [place for place, speed in enumerate(row.speeds) if speed.is_exact]
    if not kept:
        return row
    speeds_of = tuple(row.speeds[place] for place in kept)
    return replace(row, speeds=speeds_of, times=tuple(row.times[place] for place in kept if row.times))


def _experiments(cells: Sequence[Speed]) -> list[Row]:
    there = {cell.experiment for cell in cells}
    return [
        Row(name=name, detail="", speeds=_fastest_first(cells, experiment=name))
        for name in EXPERIMENTS
        if name in there
    ]


def _fastest_first(cells: Sequence[Speed], *, experiment: str) -> tuple[Speed, ...]:
    own = [cell for cell in cells if cell.experiment == experiment]
    return in_order(own)


def in_order(cells: Sequence[Speed]) -> tuple[Speed, ...]:
    """Those that compute in float32 first, and the fastest of each kind first."""
    return tuple(sorted(cells, key=lambda cell: (not cell.is_exact, -cell.value)))


def _machines(study: Study, cells: Sequence[Speed]) -> list[Row]:
    by_place: dict[tuple[str, str], list[Speed]] = {}
    for cell in cells:
        by_place.setdefault(cell.place, []).append(cell)
    devices = Counter(machine for machine, _ in by_place)
    details, times = _details(study), _times(study)
    of_baseline = [place for place in by_place if place[0] == study.baseline]
    base = max(of_baseline, key=lambda place: max(cell.value for cell in by_place[place]), default=None)
    rows = []
    for (machine, device), there in by_place.items():
        ordered = in_order(there)
        rows.append(
            Row(
                name=machine if devices[machine] == 1 else f"{machine}, {DEVICES[device]}",
                detail=details[machine],
                speeds=ordered,
                times=tuple(
                    1.0 if speed.place == base else times.get(cell_of(study, speed), math.nan)
                    for speed in ordered
                ),
                is_baseline=(machine, device) == base,
            )
        )
    return sorted(rows, key=lambda row: (not row.speeds[0].is_exact, -row.speeds[0].value))


def _times(study: Study) -> dict[tuple[Hashable, ...], float]:
    """Cell -> its speed as a multiple of the baseline's, where the study compares them."""
    cells = study.machines[list(CELL)].itertuples(index=False, name=None)
    return dict(zip(cells, study.machines["ratio"], strict=True))


def cell_of(study: Study, speed: Speed) -> tuple[Hashable, ...]:
    """Its machine, setting, experiment, engine and device."""
    values = vars(speed) | {"setting": study.main}
    return tuple(values[name] for name in CELL)


def _details(study: Study) -> dict[str, str]:
    """Machine -> chip, GPU cores and memory: "M4 Max, 40-core GPU, 64 GiB"."""
    details = {}
    for machine in study.frames.machines.to_dict("records"):
        parts = [
            None if missing(machine["chip"]) else str(machine["chip"]).removeprefix("Apple "),
            None if missing(machine["gpu_cores"]) else f"{count(machine['gpu_cores'])}-core GPU",
            None if missing(machine["memory_bytes"]) else memory_text(machine["memory_bytes"]),
        ]
        details[str(machine["machine"])] = " · ".join(part for part in parts if part)
    return details
