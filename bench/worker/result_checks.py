"""The checks of a run that has ended: finite, images, disjoint, learnt, moved."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

from alexnet import weights as canonical
from alexnet.data import CLASSES, Dataset
from alexnet.score import Score
from bench.records.limits import MIN_IMAGES_TO_LEARN
from bench.records.types import Check, Epoch

CHANCE = 1 / len(CLASSES)
SIGMAS = 4


def check_result(
    epochs: Sequence[Epoch],
    test: Score | None,
    best: canonical.Weights | None,
    *,
    images_per_epoch: int,
    first_weights: dict[str, str],
    dataset: Dataset,
    trained: Collection[str],
) -> tuple[Check, ...]:
    """The checks of one run. A diverged run has neither `test` nor `best`, and fewer checks.

    `trained` are the tensors that the stages up to the best epoch train. `first_weights` are the
    fingerprints of the first weights by tensor.
    """
    checks = [_finite_losses(epochs), _all_images(epochs, images_per_epoch), _disjoint(dataset)]
    if test:
        checks += _above_chance(test, sum(epoch.images for epoch in epochs))
    if best:
        checks.append(_moved({name: best[name] for name in trained}, first_weights))
    return tuple(checks)


def _finite_losses(epochs: Sequence[Epoch]) -> Check:
    losses = [loss for epoch in epochs for loss in (epoch.train_loss, epoch.validation_loss)]
    return Check(
        name="finite",
        measured=losses.count(None),
        lower=0,
        upper=0,
        description="losses that are not finite",
    )


def _all_images(epochs: Sequence[Epoch], images_per_epoch: int) -> Check:
    """An epoch with fewer images would be a faster one."""
    return Check(
        name="images",
        measured=sum(epoch.images != images_per_epoch for epoch in epochs),
        lower=0,
        upper=0,
        description=f"epochs that trained on more or fewer images than {images_per_epoch:,}",
    )


def _disjoint(dataset: Dataset) -> Check:
    return Check(
        name="disjoint",
        measured=dataset.shared_images(),
        lower=0,
        upper=0,
        description="validation and test images that stand in another of the three sets as well",
    )


def _above_chance(test: Score, images_seen: int) -> list[Check]:
    """At least four standard errors above chance, checked only after `MIN_IMAGES_TO_LEARN` images."""
    if images_seen < MIN_IMAGES_TO_LEARN:
        return []
    error = math.sqrt(CHANCE * (1 - CHANCE) / test.images)
    return [
        Check(
            name="learnt",
            measured=test.accuracy,
            lower=CHANCE + SIGMAS * error,
            upper=1.0,
            description=(
                f"test accuracy after {images_seen:,} images, four standard errors over chance or more"
            ),
        )
    ]


def _moved(best: canonical.Weights, first_weights: dict[str, str]) -> Check:
    unmoved = canonical.unchanged(best, first_weights)
    names = f": {', '.join(unmoved)}" if unmoved else ""
    return Check(
        name="moved",
        measured=len(unmoved),
        lower=0,
        upper=0,
        description=f"tensors that training has not moved{names}",
    )
