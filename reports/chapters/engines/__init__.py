"""Engines compared: which is faster, by how much and in which experiment, a row for each pair."""

from __future__ import annotations

from itertools import chain, combinations

from alexnet.frameworks.registry import ENGINES
from reports.chapters.engines.bought import bought
from reports.chapters.engines.finding import finding
from reports.chapters.engines.multiples import picture
from reports.chapters.engines.table import means, pairs
from reports.data.settings import engines_of
from reports.study.compare import Study
from reports.write import words
from reports.write.document import Section, Sentence
from reports.write.parts import Part, cut, engine, paragraph, put, row
from reports.write.ratios import unrepeated
from reports.write.words import DEVICES

__all__ = ("chapter", "finding", "not_compared", "unlike_precisions")

REMEDY = (
    "Engines get an interval from three runs each in one session, begun by each in turn, as --repeats 3"
    " does."
)


def chapter(study: Study) -> Section | None:
    """The finding as a picture, what it does not say, and every pair; None with a single engine."""
    if study.engines.empty and len(engines_of(study.runs)) < 2:
        return None
    drawn = picture(study)
    blocks = (
        *(() if drawn is None else (drawn,)),
        *paragraph(
            not_compared(study), unlike_precisions(study), unrepeated(study.main_engines, REMEDY)
        ),
        *bought(study).values(),
        *means(study).values(),
        *pairs(study).values(),
    )
    return Section(key="engines", title="Engines compared", blocks=blocks) if blocks else None


def unlike_precisions(study: Study) -> Sentence | None:
    """Engines that were compared, and did not compute equally exactly although they were to."""
    measured = study.precisions
    machines_of: dict[tuple[str, ...], list[str]] = {}
    for pair in study.engines.itertuples():
        if ENGINES[str(pair.first)].precision != ENGINES[str(pair.second)].precision:
            continue  # which is why they are two engines
        sides = [
            {measured[run] for run in runs if run in measured}
            for runs in (pair.first_runs, pair.second_runs)
        ]
        if all(sides) and sides[0] != sides[1]:
            names = (engine(pair.first), engine(pair.second))
            kinds = (" and ".join(sorted(side)) for side in sides)
            machines_of.setdefault((*names, *kinds), []).append(str(pair.machine))
    if not machines_of:
        return None
    clauses: list[Part] = [
        put(
            "{first} in {a} and {second} in {b} on {machines}",
            first=first,
            second=second,
            a=a,
            b=b,
            machines=cut(list(dict.fromkeys(machines)), "machines"),
        )
        for (first, second, a, b), machines in machines_of.items()
    ]
    return put(
        "These computed in different precisions, which may be part of a lead: {clauses}.",
        clauses=row(clauses, "; ", "; "),
    )


def not_compared(study: Study) -> Sentence | None:
    """Machines on which two engines met on no device, and those that ran one engine alone."""
    split: dict[tuple[str, ...], list[str]] = {}
    alone: dict[str, list[str]] = {}
    valid, pairs_there = study.frames.valid, study.main_engines
    runs = set(chain(study.runs["run"], *pairs_there["first_runs"], *pairs_there["second_runs"]))
    there = valid.loc[valid["run"].isin(runs), ["machine", "engine", "device"]].drop_duplicates()
    devices_of: dict[str, dict[str, set[str]]] = {}
    for machine, name, device in there.itertuples(index=False):
        devices_of.setdefault(machine, {}).setdefault(name, set()).add(device)
    for machine, devices in devices_of.items():
        if len(devices) == 1:
            alone.setdefault(next(iter(devices)), []).append(machine)
        by_devices: dict[frozenset[str], list[str]] = {}
        for name in filter(devices.__contains__, ENGINES):
            by_devices.setdefault(frozenset(devices[name]), []).append(name)
        for pair in combinations(by_devices, 2):
            if pair[0].isdisjoint(pair[1]):
                sides = (words.listed([engine(name) for name in by_devices[there]]) for there in pair)
                kinds = (" and ".join(DEVICES[d] for d in sorted(there)) for there in pair)
                split.setdefault((*sides, *kinds), []).append(machine)
    clauses: list[Part] = [
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
    clauses += [
        put(
            "{machines} {have} valid runs of {name} alone in this setting",
            machines=cut(names, "machines"),
            have="has" if len(names) == 1 else "have",
            name=engine(name),
        )
        for name, names in alone.items()
    ]
    if not clauses:
        return None
    template = "The engines were not compared on every machine: {clauses}."
    if study.main_engines.empty:
        template = "The engines were not compared: {clauses}."
    elif len(engines_of(study.runs)) > 2:
        template = "Not every engine was compared with every other: {clauses}."
    return put(template, clauses=row(clauses, "; ", "; "))
