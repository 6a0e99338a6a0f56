"""Memory and energy: which framework takes more, where most, and why what is missing is missing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd

from reports.compare import Study
from reports.document import Number, Paragraph, Sentence
from reports.prose.parts import (
    FRAMEWORK_NAMES,
    Part,
    cell,
    cut,
    extremes,
    figure,
    gigabytes,
    ids,
    paragraph,
    part_of,
    put,
    row,
    several,
)
from reports.words import significant

TORCH, TENSORFLOW = FRAMEWORK_NAMES
Form = Callable[[float, str, Sequence[str]], Number]
PLACE = ["machine", "experiment", "device"]
ALIKE = 0.02
"""Figures that are no further apart count as alike."""


def resources(study: Study) -> tuple[Paragraph, ...]:
    """The valid runs of the main setting."""
    runs = study.runs
    if runs.empty:
        return ()
    return paragraph(*_memory(runs)) + paragraph(*_energy(runs))


def pairs(runs: pd.DataFrame, column: str, statistic: str) -> pd.DataFrame:
    """One row a machine, experiment and device with the figure of both frameworks, and its runs."""
    there = runs.dropna(subset=[column])
    grouped = there.groupby([*PLACE, "framework"], sort=False)
    table = grouped.agg(value=(column, statistic), runs=("run", " ".join)).unstack("framework")
    if not {"torch", "tensorflow"} <= set(table.columns.get_level_values(1)):
        return pd.DataFrame(columns=[*PLACE, "torch", "tensorflow", "runs"])
    both = table.dropna()
    return pd.DataFrame(
        {
            **{name: both["value"][name].astype(float) for name in ("torch", "tensorflow")},
            "torch_runs": both["runs"]["torch"],
            "tensorflow_runs": both["runs"]["tensorflow"],
            "runs": both["runs"]["torch"] + " " + both["runs"]["tensorflow"],
        }
    ).reset_index()


def _verdict(pairs_of: pd.DataFrame, what: str) -> Sentence:
    """In how many places which framework takes more."""
    ratio = pairs_of["torch"] / pairs_of["tensorflow"]
    groups = {
        TORCH: pairs_of[ratio > 1 + ALIKE],
        TENSORFLOW: pairs_of[ratio < 1 / (1 + ALIKE)],
        "": pairs_of[(ratio <= 1 + ALIKE) & (ratio >= 1 / (1 + ALIKE))],
    }
    total = figure(len(pairs_of), f"pairs; {what}", _runs(pairs_of), "pair")
    found = {name: group for name, group in groups.items() if len(group)}
    if len(found) == 1:
        name = next(iter(found))
        where: Part = "in the one case that has both figures"
        if len(pairs_of) > 1:
            where = put("in each of {n} (same machine, experiment and device)", n=total)
        template = "{name} takes more {what} than {other} {where}."
        if not name:
            template = "Both frameworks take the same {what} within 2 % {where}."
        other = TORCH if name == TENSORFLOW else TENSORFLOW
        return put(template, name=name, what=what, other=other, where=where)
    told: list[Part] = []
    for name, group in found.items():
        number = figure(len(group), f"pairs; {what}, more with {name or 'neither'}", _runs(group))
        phrase = "{name} takes more {what} in {n}" if name else "both take the same within 2 % in {n}"
        told.append(put(phrase, name=name, what=what, n=number))
    return put("Of {n} (same machine, experiment and device), {told}.", n=total, told=row(told))


def _runs(pairs_of: pd.DataFrame) -> list[str]:
    return " ".join(pairs_of["runs"]).split()


def _memory(runs: pd.DataFrame) -> list[Sentence]:
    both = pairs(runs[runs["grown_host_bytes"] > 0], "grown_host_bytes", "max")
    found: list[Sentence] = []
    ends = extremes(runs, "grown_host_bytes")
    if ends is None:
        return [put("Memory was not measured.")]
    if len(both):
        found.append(_verdict(both, "memory"))
        if gap := _gap(both, "memory", gigabytes, several(runs)):
            found.append(gap)
    most = ends[1]
    found.append(
        put(
            "The most that a run took is {n}, {cell}.",
            n=gigabytes(most["grown_host_bytes"], "grown host bytes of a run", [most["run"]]),
            cell=cell(most, several(runs)),
        )
    )
    found.append(
        put(
            "Memory is the process's peak within the training epochs, less what it had once the"
            " framework was imported."
        )
    )
    return found


def _gap(both: pd.DataFrame, what: str, form: Form, machines: bool) -> Sentence | None:
    """The pair whose figures are furthest apart, as a multiple."""
    ratio = both["torch"] / both["tensorflow"]
    multiple = ratio.where(ratio >= 1, 1 / ratio)
    if multiple.max() <= 1 + ALIKE:
        return None
    top: Any = both.loc[multiple.idxmax()]
    numbers = [
        form(
            top[name],
            f"{what}; {name}, {top['experiment']}, {top['machine']}",
            top[f"{name}_runs"].split(),
        )
        for name in ("torch", "tensorflow")
    ]
    return put(
        "They are furthest apart in {experiment}{place}: {a} with {torch} and {b} with {tensorflow}.",
        experiment=top["experiment"],
        place=put(" on {it}", it=top["machine"]) if machines else "",
        torch=TORCH,
        tensorflow=TENSORFLOW,
        a=numbers[0],
        b=numbers[1],
    )


def joules(value: float, what: str, runs: Sequence[str]) -> Number:
    """Energy to three digits."""
    text = f"{significant(value / 1000)} kJ" if value >= 1000 else f"{significant(value)} J"
    return Number(text=text, value=float(value), what=what, runs=tuple(runs))


def _energy(runs: pd.DataFrame) -> list[Sentence]:
    measured = runs.dropna(subset=["joules_per_epoch"])
    if measured.empty:
        return [_why_not("Energy was not measured: {told}.", runs)]
    both = pairs(runs, "joules_per_epoch", "median")
    found: list[Sentence] = []
    if len(both):
        found.append(_verdict(both, "energy an epoch"))
        if gap := _gap(both, "energy an epoch", joules, several(runs)):
            found.append(gap)
    found.append(
        put(
            "Energy is the chip's or board's own estimate for processor and GPU together, idle draw"
            " included; the figures are medians of the timed epochs and have no interval."
        )
    )
    rest = runs[runs["joules_per_epoch"].isna()]
    if len(rest):
        number = part_of(ids(rest), ids(runs), "without energy")
        have = "has" if len(rest) == 1 else "have"
        found.append(put("{n} {have} no figure of energy.", n=number, have=have))
    return found


def _why_not(template: str, runs: pd.DataFrame) -> Sentence:
    """What the meters say of themselves; a counter that works counts no epoch under 20 s."""
    reasons = dict.fromkeys(str(reads) for reads in runs["energy_reads"].dropna() if reads)
    told: list[Part] = [
        reads.removeprefix("not measured: ")
        if reads.startswith("not measured: ")
        else put("epochs are too short for the counter ({reads})", reads=reads)
        for reads in reasons
    ]
    return put(template, told=cut(told or ["the files do not say why"], "reasons", 3, "; and "))
