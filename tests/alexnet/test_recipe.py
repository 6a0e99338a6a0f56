"""Recipes: the report's numbers, the rate as a function of the step, other caps."""

from __future__ import annotations

import pytest

from alexnet.recipe import AUGMENTED, EXPERIMENTS, FINETUNE, RECIPES, SCRATCH, IllegalRecipe
from alexnet.spec import VARIANTS


def test_the_protocols_are_the_reports() -> None:
    assert (SCRATCH.batch_size, SCRATCH.epochs, SCRATCH.momentum) == (64, 20, 0.9)
    assert SCRATCH.stages[0].learning_rate == 0.001
    assert (AUGMENTED.batch_size, AUGMENTED.epochs, AUGMENTED.augment) == (128, 15, True)
    assert [stage.train for stage in FINETUNE.stages] == ["head", "all"]
    assert SCRATCH.mean == (0, 0, 0)
    assert SCRATCH.std == (1, 1, 1)


def test_every_experiment_names_a_variant_and_a_recipe_that_exist() -> None:
    assert list(EXPERIMENTS) == ["scratch", "mistaken", "augmented", "pretrained"]
    for experiment in EXPERIMENTS.values():
        assert experiment.variant in VARIANTS
        assert RECIPES[experiment.recipe.name] is experiment.recipe


def test_the_rate_changes_with_the_stage_at_its_first_step() -> None:
    last_of_head = 3 * 100 - 1
    assert FINETUNE.learning_rate(0, steps_per_epoch=100) == 0.01
    assert FINETUNE.learning_rate(last_of_head, steps_per_epoch=100) == 0.01
    assert FINETUNE.learning_rate(last_of_head + 1, steps_per_epoch=100) == 0.001
    with pytest.raises(IllegalRecipe, match="epochs 1 to 13, not 14"):
        FINETUNE.learning_rate(1300, steps_per_epoch=100)


@pytest.mark.parametrize("epochs", range(2, 40))
def test_another_cap_keeps_every_stage(epochs: int) -> None:
    capped = FINETUNE.with_epochs(epochs)
    assert capped.epochs == epochs
    assert all(stage.epochs >= 1 for stage in capped.stages)


def test_the_recipes_own_cap_changes_nothing() -> None:
    for recipe in RECIPES.values():
        assert recipe.with_epochs(recipe.epochs) == recipe


def test_too_few_epochs_for_the_stages_is_a_sentence() -> None:
    with pytest.raises(IllegalRecipe, match="finetune has 2 stages"):
        FINETUNE.with_epochs(1)
