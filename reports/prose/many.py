"""Two engines on many machines: in how many each is faster, and where its lead is largest."""

from __future__ import annotations

from itertools import chain
from typing import Any

import pandas as pd

from reports.document import Paragraph, Sentence
from reports.intervals import LEAST_EPOCHS
from reports.prose.parts import engine, figure, paragraph, put, row
from reports.prose.ratios import of_engines
from reports.words import DEVICES


def where(ratio: Any, rows: pd.DataFrame) -> str:
    """The machine, and the device where it has two among the rows."""
    devices = rows.loc[rows["machine"] == ratio.machine, "device"]
    return f"{ratio.machine} ({DEVICES[ratio.device]})" if devices.nunique() > 1 else str(ratio.machine)


def by_pair(rows: pd.DataFrame) -> list[pd.DataFrame]:
    """The rows of each two engines, in the order in which they come."""
    return [own for _, own in rows.groupby(["first", "second"], sort=False)]


VERDICTS = {
    "faster": "{first} is faster on {n}",
    "slower": "{second} is faster on {n}",
    "same": "both are equally fast within 2 % on {n}",
    "not decided": "it is not decided on {n}",
    "too few epochs": f"there are too few epochs for a verdict, under {LEAST_EPOCHS}, on {{n}}",
}


def run_ids(rows: pd.DataFrame) -> tuple[str, ...]:
    """The runs of rows of `Study.engines`, each once."""
    return tuple(dict.fromkeys(chain(*rows["first_runs"], *rows["second_runs"])))


def by_experiment(rows: pd.DataFrame, setting: str | None, *, several: bool) -> tuple[Paragraph, ...]:
    """Two or three sentences an experiment of two engines; of `several` pairs they have their names."""
    found: list[Sentence] = []
    for experiment, group in rows.groupby("experiment", sort=False):
        first, second = engine(group["first"].iloc[0]), engine(group["second"].iloc[0])
        noun = "machine" if group["machine"].is_unique else "device"
        told = []
        for verdict, template in VERDICTS.items():
            these = group[group["verdict"] == verdict]
            if len(these):
                what = f"comparisons; {experiment}, {verdict}"
                number = figure(len(these), what, run_ids(these))
                told.append(put(template, first=first, second=second, n=number))
        all_of_them = figure(len(group), f"comparisons; {experiment}", run_ids(group), noun)
        the = f"{first} and {second}" if several else "the frameworks" if setting else "The frameworks"
        found.append(
            put(
                "{setting}{the} meet in {experiment} on {n}: {told}.",
                setting=put("In setting {it}, ", it=setting) if setting else "",
                the=the,
                experiment=str(experiment),
                n=all_of_them,
                told=row(told),
            )
        )
        found += _extremes(group, rows)
    return paragraph(*found)


def _extremes(group: pd.DataFrame, rows: pd.DataFrame) -> list[Sentence]:
    """The largest lead of each engine."""
    found = []
    for verdict in ("faster", "slower"):
        these = group[group["verdict"] == verdict]
        if these.empty:
            continue
        place = these["ratio"].idxmax() if verdict == "faster" else these["ratio"].idxmin()
        top = next(these.loc[[place]].itertuples())
        best = of_engines(top)
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
