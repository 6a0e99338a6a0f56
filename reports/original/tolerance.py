"""Which runs may be held against the original report's figures, and how near is near enough."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import nan, sqrt
from statistics import fmean, median, stdev

from alexnet.data import TEST_IMAGES, TRAIN_IMAGES, TRAINED_IMAGES
from alexnet.recipe import EXPERIMENTS
from alexnet.weights import GENERATORS
from reports.original import published
from reports.original.arithmetic import standard_error
from reports.study import compare
from reports.study.compare import Study
from reports.study.conditions import FLAGGED, flags
from reports.study.systems import Row, seed_means

VALIDATION_IMAGES = TRAIN_IMAGES - TRAINED_IMAGES
ERRORS = 3.0
"""Standard errors within which two figures do not contradict each other: 3 in 1,000 differ more by
chance."""
ACCURACY_DIGIT = 0.0001
"""The original gives accuracies to a hundredth of a per cent."""
LEAST_SEED_SPREAD = 0.01
"""Standard deviation of an accuracy over seeds, at least. From a few seeds it cannot be told, so this
is an allowance and no measurement: twice what 10,000 test images bring at 74 %, 0.44 points."""
GPU_CORES = (14, 16)
"""An M1 Pro has either; the original does not say which."""


COLUMNS = (
    *("run", "machine", "experiment", "engine", "device", "seed", "weights_origin", "test_images"),
    *("epochs", "best_epoch", "seconds_per_epoch"),
    *("train_accuracy", "validation_accuracy", "test_accuracy", *FLAGGED),
)
"""What of a run its claims are held against."""


def comparable(study: Study, experiment: str, engine: str) -> list[Row]:
    """The valid runs of a system at the original's terms: all images, 224 px, its batches and epochs.

    They are of one setting: the main one, or the first that has such.

    Runs of the pretrained network must have begun from torchvision's own weights. Others may have begun
    from the weights of any generator: how the original drew its own is not known.
    """
    recipe = EXPERIMENTS[experiment].recipe
    origins = ["torchvision"] if EXPERIMENTS[experiment].pretrained else list(GENERATORS)
    terms = {
        "experiment": experiment,
        "engine": engine,
        "profile": "full",
        "dataset": "cifar10",
        "image_size": published.IMAGE_SIZE,
        "train_images": TRAINED_IMAGES,
        "test_images": TEST_IMAGES,
        "epochs_cap": recipe.epochs,
        "batch_size": recipe.batch_size,
    }
    runs = study.frames.valid
    patient = runs["patience"] >= compare.least_patience(experiment)
    runs = runs[runs["weights_origin"].isin(origins) & patient]
    for name, value in terms.items():
        runs = runs[runs[name] == value]
    runs = runs[runs["test_accuracy"].notna()]
    # Runs of two settings, such as of two versions of a framework, are never pooled.
    order = [study.main, *study.frames.settings["setting"]]
    setting = next((letter for letter in order if letter in set(runs["setting"])), None)
    rows: list[Row] = runs.loc[runs["setting"] == setting, list(COLUMNS)].to_dict("records")
    return rows


def on_the_chip(study: Study, rows: Sequence[Row]) -> list[Row]:
    """Those of the runs that were on the GPU of the original's chip, and in good condition."""
    machines = study.frames.machines
    chips = set(machines.loc[machines["chip"] == published.CHIP, "machine"])
    return [row for row in rows if row["machine"] in chips and row["device"] == "mps" and not flags(row)]


@dataclass(frozen=True, kw_only=True)
class Held:
    """Runs held against a published figure; `tolerance` is the difference that is still within.

    `last_digit` is what one more in the last published digit is worth; NaN where no digit was given.
    """

    ours: float
    theirs: float
    tolerance: float
    seeds: int
    last_digit: float = nan

    @property
    def within(self) -> bool:
        return abs(self.ours - self.theirs) <= self.tolerance

    @property
    def exact(self) -> bool:
        """Whether ours, rounded as theirs was, is theirs."""
        return abs(self.ours - self.theirs) < self.last_digit / 2


def accuracy(rows: Sequence[Row], column: str, theirs: float, *, images: int) -> Held:
    """The mean over seeds against a published accuracy, both over so many images.

    The tolerance is ERRORS standard errors of the difference: both samples of images, and the spread
    over seeds, once for the original's one seed and once for the mean of ours.
    """
    seeds = seed_means(rows, column)
    ours = fmean(seeds)
    spread = max(stdev(seeds) if len(seeds) > 1 else 0.0, LEAST_SEED_SPREAD)
    error = sqrt(
        standard_error(theirs, images) ** 2
        + standard_error(ours, images) ** 2
        + spread**2 * (1 + 1 / len(seeds))
    )
    return Held(
        ours=ours,
        theirs=theirs,
        tolerance=ERRORS * error,
        seeds=len(seeds),
        last_digit=ACCURACY_DIGIT,
    )


def timing(seconds: Sequence[float], theirs: float, *, rounded_by: float) -> Held:
    """The median of durations against a published one that was rounded by so many seconds.

    The tolerance is that rounding and the step from 14 to 16 GPU cores. No duration is met exactly: the
    versions and the number of cores are not known to be the original's.
    """
    few, many = GPU_CORES
    tolerance = rounded_by + theirs * (many / few - 1)
    return Held(ours=median(seconds), theirs=theirs, tolerance=tolerance, seeds=len(seconds))
