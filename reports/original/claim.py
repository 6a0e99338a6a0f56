"""A claim of the original report and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from math import nan
from typing import Literal

State = Literal["confirmed", "not contradicted", "contradicted", "not reproduced", "not yet measured"]
"""What became of a claim.

- confirmed: arithmetic gives it, or runs meet the published figure to its last digit;
- not contradicted: runs differ by no more than errors explain, as they would from figures near it;
- contradicted: arithmetic rules it out, or runs are farther away than errors explain;
- not reproduced: the runs do not show it, and need not, since the original most likely erred on the way;
- not yet measured: no run here may decide it.
"""


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One claim. `reason` is the sentence or two that the state stands on.

    A claim that runs decide has `published`, `here` and `near` as a table shows them: what was said,
    what the runs gave, and what is within errors. `theirs`, `ours` and `tolerance` are the figures
    behind them in SI units, NaN where there is none; `runs` are the ids of the runs.
    """

    key: str
    claim: str
    state: State
    reason: str
    published: str = ""
    here: str = ""
    near: str = ""
    theirs: float = nan
    ours: float = nan
    tolerance: float = nan
    runs: tuple[str, ...] = ()
