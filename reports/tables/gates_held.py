"""What only a correctness gate on Apple's GPU can tell of the original report's Keras figures."""

from __future__ import annotations

from reports import published
from reports.study.compare import Study
from reports.tables.claim import Claim, settled, unsettled
from reports.words import count, listed

NUMERIC = ("layers", "logits", "own logits", "loss", "gradient", "three losses", "three steps")
"""The checks of the gate that a wrong Dense(relu) would not pass."""
CLAIM = (
    "TensorFlow computes Dense layers with ReLU rightly on Apple's GPU, as every figure from Keras takes"
    " for granted."
)
KNOWN = (
    "No sum decides it. With Keras 3.7 or later tensorflow-metal is known to compute them wrongly in"
    " graphs."
)
MOST_VERSIONS = 2


def claim(study: Study) -> Claim:
    """Contradicted by a gate that was not passed; the gates of valid runs cannot confirm it."""
    gates = study.frames.gates
    asked = gates[
        (gates["engine"] == published.KERAS) & (gates["device"] == "mps") & gates["check"].isin(NUMERIC)
    ]
    passed = asked["passed"].astype(bool)
    wrong, right = asked[~passed], asked[passed & (asked["validity"] == "valid")]
    found = right if wrong.empty else wrong
    if found.empty:
        why = "No gate was asked of TensorFlow on Apple's GPU."
        asked_runs = tuple(dict.fromkeys(asked["run"]))
        if asked_runs:
            number = count(len(asked_runs), "run")
            why = f"The gates of {number} on Apple's GPU were passed, but no such run is valid."
        return unsettled("metal", CLAIM, why=why, arithmetic=KNOWN, runs=asked_runs)
    runs = tuple(dict.fromkeys(found["run"]))
    frame = study.frames.runs
    sets = dict.fromkeys(frame.loc[frame["run"].isin(runs), "versions"].dropna())
    versions = [", ".join(each) for each in sets]
    gates_of = count(len(runs), "run")
    checks = listed(list(dict.fromkeys(found["check"])))
    measured = (
        f"The gates of {gates_of} were passed"
        if wrong.empty
        else f"The gates of {gates_of} were not passed"
    )
    measured += (
        f" ({checks}), with {listed(versions[:MOST_VERSIONS])}. The original's versions are not known."
    )
    return settled("metal", CLAIM, holds=wrong.empty, measured=measured, runs=runs, arithmetic=KNOWN)
