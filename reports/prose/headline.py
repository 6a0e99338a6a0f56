"""The frameworks' comparisons in one to three sentences, whatever the number of machines."""

from __future__ import annotations

from typing import Any

import pandas as pd

from reports.compare import Study
from reports.document import Sentence
from reports.intervals import LEAST_EPOCHS
from reports.prose.frameworks import not_compared
from reports.prose.many import TENSORFLOW, TORCH, run_ids, where
from reports.prose.parts import Part, between, figure, put, row
from reports.prose.ratios import Lead, of_frameworks


def speeds(study: Study) -> list[Sentence]:
    """Of the main setting: which framework is faster, by how much, and where there is no verdict."""
    table = study.frameworks[study.frameworks["setting"] == study.main]
    decided = table[table["verdict"] != "too few epochs"]
    rest = table[table["verdict"] == "too few epochs"]
    if table.empty:
        why = not_compared(study)
        return [why if why else put("The frameworks were not compared.")]
    found = []
    if len(decided) == 1:
        found.append(_single(next(decided.itertuples()), table))
    elif len(decided):
        found += _verdicts(decided, table)
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


def _single(ratio: Any, rows: pd.DataFrame) -> Sentence:
    best = of_frameworks(ratio)
    templates = {
        "same": "In the experiment {experiment} on {machine} the frameworks are equally fast within 2 %:"
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
        first=best.first,
        second=best.second,
        value=best.value,
        interval=best.interval,
        low=low,
        high=high,
    )


WORDS = {
    "faster": f"{TORCH} is faster in {{n}}",
    "slower": f"{TENSORFLOW} is faster in {{n}}",
    "same": "both are equally fast within 2 % in {n}",
    "not decided": "it is not decided in {n}",
}
ALL_ALIKE = {
    "same": "{torch} and {tensorflow} are equally fast within 2 % in all {n}.",
    "not decided": "Which framework is faster is decided in none of {n}.",
}


def _verdicts(decided: pd.DataFrame, rows: pd.DataFrame) -> list[Sentence]:
    """How often which framework is faster, and by how much."""
    groups = {verdict: decided[decided["verdict"] == verdict] for verdict in WORDS}
    groups = {verdict: these for verdict, these in groups.items() if len(these)}
    everything = figure(
        len(decided), "comparisons; with a verdict", run_ids(decided), "comparison", "comparisons"
    )
    ends = {v: _range(these, rows) for v, these in groups.items() if v in ("faster", "slower")}
    if len(groups) == 1:
        verdict = next(iter(groups))
        if verdict in ALL_ALIKE:
            return [put(ALL_ALIKE[verdict], torch=TORCH, tensorflow=TENSORFLOW, n=everything)]
        first, second = (TORCH, TENSORFLOW) if verdict == "faster" else (TENSORFLOW, TORCH)
        template = (
            "{first} trains faster than {second} in all {n} of one experiment on one machine: {range}."
        )
        return [put(template, first=first, second=second, n=everything, range=ends[verdict])]
    told: list[Part] = [
        put(WORDS[verdict], n=figure(len(these), f"comparisons; {verdict}", run_ids(these)))
        for verdict, these in groups.items()
    ]
    counted = put(
        "Of {n} of the frameworks, each of one experiment on one machine, {told}.",
        n=everything,
        told=row(told),
    )
    return [
        counted,
        *(
            put("{name} is {range}.", name=TORCH if verdict == "faster" else TENSORFLOW, range=piece)
            for verdict, piece in ends.items()
        ),
    ]


def _range(these: pd.DataFrame, rows: pd.DataFrame) -> Sentence:
    """The smallest and the largest lead of one framework."""
    leads = [(of_frameworks(each), each) for each in these.itertuples()]
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
