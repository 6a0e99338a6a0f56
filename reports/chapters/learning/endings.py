"""How training ended, and why nothing is claimed of accuracy where nothing is."""

from __future__ import annotations

import pandas as pd

from alexnet.data import TEST_IMAGES, TRAINED_IMAGES
from reports.study.compare import Study, is_for_speed_alone
from reports.write.document import Sentence
from reports.write.parts import between, figure, ids, of_runs, part_of, put, row


def ending(runs: pd.DataFrame) -> Sentence:
    """How many runs ended because the loss no longer improved, and which met their cap of epochs."""
    converged, capped = (runs[runs["stopped"] == kind] for kind in ("patience", "cap"))
    if capped.empty:
        return put(
            "In {runs} training ended because the validation loss had stopped improving.",
            runs=part_of(ids(converged), ids(runs), "converged"),
        )
    which = part_of(ids(capped), ids(runs), "cap", start=True)
    if len(capped) == len(runs):
        return put(
            "{which} reached the limit of {epochs} before the validation loss had stopped improving:"
            " more epochs might have taught more.",
            which=which,
            epochs=_range(runs, "epochs", "epoch"),
        )
    where = [
        put("{n} of {name}", n=of_runs(ids(group), "cap", "run"), name=str(name))
        for name, group in capped.groupby("experiment", sort=False)
    ]
    return put(
        "{which} reached the limit of epochs before the validation loss had stopped improving ({where}):"
        " more epochs might have taught more.",
        which=which,
        where=row(where),
    )


def no_claim(study: Study) -> list[Sentence]:
    """Why nothing is claimed of accuracy, and what the curves are good for."""
    runs = study.runs
    if is_for_speed_alone(study):
        return [
            put(
                "Nothing is claimed of accuracy or overfitting: {profile} runs are for timing. They have"
                " {epochs}, and of each the first steps alone.",
                profile=str(study.setting["profile"]),
                epochs=_range(runs, "epochs", "epoch"),
            )
        ]
    if study.setting["dataset"] != "cifar10":
        why = put(
            "Nothing is claimed of accuracy or overfitting: the images are synthetic, made to be timed."
        )
    elif (runs["train_images"] == TRAINED_IMAGES).all() and (runs["test_images"] == TEST_IMAGES).all():
        why = put(
            "Nothing is claimed of accuracy or overfitting: {profile} runs of at most {epochs} are not"
            " the whole protocol.",
            profile=str(study.setting["profile"]),
            epochs=figure(runs["epochs_cap"].max(), "max epochs_cap", ids(runs), "epoch"),
        )
    else:
        why = put(
            "Nothing is claimed of accuracy or overfitting: {profile} runs are for timing. They train"
            " on {train} images and score {test}, and are not the whole protocol.",
            profile=str(study.setting["profile"]),
            train=_range(runs, "train_images"),
            test=_range(runs, "test_images"),
        )
    return [
        why,
        ending(runs),
        put("The curves show that training works, not how well the networks learn."),
    ]


def _range(runs: pd.DataFrame, column: str, noun: str = "") -> Sentence:
    low, high = runs[column].min(), runs[column].max()
    first = figure(low, f"min {column}", ids(runs), noun if low == high else "")
    return between(first, figure(high, f"max {column}", ids(runs), noun))
