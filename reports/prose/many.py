"""Two engines on many machines: in how many each is faster, and where its lead is largest."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

import pandas as pd

from reports.document import Paragraph, Sentence
from reports.prose.parts import between, engine, figure, paragraph, put, row
from reports.prose.ratios import Lead, of_engines
from reports.study.ratios import LEAST_EPOCHS
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
    "not decided among many": "it is not decided, among so many comparisons, on {n}",
    "ahead": "{first} is ahead without repeats enough to decide on {n}",
    "behind": "{second} is ahead without repeats enough to decide on {n}",
    "level": "both are level within 2 % without repeats enough to decide on {n}",
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
        found += leads(group)
    return paragraph(*found)


def leads(comparisons: pd.DataFrame) -> list[Sentence]:
    """How large each engine's leads are where it is the faster: the middle one, and from least to most.

    The most of many is a lucky draw, so none is told by itself.
    """
    sentences = []
    for verdict in ("faster", "slower"):
        these = [of_engines(row) for row in comparisons.itertuples() if row.verdict == verdict]
        if these:
            sentences.append(put("{lead}.", lead=spread(these)))
    return sentences


def spread(leads: Sequence[Lead]) -> Sentence:
    """One engine's leads over another: the one, or the middle one and both ends."""
    ordered = sorted((lead.value for lead in leads), key=lambda number: number.value)
    sides = {"first": leads[0].first, "second": leads[0].second}
    if len(leads) == 1:
        return put(
            "{first} is {value} times as fast as {second} ({evidence})",
            **sides,
            value=ordered[0],
            evidence=leads[0].evidence,
        )
    if ordered[0].text == ordered[-1].text:
        return put("{first} is each time {value} times as fast as {second}", **sides, value=ordered[0])
    return put(
        "{first} is {ends} times as fast as {second}, {middle} times in the middle one",
        **sides,
        ends=between(ordered[0], ordered[-1]),
        middle=ordered[(len(ordered) - 1) // 2],
    )
