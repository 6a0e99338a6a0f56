"""The original report's claims one by one: what arithmetic says, what runs say."""

from __future__ import annotations

from dataclasses import asdict, fields

import pandas as pd

from reports.study.compare import Study
from reports.tables import accuracies_held, gates_held, times_held, worked_out
from reports.tables.claim import Claim

ORDER = (
    *("keras_layers", "one_network", "mistaken_parameters", "extra_dense"),
    *("mistaken_tensorflow_seconds_per_epoch", "four_hours", "mistaken_tensorflow_train_accuracy"),
    *("mistaken_tensorflow_validation_accuracy", "mistaken_tensorflow_loss_rises", "unseen_test"),
    *("augmented_tensorflow_seconds_per_epoch", "augmented_tensorflow_accuracy"),
    *("scratch_torch_total_seconds", "scratch_torch_test_accuracy"),
    *("pretrained_torch_total_seconds", "pretrained_torch_test_accuracy", "per_class"),
    *("pretrained_tensorflow_words", "carried_over", "metal"),
)
"""The claims as a reader of the original meets them."""
RULES = (
    "The original ran on one MacBook Pro with an M1 Pro, at 224 px, in March 2025.",
    "Where arithmetic decides, no run can change it; a figure is held only against valid runs at the"
    " original's own terms: the full profile at 224 px, all of CIFAR-10, its batches and epochs. Times"
    " are held only against runs on the same chip whose condition was good.",
    "Confirmed is what arithmetic gives, or what runs meet to the last published digit. Not contradicted"
    " is a figure that runs come as near to as errors explain, which others would be as well. Not"
    " reproduced is what the runs do not show, where the original most likely erred on the way.",
    "Accuracies do not contradict each other within three standard errors of their difference: both"
    " samples of images count, and the spread over seeds, taken as 1 point at least, since a few seeds"
    " cannot tell it.",
    "Times do not contradict each other within the original's rounding and the step from 14 to 16 GPU"
    " cores: an M1 Pro has either.",
    "Runs here stop once the validation loss has not improved for some epochs, and the best epoch's"
    " weights are tested; the original trained all its epochs.",
)


def audit(study: Study) -> pd.DataFrame:
    """One row a claim: claim, state, reason, arithmetic, measured, runs.

    `state` is one of `reports.tables.claim.State`, and `reason` the sentence that it stands on.
    """
    found = {
        claim.key: claim
        for claim in (
            *worked_out.claims(study),
            *times_held.claims(study),
            *accuracies_held.claims(study),
            gates_held.claim(study),
        )
    }
    rows = [asdict(found[key]) for key in ORDER]
    return pd.DataFrame(rows, columns=[field.name for field in fields(Claim)])
