"""What a reader calls experiments, systems and the machines that are shown of many."""

from __future__ import annotations

from alexnet.frameworks.registry import ENGINES
from reports.study.shown import Ranked

EXPERIMENTS = {
    "scratch": "from scratch",
    "mistaken": "mistaken network",
    "augmented": "augmented images",
    "pretrained": "pretrained",
}


def system(experiment: str, engine: str) -> str:
    """As in a table: from scratch, PyTorch."""
    return f"{EXPERIMENTS[experiment]}, {ENGINES[engine].label}"


def machines_shown(ranked: Ranked, shown: int) -> str:
    """Which of the ranked machines the first so many are: "the baseline and those with …"."""
    it = "it" if ranked.baseline else "the baseline"
    fastest, slowest = (name in ranked.order[:shown] for name in (ranked.fastest, ranked.slowest))
    names = ["the baseline"] if ranked.baseline else []
    if fastest and ranked.fastest == ranked.slowest:
        names.append(f"the one that is compared with {it}")
    elif fastest:
        ends = "fastest and the slowest that are" if slowest else "fastest that is"
        names.append(f"the {ends} compared with {it}")
    of_those = len({ranked.baseline, ranked.fastest, ranked.slowest} - {None})
    if shown > of_those:
        names.append("those with the most valid runs")
    return " and ".join(names) if len(names) < 3 else f"{names[0]}, {names[1]}, and {names[2]}"
