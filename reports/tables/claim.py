"""A claim of the original report and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["confirmed", "not contradicted", "contradicted", "not reproduced", "not yet measured"]
"""What became of a claim.

- confirmed: arithmetic gives it, or runs meet the published figure to its last digit;
- not contradicted: runs come as near as their errors allow, which others may do as well;
- contradicted: arithmetic rules it out, or runs are farther away than errors explain;
- not reproduced: the runs do not show it, and need not, since the original most likely erred on the way;
- not yet measured: no run here may decide it.
"""
NO_RUN_NEEDED = "No run is needed."


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One claim. `arithmetic` and `measured` are sentences, empty where there is nothing to say.

    `reason` is the sentence that the state stands on; `runs` are the ids of the runs behind `measured`.
    """

    key: str
    claim: str
    state: State
    reason: str
    arithmetic: str = ""
    measured: str = NO_RUN_NEEDED
    runs: tuple[str, ...] = ()


def worked_out(key: str, claim: str, *, holds: bool, arithmetic: str) -> Claim:
    """A claim that arithmetic alone decides, whatever was run."""
    state: State = "confirmed" if holds else "contradicted"
    return Claim(key=key, claim=claim, state=state, reason=arithmetic, arithmetic=arithmetic)


def unsettled(
    key: str, claim: str, *, why: str, arithmetic: str = "", runs: tuple[str, ...] = ()
) -> Claim:
    """A claim that no run here may decide, and why."""
    return Claim(
        key=key,
        claim=claim,
        state="not yet measured",
        reason=why,
        arithmetic=arithmetic,
        measured=why,
        runs=runs,
    )


def settled(
    key: str,
    claim: str,
    *,
    holds: bool,
    measured: str,
    runs: tuple[str, ...],
    exact: bool = False,
    arithmetic: str = "",
) -> Claim:
    """A claim that runs are held against: `exact` if they meet its figure to the last digit."""
    state: State = "not contradicted" if holds else "contradicted"
    return Claim(
        key=key,
        claim=claim,
        state="confirmed" if exact else state,
        reason=measured,
        arithmetic=arithmetic,
        measured=measured,
        runs=runs,
    )


def not_reproduced(
    key: str, claim: str, *, measured: str, runs: tuple[str, ...], arithmetic: str = ""
) -> Claim:
    """A claim that runs do not show, where what the original did explains it."""
    return Claim(
        key=key,
        claim=claim,
        state="not reproduced",
        reason=measured,
        arithmetic=arithmetic,
        measured=measured,
        runs=runs,
    )
