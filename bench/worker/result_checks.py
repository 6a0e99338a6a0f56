"""The checks of a run that has ended: its losses, images, clock, rates and scores."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from alexnet import weights as canonical
from alexnet.data import Dataset
from alexnet.recipe import Recipe
from alexnet.score import Score
from bench.records import plausible
from bench.records.cell_recipe import images_of, scored_validation_images, steps_of
from bench.records.limits import MAX_CLOCK_ERROR, MAX_PIPELINE_RATIO
from bench.records.types import Check, Epoch, Plan
from bench.worker.batch_digests import BatchDigests, defined_batches


@dataclass(frozen=True, kw_only=True)
class EndedRun:
    """What a run had, did and came to, for its checks.

    `given` are the batches of the first epoch of this process, None if it trained none. A diverged run
    has neither `test` nor `best`. `steps_disturbed` says that every try at timing the bare step was
    disturbed. `trained` are the tensors that the stages up to the best epoch train;
    `first_weights` are the fingerprints of the first weights by tensor.
    """

    plan: Plan
    recipe: Recipe
    seed: int
    dataset: Dataset
    epochs: Sequence[Epoch]
    best_epoch: int | None
    given: BatchDigests | None
    pipeline_ratio: float
    steps_disturbed: bool
    test: Score | None
    best: canonical.Weights | None
    trained: Collection[str]
    first_weights: dict[str, str]


def check_result(run: EndedRun) -> tuple[Check, ...]:
    """The checks of one run. One that diverged, or was too short for one of them, has fewer."""
    checks = [
        _finite_losses(run.epochs),
        _all_images(run),
        _planned_sets(run),
        *_clock(run.epochs),
        *_pipeline(run),
        *_same_pixels(run),
        _disjoint(run.dataset),
    ]
    if run.test:
        checks += [*_above_chance(run.test, run.epochs), *_validated(run, run.test)]
    if run.best:
        checks.append(_moved({name: run.best[name] for name in run.trained}, run.first_weights))
    return tuple(checks)


def _none_allowed(name: str, measured: float, description: str) -> Check:
    return Check(name=name, measured=measured, lower=0, upper=0, description=description)


def _finite_losses(epochs: Sequence[Epoch]) -> Check:
    losses = [loss for epoch in epochs for loss in (epoch.train_loss, epoch.validation_loss)]
    return _none_allowed(
        name="finite", measured=losses.count(None), description="losses that are not finite"
    )


def _all_images(run: EndedRun) -> Check:
    """An epoch with fewer images would be a faster one."""
    expected = steps_of(run.plan, len(run.dataset.train)) * run.recipe.batch_size
    return _none_allowed(
        name="images",
        measured=sum(epoch.images != expected for epoch in run.epochs),
        description=f"epochs that trained on more or fewer images than {expected:,}",
    )


def _planned_sets(run: EndedRun) -> Check:
    """A smaller set is a faster epoch, or an accuracy of other images."""
    dataset, planned = run.dataset, images_of(run.plan)
    sizes = {
        "train": len(dataset.train),
        "validation": len(dataset.validation),
        "test": run.test.images if run.test else len(dataset.test),
    }
    differing = [name for name, images in planned.items() if sizes[name] != images]
    which = ", ".join(f"{name} {sizes[name]:,} for {planned[name]:,}" for name in differing)
    return _none_allowed(
        name="sets",
        measured=sum(abs(sizes[name] - planned[name]) for name in planned),
        description=f"images more or fewer than planned{f': {which}' if which else ''}",
    )


def _clock(epochs: Sequence[Epoch]) -> list[Check]:
    """Rates and watts are as wrong as the clock is. None where no epoch can tell."""
    ratio = plausible.clock_ratio(epochs)
    if ratio is None:
        return []
    return [
        Check(
            name="clock",
            measured=ratio,
            lower=1 - MAX_CLOCK_ERROR,
            upper=1 + MAX_CLOCK_ERROR,
            description="an epoch's seconds as a share of those by the time of day",
        )
    ]


def _pipeline(run: EndedRun) -> list[Check]:
    """An epoch does what a step does and more, so that it cannot be the faster one.

    A process that trained no epoch is not asked: the computer may have been another way then. Nor is
    one whose bare steps were disturbed in every try: beside other programs the ratio of a sound run was
    1.47 (AMD EPYC, 2 cores, 2026-11-26).
    """
    if run.given is None or run.steps_disturbed:
        return []
    return [
        Check(
            name="pipeline",
            measured=run.pipeline_ratio,
            lower=0,
            upper=MAX_PIPELINE_RATIO,
            description="an epoch's images per second over those of its steps alone",
        )
    ]


def _same_pixels(run: EndedRun) -> list[Check]:
    """Every framework must train on the same bytes. None of a process that trained no epoch."""
    if run.given is None:
        return []
    defined = defined_batches(
        run.dataset.train,
        batch_size=run.recipe.batch_size,
        seed=run.seed,
        epoch=run.given.epoch,
        augment=run.recipe.augment,
        steps=run.plan.steps_per_epoch,
    )
    return [
        _none_allowed(
            name="same pixels",
            measured=run.given.differing(defined),
            description="batches of the process's first epoch that seed and epoch do not give",
        )
    ]


def _disjoint(dataset: Dataset) -> Check:
    return _none_allowed(
        name="disjoint",
        measured=dataset.shared_images(),
        description="validation and test images that stand in another of the three sets as well",
    )


def _above_chance(test: Score, epochs: Sequence[Epoch]) -> list[Check]:
    """At least four standard errors above chance, checked only after `MIN_IMAGES_TO_LEARN` images."""
    if not plausible.must_have_learnt(epochs):
        return []
    seen = sum(epoch.images for epoch in epochs)
    return [
        Check(
            name="learnt",
            measured=test.accuracy,
            lower=plausible.over_chance(test.images),
            upper=1.0,
            description=f"test accuracy after {seen:,} images, four standard errors over chance or more",
        )
    ]


def _validated(run: EndedRun, test: Score) -> list[Check]:
    """Where validation is scored with other labels, the best epoch is chosen by nonsense."""
    chosen = [e.validation_accuracy for e in run.epochs if e.epoch == run.best_epoch]
    if not chosen:
        return []
    allowed = plausible.max_accuracy_difference(
        test.accuracy,
        chosen[0],
        test_images=test.images,
        validation_images=scored_validation_images(run.plan, len(run.dataset.validation)),
    )
    return [
        Check(
            name="validation",
            measured=abs(test.accuracy - chosen[0]),
            lower=0.0,
            upper=allowed,
            description="how far validation and test accuracy of the best epoch's weights are apart",
        )
    ]


def _moved(best: canonical.Weights, first_weights: dict[str, str]) -> Check:
    unmoved = canonical.unchanged(best, first_weights)
    names = f": {', '.join(unmoved)}" if unmoved else ""
    return _none_allowed(
        name="moved",
        measured=len(unmoved),
        description=f"tensors that training has not moved{names}",
    )
