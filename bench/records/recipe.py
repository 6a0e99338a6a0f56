"""The recipe that a cell's plan makes of its experiment's, and the plans that make no run."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from alexnet.data import CLASSES, TRAINED_IMAGES
from alexnet.recipe import EXPERIMENTS, IllegalRecipe, Recipe
from alexnet.spec import network
from bench.records.types import Cell, Plan

if TYPE_CHECKING:
    pass


class IllegalPlan(ValueError):
    """Options that make no run, and which to change."""


def recipe_of(cell: Cell, plan: Plan) -> Recipe:
    """The experiment's recipe as this plan runs it. Raises IllegalRecipe for too few epochs."""
    recipe = EXPERIMENTS[cell.experiment].recipe.with_epochs(plan.epochs)
    return replace(recipe, batch_size=plan.batch_size, patience=plan.patience)


def check_plan(cell: Cell, plan: Plan) -> None:
    """Raises IllegalPlan, or the network's own error, for numbers that make no run."""
    experiment = EXPERIMENTS[cell.experiment]
    network(experiment.variant, image_size=plan.image_size)
    try:
        experiment.recipe.with_epochs(plan.epochs)
    except IllegalRecipe as error:
        raise IllegalPlan(f"--epochs {plan.epochs}: {error}") from error
    images = TRAINED_IMAGES if plan.train_images is None else plan.train_images
    if images % len(CLASSES):
        raise IllegalPlan(
            f"--train-images {images}: the ten classes share them equally, so use a multiple of 10"
        )
    if images > TRAINED_IMAGES:
        raise IllegalPlan(f"--train-images {images:,}: after validation's share there are 45,000")
    if images < plan.batch_size:
        raise IllegalPlan(
            f"{images:,} training images do not fill one batch of {plan.batch_size}:"
            f" raise --train-images or lower --batch-size"
        )
