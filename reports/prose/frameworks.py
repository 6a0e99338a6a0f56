"""Which framework is faster: on each machine where there are few, in counts and extremes where many."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from reports.compare import Study
from reports.document import Paragraph, Sentence
from reports.intervals import LEAST_EPOCHS
from reports.prose.many import TENSORFLOW, TORCH, by_experiment, where
from reports.prose.parts import (
    FEW,
    Part,
    cut,
    figure,
    framework,
    paragraph,
    put,
    row,
    seconds,
)
from reports.prose.ratios import Lead, of_frameworks
from reports.settings import FRAMEWORK_ORDER
from reports.words import DEVICES

SETTINGS = 2
"""So many settings besides the main one are told."""


def frameworks(study: Study) -> tuple[Paragraph, ...]:
    """Faster, slower or the same, each with its interval, and where nothing can be said."""
    table = study.frameworks
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
            found += by_experiment(rows, heading)
    return found + paragraph(_one_run(table), not_compared(study))


def _by_machine(study: Study, rows: pd.DataFrame, setting: str | None) -> tuple[Paragraph, ...]:
    found: tuple[Paragraph, ...] = ()
    for _, group in rows.groupby(["machine", "device"], sort=False):
        own = list(group.itertuples())
        named = where(own[0], rows)
        place = put("on {it}", it=named)
        if setting:
            place = put("on {it} in setting {letter}", it=named, letter=setting)
        found += paragraph(
            *(_faster(place, own, verdict) for verdict in ("faster", "slower")),
            _level(place, own, "same"),
            _level(place, own, "not decided"),
            _too_few(place, own),
            None if setting else _seconds(study, own),
        )
    return found


def _leads(own: Sequence[Any], verdict: str) -> list[tuple[str, Lead]]:
    return [(each.experiment, of_frameworks(each)) for each in own if each.verdict == verdict]


def _faster(place: Sentence, own: Sequence[Any], verdict: str) -> Sentence | None:
    leads = _leads(own, verdict)
    if not leads:
        return None
    first = leads[0][1]
    told = [
        put(
            "{value} times as fast in {experiment} (95 % interval {interval})"
            if number == 0
            else "{value} times in {experiment} ({interval})",
            value=each.value,
            experiment=experiment,
            interval=each.interval,
        )
        for number, (experiment, each) in enumerate(leads)
    ]
    return put(
        "{winner} trains faster than {loser} {place}: {told}.",
        winner=first.first,
        loser=first.second,
        place=place,
        told=row(told),
    )


LEVEL = {
    "same": "{torch} and {tensorflow} are equally fast within 2 % {place}: {torch}'s speed as a multiple"
    " of {tensorflow}'s is {told}, 95 % interval in brackets.",
    "not decided": "It is not decided {place} which is faster, since the 95 % interval has room for"
    " both: {torch}'s speed as a multiple of {tensorflow}'s is {told}.",
}


def _level(place: Sentence, own: Sequence[Any], verdict: str) -> Sentence | None:
    """PyTorch's speeds as multiples of TensorFlow's, where neither is ahead."""
    leads = _leads(own, verdict)
    told = [
        put(
            "{value} in {experiment} ({interval})",
            value=each.value,
            experiment=experiment,
            interval=each.interval,
        )
        for experiment, each in leads
    ]
    if not told:
        return None
    return put(LEVEL[verdict], torch=TORCH, tensorflow=TENSORFLOW, place=place, told=row(told))


def _too_few(place: Sentence, own: Sequence[Any]) -> Sentence | None:
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
                " ".join(f"{each.torch_runs} {each.tensorflow_runs}" for each in rows).split(),
                "timed epoch",
            ),
        )
        for epochs, rows in found.items()
    ]
    return put(
        "No verdict is given {place} for {told}: it takes at least {least} timed epochs of each"
        " framework.",
        place=place,
        told=row(told),
        least=str(LEAST_EPOCHS),
    )


def _seconds(study: Study, own: Sequence[Any]) -> Sentence:
    """How long an epoch is, for the first experiment that has a verdict, or else the first."""
    each = next((one for one in own if one.verdict != "too few epochs"), own[0])
    numbers = []
    for name in FRAMEWORK_ORDER:
        runs = str(getattr(each, f"{name}_runs")).split()
        found = study.runs[study.runs["run"].isin(runs)]["seconds_per_epoch"]
        place = f"{each.experiment}, {name}, {each.machine}"
        what = f"geometric mean of the runs' median seconds per timed epoch; {place}"
        numbers.append(seconds(float(np.exp(np.log(found).mean())), what, runs))
    return put(
        "An epoch of {experiment} takes {torch} with {first} and {tensorflow} with {second}.",
        experiment=each.experiment,
        torch=numbers[0],
        tensorflow=numbers[1],
        first=TORCH,
        second=TENSORFLOW,
    )


def _one_run(table: pd.DataFrame) -> Sentence | None:
    decided = table[table["verdict"] != "too few epochs"]
    single = decided[decided["runs"] == 1]
    if single.empty:
        return None
    if len(single) == len(decided):
        beginning = "Each interval covers the epochs within one run"
    else:
        beginning = "Where a framework has a single run, the interval covers the epochs within it"
    return put(
        "{beginning} and takes them as independent; how much repeated runs would differ is not in it.",
        beginning=beginning,
    )


def not_compared(study: Study) -> Sentence | None:
    """Machines whose frameworks met on no device, and those that ran one framework alone."""
    split: dict[tuple[str, str], list[str]] = {}
    alone: dict[str, list[str]] = {}
    for machine, group in study.runs.groupby("machine", sort=False):
        devices = {name: {*group.loc[group["framework"] == name, "device"]} for name in FRAMEWORK_ORDER}
        first, second = devices.values()
        if not (first and second):
            alone.setdefault("torch" if first else "tensorflow", []).append(str(machine))
        elif not first & second:
            kinds = tuple(" and ".join(DEVICES[d] for d in sorted(each)) for each in (first, second))
            split.setdefault((kinds[0], kinds[1]), []).append(str(machine))
    told: list[Part] = [
        put(
            "on {machines} {torch} ran on the {a} and {tensorflow} on the {b}",
            machines=cut(names, "machines"),
            torch=TORCH,
            tensorflow=TENSORFLOW,
            a=a,
            b=b,
        )
        for (a, b), names in split.items()
    ]
    told += [
        put(
            "{machines} has valid runs of {name} alone in this setting"
            if len(names) == 1
            else "{machines} have valid runs of {name} alone in this setting",
            machines=cut(names, "machines"),
            name=framework(name),
        )
        for name, names in alone.items()
    ]
    everywhere = study.frameworks[study.frameworks["setting"] == study.main].empty
    template = "The frameworks were not compared{everywhere}: {told}."
    where_not = "" if everywhere else " on every machine"
    return put(template, everywhere=where_not, told=row(told, "; ", "; ")) if told else None
