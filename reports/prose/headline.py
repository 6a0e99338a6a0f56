"""The engines' comparisons in a few sentences, whatever the number of machines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from alexnet.frameworks.registry import ENGINES
from reports.compare import Study
from reports.document import Number, Sentence
from reports.intervals import LEAST_EPOCHS
from reports.prose.frameworks import not_compared
from reports.prose.many import by_pair, run_ids, where
from reports.prose.parts import FEW, Part, between, engine, figure, put, row
from reports.prose.ratios import Lead, of_engines


def speeds(study: Study) -> list[Sentence]:
    """Of the main setting: which engine is faster, by how much, and where there is no verdict."""
    table = study.engines[study.engines["setting"] == study.main]
    decided = table[table["verdict"] != "too few epochs"]
    rest = table[table["verdict"] == "too few epochs"]
    if table.empty:
        why = not_compared(study)
        return [why if why else put("The frameworks were not compared.")]
    found = []
    pairs = by_pair(decided)
    if len(pairs) > FEW:
        found += _together(decided, table)
    else:
        for own in pairs:
            several = len(by_pair(table)) > 1
            if len(own) == 1:
                found.append(_single(next(own.itertuples()), table, several=several))
            else:
                found += _verdicts(own, table, several=several)
    if len(rest):
        number = figure(
            len(rest),
            "comparisons; too few epochs",
            run_ids(rest),
            f"{'further ' * bool(len(decided))}comparison of the frameworks",
            f"{'further ' * bool(len(decided))}comparisons of the frameworks",
        )
        template = (
            "{n} {have} too few epochs for a verdict, which takes at least {least} timed ones of each."
        )
        have = "has" if len(rest) == 1 else "have"
        found.append(put(template, n=number, have=have, least=str(LEAST_EPOCHS)))
    return found


def _single(ratio: Any, rows: pd.DataFrame, *, several: bool) -> Sentence:
    """The one comparison of two engines; of `several` pairs they have their names."""
    best = of_engines(ratio)
    templates = {
        "same": "In the experiment {experiment} on {machine} {both} are equally fast within 2 %:"
        " {first}'s speed is {value} times {second}'s (95 % interval {interval}).",
        "not decided": "In the experiment {experiment} on {machine} it is not decided which framework is"
        " faster: {first}'s speed is {value} times {second}'s, and the 95 % interval, {interval}, has"
        " room for both.",
    }
    usual = (
        "In the experiment {experiment} on {machine}, {first} is {value} times as fast as {second},"
        " between {low} and {high} times (95 % interval)."
    )
    low, high = best.interval.numbers
    return put(
        templates.get(ratio.verdict, usual),
        experiment=ratio.experiment,
        machine=where(ratio, rows),
        both=f"{best.first} and {best.second}" if several else "the frameworks",
        first=best.first,
        second=best.second,
        value=best.value,
        interval=best.interval,
        low=low,
        high=high,
    )


WORDS = {
    "same": "both are equally fast within 2 % in {n}",
    "not decided": "it is not decided in {n}",
}


def _by_winner(decided: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Engine -> the comparisons in which it is the faster; those without such by their verdict."""
    faster = decided["first"].where(decided["verdict"] == "faster", decided["second"])
    kinds = decided["verdict"].where(decided["verdict"].isin(list(WORDS)), faster)
    found = {kind: decided[kinds == kind] for kind in (*ENGINES, *WORDS)}
    return {kind: these for kind, these in found.items() if len(these)}


def _counted(groups: Mapping[str, pd.DataFrame], everything: Number, of: str = "") -> Sentence:
    """How often which engine is the faster; `of` names two engines where there are others."""
    told: list[Part] = []
    for kind, these in groups.items():
        winner = "" if kind in WORDS else engine(kind)
        what = f"{winner} is faster" if winner and of else these["verdict"].iloc[0]
        number = figure(len(these), f"comparisons; {what}", run_ids(these))
        told.append(put(WORDS.get(kind, "{name} is faster in {n}"), name=winner, n=number))
    return put(
        "Of {n} of {names}, each of one experiment on one machine, {told}.",
        n=everything,
        names=of or "the frameworks",
        told=row(told),
    )


def _number_of(decided: pd.DataFrame) -> Number:
    what = "comparisons; with a verdict"
    return figure(len(decided), what, run_ids(decided), "comparison", "comparisons")


def _verdicts(decided: pd.DataFrame, rows: pd.DataFrame, *, several: bool) -> list[Sentence]:
    """How often which of two engines is faster, and by how much; of `several` pairs they have names."""
    groups = _by_winner(decided)
    first, second = engine(decided["first"].iloc[0]), engine(decided["second"].iloc[0])
    everything = _number_of(decided)
    ends = {kind: _range(these, rows) for kind, these in groups.items() if kind not in WORDS}
    if len(groups) == 1:
        kind = next(iter(groups))
        if kind == "same":
            template = "{first} and {second} are equally fast within 2 % in all {n}."
            return [put(template, first=first, second=second, n=everything)]
        if kind == "not decided":
            which = f"Which of {first} and {second}" if several else "Which framework"
            template = "{which} is faster is decided in none of {n}."
            return [put(template, which=which, n=everything)]
        winner, loser = (first, second) if engine(kind) == first else (second, first)
        template = (
            "{winner} trains faster than {loser} in all {n} of one experiment on one machine: {range}."
        )
        return [put(template, winner=winner, loser=loser, n=everything, range=ends[kind])]
    return [
        _counted(groups, everything, f"{first} and {second}" if several else ""),
        *(put("{name} is {range}.", name=engine(kind), range=piece) for kind, piece in ends.items()),
    ]


def _together(decided: pd.DataFrame, rows: pd.DataFrame) -> list[Sentence]:
    """How often each of many engines is faster than another, and its largest lead."""
    groups = _by_winner(decided)
    found = [_counted(groups, _number_of(decided), "two frameworks")]
    for kind, these in groups.items():
        if kind in WORDS:
            continue
        lead, top = max(
            ((of_engines(each), each) for each in these.itertuples()),
            key=lambda pair: pair[0].value.value,
        )
        found.append(
            put(
                "{name}'s largest lead is in {experiment} on {machine}, where it is {value} times as"
                " fast as {loser} (95 % interval {interval}).",
                name=engine(kind),
                experiment=top.experiment,
                machine=where(top, rows),
                value=lead.value,
                loser=lead.second,
                interval=lead.interval,
            )
        )
    return found


def _range(these: pd.DataFrame, rows: pd.DataFrame) -> Sentence:
    """The smallest and the largest lead of one engine over one other."""
    leads = [(of_engines(each), each) for each in these.itertuples()]
    leads.sort(key=lambda pair: pair[0].value.value)
    (low, _), (high, top) = leads[0], leads[-1]
    place = put("{experiment} on {machine}", experiment=top.experiment, machine=where(top, rows))
    if len(leads) == 1:
        return put(
            "{value} times as fast in {place} (95 % interval {interval})",
            value=high.value,
            place=place,
            interval=high.interval,
        )
    if low.value.text == high.value.text:
        outer = _outermost([lead for lead, _ in leads])
        return put(
            "each time {value} times as fast, with 95 % intervals within {ends}",
            value=high.value,
            ends=outer,
        )
    return put(
        "between {low} and {high} times as fast, the most in {place} (95 % interval {interval})",
        low=low.value,
        high=high.value,
        place=place,
        interval=high.interval,
    )


def _outermost(leads: list[Lead]) -> Sentence:
    lows = [lead.low for lead in leads if lead.low]
    highs = [lead.high for lead in leads if lead.high]
    return between(min(lows, key=lambda n: n.value), max(highs, key=lambda n: n.value))
