"""The best epoch, patience in the last stage, the cap on epochs, and divergence."""

from __future__ import annotations

import dataclasses
import math

import pytest
from msgspec.structs import replace

from alexnet.recipe import FINETUNE, SCRATCH, Recipe
from bench.records.early_stopping import EarlyStopping
from bench.records.types import StopReason
from tests.support.samples import EPOCH

CLASSES = 10
BOUND = 10 * math.log(CLASSES)
NAN = math.nan


def train(recipe: Recipe, losses: list[float]) -> tuple[EarlyStopping, int, StopReason | None]:
    """Feeds the validation losses until an epoch is the last: (stopping, that epoch, the reason)."""
    stopping = EarlyStopping(recipe=recipe, classes=CLASSES)
    for number, loss in enumerate(losses, 1):
        stopping.update_best(number, loss)
        if reason := stopping.stop_reason(replace(EPOCH, epoch=number, validation_loss=loss)):
            return stopping, number, reason
    return stopping, len(losses), None


def test_the_best_epoch_is_the_first_of_the_lowest_loss() -> None:
    stopping = EarlyStopping(recipe=SCRATCH, classes=CLASSES)
    improved = [
        stopping.update_best(n, loss) for n, loss in enumerate([2.0, 1.5, 1.7, 1.5, 1.4, 1.4], 1)
    ]
    assert improved == [True, True, False, False, True, False]
    assert (stopping.best_epoch, stopping.best_loss) == (5, 1.4)


def test_what_is_no_number_is_never_the_best() -> None:
    stopping = EarlyStopping(recipe=SCRATCH, classes=CLASSES)
    for nothing in (None, NAN, math.inf):
        assert not stopping.update_best(1, nothing)
        assert (stopping.best_epoch, stopping.best_loss) == (None, math.inf)
    assert stopping.update_best(2, 3.0)
    for nothing in (None, NAN, math.inf):
        assert not stopping.update_best(3, nothing)
    assert (stopping.best_epoch, stopping.best_loss) == (2, 3.0)


def test_a_run_goes_on_as_long_as_it_learns_and_ends_at_the_cap() -> None:
    stopping, last, reason = train(SCRATCH, [2.0 - n / 100 for n in range(30)])
    assert (last, reason, stopping.best_epoch) == (20, "cap", 20)


def test_patience_runs_out_so_many_epochs_after_the_best() -> None:
    stopping, last, reason = train(SCRATCH, [2.0, 1.5, 1.6, 1.7, 1.6, 1.7, 1.6, 1.0])
    assert (last, reason, stopping.best_epoch) == (2 + SCRATCH.patience, "patience", 2)


def test_an_improvement_in_time_gives_new_patience() -> None:
    losses = [2.0, 1.5, 1.6, 1.7, 1.6, 1.7, 1.4, *[1.5] * 9]
    stopping, last, reason = train(SCRATCH, losses)
    assert (last, reason, stopping.best_epoch) == (7 + SCRATCH.patience, "patience", 7)


def test_the_same_loss_again_is_no_improvement() -> None:
    stopping, last, reason = train(SCRATCH, [2.0] * 20)
    assert (last, reason, stopping.best_epoch) == (1 + SCRATCH.patience, "patience", 1)


def test_patience_that_runs_out_with_the_last_epoch_counts_as_convergence() -> None:
    recipe = SCRATCH.with_epochs(6)
    assert train(recipe, [1.0, *[1.1] * 9])[1:] == (6, "patience")
    assert train(recipe, [1.2, 1.0, *[1.1] * 9])[1:] == (6, "cap")


def test_patience_is_counted_in_the_last_stage_alone() -> None:
    """Three epochs of the head, which may stand still, then patience of three for all layers."""
    assert ([stage.epochs for stage in FINETUNE.stages], FINETUNE.patience) == ([3, 10], 3)
    first = dataclasses.replace(FINETUNE.stages[0], epochs=8)
    recipe = dataclasses.replace(FINETUNE, stages=(first, FINETUNE.stages[1]))
    stopping, last, reason = train(recipe, [1.0, *[1.5] * 20])
    assert (last, reason, stopping.best_epoch) == (8 + 3, "patience", 1)
    stopping, last, reason = train(recipe, [1.0, *[1.5] * 8, 0.9, *[1.5] * 20])
    assert (last, reason, stopping.best_epoch) == (10 + 3, "patience", 10)


def test_the_cap_is_that_of_all_stages() -> None:
    assert train(FINETUNE, [2.0 - n / 100 for n in range(30)])[1:] == (13, "cap")


@pytest.mark.parametrize("losses", [(None, 2.0), (2.0, None), (None, None)])
def test_a_loss_that_is_no_number_ends_the_run_at_once(
    losses: tuple[float | None, float | None],
) -> None:
    epoch = replace(EPOCH, epoch=1, train_loss=losses[0], validation_loss=losses[1])
    assert EarlyStopping(recipe=SCRATCH, classes=CLASSES).stop_reason(epoch) == "diverged"


def stop_reasons(*train_losses: float, classes: int = CLASSES) -> list[StopReason | None]:
    """The stop reason after each epoch, with a validation loss that always improves."""
    stopping = EarlyStopping(recipe=SCRATCH, classes=classes)
    reasons: list[StopReason | None] = []
    for number, loss in enumerate(train_losses, 1):
        stopping.update_best(number, 2.0 - number / 100)
        reasons.append(stopping.stop_reason(replace(EPOCH, epoch=number, train_loss=loss)))
    return reasons


def test_a_training_loss_out_of_all_bounds_that_does_not_fall_ends_the_run() -> None:
    assert stop_reasons(2.0, BOUND * 1.001) == [None, "diverged"]
    assert stop_reasons(BOUND * 1.001, BOUND * 1.001) == [None, "diverged"]
    assert stop_reasons(BOUND * 1.001, 1e30) == [None, "diverged"]
    assert stop_reasons(2.0, 1.9, 1.8, 1e30) == [None, None, None, "diverged"]


def test_a_training_loss_within_the_bounds_may_rise() -> None:
    assert stop_reasons(2.0, BOUND * 0.999, BOUND * 0.999) == [None, None, None]


def test_a_bad_beginning_that_gets_better_is_no_divergence() -> None:
    assert stop_reasons(BOUND * 30, BOUND * 20, BOUND * 1.001, 2.0) == [None, None, None, None]
    assert stop_reasons(BOUND * 30, BOUND * 20, BOUND * 21) == [None, None, "diverged"]


def test_a_validation_loss_alone_may_rise_as_it_likes() -> None:
    assert train(SCRATCH, [2.0, 1.5, BOUND * 2, 1e30, 1.4])[1:] == (5, None)


def test_more_classes_make_a_guess_dearer() -> None:
    loss = 10 * math.log(1000) * 0.999
    assert stop_reasons(2.0, loss, classes=1000) == [None, None]
    assert stop_reasons(2.0, loss, classes=900) == [None, "diverged"]


def test_who_diverges_has_not_converged_and_not_reached_the_cap() -> None:
    for last in (6, 20):
        stopping = EarlyStopping(recipe=SCRATCH, classes=CLASSES, best_epoch=last - 5, best_loss=1.0)
        for number in (last - 1, last):
            stop_reason = stopping.stop_reason(replace(EPOCH, epoch=number, train_loss=1e30))
        assert stop_reason == "diverged"


@pytest.mark.parametrize("known", range(1, 9))
def test_a_run_that_goes_on_ends_where_it_would_have_ended(known: int) -> None:
    """As the training loop resumes: with the best so far, and the known epochs in order."""
    losses = [2.0, 1.5, 1.6, 1.4, *[1.7] * 9]
    whole, last, reason = train(SCRATCH, losses)
    so_far, _, _ = train(SCRATCH, losses[:known])
    resumed = EarlyStopping(
        recipe=SCRATCH, classes=CLASSES, best_epoch=so_far.best_epoch, best_loss=so_far.best_loss
    )
    for number, loss in enumerate(losses[:last], 1):
        if number > known:
            resumed.update_best(number, loss)
        stop_reason = resumed.stop_reason(replace(EPOCH, epoch=number, validation_loss=loss))
        assert stop_reason == (reason if number == last else None)
    assert (resumed.best_epoch, resumed.best_loss) == (whole.best_epoch, whole.best_loss)
