"""How long each trained system takes to reach an accuracy on the validation images."""

from __future__ import annotations

from dataclasses import asdict

import pandas as pd

from reports.chapters.learning.named import named as names_of
from reports.original.published import SCRATCH_TEST_ACCURACY
from reports.study.compare import Study, of_float32
from reports.study.learning import AccuracyCurve, level_reached, main_epochs
from reports.study.systems import SYSTEM, Row, named, systems
from reports.write import names, words
from reports.write.document import Sentence, Table
from reports.write.table import Field, few, figures, line, table, text, which_machines

LEVELS = (0.50, 0.60, 0.70, SCRATCH_TEST_ACCURACY, 0.80, 0.90)
COLUMNS = (*SYSTEM, "level", "kind", "seconds", "epoch", "reached", "of", "runs")
MOST_ROWS = 12
"""A chapter shows so many, and the first machine's in any case; the others take longer or shorter."""
MANY_ROWS = 24
"""Of more systems the page has those of engines in float32."""
UNITS = {"s": "Seconds", "min": "Minutes", "h": "Hours"}


def time_to_reach(study: Study) -> pd.DataFrame:
    """One row a system and level: training seconds and epoch of its middle run (`level_reached`).

    `reached` runs of `of` did; seconds and epoch are NaN where fewer than half did. Training alone is
    counted, the warm-up included, evaluation not.
    """
    columns = [*SYSTEM, "run", "elapsed_train_seconds", "validation_accuracy"]
    rows: list[Row] = []
    for key, epochs in systems(main_epochs(study)[columns]).items():
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


def levels_table(study: Study) -> dict[str, Table]:
    """A row a system, the quickest to the highest level first; nothing where no level is reached."""
    times = time_to_reach(study)
    if not times["reached"].any():
        return {}
    by_system = systems(times)
    whole = len(by_system)
    if whole > MANY_ROWS:
        by_system = systems(of_float32(times, "engine"))
    keys = pd.DataFrame([named(key) for key in by_system], columns=list(SYSTEM))
    machines = few(study, keys, rows=MOST_ROWS)
    shown = sorted(
        ((key, rows) for key, rows in by_system.items() if key[0] in machines),
        key=lambda item: (machines.index(item[0][0]), *_rank(item[1])),
    )
    cells = pd.DataFrame([named(key) for key, _ in shown])
    reached = [place for place in range(len(LEVELS)) if any(rows[place]["reached"] for _, rows in shown)]
    longest = max(
        (
            rows[place]["seconds"]
            for _, rows in shown
            for place in reached
            if not words.missing(rows[place]["seconds"])
        ),
        default=0.0,
    )
    unit = words.seconds_unit(longest)
    several_devices, several_engines = (cells[name].nunique() > 1 for name in ("device", "engine"))
    fields = [
        *([text("Machine", cells["machine"])] if len(machines) > 1 else []),
        *([text("Device", names.devices(cells))] if several_devices else []),
        text("Experiment", cells["experiment"]),
        *([text("Engine", names.engines(cells["engine"]))] if several_engines else []),
        *(_level_field(place, [rows[place] for _, rows in shown], unit) for place in reached),
    ]
    caption = [
        line(
            f"{UNITS[unit.name]} of training until the validation accuracy had held a level for two"
            " epochs."
        ),
        *([line("The engines are those in float32.")] if len(by_system) < whole else []),
        *_several_runs(times),
        *_which_machines(times, machines, study),
    ]
    return table(
        "time_to_reach",
        finding(times),
        fields,
        caption,
        left_out=whole - len(shown),
        frame=times,
    )


def _level_field(place: int, rows: list[Row], unit: words.TimeUnit) -> Field:
    name = words.percent(LEVELS[place], 0)
    return figures(name, [_cell(row, unit) for row in rows], values=[row["seconds"] for row in rows])


def _which_machines(times: pd.DataFrame, machines: tuple[str, ...], study: Study) -> list[Sentence]:
    if len(machines) == 1 and times["machine"].nunique() > 1:
        return [line(f"On {machines[0]}.")]
    return which_machines(times, machines, study)


def _rank(rows: list[Row]) -> tuple[float, ...]:
    """By the seconds to the highest level, then to the next."""
    return tuple(
        float("inf") if words.missing(row["seconds"]) else row["seconds"] for row in reversed(rows)
    )


def _cell(row: Row, unit: words.TimeUnit) -> str:
    some = f"{row['reached']} of {row['of']}"
    if row["kind"] == "never reached":
        return words.DASH
    if row["kind"] == "reached by few":
        return f"{words.DASH} ({some})"
    time = f"{row['seconds'] / unit.seconds:,.1f}"
    return time if row["reached"] == row["of"] else f"{time} ({some})"


def _several_runs(times: pd.DataFrame) -> list[Sentence]:
    if times["of"].max() == 1:
        return []
    return [
        line("Of several runs the middle one counts; a dash stands where fewer than half got there.")
    ]


def finding(times: pd.DataFrame) -> str:
    """Who reaches the highest level that is reached: at least half of the runs on all machines."""
    pairs = list(dict.fromkeys(zip(times["experiment"], times["engine"], strict=True)))
    pooled = times.groupby(["level", "experiment", "engine"])[["reached", "of"]].sum()
    half = pooled[2 * pooled["reached"] >= pooled["of"]]
    if half.empty:
        return (
            f"Few runs reach {words.percent(float(times.loc[times['reached'] > 0, 'level'].min()), 0)}"
        )
    top = float(half.index.get_level_values("level").max())
    there = [pair for pair in pairs if (top, *pair) in half.index]
    level, which = words.percent(top, 0), list(names_of(there, pairs))
    if len(there) == len(pairs):
        return f"{which[0]} reaches {level}" if len(which) == 1 else f"Every experiment reaches {level}"
    reach = f"{words.listed(which)} {'reaches' if len(which) == 1 else 'reach'} {level}"
    runs_there = pooled.loc[top]["reached"]
    if sum(runs_there > 0) > len(there):
        return f"{reach}, others with few of their runs"
    return f"Only {reach}"
