"""The engines' comparisons in a few sentences, whatever the number of machines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from alexnet.frameworks.registry import ENGINES
from reports.document import Number, Sentence
from reports.prose.frameworks import not_compared
from reports.prose.many import by_pair, leads, run_ids, spread, where
from reports.prose.parts import FEW, Part, cut, engine, figure, put, row
from reports.prose.ratios import Lead, of_engines, unrepeated
from reports.study.compare import Study
from reports.study.ratios import LEAST_EPOCHS, UNREPEATED


def speeds(study: Study) -> list[Sentence]:
    """Of the main setting: which engine is faster, by how much, and where there is no verdict."""
    table = study.engines[study.engines["setting"] == study.main]
    enough = table[table["verdict"] != "too few epochs"]
    rest = table[table["verdict"] == "too few epochs"]
    if table.empty:
        why = not_compared(study)
        return [why if why else put("The frameworks were not compared.")]
    found = []
    pairs = by_pair(enough)
    if len(pairs) > FEW:
        found += _together(enough)
    else:
        for own in pairs:
            several = len(by_pair(table)) > 1
            if len(own) == 1:
                found.append(_single(next(own.itertuples()), table, several=several))
            else:
                found += _verdicts(own, several=several)
    if len(rest):
        number = figure(
            len(rest),
            "comparisons; too few epochs",
            run_ids(rest),
            f"{'further ' * bool(len(enough))}comparison of the frameworks",
            f"{'further ' * bool(len(enough))}comparisons of the frameworks",
        )
        template = (
            "{n} {have} too few epochs for a verdict, which takes at least {least} timed ones of each."
        )
        have = "has" if len(rest) == 1 else "have"
        found.append(put(template, n=number, have=have, least=str(LEAST_EPOCHS)))
    caveat = unrepeated(table)
    return found if caveat is None else [*found, caveat]


def _single(ratio: Any, rows: pd.DataFrame, *, several: bool) -> Sentence:
    """The one comparison of two engines; of `several` pairs they have their names."""
    lead = of_engines(ratio)
    templates = {
        "same": "In the experiment {experiment} on {machine} {both} are equally fast within 2 %:"
        " {first}'s speed is {value} times {second}'s ({evidence}).",
        "not decided": "In the experiment {experiment} on {machine} it is not decided which framework is"
        " faster by 2 % or more: {first}'s speed is {value} times {second}'s ({evidence}).",
        "not decided among many": "In the experiment {experiment} on {machine} it is not decided, among"
        " so many comparisons, which framework is faster: {first}'s speed is {value} times"
        " {second}'s ({evidence}).",
        "ahead": AHEAD,
        "behind": AHEAD,
        "level": "In the experiment {experiment} on {machine} {both} are level within 2 % ({evidence}),"
        " which decides nothing.",
    }
    usual = (
        "In the experiment {experiment} on {machine}, {first} is {value} times as fast as {second}"
        " ({evidence})."
    )
    return put(
        templates.get(ratio.verdict, usual),
        experiment=ratio.experiment,
        machine=where(ratio, rows),
        both=f"{lead.first} and {lead.second}" if several else "the frameworks",
        first=lead.first,
        second=lead.second,
        value=lead.value,
        evidence=lead.evidence,
    )


AHEAD = (
    "In the experiment {experiment} on {machine}, {first} is ahead, {value} times as fast as {second}"
    " ({evidence}), which decides nothing."
)
WORDS = {
    "same": "both are equally fast within 2 % in {n}",
    "not decided": "it is not decided in {n}",
    "not decided among many": "it is not decided, among so many, in {n}",
    "unrepeated": "there are too few repeats to decide in {n}",
}


def _by_winner(table: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Engine -> the comparisons in which it is the faster; those without such by their verdict."""
    verdicts = table["verdict"].replace(list(UNREPEATED), "unrepeated")
    faster = table["first"].where(verdicts == "faster", table["second"])
    kinds = verdicts.where(verdicts.isin(list(WORDS)), faster)
    groups = {kind: table[kinds == kind] for kind in (*ENGINES, *WORDS)}
    return {kind: rows for kind, rows in groups.items() if len(rows)}


def _counted(groups: Mapping[str, pd.DataFrame], everything: Number, of: str = "") -> Sentence:
    """How often which engine is the faster; `of` names two engines where there are others."""
    pieces: list[Part] = []
    for kind, rows in groups.items():
        winner = "" if kind in WORDS else engine(kind)
        what = f"{winner} is faster" if winner and of else rows["verdict"].iloc[0]
        number = figure(len(rows), f"comparisons; {what}", run_ids(rows))
        pieces.append(put(WORDS.get(kind, "{name} is faster in {n}"), name=winner, n=number))
    return put(
        "Of {n} of {names}, each of one experiment on one machine, {told}.",
        n=everything,
        names=of or "the frameworks",
        told=row(pieces),
    )


def _number_of(table: pd.DataFrame) -> Number:
    what = "comparisons; with epochs enough"
    return figure(len(table), what, run_ids(table), "comparison", "comparisons")


def _verdicts(table: pd.DataFrame, *, several: bool) -> list[Sentence]:
    """How often which of two engines is faster, and by how much; of `several` pairs they have names."""
    groups = _by_winner(table)
    first, second = engine(table["first"].iloc[0]), engine(table["second"].iloc[0])
    everything = _number_of(table)
    if len(groups) > 1:
        return [
            _counted(groups, everything, f"{first} and {second}" if several else ""),
            *leads(table),
        ]
    kind = next(iter(groups))
    which = f"Which of {first} and {second}" if several else "Which framework"
    templates = {
        "same": "{first} and {second} are equally fast within 2 % in all {n}.",
        "not decided": "{which} is faster is decided in none of {n}.",
        "not decided among many": "{which} is faster is decided in none of {n}, among so many.",
        "unrepeated": "{which} is faster is decided in none of {n}, for want of repeats in turn.",
    }
    if kind in templates:
        return [put(templates[kind], first=first, second=second, which=which, n=everything)]
    winner, loser = (first, second) if engine(kind) == first else (second, first)
    return [
        put(
            "{winner} trains faster than {loser} in all {n} of one experiment on one machine.",
            winner=winner,
            loser=loser,
            n=everything,
        ),
        *leads(table),
    ]


def _together(table: pd.DataFrame) -> list[Sentence]:
    """How often each of many engines is faster than another, and by how much over each."""
    groups = _by_winner(table)
    sentences = [_counted(groups, _number_of(table), "two frameworks")]
    for kind, rows in groups.items():
        if kind in WORDS:
            continue
        over = [put("{it}", it=spread(own)) for own in _by_loser(rows)]
        sentences.append(put("{told}.", told=cut(over, "leads over single frameworks")))
    return sentences


def _by_loser(rows: pd.DataFrame) -> list[list[Lead]]:
    """One engine's leads, those over each other engine together."""
    by_loser: dict[str, list[Lead]] = {}
    for lead in map(of_engines, rows.itertuples()):
        by_loser.setdefault(lead.second, []).append(lead)
    return list(by_loser.values())
