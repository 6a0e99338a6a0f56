"""The recipe and the images of a cell: its experiment's recipe with the numbers of the plan."""

from __future__ import annotations

from dataclasses import replace

from msgspec import to_builtins

from alexnet.data import CLASSES, MIN_VALIDATION_IMAGES, TEST_IMAGES, TRAINED_IMAGES
from alexnet.recipe import EXPERIMENTS, IllegalRecipe, Recipe
from alexnet.spec import network
from bench.records.codec import RecordError, build
from bench.records.types import SPEED, Cell, Plan


class IllegalPlan(ValueError):
    """Options that cannot be run, and which to change."""


def recipe_of(cell: Cell, plan: Plan) -> Recipe:
    """The experiment's recipe with the plan's numbers. Raises IllegalRecipe for too few epochs."""
    recipe = EXPERIMENTS[cell.experiment].recipe.with_epochs(plan.epochs)
    return replace(recipe, batch_size=plan.batch_size, patience=plan.patience)


def images_of(plan: Plan) -> dict[str, int]:
    """The number of training, validation and test images that a plan gives, by `train` and so on.

    Validation holds a tenth of all images that are trained on or validated with: a ninth of the training
    images, in tens, and 500 at least.
    """
    train = TRAINED_IMAGES if plan.train_images is None else plan.train_images
    return {
        "train": train,
        "validation": max(MIN_VALIDATION_IMAGES, 10 * round(train / 90)),
        "test": TEST_IMAGES if plan.test_images is None else plan.test_images,
    }


def steps_of(plan: Plan, train_images: int) -> int:
    """The steps of an epoch on so many training images: whole batches, or the plan's first ones."""
    whole = train_images // plan.batch_size
    return whole if plan.steps_per_epoch is None else min(plan.steps_per_epoch, whole)


def scored_validation_images(plan: Plan, validation_images: int) -> int:
    """How many of so many validation images are scored after each epoch, the first ones.

    All of them, but MIN_VALIDATION_IMAGES where epochs are cut short: such a run claims no accuracy, and
    all 5,000 cost as much as 1,700 images in training.
    """
    if plan.steps_per_epoch is None:
        return validation_images
    return min(MIN_VALIDATION_IMAGES, validation_images)


def check_plan(cell: Cell, plan: Plan) -> None:
    """Raises IllegalPlan or IllegalNetwork for a plan that cannot be run."""
    try:
        build(Plan, to_builtins(plan))
    except RecordError as error:
        raise IllegalPlan(f"a number is out of bounds: {error}") from error
    experiment = EXPERIMENTS[cell.experiment]
    network(experiment.variant, image_size=plan.image_size)
    try:
        experiment.recipe.with_epochs(plan.epochs)
    except IllegalRecipe as error:
        raise IllegalPlan(f"--epochs {plan.epochs}: {error}") from error
    images = images_of(plan)["train"]
    if images % len(CLASSES):
        raise IllegalPlan(
            f"--train-images {images}: the ten classes share them equally, so use a multiple of 10"
        )
    if images > TRAINED_IMAGES:
        raise IllegalPlan(f"--train-images {images:,}: there are 45,000, without those for validation")
    if images < plan.batch_size:
        raise IllegalPlan(
            f"{images:,} training images do not fill one batch of {plan.batch_size}:"
            f" raise --train-images or lower --batch-size"
        )
    whole, steps = images // plan.batch_size, plan.steps_per_epoch
    if steps is not None and not plan.is_for_speed_alone:
        raise IllegalPlan(
            f"--steps {steps:,}: the profile {plan.profile} trains whole epochs; only {SPEED} cuts them"
            " short"
        )
    if steps is not None and steps > whole:
        raise IllegalPlan(f"--steps {steps:,}: an epoch of {cell.experiment} has only {whole:,}")
