"""Which runs may stand in one comparison: those of one setting, named by a letter."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence
from typing import Any

import pandas as pd

from alexnet.frameworks.registry import ENGINES, FRAMEWORKS
from alexnet.recipe import EXPERIMENTS
from bench.records.types import SPEED
from reports.write.words import listed

EXPERIMENT_ORDER = tuple(EXPERIMENTS)
PROFILE_ORDER = ("full", SPEED, "quick", "smoke")

SESSION = ("profile", "dataset", "image_size", "test_images")
"""What all experiments of a setting have in common."""
EXPERIMENT = (
    *("train_images", "batch_size", "epochs_cap", "patience", "learning_rates", "epoch_length"),
    *("variant", "method"),
)
"""What the runs of one experiment have in common besides."""
ASKED = (
    *SESSION,
    *EXPERIMENT,
    *("experiment", "engine", "seed", "validity", "weights_origin", "framework_version"),
    *("precision", "data_sha256"),
)
"""What a run's setting depends on."""
COLUMNS = ("setting", *SESSION, "variation", "runs", "valid", "machines", "differs")
WORDS = {
    "train_images": "training images",
    "batch_size": "images a batch",
    "epochs_cap": "epochs at most",
    "patience": "epochs of patience",
    "learning_rates": "learning rates",
    "epoch_length": "epochs as timed",
    "variant": "network",
    "method": "method of measuring",
    "framework_version": "framework version",
    "precision": "precision as measured",
    "weights_origin": "where the first weights are from",
    "data_sha256": "the images themselves",
}

UNKNOWN = "not known"
"""The version or the precision of a run that does not say it."""

Row = dict[str, Any]
Key = tuple[Hashable, ...]


def assign(rows: Sequence[Row]) -> tuple[list[str], pd.DataFrame]:
    """A letter for each row, and a frame that says what each letter stands for.

    A row is a run's fields ASKED, its machine, and why it `says_nothing` about its framework, or None.
    Runs that are compared with no other decide nothing here.

    Runs share a letter if profile, data set, image size and test images are the same and, within each
    experiment, recipe, the epochs' length, network, method, first weights' origin, the framework's
    public version, the engine's precision as measured and the images themselves. A is the setting with
    the fullest profile, real images, the largest size, the most runs.
    """
    variations = _variations(rows)
    keys = [(*(row[name] for name in SESSION), variations[i]) for i, row in enumerate(rows)]
    groups: dict[Key, list[Row]] = defaultdict(list)
    for key, row in zip(keys, rows, strict=True):
        groups[key].append(row)
    order = sorted(groups, key=lambda key: _rank(key, len(groups[key])))
    letters = {key: _letter(number) for number, key in enumerate(order)}
    described = [
        _described(key, letters[key], groups[key], groups.get((*key[:-1], 0), [])) for key in order
    ]
    table = pd.DataFrame(described, columns=list(COLUMNS))
    return [letters[key] for key in keys], table


def _variations(rows: Sequence[Row]) -> list[int]:
    """0 for the most usual way to run an experiment within its session's terms, 1 for the next …"""
    ways: dict[Key, Counter[Key]] = defaultdict(Counter)
    own = [_way(row) for row in rows]
    experiments = [(*(row[name] for name in SESSION), row["experiment"]) for row in rows]
    votes = [*map(_is_compared, rows)]
    images = _ranks(
        [(*key, row["seed"]) for key, row in zip(experiments, rows, strict=True)],
        [row["data_sha256"] for row in rows],
        votes,
    )
    versions = _ranks(
        [_framework(row) for row in rows], [_known(row, release(row)) for row in rows], votes
    )
    precisions = _ranks(
        [row["engine"] for row in rows], [_known(row, row["precision"]) for row in rows], votes
    )
    full = [(*way, *rest) for way, *rest in zip(own, images, versions, precisions, strict=True)]
    for key, way, row in zip(experiments, full, rows, strict=True):
        if _is_compared(row):  # others may have been cut short, or be of a size that suits their device
            ways[key][way] += 1
    places = {
        key: {
            way: place
            for place, (way, _) in enumerate(sorted(c.items(), key=lambda w: (-w[1], str(w[0]))))
        }
        for key, c in ways.items()
    }
    return [places.get(key, {}).get(way, 0) for key, way in zip(experiments, full, strict=True)]


def _is_compared(row: Row) -> bool:
    """Whether it is valid, and not on a device that says nothing about its framework."""
    return row["validity"] == "valid" and row["says_nothing"] is None


def _way(row: Row) -> Key:
    return (*(row[name] for name in EXPERIMENT), row["weights_origin"])


def release(row: Row) -> str | None:
    """The framework's public version; None if the run does not say it.

    What follows a "+" names a build of the same release: 2.14.1+cu126 is 2.14.1 (PyPA, Version
    specifiers, "Local version identifiers").
    """
    version = row["framework_version"]
    return None if version is None else str(version).split("+")[0]


def _framework(row: Row) -> str:
    return ENGINES[row["engine"]].framework


def _known(row: Row, value: str | None) -> str | None:
    """The value. A valid run that has none differs from those that have one: nobody knows what it was.

    A run that failed before it was found out parts nothing, since it is compared with nothing.
    """
    return UNKNOWN if value is None and row["validity"] == "valid" else value


def _ranks(groups: Sequence[Hashable], values: Sequence[Hashable], votes: Sequence[bool]) -> list[int]:
    """The place of each value among its group's, that with the most votes first: 0 where all are alike.

    None counts as that with the most.
    """
    counts: dict[Hashable, Counter[Hashable]] = defaultdict(Counter)
    for group, value, vote in zip(groups, values, votes, strict=True):
        if value is not None:
            counts[group][value] += vote
    order = {
        group: [value for value, _ in sorted(c.items(), key=lambda item: (-item[1], str(item[0])))]
        for group, c in counts.items()
    }
    return [
        0 if value is None else order[group].index(value)
        for group, value in zip(groups, values, strict=True)
    ]


def _rank(key: tuple[Any, ...], runs: int) -> tuple[Any, ...]:
    profile, dataset, image_size, *_ = key
    fullness = PROFILE_ORDER.index(profile) if profile in PROFILE_ORDER else len(PROFILE_ORDER)
    return (key[-1] != 0, fullness, dataset != "cifar10", -image_size, -runs, str(key))


def _letter(number: int) -> str:
    """A, B … Z, AA, AB …"""
    text = ""
    number += 1
    while number:
        number, rest = divmod(number - 1, 26)
        text = chr(ord("A") + rest) + text
    return text


def _described(key: Key, letter: str, mine: Sequence[Row], usual: Sequence[Row]) -> Row:
    return {
        "setting": letter,
        **dict(zip(SESSION, key, strict=False)),
        "variation": key[-1],
        "runs": len(mine),
        "valid": sum(row["validity"] == "valid" for row in mine),
        "machines": len({row["machine"] for row in mine}),
        "differs": _differs(mine, usual) if key[-1] else (),
    }


def _differs(mine: Sequence[Row], usual: Sequence[Row]) -> tuple[str, ...]:
    """In words, what sets a variation apart from the usual way to run the same experiments."""
    ours, theirs = (_values(side) for side in (mine, usual))
    experiments: dict[tuple[str, str, str], dict[str, None]] = {}
    for key, values in ours.items():
        name, experiment, kin, _ = key
        others = theirs.get(key, set())
        if others and not values & others:
            shown = "" if name == "data_sha256" else f": {_listed(values)} instead of {_listed(others)}"
            experiments.setdefault((WORDS[name], shown, kin), {})[experiment] = None
    return tuple(
        f"{words}{shown} ({listed([*there])}{f' with {kin}' if kin else ''})"
        for (words, shown, kin), there in experiments.items()
    )


def _values(rows: Sequence[Row]) -> dict[tuple[str, str, str, int | None], set[str]]:
    """(field, experiment, framework or engine, seed) -> the values of compared runs, as they are shown.

    Values are held against each other only within what they belong to: a version is a framework's, a
    precision an engine's, and each seed draws images of its own.
    """
    values: dict[tuple[str, str, str, int | None], set[str]] = {}
    compared = sorted(filter(_is_compared, rows), key=_order)
    for name in WORDS:
        for row in compared:
            kin = {
                "framework_version": FRAMEWORKS[_framework(row)].label,
                "precision": ENGINES[row["engine"]].label,
            }.get(name, "")
            seed = row["seed"] if name == "data_sha256" else None
            value = release(row) if name == "framework_version" else row[name]
            values.setdefault((name, row["experiment"], kin, seed), set()).add(_shown(value))
    return values


def _order(row: Row) -> tuple[int, int, int]:
    engine = list(ENGINES).index(row["engine"])
    return EXPERIMENT_ORDER.index(row["experiment"]), engine, row["seed"]


def _listed(values: set[str]) -> str:
    return " or ".join(sorted(values))


def _shown(value: Hashable) -> str:
    """A value in words; learning rates follow one another."""
    if value is None:
        return UNKNOWN
    return " then ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def engines_of(frame: pd.DataFrame) -> list[str]:
    """The engines of a frame's rows, in the registry's order."""
    there = set(frame["engine"].unique())
    return [name for name in ENGINES if name in there]
