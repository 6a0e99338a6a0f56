"""Which machines are shown where not all have room, and what each of these was chosen for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from reports.study.compare import Study


@dataclass(frozen=True, kw_only=True)
class Ranked:
    """Machines by how much they matter to a reader: `order` begins with the three others, where present.

    `fastest` and `slowest` are the ends of the means against the baseline, which is neither; they are
    one machine where no other has a mean. None stands for a machine that there is not.
    """

    order: tuple[str, ...]
    baseline: str | None
    fastest: str | None
    slowest: str | None


def ranked(study: Study, present: Iterable[str]) -> Ranked:
    """The machines among `present`: the baseline, the fastest, the slowest, then by valid runs.

    Of the main setting both. Of machines with equally many runs the one measured first comes first.
    """
    there = set(present)
    means = study.main_rows(study.means).dropna(subset=["ratio"])
    means = means[means["machine"].isin(there)].reset_index(drop=True)
    ends: list[str | None] = [None, None]
    if len(means):
        places = means["ratio"].idxmax(), means["ratio"].idxmin()
        ends = [str(means.loc[place, "machine"]) for place in places]
    baseline = study.baseline if study.baseline in there else None
    first = [name for name in (baseline, *ends) if name is not None]
    runs = Counter(study.runs["machine"])
    names = [name for name in study.frames.machines["machine"] if name in there]
    rest = sorted(names, key=lambda name: -runs[name])
    return Ranked(
        order=tuple(dict.fromkeys([*first, *rest])),
        baseline=baseline,
        fastest=ends[0],
        slowest=ends[1],
    )
