"""Which engine is faster, in one sentence made of the verdicts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pandas as pd

from reports.data.settings import engines_of
from reports.study.compare import PLACE, Study, of_float32
from reports.write.document import Sentence
from reports.write.parts import Part, between, engine, figure, put, row
from reports.write.ratios import Lead, of_engine_mean, of_engines, run_ids


def finding(study: Study) -> Sentence | None:
    """Of the main setting, over machines if there are three or more; None where no two engines met.

    Of engines of several precisions it is about those in float32, and None where no two of these met.
    """
    rows = of_float32(study.main_engines, "first", "second")
    means = of_float32(study.main_rows(study.engine_means), "first", "second")
    if rows.empty:
        return None
    every = study.main_engines if means.empty else study.main_rows(study.engine_means)
    others = len(every) > len(rows if means.empty else means)
    if means.empty:
        return put("{finding}{of}", finding=_of_rows(rows), of=" (in float32)" if others else "")
    machines = sorted({*means["cells"]})
    runs = run_ids(means)
    nouns = ["", "machine"] if len(machines) > 1 else ["machine"]
    ends = [
        figure(n, "machines of a mean; least or most", runs, noun)
        for n, noun in zip((machines[0], machines[-1]), nouns, strict=False)
    ]
    return put(
        "{finding} ({of}means over {machines})",
        of="in float32; " if others else "",
        finding=_of_rows(means.assign(machine="", device="")),
        machines=between(ends[0], ends[-1]),
    )


def _of_rows(rows: pd.DataFrame) -> Sentence:
    names = engines_in(rows)
    return _of_two(rows, names) if len(names) == 2 else _of_several(rows, names)


def _lead(pair: Any) -> Lead:
    """Of a comparison on one machine, or of a mean over machines, which names none."""
    return of_engines(pair) if pair.machine else of_engine_mean(pair)


def engines_in(rows: pd.DataFrame) -> list[str]:
    """The engines of comparisons, in the registry's order."""
    return engines_of(pd.DataFrame({"engine": [*rows["first"], *rows["second"]]}))


def winner(pair: Any) -> str | None:
    """The engine that is judged faster, if one is."""
    return {"faster": str(pair.first), "slower": str(pair.second)}.get(pair.verdict)


def _of_two(rows: pd.DataFrame, names: Sequence[str]) -> Sentence:
    winners = pd.Series([winner(pair) for pair in rows.itertuples()], index=rows.index)
    wins = {name: rows[winners == name] for name in names if (winners == name).any()}
    first, second = map(engine, names)
    if not wins:
        if (rows["verdict"] == "same").all():
            return put("{first} and {second} are equally fast", first=first, second=second)
        return put("Neither {first} nor {second} is known to be faster", first=first, second=second)
    best = max(wins, key=lambda name: len(wins[name]))
    won = wins.pop(best)
    sides = {"best": engine(best), "other": second if best == names[0] else first}
    where = _where(won, rows, "comparison", f"{engine(best)} is faster")
    if len(won) == len(rows):
        leads = [_lead(pair) for pair in won.itertuples()]
        template = "{best} trains {times} times as fast as {other} {where}"
        return put(template, **sides, times=_span(leads), where=where)
    if wins:
        [(_, lost)] = wins.items()
        count = figure(len(lost), f"places; {sides['other']} is faster", run_ids(lost))
        template = "{best} trains faster than {other} {where}, and {other} than {best} in {count}"
        return put(template, **sides, where=where, count=count)
    rest = rows[winners.isna()]
    ending = "they are equally fast in the rest" if (rest["verdict"] == "same").all() else NOT_DECIDED
    template = "{best} trains faster than {other} {where}; {ending}"
    return put(template, **sides, where=where, ending=ending)


NOT_DECIDED = "the rest is not decided"


def _of_several(rows: pd.DataFrame, names: Sequence[str]) -> Sentence:
    places: dict[tuple[str, ...], list[Any]] = {}
    for pair in rows.itertuples():
        places.setdefault((pair.machine, pair.device, pair.experiment), []).append(pair)
    best_of = {place: _fastest(pairs) for place, pairs in places.items()}
    wins = {name: [place for place, best in best_of.items() if best == name] for name in names}
    order = sorted((name for name in names if wins[name]), key=lambda name: -len(wins[name]))
    if not order:
        return _without_a_fastest(rows, names)

    def won_by(name: str) -> pd.DataFrame:
        return rows.loc[[pair.Index for place in wins[name] for pair in places[place]]]

    best = order[0]
    where = _where(won_by(best), rows, "case", f"{engine(best)} is the fastest")
    if len(wins[best]) == len(places):
        nearest = [_nearest(pairs, best) for pairs in places.values()]
        seconds = {lead.second for lead in nearest}
        return put(
            "{best} trains fastest {where}, {times} times as fast as {next}",
            best=engine(best),
            where=where,
            times=_span(nearest),
            next=f"{seconds.pop()}, the second fastest" if len(seconds) == 1 else "the next",
        )
    others: list[Part] = []
    for name in order[1:]:
        what = f"places; {engine(name)} is the fastest"
        count = figure(len(wins[name]), what, run_ids(won_by(name)))
        others.append(put("{name} in {count}", name=engine(name), count=count))
    return put(
        "{best} trains fastest {where}{others}{rest}",
        best=engine(best),
        where=where,
        others=put(", {others}", others=row(others)) if others else "",
        rest=f"; {NOT_DECIDED}" if None in best_of.values() else "",
    )


def _fastest(pairs: Sequence[Any]) -> str | None:
    """The engine that is judged faster than every other where they met, if there is one."""
    names = {name for pair in pairs for name in (pair.first, pair.second)}
    won = Counter(winner(pair) for pair in pairs)
    return next((name for name in names if won[name] == len(names) - 1), None)


def _nearest(pairs: Sequence[Any], best: str) -> Lead:
    """The smallest lead of the fastest engine of a place."""
    leads = [_lead(pair) for pair in pairs if winner(pair) == best]
    return min(leads, key=lambda lead: lead.value.value)


def _without_a_fastest(rows: pd.DataFrame, names: Sequence[str]) -> Sentence:
    if (rows["verdict"] == "same").all():
        return put("All engines are equally fast")
    pairs = list(rows.itertuples())
    losers = {
        pair.second if winner(pair) == pair.first else pair.first for pair in pairs if winner(pair)
    }
    if not losers:
        return put("No engine is known to be faster than another")
    leaders = [name for name in names if name not in losers]
    apart = [pair for pair in pairs if (pair.first in losers) != (pair.second in losers)]
    if len(leaders) < 2 or not all(winner(pair) in leaders for pair in apart):
        return put("No engine is known to be the fastest")
    return put(
        "{leaders} train faster than {losers}; which of them is the fastest is not decided",
        leaders=row([engine(name) for name in leaders]),
        losers=row([engine(name) for name in names if name in losers]),
    )


def _span(leads: Sequence[Lead]) -> Sentence:
    """The leads from the smallest to the largest: "1.05 to 1.16"."""
    values = sorted((lead.value for lead in leads), key=lambda number: number.value)
    return between(values[0], values[-1])


def _where(part: pd.DataFrame, every: pd.DataFrame, noun: str, which: str) -> Sentence:
    """In how many places of all: "in scratch", "in both experiments", "on 5 of 6 machines"."""
    places, all_places = part[PLACE].drop_duplicates(), every[PLACE].drop_duplicates()
    experiments = all_places["experiment"].nunique()
    sites = len(all_places[["machine", "device"]].drop_duplicates())
    is_all = len(places) == len(all_places)
    if len(all_places) == 1:
        return put("in {experiment}", experiment=str(all_places["experiment"].iloc[0]))
    is_grid = len(all_places) == experiments * sites
    if is_all and is_grid and experiments > 1 and sites > 1:
        return put(
            "in {experiments} on {sites}",
            experiments=_all_of(experiments, "experiment", every),
            sites=_all_of(sites, _site(all_places), every),
        )
    before = "in"
    if sites == 1:
        noun = "experiment"
    elif experiments == 1:
        before, noun = "on", _site(all_places)
    if is_all:
        return put("{before} {all}", before=before, all=_all_of(len(all_places), noun, every))
    return put(
        "{before} {n} of {all}",
        before=before,
        n=figure(len(places), f"places; {which}", run_ids(part)),
        all=figure(len(all_places), "places; where engines met", run_ids(every), noun),
    )


def _site(places: pd.DataFrame) -> str:
    sites = places[["machine", "device"]].drop_duplicates()
    return "machine" if sites["machine"].is_unique else "device"


KINDS = {
    "experiment": "experiments",
    "machine": "machines",
    "device": "devices of machines",
    "comparison": "places",
    "case": "places",
}


def _all_of(count: int, noun: str, rows: pd.DataFrame) -> Sentence:
    number = figure(count, f"{KINDS[noun]}; where engines met", run_ids(rows), noun)
    if count == 2:
        return put("{both}", both=replace(number, text=f"both {noun}s"))
    return put("all {n}", n=number)
