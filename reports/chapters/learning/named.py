"""Names for some of many trained systems: an experiment alone where all of its engines are meant."""

from __future__ import annotations

from collections.abc import Iterable

from reports.write.parts import engine

Pair = tuple[str, str]
"""An experiment and an engine."""


def named(some: Iterable[Pair], every: Iterable[Pair]) -> dict[str, list[Pair]]:
    """Name -> the pairs among `some` that it stands for, in the order of `every`.

    An experiment all of whose engines are among `some` goes by its own name, such as "scratch"; else
    each of its pairs has a name, such as "scratch with PyTorch".
    """
    chosen = set(some)
    by_experiment: dict[str, list[Pair]] = {}
    for pair in every:
        by_experiment.setdefault(pair[0], []).append(pair)
    names: dict[str, list[Pair]] = {}
    for experiment, pairs in by_experiment.items():
        if chosen.issuperset(pairs):
            names[experiment] = pairs
        else:
            names |= {f"{experiment} with {engine(pair[1])}": [pair] for pair in pairs if pair in chosen}
    return names
