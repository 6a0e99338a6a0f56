"""The frameworks on many machines: in how many each is faster, and where its lead is largest."""

from __future__ import annotations

from typing import Any

import pandas as pd

from reports.document import Paragraph, Sentence
from reports.intervals import LEAST_EPOCHS
from reports.prose.parts import FRAMEWORK_NAMES, figure, paragraph, put, row
from reports.prose.ratios import of_frameworks
from reports.words import DEVICES

TORCH, TENSORFLOW = FRAMEWORK_NAMES


def where(ratio: Any, rows: pd.DataFrame) -> str:
    """The machine, and the device where it has two among the rows."""
    devices = rows.loc[rows["machine"] == ratio.machine, "device"]
    return f"{ratio.machine} ({DEVICES[ratio.device]})" if devices.nunique() > 1 else str(ratio.machine)


VERDICTS = {
    "faster": f"{TORCH} is faster on {{n}}",
    "slower": f"{TENSORFLOW} is faster on {{n}}",
    "same": "both are equally fast within 2 % on {n}",
    "not decided": "it is not decided on {n}",
    "too few epochs": f"there are too few epochs for a verdict, under {LEAST_EPOCHS}, on {{n}}",
}


def run_ids(rows: pd.DataFrame) -> tuple[str, ...]:
    """The runs of rows of `Study.frameworks`."""
    return tuple(" ".join([*rows["torch_runs"], *rows["tensorflow_runs"]]).split())


def by_experiment(rows: pd.DataFrame, setting: str | None) -> tuple[Paragraph, ...]:
    """Two or three sentences an experiment, however many machines there are."""
    found: list[Sentence] = []
    for experiment, group in rows.groupby("experiment", sort=False):
        noun = "machine" if group["machine"].is_unique else "device"
        told = []
        for verdict, template in VERDICTS.items():
            these = group[group["verdict"] == verdict]
            if len(these):
                what = f"comparisons; {experiment}, {verdict}"
                told.append(put(template, n=figure(len(these), what, run_ids(these))))
        all_of_them = figure(len(group), f"comparisons; {experiment}", run_ids(group), noun)
        beginning = put("In setting {it}, the", it=setting) if setting else "The"
        found.append(
            put(
                "{the} frameworks meet in {experiment} on {n}: {told}.",
                the=beginning,
                experiment=str(experiment),
                n=all_of_them,
                told=row(told),
            )
        )
        found += _extremes(group, rows)
    return paragraph(*found)


def _extremes(group: pd.DataFrame, rows: pd.DataFrame) -> list[Sentence]:
    """The largest lead of each framework."""
    found = []
    for verdict in ("faster", "slower"):
        these = group[group["verdict"] == verdict]
        if these.empty:
            continue
        place = these["ratio"].idxmax() if verdict == "faster" else these["ratio"].idxmin()
        top = next(these.loc[[place]].itertuples())
        best = of_frameworks(top)
        template = (
            "{winner}'s lead is largest on {machine}, where it is {value} times as fast as {loser}"
            " (95 % interval {interval})."
        )
        found.append(
            put(
                template,
                winner=best.first,
                machine=where(top, rows),
                value=best.value,
                loser=best.second,
                interval=best.interval,
            )
        )
    return found
