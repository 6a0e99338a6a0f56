"""What a reader calls things: systems, devices, verdicts; the code's own name is part of each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd

from alexnet.frameworks.registry import ENGINES, FRAMEWORKS
from reports.write import words
from reports.write.ratios import Noun
from reports.write.words import DASH

ON_MACHINE = "All on {value}."
ON_DEVICE = "Device: {value}."
MANY_RUNS = 4
EXPERIMENTS = {
    "scratch": "AlexNet from random weights",
    "mistaken": "the larger network that the original report built by accident",
    "augmented": "AlexNet with random flips and crops",
    "pretrained": "torchvision's AlexNet from weights given to it",
}
"""What each experiment trains."""


def engines(column: Iterable[str]) -> list[str]:
    """What a reader calls each engine."""
    return [ENGINES[name].label for name in column]


def by_framework(runs: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """The runs by framework and device, such as "PyTorch on the CPU", in their order."""
    frameworks = [ENGINES[name].framework for name in runs["engine"]]
    groups = runs.groupby([pd.Series(frameworks, runs.index), runs["device"]], sort=False, observed=True)
    return [
        (f"{FRAMEWORKS[str(framework)].label} on the {words.DEVICES[str(device)]}", alike)
        for (framework, device), alike in groups
    ]


def devices(frame: pd.DataFrame) -> list[str]:
    """The device of each row; a dash where nothing was run."""
    return [words.DEVICES.get(name, DASH) for name in frame["device"]]


def runs(ids: Iterable[Sequence[str]]) -> list[str]:
    """Run ids as they are, or the first of them and how many more."""
    texts = []
    for names in ids:
        more = f" and {len(names) - MANY_RUNS + 1} more" if len(names) > MANY_RUNS else ""
        texts.append(" ".join(names[: MANY_RUNS - 1] if more else names) + more)
    return texts


def verdict(row: Any) -> str:
    """A ratio's verdict in a word, of the side that is named first; or why nothing is decided."""
    if row.verdict == "same":
        return "same within 2 %"
    if row.verdict == "not decided among many":
        return f"not decided among {words.count(row.comparisons, 'comparison')}"
    if row.verdict == "level":
        return "level within 2 %, not decided"
    if row.verdict in ("ahead", "behind"):
        return f"{row.verdict}, not decided"
    return str(row.verdict)


def lead(row: Any, first: str, second: str) -> str:
    """A ratio's verdict in words: who is faster and by how much, or why nothing is decided."""
    if row.verdict not in ("faster", "slower", "ahead", "behind"):
        return verdict(row)
    name, value = (first, row.ratio) if row.ratio >= 1 else (second, 1 / row.ratio)
    if row.verdict in ("ahead", "behind"):
        return f"{name} ahead, not decided"
    other = second if name is first else first
    if value >= 2:
        return f"{name} {words.times(value)} times as fast as {other}"
    return f"{name} {words.percent(value - 1, 0)} faster"


def ends(row: Any) -> str:
    """A ratio's 95 % interval, or in brackets the range that was seen."""
    text = words.interval(row.low, row.high)
    return text if text == DASH or not words.missing(row.p) else f"({text})"


def repeats(row: Any, noun: Noun) -> str:
    """What a ratio rests on: "3 runs each", "2 and 3 sessions"."""
    first, second = row.sessions if noun == "session" else row.runs
    if first != second:
        return f"{first} and {words.count(second, noun)}"
    where = ", the same side first" if row.basis == "out of turn" else ""
    return f"{words.count(first, noun)} each{where}" if first > 1 else f"one {noun} each"


def joined(cells: Iterable[Iterable[str]], between: str = "; ") -> list[str]:
    """The texts of each cell in one line; empty where there are none."""
    return [between.join(cell) for cell in cells]


def known(value: Any) -> str:
    """What was found out, as it is, or a dash."""
    return DASH if words.missing(value) else str(value)


def yes_no(value: Any) -> str:
    """A flag in a word, or a dash where nobody knows."""
    return DASH if words.missing(value) else "yes" if value else "no"


def percents(values: Iterable[Any], digits: int = 1) -> list[str]:
    """Shares in per cent without the sign, which is the heading's."""
    return [words.number(value, f".{digits}f", 100) for value in values]
