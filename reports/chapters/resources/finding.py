"""Which engine takes more of something, in a title's words, by the verdicts of all pairs."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from alexnet.frameworks.registry import ENGINES
from reports.write import words
from reports.write.parts import engine


def finding(pairs: pd.DataFrame, what: str) -> str:
    """What is decided, such as "Loom takes 1.10 times the memory of PyTorch in all 4 experiments".

    `pairs` are rows of `Study.engines`, or like them, one at least; `what` is memory or energy.
    """
    takers: dict[tuple[str, str], list[float]] = {}
    for pair in pairs.itertuples():
        if pair.verdict == "faster":
            takers.setdefault((pair.first, pair.second), []).append(pair.ratio)
        elif pair.verdict == "slower":
            takers.setdefault((pair.second, pair.first), []).append(1 / pair.ratio)
    names = [name for name in ENGINES if name in {*pairs["first"], *pairs["second"]}]
    if not takers:
        if set(pairs["verdict"]) == {"same"}:
            return f"{words.listed([engine(name) for name in names])} take the same {what} within 2 %"
        return f"No engine is known to take more {what}"
    if len(names) == 2:
        return _of_two(takers, pairs, what)
    for name in names:
        comparisons = int(((pairs["first"] == name) | (pairs["second"] == name)).sum())
        less = [ratio for (_, other), ratios in takers.items() if other == name for ratio in ratios]
        more = [ratio for (taker, _), ratios in takers.items() if taker == name for ratio in ratios]
        if len(less) == comparisons:
            return f"{engine(name)} takes the least {what}, others {_span(less)} times as much"
        if len(more) == comparisons:
            return f"{engine(name)} takes the most {what}, {_span(more)} times that of another engine"
    return _of_most(takers, pairs, what)


def _of_most(takers: dict[tuple[str, str], list[float]], pairs: pd.DataFrame, what: str) -> str:
    """The two engines of whose comparisons most are decided, and how many of the others are."""
    best = {*max(takers, key=lambda pair: len(takers[pair]))}
    is_best = [{*names} == best for names in zip(pairs["first"], pairs["second"], strict=True)]
    of_best = {names: ratios for names, ratios in takers.items() if {*names} == best}
    decided = sum(map(len, takers.values())) - sum(map(len, of_best.values()))
    others = len(pairs) - sum(is_best)
    rest = f"{decided:,} {'is' if decided == 1 else 'are'} decided" if decided else "none is decided"
    return f"{_of_two(of_best, pairs[is_best], what)}; of the other {others:,}, {rest}"


def _of_two(takers: dict[tuple[str, str], list[float]], pairs: pd.DataFrame, what: str) -> str:
    ordered = sorted(takers.items(), key=lambda item: -len(item[1]))
    (more, less), ratios = ordered[0]
    if len(ordered) == 1:
        return (
            f"{engine(more)} takes {_span(ratios)} times the {what} of {engine(less)}"
            f"{_where(len(ratios), pairs)}"
        )
    return (
        f"{engine(more)} takes more {what} than {engine(less)}{_where(len(ratios), pairs)},"
        f" {engine(less)} in {len(ordered[1][1])}"
    )


def _span(ratios: Sequence[float]) -> str:
    ends = [words.times(end) for end in (min(ratios), max(ratios))]
    return " to ".join(dict.fromkeys(ends))


def _where(decided: int, pairs: pd.DataFrame) -> str:
    """In how many of two engines' comparisons, named by what tells these apart."""
    preposition, noun = "in", "comparison"
    if not pairs.duplicated("experiment").any():
        noun = "experiment"
    elif pairs["experiment"].nunique() == 1 and pairs["machine"].is_unique:
        preposition, noun = "on", "machine"
    if len(pairs) == 1:
        return f" in {pairs['experiment'].iloc[0]}"
    if decided < len(pairs):
        return f" {preposition} {decided} of {words.count(len(pairs), noun)}"
    return f" {preposition} {'both' if decided == 2 else f'all {decided:,}'} {noun}s"
