"""The original report's claims that runs decide: accuracies, times, and Keras on Apple's GPU."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, fields, replace
from functools import partial
from statistics import median_low
from typing import Any

import pandas as pd

from alexnet.data import TEST_IMAGES, TRAINED_IMAGES
from alexnet.frameworks.registry import ENGINES
from reports.original import published, tolerance
from reports.original.claim import Claim, State
from reports.original.published import KERAS, PYTORCH
from reports.original.tolerance import VALIDATION_IMAGES, Held, comparable, on_the_chip
from reports.study.accuracy import judge
from reports.study.accuracy import systems as pooled
from reports.study.compare import Study
from reports.study.learning import overfitting
from reports.study.systems import Row, ids
from reports.write.words import count, listed, percent, seconds, seconds_range

System = tuple[str, str]
"""An experiment in one of the two engines that stand for the original's frameworks."""
MISTAKEN: System = ("mistaken", KERAS)
AUGMENTED: System = ("augmented", KERAS)
SCRATCH: System = ("scratch", PYTORCH)
PRETRAINED: System = ("pretrained", PYTORCH)
KERAS_PRETRAINED: System = ("pretrained", KERAS)
ABOUT = 3
"""Epochs: "about epoch 8" is held to be met from epoch 5 to epoch 11."""
HALF_A_MINUTE = 30.0
"""The original gives whole minutes."""
NUMERIC = ("layers", "logits", "own logits", "loss", "gradient", "three losses", "three steps")
"""The checks of the gate that a wrong Dense(relu) would not pass."""
MOST_VERSIONS = 2
RULES = (
    "The original ran on one MacBook Pro with an M1 Pro, at 224 px, in March 2025.",
    "A figure is compared only with valid runs at the original's own terms: the full profile at 224 px,"
    " all of CIFAR-10, its batches and epochs. Times are compared only with runs on the GPU of the same"
    " chip whose condition was good.",
    "Confirmed: the runs have the figure to the last published digit. Not contradicted: the runs come as"
    " near to the figure as errors explain; other figures would not be contradicted either. Not"
    " reproduced: the runs do not show it, and the original most likely made a mistake.",
    "Two accuracies do not contradict each other if they differ by at most three standard errors. These"
    " count both samples of images and the spread over seeds. The spread is taken as 1 point at least,"
    " since a few seeds cannot tell it.",
    "Two times do not contradict each other if the original's rounding explains the difference, and the"
    " step from 14 to 16 GPU cores: an M1 Pro has either.",
    "Runs here stop once the validation loss has not improved for some epochs, and the best epoch's"
    " weights are tested; the original trained all its epochs.",
)


def key(system: System, what: str) -> str:
    """A claim's key: "scratch_torch_test_accuracy"."""
    return f"{system[0]}_{system[1]}_{what}"


def named(system: System) -> str:
    """A system within a sentence: "scratch in PyTorch"."""
    return f"{system[0]} in {ENGINES[system[1]].label}"


def _asked(system: System, what: str, of: str, said: str) -> Claim:
    """A claim before runs are held against it; `of` says of what it is."""
    return Claim(
        key=key(system, what),
        claim=f"{named(system)}: {of}",
        published=said,
        state="not yet measured",
        reason="",
    )


ASKED = (
    _asked(MISTAKEN, "seconds_per_epoch", "time of an epoch", "about 8 min"),
    _asked(MISTAKEN, "train_accuracy", "training accuracy after 20 epochs", "97.45 %"),
    _asked(MISTAKEN, "validation_accuracy", "validation accuracy at the end", "70.45 %"),
    _asked(MISTAKEN, "loss_rises", "validation loss rises", "from about epoch 8 on"),
    _asked(MISTAKEN, "test_accuracy", "test accuracy", "97.38 %"),
    _asked(AUGMENTED, "seconds_per_epoch", "time of an epoch", "about 2 min"),
    _asked(AUGMENTED, "accuracy", "accuracy (of which images is not said)", "over 80 %"),
    _asked(SCRATCH, "total_seconds", "time of 20 epochs", "65 min"),
    _asked(SCRATCH, "test_accuracy", "test accuracy", "74.00 %"),
    _asked(PRETRAINED, "test_accuracy", "test accuracy", "91.77 %"),
    _asked(KERAS_PRETRAINED, "words", "performance", "“not so great”"),
    Claim(
        key="metal",
        claim=f"{ENGINES[KERAS].label}: Dense with ReLU is right on Apple's GPU",
        published="taken for granted",
        state="not yet measured",
        reason="",
    ),
)
"""The claims that runs decide, as a reader of the original meets them."""


def claims(study: Study) -> Iterator[Claim]:
    """What became of each of `ASKED`."""
    for claim, decide in zip(ASKED, DECIDERS, strict=True):
        yield decide(study, claim)


def audit(study: Study) -> pd.DataFrame:
    """One row a claim, with the fields of `Claim` as columns."""
    rows = [asdict(claim) for claim in claims(study)]
    return pd.DataFrame(rows, columns=[field.name for field in fields(Claim)])


def _nothing(study: Study, system: System) -> str:
    """Why the runs here say nothing of a system: none is valid, or all are at other terms."""
    valid = study.frames.valid
    runs = valid[(valid["experiment"] == system[0]) & (valid["engine"] == system[1])]
    if runs.empty:
        return f"There is no valid run of {named(system)}."
    sizes = listed([f"{size:g}" for size in sorted(set(runs["image_size"]))])
    profiles = listed(sorted(set(runs["profile"])))
    return (
        f"The valid runs of {named(system)} are at other terms than the original's (profile {profiles}"
        f" at {sizes} px), and say nothing of it."
    )


def _settled(
    claim: Claim, *, holds: bool, exact: bool = False, held: Held | None = None, **fields: Any
) -> Claim:
    """The claim with what became of it; `exact` if its figure is met to the last digit."""
    if held is not None:
        fields |= {"theirs": held.theirs, "ours": held.ours, "tolerance": held.tolerance}
    state: State = "confirmed" if exact else "not contradicted" if holds else "contradicted"
    return replace(claim, state=state, **fields)


def _accuracy(
    claim: Claim, rows: Sequence[Row], column: str, theirs: float, *, images: int, what: str
) -> Claim:
    """A published accuracy held against the mean over the seeds of runs."""
    held = tolerance.accuracy(rows, column, theirs, images=images)
    seeds = count(held.seeds, "seed")
    return _settled(
        claim,
        holds=held.within,
        exact=held.exact,
        reason=f"{what} was {percent(held.ours, 2)} over {seeds};"
        f" {percent(theirs, 2)} ± {100 * held.tolerance:.2f} points is within errors.",
        here=f"{percent(held.ours, 2)} ({seeds})",
        near=f"{100 * (theirs - held.tolerance):.1f} to {percent(min(1.0, theirs + held.tolerance))}",
        held=held,
        runs=ids(rows),
    )


def _test(study: Study, claim: Claim, system: System) -> Claim:
    theirs = published.figure(*system, "test_accuracy").value
    rows = comparable(study, *system)
    if not rows:
        return replace(claim, reason=_nothing(study, system))
    return _accuracy(claim, rows, "test_accuracy", theirs, images=TEST_IMAGES, what="Test accuracy")


def _last_epochs(study: Study, rows: Sequence[Row]) -> list[Row]:
    """The last epoch of each run, with its seed."""
    epochs = study.frames.epochs
    of_runs: pd.DataFrame = epochs[epochs["run"].isin([row["run"] for row in rows])]
    last: list[Row] = of_runs.groupby("run", sort=False).tail(1).to_dict("records")
    return last


def _mistaken_training(study: Study, claim: Claim) -> Claim:
    """Only runs that trained as long as the original did have an accuracy to hold against its."""
    theirs = published.figure(*MISTAKEN, "train_accuracy").value
    rows = comparable(study, *MISTAKEN)
    whole = [row for row in rows if row["epochs"] == published.EPOCHS]
    if not whole:
        short = "Every run at the original's terms ended before epoch 20."
        return replace(claim, reason=short if rows else _nothing(study, MISTAKEN), runs=ids(rows))
    return _accuracy(
        claim,
        _last_epochs(study, whole),
        "train_accuracy",
        theirs,
        images=TRAINED_IMAGES,
        what="Training accuracy after 20 epochs",
    )


def _mistaken_validation(study: Study, claim: Claim) -> Claim:
    theirs = published.figure(*MISTAKEN, "validation_accuracy").value
    rows = comparable(study, *MISTAKEN)
    if not rows:
        return replace(claim, reason=_nothing(study, MISTAKEN))
    return _accuracy(
        claim,
        _last_epochs(study, rows),
        "validation_accuracy",
        theirs,
        images=VALIDATION_IMAGES,
        what="Validation accuracy after the last epoch trained",
    )


def _loss_rises(study: Study, claim: Claim) -> Claim:
    theirs = published.figure(*MISTAKEN, "loss_rises_from_epoch").value
    rows = comparable(study, *MISTAKEN)
    if not rows:
        return replace(claim, reason=_nothing(study, MISTAKEN))
    [judgement] = overfitting(pd.DataFrame(rows), study.frames.epochs)
    if judgement.kind != "overfitted":
        why = "In too few runs at the original's terms had the validation loss risen enough at the end."
        return replace(claim, reason=why, runs=ids(rows))
    risen = {rise.run for rise in judgement.risen}
    ended = [row for row in rows if row["run"] in risen]
    ours = median_low(int(row["best_epoch"]) + 1 for row in ended)
    near = f"{theirs - ABOUT:g} to {theirs + ABOUT:g}"
    return _settled(
        claim,
        holds=abs(ours - theirs) <= ABOUT,
        reason=f"It was lowest before epoch {ours}; epochs {near} are held to be about 8.",
        here=f"from epoch {ours} on",
        near=f"epoch {near}",
        theirs=theirs,
        ours=float(ours),
        tolerance=float(ABOUT),
        runs=ids(ended),
    )


def _augmented(study: Study, claim: Claim) -> Claim:
    """Contradicted only where no accuracy of ours gets there, since the original names none."""
    theirs = published.figure(*AUGMENTED, "accuracy").value
    rows = comparable(study, *AUGMENTED)
    if not rows:
        return replace(claim, reason=_nothing(study, AUGMENTED))
    held = {
        what: tolerance.accuracy(rows, f"{what}_accuracy", theirs, images=images)
        for what, images in (
            ("test", TEST_IMAGES),
            ("validation", VALIDATION_IMAGES),
            ("train", TRAINED_IMAGES),
        )
    }
    reached = [what for what, figure in held.items() if figure.ours >= theirs - figure.tolerance]
    near = percent(theirs - held["test"].tolerance, 1)
    accuracies = ", ".join(f"{what} {percent(figure.ours, 2)}" for what, figure in held.items())
    seeds = count(held["test"].seeds, "seed")
    reason = (
        f"Accuracies were {accuracies} over {seeds}; over {near} of the test images is within errors."
    )
    if reached == ["train"]:
        why = f"{reason} Training images alone get there, and they may have been meant."
        return replace(claim, reason=why, runs=ids(rows))
    return _settled(
        claim,
        holds=bool(reached),
        reason=reason,
        here=f"test {percent(held['test'].ours, 2)} ({seeds})",
        near=f"over {near}",
        held=held["test"],
        runs=ids(rows),
    )


def _not_so_great(study: Study, claim: Claim) -> Claim:
    """Whether Keras is behind PyTorch here, as the report judges accuracies."""
    ours, theirs = comparable(study, *KERAS_PRETRAINED), comparable(study, *PRETRAINED)
    runs = ids([*ours, *theirs])
    if not ours or not theirs:
        why = _nothing(study, PRETRAINED if ours else KERAS_PRETRAINED)
        return replace(claim, reason=why, runs=runs)
    systems = {system.engine: system for system in pooled(pd.DataFrame([*ours, *theirs]))}
    keras, torch = systems[KERAS], systems[PYTORCH]
    is_behind = judge([keras, torch]).between(keras, torch).verdict == "behind"
    labels = {name: ENGINES[name].label for name in (KERAS, PYTORCH)}
    shares = (
        f"{labels[KERAS]} got {percent(keras.mean, 2)} of the test images over"
        f" {count(keras.seeds, 'seed')} and {labels[PYTORCH]} {percent(torch.mean, 2)} over"
        f" {count(torch.seeds, 'seed')}, from the same weights:"
    )
    claim = replace(
        claim,
        here=f"{percent(keras.mean, 2)}; {labels[PYTORCH]} {percent(torch.mean, 2)}",
        near=f"below {labels[PYTORCH]}",
        ours=keras.mean,
        runs=runs,
    )
    if is_behind:
        return _settled(claim, holds=True, reason=f"{shares} it is judged behind.")
    return replace(
        claim,
        state="not reproduced",
        reason=f"{shares} it is not judged behind. Here the weights behind Flatten were reordered, and"
        " in the original most likely not, which makes its figure low.",
    )


def _nowhere(study: Study, system: System) -> str:
    """Why the runs here say nothing of a system's time on the original's chip."""
    if not comparable(study, *system):
        return _nothing(study, system)
    return (
        f"No run of {named(system)} at the original's terms was on the GPU of an {published.CHIP} in"
        " good condition."
    )


def _time(claim: Claim, held: Held, runs: tuple[str, ...], of: str) -> Claim:
    """A published duration held against runs on the same chip."""
    near = seconds_range(held.theirs - held.tolerance, held.theirs + held.tolerance)
    return _settled(
        claim,
        holds=held.within,
        reason=f"{of} {seconds(held.ours)} on an {published.CHIP} here; {near} is near enough. The"
        " versions are not the original's.",
        here=seconds(held.ours),
        near=near,
        held=held,
        runs=runs,
    )


def _epoch(study: Study, claim: Claim, system: System) -> Claim:
    rows = on_the_chip(study, comparable(study, *system))
    if not rows:
        return replace(claim, reason=_nowhere(study, system))
    theirs = published.figure(*system, "seconds_per_epoch").value
    times = [row["seconds_per_epoch"] for row in rows]
    held = tolerance.timing(times, theirs, rounded_by=HALF_A_MINUTE)
    return _time(claim, held, ids(rows), "An epoch took")


def _scratch_total(study: Study, claim: Claim) -> Claim:
    """The original's epochs at the typical time of training and scoring one here."""
    theirs = published.figure(*SCRATCH, "total_seconds").value
    rows = on_the_chip(study, comparable(study, *SCRATCH))
    if not rows:
        return replace(claim, reason=_nowhere(study, SCRATCH))
    epochs = study.frames.epochs
    of_runs = epochs[epochs["run"].isin([row["run"] for row in rows])]
    scoring = of_runs.groupby("run")["evaluate_seconds"].median()
    totals = [published.EPOCHS * (row["seconds_per_epoch"] + scoring[row["run"]]) for row in rows]
    held = tolerance.timing(totals, theirs, rounded_by=HALF_A_MINUTE)
    return _time(claim, held, ids(rows), f"{published.EPOCHS} epochs and their validation would take")


def _dense_on_metal(study: Study, claim: Claim) -> Claim:
    """What only a gate on Apple's GPU tells of the figures from Keras.

    Contradicted by a gate that was not passed; the gates of valid runs cannot confirm it.
    """
    label = ENGINES[KERAS].label
    gates = study.frames.gates
    asked = gates[(gates["engine"] == KERAS) & (gates["device"] == "mps") & gates["check"].isin(NUMERIC)]
    passed = asked["passed"].astype(bool)
    wrong, right = asked[~passed], asked[passed & (asked["validity"] == "valid")]
    decisive = right if wrong.empty else wrong
    if decisive.empty:
        why = f"No gate was asked of {label} on Apple's GPU."
        runs = tuple(dict.fromkeys(asked["run"]))
        if runs:
            number = count(len(runs), "run")
            why = f"The gates of {number} on Apple's GPU were passed, but no such run is valid."
        return replace(claim, reason=why, runs=runs)
    runs = tuple(dict.fromkeys(decisive["run"]))
    frame = study.frames.runs
    sets = dict.fromkeys(frame.loc[frame["run"].isin(runs), "versions"].dropna())
    versions = listed([", ".join(each) for each in sets][:MOST_VERSIONS])
    checks = listed(list(dict.fromkeys(decisive["check"])))
    number = count(len(runs), "run")
    outcome = "passed" if wrong.empty else "not passed"
    return _settled(
        claim,
        holds=wrong.empty,
        reason=f"The gates of {number} were {outcome} ({checks}), with {versions}. The original's"
        " versions are not known; with Keras 3.7 or later tensorflow-metal is known to compute them"
        " wrongly in graphs.",
        here=f"gate {outcome} in {number}",
        runs=runs,
    )


DECIDERS: tuple[Callable[[Study, Claim], Claim], ...] = (
    partial(_epoch, system=MISTAKEN),
    _mistaken_training,
    _mistaken_validation,
    _loss_rises,
    partial(_test, system=MISTAKEN),
    partial(_epoch, system=AUGMENTED),
    _augmented,
    _scratch_total,
    partial(_test, system=SCRATCH),
    partial(_test, system=PRETRAINED),
    _not_so_great,
    _dense_on_metal,
)
"""What decides each of `ASKED`, in its order."""
