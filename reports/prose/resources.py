"""Memory and energy: which engine takes more, where most, and why what is missing is missing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import chain, combinations
from typing import Any

import pandas as pd

from alexnet.frameworks.registry import ENGINES
from reports import words
from reports.compare import Study
from reports.document import Number, Paragraph, Sentence
from reports.prose.many import by_pair
from reports.prose.parts import (
    FEW,
    Part,
    cell,
    cut,
    engine,
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
from reports.tables.resources import gpu_alone
from reports.words import significant

Form = Callable[[float, str, Sequence[str]], Number]
PLACE = ["machine", "experiment", "device"]
SIDE = {"": "engine", "_value": "value", "_runs": "runs"}
PAIR = [*PLACE, *(f"{side}{end}" for side in ("first", "second") for end in SIDE)]
ALIKE = 0.02
"""Figures that are no further apart count as alike."""


def resources(study: Study) -> tuple[Paragraph, ...]:
    """The valid runs of the main setting."""
    runs = study.runs
    if runs.empty:
        return ()
    return paragraph(*_memory(runs)) + paragraph(*_energy(runs))


def pairs(runs: pd.DataFrame, column: str, statistic: str) -> pd.DataFrame:
    """One row a place and two engines that have the figure there: first_value, second_value, their runs.

    A place is a machine, experiment and device.
    """
    there = runs.dropna(subset=[column])
    grouped = there.groupby([*PLACE, "engine"], sort=False)
    table = grouped.agg(value=(column, statistic), runs=("run", tuple)).reset_index()
    places: dict[tuple[Any, ...], dict[str, Any]] = {}
    for each in table.to_dict("records"):
        places.setdefault(tuple(each[name] for name in PLACE), {})[each["engine"]] = each
    rows = [
        {name: first[name] for name in PLACE}
        | {f"first{end}": first[name] for end, name in SIDE.items()}
        | {f"second{end}": second[name] for end, name in SIDE.items()}
        for by_engine in places.values()
        for first, second in combinations([by_engine[e] for e in ENGINES if e in by_engine], 2)
    ]
    return pd.DataFrame(rows, columns=PAIR)


def _compared(both: pd.DataFrame, what: str, form: Form, machines: bool) -> list[Sentence]:
    """Which engine takes more, and where two are furthest apart: by pair, or of many pairs together."""
    groups = by_pair(both)
    if len(groups) > FEW:
        found = [
            _counted(both, what, _by_larger(both), "two frameworks"),
            _gap(both, what, form, machines),
        ]
    else:
        several = len(groups) > 1
        found = [
            sentence
            for own in groups
            for sentence in (_verdict(own, what, several=several), _gap(own, what, form, machines))
        ]
    return [sentence for sentence in found if sentence is not None]


def _by_larger(both: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Engine -> the pairs in which it takes more; under "" those in which both take the same."""
    ratio = both["first_value"] / both["second_value"]
    larger = both["first"].where(ratio > 1, both["second"])
    kinds = larger.where((ratio > 1 + ALIKE) | (ratio < 1 / (1 + ALIKE)), "")
    found = {kind: both[kinds == kind] for kind in (*ENGINES, "")}
    return {kind: own for kind, own in found.items() if len(own)}


def _verdict(both: pd.DataFrame, what: str, *, several: bool) -> Sentence:
    """In how many places which of two engines takes more; of `several` pairs they have their names."""
    found = _by_larger(both)
    first, second = engine(both["first"].iloc[0]), engine(both["second"].iloc[0])
    names = f"{first} and {second}"
    if len(found) > 1:
        return _counted(both, what, found, names if several else "")
    larger = next(iter(found))
    where: Part = "in the one case that has both figures"
    if len(both) > 1:
        total = figure(len(both), f"pairs; {what}", _runs(both), "pair")
        where = put("in each of {n} (same machine, experiment and device)", n=total)
    if not larger:
        template = "{names} take the same {what} within 2 % {where}."
        return put(template, names=names if several else "Both frameworks", what=what, where=where)
    name, other = (first, second) if engine(larger) == first else (second, first)
    template = "{name} takes more {what} than {other} {where}."
    return put(template, name=name, what=what, other=other, where=where)


def _counted(both: pd.DataFrame, what: str, found: Mapping[str, pd.DataFrame], names: str) -> Sentence:
    """How often which engine takes more; `names` says whose pairs they are, if that is not clear."""
    total = figure(len(both), f"pairs; {what}", _runs(both), "pair")
    told: list[Part] = []
    for kind, own in found.items():
        name = engine(kind) if kind else ""
        number = figure(len(own), f"pairs; {what}, more with {name or 'neither'}", _runs(own))
        phrase = "{name} takes more {what} in {n}" if name else "both take the same within 2 % in {n}"
        told.append(put(phrase, name=name, what=what, n=number))
    return put(
        "Of {n}{of} (same machine, experiment and device), {told}.",
        n=total,
        of=f" of {names}" if names else "",
        told=row(told),
    )


def _runs(both: pd.DataFrame) -> tuple[str, ...]:
    pairs_of = zip(both["first_runs"], both["second_runs"], strict=True)
    return tuple(dict.fromkeys(chain(*(chain(*pair) for pair in pairs_of))))


def _memory(runs: pd.DataFrame) -> list[Sentence]:
    both = pairs(runs[runs["grown_host_bytes"] > 0], "grown_host_bytes", "max")
    found: list[Sentence] = []
    ends = extremes(runs, "grown_host_bytes")
    if ends is None:
        return [put("Memory was not measured.")]
    found += _compared(both, "memory", gigabytes, several(runs))
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
    ratio = both["first_value"] / both["second_value"]
    multiple = ratio.where(ratio >= 1, 1 / ratio)
    if multiple.max() <= 1 + ALIKE:
        return None
    top: Any = both.loc[multiple.idxmax()]
    numbers = [
        form(
            top[f"{side}_value"],
            f"{what}; {top[side]}, {top['experiment']}, {top['machine']}",
            top[f"{side}_runs"],
        )
        for side in ("first", "second")
    ]
    return put(
        "They are furthest apart in {experiment}{place}: {a} with {first} and {b} with {second}.",
        experiment=top["experiment"],
        place=put(" on {it}", it=top["machine"]) if machines else "",
        first=engine(top["first"]),
        second=engine(top["second"]),
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
    # Of a run whose epochs were all disturbed, nothing is decided.
    calm = measured[measured["disturbed_epochs"] < measured["steady_epochs"]]
    both = pairs(calm, "joules_per_epoch", "median")
    found = _compared(both, "energy an epoch", joules, several(runs))
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
