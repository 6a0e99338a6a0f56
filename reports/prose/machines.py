"""Which machine is faster, over the cells that two have in common, and which cannot be compared."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

import pandas as pd

from reports.compare import Study, virtual_macs
from reports.document import Paragraph, Sentence
from reports.intervals import LEAST_EPOCHS
from reports.prose.parts import FEW, Part, cut, engine, extremes, figure, paragraph, put, row
from reports.prose.ratios import Lead, lead, of_machines

SETTINGS = 2
"""So many settings besides the main one are told."""


def machines(study: Study) -> tuple[Paragraph, ...]:
    """Nothing with a single machine: one is no comparison."""
    if len(study.frames.machines) < 2:
        return ()
    means, cells = comparable(study)
    others = [letter for letter in dict.fromkeys(means["setting"]) if letter != study.main]
    found: tuple[Paragraph, ...] = ()
    for setting in (study.main, *others[:SETTINGS]):
        rows = means[means["setting"] == setting]
        own = cells[cells["setting"] == setting]
        if rows.empty:
            continue
        heading = None if setting == study.main else setting
        if len(rows) <= FEW:
            by_machine = dict(iter(own.groupby("machine", sort=False)))
            for each in rows.itertuples():
                found += paragraph(*_one(each, by_machine[each.machine], heading))
        else:
            found += paragraph(*_many(rows, own, heading))
    return found + paragraph(_one_run(means), *_left_out(study))


def comparable(study: Study) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Means and cells without the virtual Macs."""
    virtual = virtual_macs(study.frames)
    if study.baseline in virtual:
        return study.means.iloc[:0], study.machines.iloc[:0]
    return (
        study.means[~study.means["machine"].isin(virtual)],
        study.machines[~study.machines["machine"].isin(virtual)],
    )


def run_ids(cells: pd.DataFrame) -> tuple[str, ...]:
    """The runs of rows of `Study.machines`."""
    return tuple(dict.fromkeys(chain(*cells["machine_runs"], *cells["baseline_runs"])))


def mean_lead(mean: Any, cells: pd.DataFrame) -> Lead:
    """The lead of a row of `Study.means`, made of these cells."""
    return lead(mean, (mean.machine, mean.baseline), "geometric mean over cells", run_ids(cells))


def _one(mean: Any, cells: pd.DataFrame, setting: str | None) -> list[Sentence]:
    best = mean_lead(mean, cells)
    number = figure(mean.cells, "cells; geometric mean", run_ids(cells), "cell")
    beginning = put("In setting {it}, over", it=setting) if setting else "Over"
    parts: dict[str, Part] = {
        "over": beginning,
        "cells": number,
        "first": best.first,
        "second": best.second,
        "value": best.value,
    }
    if mean.verdict == "too few epochs":
        template = (
            "{over} the {cells} that both ran, {first}'s speed is {value} times {second}'s in the"
            " geometric mean, and there is no verdict: a cell has fewer than {least} timed epochs."
        )
        return [put(template, **parts, least=str(LEAST_EPOCHS)), *_spread(mean, cells)]
    endings = {
        "same": ": they are equally fast within 2 %",
        "not decided": ": which is faster is not decided",
    }
    if mean.verdict in endings:
        template = (
            "{over} the {cells} that both ran, {first}'s speed is {value} times {second}'s in the"
            " geometric mean (95 % interval {interval}){ending}."
        )
    else:
        template = (
            "{over} the {cells} that both ran, {first} is {value} times as fast as {second}"
            " (geometric mean, 95 % interval {interval}){ending}."
        )
    ending = endings.get(mean.verdict, "")
    return [put(template, **parts, interval=best.interval, ending=ending), *_spread(mean, cells)]


def _spread(mean: Any, cells: pd.DataFrame) -> list[Sentence]:
    """The cells in which the two are furthest apart and nearest."""
    found = extremes(cells, "ratio")
    if len(cells) < 2 or found is None:
        return []
    ends = [of_row(each, mean.verdict == "slower") for each in found]
    least, most = sorted(ends, key=lambda each: each[0].value.value)
    if least[0].value.text == most[0].value.text:
        return [put("In each single cell it is {value} times as fast.", value=least[0].value)]
    template = "The ratio is largest in {top} ({most}) and smallest in {bottom} ({least})."
    return [put(template, top=most[1], most=most[0].value, bottom=least[1], least=least[0].value)]


def of_row(cell: Any, inverted: bool) -> tuple[Lead, str]:
    """A cell's ratio in the direction of its mean, and the cell in words."""
    ratio = cell.copy()
    ratio["verdict"] = "slower" if inverted else "not decided"
    return of_machines(ratio), f"{cell['experiment']} with {engine(cell['engine'])}"


VERDICTS = {
    "faster": "{n} trained faster than it",
    "slower": "{n} slower",
    "same": "{n} equally fast within 2 %",
    "not decided": "for {n} it is not decided",
    "too few epochs": "{n} had too few epochs for a verdict",
}


def _many(rows: pd.DataFrame, cells: pd.DataFrame, setting: str | None) -> list[Sentence]:
    by_machine = dict(iter(cells.groupby("machine", sort=False)))
    told = []
    for verdict, template in VERDICTS.items():
        these = rows[rows["verdict"] == verdict]
        if len(these):
            own = cells[cells["machine"].isin(these["machine"])]
            told.append(put(template, n=figure(len(these), f"means; {verdict}", run_ids(own))))
    template = "Of {n} that have cells in common with {baseline}, {told}."
    if setting:
        template = "In setting {setting}, of {n} that have cells in common with {baseline}, {told}."
    number = figure(len(rows), "means; all", run_ids(cells), "machine")
    found = [
        put(template, setting=setting or "", n=number, baseline=rows["baseline"].iloc[0], told=row(told))
    ]
    decided = rows[rows["verdict"] != "too few epochs"]
    if ends := extremes(decided, "ratio"):
        slowest, fastest = ends
        leads = [
            put(
                "{first} is {value} times as fast as {second} (95 % interval {interval})",
                first=best.first,
                value=best.value,
                second=best.second,
                interval=best.interval,
            )
            for best in (mean_lead(each, by_machine[each["machine"]]) for each in (fastest, slowest))
        ]
        found.append(
            put(
                "At the two ends, by the geometric mean over the cells in common, {told}.",
                told=row(leads),
            )
        )
    return found


def _one_run(means: pd.DataFrame) -> Sentence | None:
    if not any((means["verdict"] != "too few epochs") & (means["runs"] == 1)):
        return None
    return put(
        "Some of these cells have a single run on a machine: how much repeated runs of them would differ"
        " is not in the interval."
    )


def _left_out(study: Study) -> list[Sentence]:
    """Machines that no comparison names, and why."""
    if study.baseline is None:
        return []
    valid = study.frames.valid
    virtual = virtual_macs(study.frames)
    compared = {study.baseline, *study.machines["machine"], *virtual}
    settings = set(valid.loc[valid["machine"] == study.baseline, "setting"])
    same: list[str] = []
    other: list[str] = []
    for machine, group in valid.groupby("machine", sort=False):
        if machine not in compared:
            (same if settings & {*group["setting"]} else other).append(str(machine))
    found = []
    if study.baseline not in virtual:
        found += [
            put(
                "{machines} {have} no cell in common with {baseline}: {why}.",
                baseline=study.baseline,
                have="has" if len(names) == 1 else "have",
                machines=cut(names, "machines"),
                why=why,
            )
            for names, why in (
                (other, "all runs there are of other settings"),
                (same, "other experiments or frameworks ran there, or a CPU in place of a GPU"),
            )
            if names
        ]
    return [*found, *_virtual([name for name in study.frames.machines["machine"] if name in virtual])]


def _virtual(names: Sequence[str]) -> list[Sentence]:
    if not names:
        return []
    template = (
        "{machines} is a virtual Mac, whose speed is comparable with no other computer's."
        if len(names) == 1
        else "{machines} are virtual Macs, whose speed is comparable with no other computer's."
    )
    return [put(template, machines=cut(list(names), "machines"))]
