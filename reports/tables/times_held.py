"""The original report's durations, held against runs on the same chip."""

from __future__ import annotations

from collections.abc import Iterator

from reports import published
from reports.study.compare import Study
from reports.tables import yardstick
from reports.tables.claim import Claim, settled, unsettled
from reports.tables.systems import ids
from reports.tables.terms import AUGMENTED, MISTAKEN, PRETRAINED, SCRATCH, Of, key, nowhere
from reports.words import seconds, seconds_range

HALF_A_MINUTE = 30.0
"""The original gives whole minutes."""


def claims(study: Study) -> Iterator[Claim]:
    """All durations that were published."""
    yield _epoch(study, MISTAKEN, "An epoch of the mistaken network takes about 8 min in Keras.")
    yield _epoch(study, AUGMENTED, "An epoch with augmented images takes about 2 min in Keras.")
    yield _scratch_total(study)
    yield unsettled(
        key(PRETRAINED, "total_seconds"),
        "The pretrained network takes 90 min in total in PyTorch.",
        why="The original does not say how many epochs these were, so that no run can be held against"
        " it.",
    )


def _epoch(study: Study, of: Of, claim: str) -> Claim:
    rows = yardstick.on_the_chip(study, yardstick.comparable(study, *of))
    if not rows:
        return unsettled(key(of, "seconds_per_epoch"), claim, why=nowhere(study, of))
    theirs = published.figure(*of, "seconds_per_epoch").value
    held = yardstick.timing([row["seconds_per_epoch"] for row in rows], theirs, rounded_by=HALF_A_MINUTE)
    measured = f"An epoch took {seconds(held.ours)} on an {published.CHIP} here; {_near(held)}"
    return settled(
        key(of, "seconds_per_epoch"), claim, holds=held.within, measured=measured, runs=ids(rows)
    )


def _near(held: yardstick.Held) -> str:
    low, high = held.theirs - held.tolerance, held.theirs + held.tolerance
    return f"{seconds_range(low, high)} is near enough. The versions are not the original's."


def _scratch_total(study: Study) -> Claim:
    """The original's epochs at the typical time of training and scoring one here."""
    claim = "The network from scratch takes 65 min in total in PyTorch."
    rows = yardstick.on_the_chip(study, yardstick.comparable(study, *SCRATCH))
    if not rows:
        return unsettled(key(SCRATCH, "total_seconds"), claim, why=nowhere(study, SCRATCH))
    epochs = study.frames.epochs
    own = epochs[epochs["run"].isin([row["run"] for row in rows])]
    scoring = own.groupby("run")["evaluate_seconds"].median()
    totals = [published.EPOCHS * (row["seconds_per_epoch"] + scoring[row["run"]]) for row in rows]
    theirs = published.figure(*SCRATCH, "total_seconds").value
    held = yardstick.timing(totals, theirs, rounded_by=HALF_A_MINUTE)
    measured = (
        f"{published.EPOCHS} epochs and their validation would take {seconds(held.ours)} on an"
        f" {published.CHIP} here; {_near(held)}"
    )
    return settled(
        key(SCRATCH, "total_seconds"), claim, holds=held.within, measured=measured, runs=ids(rows)
    )
