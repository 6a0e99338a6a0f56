"""Memory and energy: which engine takes more, by how much, and why what is missing is missing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import pandas as pd

from alexnet.frameworks.registry import ENGINES
from reports import words
from reports.document import Number, Paragraph, Sentence
from reports.prose.many import by_pair, run_ids, where
from reports.prose.parts import (
    FEW,
    LISTED,
    Part,
    between,
    cut,
    engine,
    figure,
    gigabytes,
    ids,
    paragraph,
    part_of,
    put,
    row,
    several,
)
from reports.prose.ratios import Lead, in_brackets, of_engines, unrepeated
from reports.study.compare import Study
from reports.study.ratios import LEAST_EPOCHS, Verdict
from reports.study.resources import HOST, card_memory, energy, host_memory
from reports.tables.resources import gpu_alone
from reports.words import significant


@dataclass(frozen=True, kw_only=True)
class Resource:
    """What is taken, as sentences have it: its name, how a value reads, and what takes so much of it."""

    name: str
    form: Callable[[float, str, Sequence[str]], Number]
    example: str


def joules(value: float, what: str, runs: Sequence[str]) -> Number:
    """Energy to three digits."""
    rounded = float(f"{value:.3g}")  # the mean of a thousand may be 999.9999
    text = f"{significant(value / 1000)} kJ" if rounded >= 1000 else f"{significant(value)} J"
    return Number(text=text, value=float(value), what=what, runs=tuple(runs))


MEMORY = Resource(name="memory", form=gigabytes, example="Training {experiment}{place} takes {told}.")
CARD_MEMORY = Resource(
    name="memory of the graphics card",
    form=gigabytes,
    example="Of the card's memory, training {experiment}{place} takes {told}.",
)
ENERGY = Resource(
    name="energy an epoch", form=joules, example="An epoch of {experiment}{place} takes {told}."
)


def resources(study: Study) -> tuple[Paragraph, ...]:
    """The valid runs of the main setting."""
    if study.runs.empty:
        return ()
    tables = (host_memory(study), card_memory(study), energy(study))
    host, card, joules_an_epoch = tables
    return (
        paragraph(*_memory(study.runs, host), *_compared(card, CARD_MEMORY, several(study.runs)))
        + paragraph(*_energy(study.runs, joules_an_epoch))
        + paragraph(unrepeated(pd.concat(tables)))
    )


def _memory(runs: pd.DataFrame, comparisons: pd.DataFrame) -> list[Sentence]:
    measured = runs[runs[HOST].notna()]
    if measured.empty:
        return [put("Memory was not measured.")]
    most = measured.loc[measured[HOST].idxmax()]
    if most[HOST] <= 0:
        return [put("No run took more memory than importing its framework had.")]
    return [
        *_compared(comparisons, MEMORY, several(runs)),
        put(
            "No run took more than {n}.",
            n=gigabytes(most[HOST], "grown host bytes of a run", [most["run"]]),
        ),
        put(
            "A run's memory is the process's peak within the training epochs, less what it had once the"
            " framework was imported."
        ),
    ]


def _energy(runs: pd.DataFrame, comparisons: pd.DataFrame) -> list[Sentence]:
    if runs["joules_per_epoch"].isna().all():
        return [_why_not("Energy was not measured: {told}.", runs)]
    sentences = [
        *_compared(comparisons, ENERGY, several(runs)),
        put(
            "Energy is the chip's or board's own estimate for processor and GPU together, idle draw"
            " included; a run's figure is the median of its timed epochs."
        ),
    ]
    rest = runs[runs["joules_per_epoch"].isna()]
    if len(rest):
        number = part_of(ids(rest), ids(runs), "without energy")
        have = "has" if len(rest) == 1 else "have"
        sentences.append(put("{n} {have} no figure of energy.", n=number, have=have))
    return sentences


def _why_not(template: str, runs: pd.DataFrame) -> Sentence:
    """What the meters say of themselves; a counter that works counts no epoch under 20 s."""
    counted = set(gpu_alone(runs)["energy_reads"].dropna())
    told: list[Part] = [
        put("the processor's was not counted ({reads})", reads=words.reads(reads))
        if reads in counted
        else put("epochs are too short for the counter ({reads})", reads=words.reads(reads))
        if reads.measured
        else words.reads(reads)
        for reads in dict.fromkeys(runs["energy_reads"].dropna())
    ]
    return put(template, told=cut(told or ["the files do not say why"], "reasons", 3, "; and "))


def _compared(comparisons: pd.DataFrame, resource: Resource, machines: bool) -> list[Sentence]:
    """Which engine takes more: pair by pair, or of many pairs together."""
    pairs = by_pair(comparisons)
    if len(pairs) > FEW:
        return _together(comparisons, resource)
    return [
        sentence
        for pair in pairs
        for sentence in (*_pair(pair, resource, machines), _values(pair, resource, machines))
    ]


Kind = Literal[
    "first more",
    "second more",
    "same",
    "not decided",
    "not decided among many",
    "first seen with more",
    "second seen with more",
    "seen alike",
    "too few epochs",
]
"""A verdict in the order of telling; a lead that was only seen has its side, or is none at all."""

VERDICTS: dict[Verdict, Kind] = {
    "faster": "first more",
    "slower": "second more",
    "same": "same",
    "not decided": "not decided",
    "not decided among many": "not decided among many",
    "ahead": "first seen with more",
    "behind": "second seen with more",
    "level": "seen alike",
    "too few epochs": "too few epochs",
}
TEMPLATES: dict[Kind, str] = {
    "first more": "{first} takes more {name} than {second}{share}: {told}.",
    "second more": "{first} takes more {name} than {second}{share}: {told}.",
    "same": "{first} and {second} take the same {name} within 2 %{share}.",
    "not decided": "Whether {first} or {second} takes more {name} by 2 % or more is not decided{share}:"
    " {first} takes {told}.",
    "not decided among many": "Whether {first} or {second} takes more {name} is not decided{share},"
    " since among so many comparisons some such lead is no wonder: {first} takes {told}.",
    "first seen with more": "{first} took more {name} than {second}{share}, which decides nothing:"
    " {told}.",
    "second seen with more": "{first} took more {name} than {second}{share}, which decides nothing:"
    " {told}.",
    "seen alike": "{first} and {second} took the same {name} within 2 %{share}, without repeats enough"
    " to decide.",
    "too few epochs": "No verdict is given on {first}'s and {second}'s {name}{share}: it takes at least"
    " {least} timed epochs of each.",
}


def _kinds(comparisons: pd.DataFrame) -> dict[Kind, pd.DataFrame]:
    """The rows of each kind that there is, in the order of telling."""
    kinds = [_kind(comparison) for comparison in comparisons.itertuples()]
    groups = {kind: comparisons[[other == kind for other in kinds]] for kind in TEMPLATES}
    return {kind: rows for kind, rows in groups.items() if len(rows)}


def _kind(comparison: Any) -> Kind:
    return VERDICTS[comparison.verdict]


def _pair(pair: pd.DataFrame, resource: Resource, machines: bool) -> list[Sentence]:
    """A sentence a kind of verdict on two engines."""
    sentences = []
    for kind, rows in _kinds(pair).items():
        lead = of_engines(next(rows.itertuples()), resource.name)
        sentences.append(
            put(
                TEMPLATES[kind],
                first=lead.first,
                second=lead.second,
                name=resource.name,
                share=_share(rows, pair, resource),
                told=_leads(rows, resource, machines),
                least=str(LEAST_EPOCHS),
            )
        )
    return sentences


def _share(rows: pd.DataFrame, pair: pd.DataFrame, resource: Resource) -> Part:
    """In how many of the comparisons of two engines; nothing where there is one."""
    if len(pair) == 1:
        return ""
    number = figure(len(pair), f"comparisons; {resource.name}", run_ids(pair), "comparison")
    if len(rows) < len(pair):
        part = figure(len(rows), f"comparisons; {resource.name}", run_ids(rows))
        return put(" in {part} of {number}", part=part, number=number)
    if len(pair) == 2:
        return put(" in {number}", number=replace(number, text="both comparisons"))
    return put(" in all {number}", number=number)


def _leads(rows: pd.DataFrame, resource: Resource, machines: bool) -> Sentence:
    """How many times as much: in each experiment and place, or of many from least to most."""
    leads = [of_engines(comparison, resource.name) for comparison in rows.itertuples()]
    if len(leads) > LISTED:
        return _spread(leads)
    return row(
        [
            put(
                "{value} times{as_much} in {place}{evidence}",
                value=lead.value,
                as_much="" if number else " as much",
                place=_place(comparison, rows, machines),
                evidence=evidence,
            )
            for number, (comparison, lead, evidence) in enumerate(
                zip(rows.itertuples(), leads, in_brackets(leads), strict=True)
            )
        ]
    )


def _spread(leads: Sequence[Lead], than: str = "") -> Sentence:
    """From the least to the most of several, and the middle one."""
    values = sorted((lead.value for lead in leads), key=lambda number: number.value)
    if values[0].text == values[-1].text:
        return put("{value} times as much{than}", value=values[0], than=than)
    return put(
        "{ends} times as much{than}, {middle} times in the middle one",
        ends=between(values[0], values[-1]),
        than=than,
        middle=values[(len(values) - 1) // 2],
    )


def _place(comparison: Any, rows: pd.DataFrame, machines: bool) -> Sentence:
    """The experiment, and the machine or the device where there are several."""
    if not machines and rows["device"].nunique() == 1:
        return put("{it}", it=comparison.experiment)
    return put("{it} on {machine}", it=comparison.experiment, machine=where(comparison, rows))


def _values(pair: pd.DataFrame, resource: Resource, machines: bool) -> Sentence:
    """What two engines take in the first experiment with epochs enough, or else in the first."""
    enough = pair[pair["verdict"] != "too few epochs"]
    comparison: Any = next((pair if enough.empty else enough).itertuples())
    what = f"geometric mean of the runs' {resource.name}"
    cell = f"{comparison.experiment}, {comparison.machine}, {comparison.device}"
    first, second = engine(comparison.first), engine(comparison.second)
    return put(
        resource.example,
        experiment=comparison.experiment,
        place=put(" on {it}", it=where(comparison, pair)) if machines else "",
        told=put(
            "{a} with {first} and {b} with {second}",
            first=first,
            second=second,
            a=resource.form(comparison.first_value, f"{what}; {first}, {cell}", comparison.first_runs),
            b=resource.form(
                comparison.second_value, f"{what}; {second}, {cell}", comparison.second_runs
            ),
        ),
    )


TOGETHER: dict[Kind, str] = {
    "same": "both take the same within 2 % in {n}",
    "not decided": "it is not decided in {n}",
    "not decided among many": "it is not decided, among so many, in {n}",
    "first seen with more": "one took more without repeats enough to decide in {n}",
    "second seen with more": "one took more without repeats enough to decide in {n}",
    "seen alike": "both took the same within 2 %, without repeats enough to decide, in {n}",
    "too few epochs": "there are too few epochs for a verdict in {n}",
}
"""Of many pairs; without those in which one engine takes more, and is named."""


def _together(comparisons: pd.DataFrame, resource: Resource) -> list[Sentence]:
    """How often each of many engines takes more than another, and how much more."""
    leads = [of_engines(comparison, resource.name) for comparison in comparisons.itertuples()]
    kinds = [_kind(comparison) for comparison in comparisons.itertuples()]
    winners = [
        lead.first if kind in ("first more", "second more") else ""
        for lead, kind in zip(leads, kinds, strict=True)
    ]
    pieces: list[Part] = []
    spreads = []
    for label in (info.label for info in ENGINES.values()):
        of_label = [place for place, winner in enumerate(winners) if winner == label]
        if of_label:
            what = f"comparisons; {resource.name}, more with {label}"
            number = figure(len(of_label), what, run_ids(comparisons.iloc[of_label]))
            pieces.append(put("{name} takes more in {n}", name=label, n=number))
            spreads.append(
                put(
                    "{name} takes {told}.",
                    name=label,
                    told=_spread([leads[place] for place in of_label], than=" as another"),
                )
            )
    for template in dict.fromkeys(TOGETHER.values()):
        rows = comparisons[[TOGETHER.get(kind) == template for kind in kinds]]
        if len(rows):
            what = f"comparisons; {resource.name}, more with neither"
            pieces.append(put(template, n=figure(len(rows), what, run_ids(rows))))
    whole = figure(len(comparisons), f"comparisons; {resource.name}", run_ids(comparisons), "comparison")
    counted = put(
        "Of {n} of two frameworks' {name}, each of one experiment on one device, {told}.",
        n=whole,
        name=resource.name,
        told=row(pieces),
    )
    return [counted, *spreads]
