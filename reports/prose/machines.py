"""Which machine is faster, over the cells that two have in common, and which cannot be compared."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

import pandas as pd

from reports.document import Paragraph, Sentence
from reports.prose.parts import FEW, cut, engine, extremes, figure, paragraph, put, row
from reports.prose.ratios import Lead, is_turned, of_machines, of_mean, unrepeated
from reports.study.compare import Study, virtual_macs
from reports.study.ratios import LEAST_EPOCHS, UNREPEATED

EARNS = "Machines get an interval from three sessions each."
SETTINGS = 2
"""So many settings besides the main one are told."""


def machines(study: Study) -> tuple[Paragraph, ...]:
    """Nothing with a single machine: one is no comparison."""
    if len(study.frames.machines) < 2:
        return ()
    means, cells = study.means, study.machines
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
    return found + paragraph(unrepeated(means, EARNS), *_left_out(study))


def run_ids(rows: pd.DataFrame) -> tuple[str, ...]:
    """The runs of rows of `Study.machines` or `Study.means`."""
    return tuple(dict.fromkeys(chain(*rows["machine_runs"], *rows["baseline_runs"])))


ENDINGS = {
    "same": ": they are equally fast within 2 %",
    "not decided": ": which is faster by 2 % or more is not decided",
    "not decided among many": ": which is faster is not decided among so many machines",
    **dict.fromkeys(UNREPEATED, ", which decides nothing"),
    "too few epochs": ", and there is no verdict: each cell has fewer than {least} timed epochs",
}


def _one(mean: Any, cells: pd.DataFrame, setting: str | None) -> list[Sentence]:
    lead = of_mean(mean)
    runs = (*mean.machine_runs, *mean.baseline_runs)
    ending = put(ENDINGS.get(mean.verdict, ""), least=str(LEAST_EPOCHS))
    left_out = (
        put(
            "; {n} {have} too few epochs and {are} left out",
            n=figure(mean.short_cells, "cells left out of a mean", run_ids(cells), "cell"),
            have="has" if mean.short_cells == 1 else "have",
            are="is" if mean.short_cells == 1 else "are",
        )
        if mean.short_cells
        else ""
    )
    number = figure(mean.cells, "cells; geometric mean", runs, "cell")
    over = put("Over the {n}", n=number) if mean.cells > 1 else "In the one cell"
    sentence = put(
        "{setting}{over} that both ran, {first} is {value} times as fast as {second} ({mean}{evidence})"
        "{ending}{left_out}.",
        setting=put("Setting {it}: ", it=setting) if setting else "",
        over=over,
        mean="geometric mean, " if mean.cells > 1 else "",
        first=lead.first,
        second=lead.second,
        value=lead.value,
        evidence=lead.evidence,
        ending=ending,
        left_out=left_out,
    )
    return [sentence, *_spread(mean, cells)]


def _spread(mean: Any, cells: pd.DataFrame) -> list[Sentence]:
    """The cells in which the two are furthest apart and nearest, of those with epochs enough."""
    enough = cells[cells["verdict"] != "too few epochs"]
    ends = extremes(enough, "ratio")
    if len(enough) < 2 or ends is None:
        return []
    leads = [_of_row(row, inverted=is_turned(mean)) for row in ends]
    least, most = sorted(leads, key=lambda pair: pair[0].value.value)
    if least[0].value.text == most[0].value.text:
        return [put("In each single cell it is {value} times as fast.", value=least[0].value)]
    template = "The ratio is largest in {top} ({most}) and smallest in {bottom} ({least})."
    return [put(template, top=most[1], most=most[0].value, bottom=least[1], least=least[0].value)]


def _of_row(cell: Any, *, inverted: bool) -> tuple[Lead, str]:
    """A cell's ratio in the direction of its mean, and the cell in words."""
    ratio = cell.copy()
    ratio["verdict"] = "slower" if inverted else "not decided"
    return of_machines(ratio), f"{cell['experiment']} with {engine(cell['engine'])}"


VERDICTS = {
    "faster": "{n} {are} faster",
    "slower": "{n} {are} slower",
    "same": "{n} {are} equally fast within 2 %",
    "not decided": "for {n} it is not decided",
    "not decided among many": "for {n} it is not decided among so many",
    "ahead": "{n} {are} ahead without repeats enough to decide",
    "behind": "{n} {are} behind without repeats enough to decide",
    "level": "{n} {are} level within 2 % without repeats enough to decide",
    "too few epochs": "{n} had too few epochs for a verdict",
}


def _many(rows: pd.DataFrame, cells: pd.DataFrame, setting: str | None) -> list[Sentence]:
    pieces = []
    for verdict, template in VERDICTS.items():
        these = rows[rows["verdict"] == verdict]
        if len(these):
            number = figure(len(these), f"means; {verdict}", run_ids(these))
            pieces.append(put(template, n=number, are="is" if len(these) == 1 else "are"))
    template = "Of {n} that {have} cells in common with {baseline}, {told}."
    if setting:
        template = "In setting {setting}, of {n} that {have} cells in common with {baseline}, {told}."
    sentences = [
        put(
            template,
            setting=setting or "",
            n=figure(len(rows), "means; all", run_ids(cells), "machine"),
            have="has" if len(rows) == 1 else "have",
            baseline=rows["baseline"].iloc[0],
            told=row(pieces),
        )
    ]
    enough = rows[rows["verdict"] != "too few epochs"]
    if ends := extremes(enough, "ratio"):
        slowest, fastest = ends
        leads = [
            put(
                "{first} is {value} times as fast as {second} ({evidence}){ending}",
                first=lead.first,
                value=lead.value,
                second=lead.second,
                evidence=lead.evidence,
                ending=ENDINGS.get(mean["verdict"], ""),
            )
            for mean, lead in ((mean, of_mean(mean)) for mean in (fastest, slowest))
        ]
        sentences.append(
            put(
                "At the two ends, by the geometric mean over the cells in common, {told}.",
                told=row(leads),
            )
        )
    return sentences


def _left_out(study: Study) -> list[Sentence]:
    """Machines that no comparison names, and why."""
    if study.baseline is None:
        return []
    valid = study.frames.valid
    virtual = virtual_macs(study.frames)
    compared = {study.baseline, *study.machines["machine"], *study.machines["baseline"], *virtual}
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
