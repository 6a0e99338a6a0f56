"""Recipes: the report's numbers, the rate as a function of the step, other numbers of epochs."""

from __future__ import annotations

import pytest

from alexnet.recipe import AUGMENTED, EXPERIMENTS, FINETUNE, SCRATCH, IllegalRecipe, Recipe
from alexnet.spec import VARIANTS


def test_the_protocols_are_the_reports() -> None:
    assert (SCRATCH.batch_size, SCRATCH.epochs, SCRATCH.momentum) == (64, 20, 0.9)
    assert SCRATCH.stages[0].learning_rate == 0.001
    assert (AUGMENTED.batch_size, AUGMENTED.epochs, AUGMENTED.augment) == (128, 15, True)
    assert [stage.train for stage in FINETUNE.stages] == ["head", "all"]
    assert SCRATCH.mean == (0, 0, 0)
    assert SCRATCH.std == (1, 1, 1)


def test_every_experiment_names_a_variant_that_exists() -> None:
    assert list(EXPERIMENTS) == ["scratch", "mistaken", "augmented", "pretrained"]
    assert {experiment.variant for experiment in EXPERIMENTS.values()} <= set(VARIANTS)


def test_the_rate_changes_with_the_stage_at_its_first_step() -> None:
    last_head_step = 3 * 100 - 1
    assert FINETUNE.learning_rate(0, steps_per_epoch=100) == 0.01
    assert FINETUNE.learning_rate(last_head_step, steps_per_epoch=100) == 0.01
    assert FINETUNE.learning_rate(last_head_step + 1, steps_per_epoch=100) == 0.001
    with pytest.raises(IllegalRecipe, match="epochs 1 to 13, not 14"):
        FINETUNE.learning_rate(1300, steps_per_epoch=100)


@pytest.mark.parametrize("epochs", range(2, 40))
def test_another_number_of_epochs_keeps_every_stage(epochs: int) -> None:
    recipe = FINETUNE.with_epochs(epochs)
    assert recipe.epochs == epochs
    assert all(stage.epochs >= 1 for stage in recipe.stages)


@pytest.mark.parametrize("recipe", [SCRATCH, AUGMENTED, FINETUNE], ids=lambda recipe: recipe.name)
def test_the_recipes_own_number_of_epochs_changes_nothing(recipe: Recipe) -> None:
    assert recipe.with_epochs(recipe.epochs) == recipe


def test_too_few_epochs_for_the_stages_is_a_sentence() -> None:
    with pytest.raises(IllegalRecipe, match="finetune has 2 stages"):
        FINETUNE.with_epochs(1)
