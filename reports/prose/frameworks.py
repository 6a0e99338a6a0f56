"""Which framework is faster: on each machine where there are few, in counts and extremes where many."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, combinations
from typing import Any

import pandas as pd

from alexnet.frameworks.registry import ENGINES
from reports.document import Paragraph, Sentence
from reports.prose.many import by_experiment, by_pair, where
from reports.prose.parts import (
    FEW,
    Part,
    cut,
    engine,
    figure,
    paragraph,
    put,
    row,
    seconds,
)
from reports.prose.ratios import Lead, in_brackets, of_engines, unrepeated
from reports.settings import engines_of
from reports.study import typical
from reports.study.compare import Study
from reports.study.ratios import LEAST_EPOCHS
from reports.words import DEVICES

EARNS = "Frameworks get an interval from three runs each in turn in one session (--repeats 3)."
SETTINGS = 2
"""So many settings besides the main one are told."""


def frameworks(study: Study) -> tuple[Paragraph, ...]:
    """Faster, slower or the same, each with its interval, and where nothing can be said."""
    table = study.engines
    others = [letter for letter in dict.fromkeys(table["setting"]) if letter != study.main]
    found: tuple[Paragraph, ...] = ()
    for setting in (study.main, *others[:SETTINGS]):
        rows = table[table["setting"] == setting]
        if rows.empty:
            continue
        heading = None if setting == study.main else setting
        if rows["machine"].nunique() <= FEW:
            found += _by_machine(study, rows, heading)
        else:
            pairs = by_pair(rows)
            for pair in pairs:
                found += by_experiment(pair, heading, several=len(pairs) > 1)
    return found + paragraph(unlike_precisions(study), unrepeated(table, EARNS), not_compared(study))


def _by_machine(study: Study, rows: pd.DataFrame, setting: str | None) -> tuple[Paragraph, ...]:
    found: tuple[Paragraph, ...] = ()
    for _, group in rows.groupby(["machine", "device"], sort=False):
        named = where(next(group.itertuples()), rows)
        place = put("on {it}", it=named)
        if setting:
            place = put("on {it} in setting {letter}", it=named, letter=setting)
        pairs = by_pair(group)
        told: list[Sentence | None] = []
        for pair in pairs:
            own = list(pair.itertuples())
            told += [_faster(place, own, verdict) for verdict in ("faster", "slower")]
            told += [_ahead(place, own, verdict) for verdict in ("ahead", "behind")]
            told += [_level(place, own, verdict, several=len(pairs) > 1) for verdict in LEVEL]
            told.append(_too_few(place, own, several=len(pairs) > 1))
        found += paragraph(*told, None if setting else _seconds(study, group))
    return found


def unlike_precisions(study: Study) -> Sentence | None:
    """Engines that were compared although their devices do not compute equally exactly."""
    words = study.precisions
    told: dict[tuple[str, ...], list[str]] = {}
    for each in study.engines.itertuples():
        sides = [
            {words[run] for run in runs if run in words} for runs in (each.first_runs, each.second_runs)
        ]
        if all(sides) and sides[0] != sides[1]:
            names = (engine(each.first), engine(each.second))
            kinds = (" and ".join(sorted(side)) for side in sides)
            told.setdefault((*names, *kinds), []).append(str(each.machine))
    if not told:
        return None
    parts: list[Part] = [
        put(
            "{first} in {a} and {second} in {b} on {machines}",
            first=first,
            second=second,
            a=a,
            b=b,
            machines=cut(list(dict.fromkeys(machines)), "machines"),
        )
        for (first, second, a, b), machines in told.items()
    ]
    return put(
        "These computed in different precisions, which may be part of a lead: {told}.",
        told=row(parts, "; ", "; "),
    )


def _leads(own: Sequence[Any], verdict: str) -> list[tuple[str, Lead]]:
    return [(each.experiment, of_engines(each)) for each in own if each.verdict == verdict]


def _told(leads: Sequence[tuple[str, Lead]], first: str) -> Sentence:
    """Each lead in its experiment; only the first says what the figures are multiples of."""
    brackets = in_brackets([lead for _, lead in leads])
    return row(
        [
            put(
                "{value} times{first} in {experiment}{evidence}",
                value=lead.value,
                first="" if place else first,
                experiment=experiment,
                evidence=evidence,
            )
            for place, ((experiment, lead), evidence) in enumerate(zip(leads, brackets, strict=True))
        ]
    )


def _faster(place: Sentence, own: Sequence[Any], verdict: str) -> Sentence | None:
    leads = _leads(own, verdict)
    if not leads:
        return None
    return put(
        "{winner} trains faster than {loser} {place}: {told}.",
        winner=leads[0][1].first,
        loser=leads[0][1].second,
        place=place,
        told=_told(leads, " as fast"),
    )


def _ahead(place: Sentence, own: Sequence[Any], verdict: str) -> Sentence | None:
    """The leads of one side that were not repeated enough to decide."""
    leads = _leads(own, verdict)
    if not leads:
        return None
    return put(
        "{winner} is ahead of {loser} {place}, which decides nothing: {told}.",
        winner=leads[0][1].first,
        loser=leads[0][1].second,
        place=place,
        told=_told(leads, " as fast"),
    )


LEVEL = {
    "level": "{first} and {second} are level within 2 % {place}, which decides nothing: {first}'s speed"
    " is {told}.",
    "same": "{first} and {second} are equally fast within 2 % {place}: {first}'s speed is {told}.",
    "not decided": "It is not decided {place} which{of} is faster by 2 % or more: {first}'s speed is"
    " {told}.",
    "not decided among many": "It is not decided {place} which{of} is faster, since among so many"
    " comparisons some such lead is no wonder: {first}'s speed is {told}.",
}


def _level(place: Sentence, own: Sequence[Any], verdict: str, *, several: bool) -> Sentence | None:
    """The first engine's speeds as multiples of the second's, where neither is ahead."""
    leads = _leads(own, verdict)
    if not leads:
        return None
    first, second = leads[0][1].first, leads[0][1].second
    return put(
        LEVEL[verdict],
        first=first,
        second=second,
        place=place,
        told=_told(leads, f" {second}'s"),
        of=f" of {first} and {second}" if several else "",
    )


def _too_few(place: Sentence, own: Sequence[Any], *, several: bool) -> Sentence | None:
    found: dict[int, list[Any]] = {}
    for each in own:
        if each.verdict == "too few epochs":
            found.setdefault(each.epochs, []).append(each)
    if not found:
        return None
    told: list[Part] = [
        put(
            "{experiments} ({epochs} each)" if len(rows) > 1 else "{experiments} ({epochs})",
            experiments=row([each.experiment for each in rows]),
            epochs=figure(
                epochs,
                "fewest timed epochs on either side",
                tuple(chain(*((*each.first_runs, *each.second_runs) for each in rows))),
                "timed epoch",
            ),
        )
        for epochs, rows in found.items()
    ]
    pair = put(" on {first} and {second}", first=engine(own[0].first), second=engine(own[0].second))
    return put(
        "No verdict is given {place}{pair} for {told}: it takes at least {least} timed epochs of each"
        " framework.",
        place=place,
        pair=pair if several else "",
        told=row(told),
        least=str(LEAST_EPOCHS),
    )


def _seconds(study: Study, group: pd.DataFrame) -> Sentence:
    """How long an epoch is, for the first experiment with epochs enough, or else the first."""
    enough = group[group["verdict"] != "too few epochs"]
    each = next((group if enough.empty else enough).itertuples())
    pairs = group[group["experiment"] == each.experiment].drop_duplicates(["first", "second"])
    runs_of = dict(zip(pairs["first"], pairs["first_runs"], strict=True))
    runs_of |= dict(zip(pairs["second"], pairs["second_runs"], strict=True))
    told = []
    for name in (name for name in ENGINES if name in runs_of):
        runs = runs_of[name]
        valid = study.frames.valid
        of_engine = valid[valid["run"].isin(runs)]
        place = f"{each.experiment}, {name}, {each.machine}"
        what = f"geometric mean of the runs' median seconds per timed epoch; {place}"
        number = seconds(typical.seconds_per_epoch(of_engine), what, runs)
        told.append(put("{number} with {name}", number=number, name=engine(name)))
    return put("An epoch of {experiment} takes {told}.", experiment=each.experiment, told=row(told))


def not_compared(study: Study) -> Sentence | None:
    """Machines on which two engines met on no device, and those that ran one engine alone."""
    split: dict[tuple[str, ...], list[str]] = {}
    alone: dict[str, list[str]] = {}
    valid = study.frames.valid
    main = study.engines[study.engines["setting"] == study.main]
    compared = set(chain(study.runs["run"], *main["first_runs"], *main["second_runs"]))
    for machine, group in valid[valid["run"].isin(compared)].groupby("machine", sort=False):
        devices = {name: {*group.loc[group["engine"] == name, "device"]} for name in engines_of(group)}
        if len(devices) == 1:
            alone.setdefault(next(iter(devices)), []).append(str(machine))
        for pair in combinations(devices, 2):
            if devices[pair[0]].isdisjoint(devices[pair[1]]):
                kinds = (" and ".join(DEVICES[d] for d in sorted(devices[name])) for name in pair)
                split.setdefault((*map(engine, pair), *kinds), []).append(str(machine))
    told: list[Part] = [
        put(
            "on {machines} {first} ran on the {a} and {second} on the {b}",
            machines=cut(names, "machines"),
            first=first,
            second=second,
            a=a,
            b=b,
        )
        for (first, second, a, b), names in split.items()
    ]
    told += [
        put(
            "{machines} has valid runs of {name} alone in this setting"
            if len(names) == 1
            else "{machines} have valid runs of {name} alone in this setting",
            machines=cut(names, "machines"),
            name=engine(name),
        )
        for name, names in alone.items()
    ]
    if not told:
        return None
    template = "The frameworks were not compared on every machine: {told}."
    if study.engines[study.engines["setting"] == study.main].empty:
        template = "The frameworks were not compared: {told}."
    elif len(engines_of(study.runs)) > 2:
        template = "Not every framework was compared with every other: {told}."
    return put(template, told=row(told, "; ", "; "))
