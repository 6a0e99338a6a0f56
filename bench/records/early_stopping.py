"""When training ends: patience, the last epoch of the recipe, or a loss that diverges."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from alexnet.recipe import Recipe
from bench.records.types import Epoch, StopReason

DIVERGENCE_FACTOR = 10
"""A run has diverged if its training loss exceeds this multiple of ln(classes), the loss of guessing,
and does not fall: no run recovers from there. A first epoch may exceed it, when large features
meet a new head."""


@dataclass(kw_only=True)
class EarlyStopping:
    """Follows the epochs of one run: which is the best, and which is the last."""

    recipe: Recipe
    classes: int
    best_epoch: int | None = None
    best_loss: float = math.inf
    _train_loss: float = math.inf
    """That of the previous epoch."""

    def update_best(self, number: int, validation_loss: float | None) -> bool:
        """Takes the validation loss of an epoch; True if it is lower than all before it."""
        if validation_loss is None or not validation_loss < self.best_loss:  # NaN is never lower
            return False
        self.best_epoch, self.best_loss = number, validation_loss
        return True

    def stop_reason(self, epoch: Epoch) -> StopReason | None:
        """Why the run ends after this epoch, or None if it goes on.

        To be called for every epoch in order, after `update_best`.
        """
        diverged = self._diverged(epoch.train_loss, epoch.validation_loss)
        self._train_loss = math.inf if epoch.train_loss is None else epoch.train_loss
        if diverged:
            return "diverged"
        # Patience applies to the last stage alone: earlier stages have a fixed length.
        before_last_stage = self.recipe.epochs - self.recipe.stages[-1].epochs
        if epoch.epoch - max(self.best_epoch or 0, before_last_stage) >= self.recipe.patience:
            return "patience"
        return "cap" if epoch.epoch == self.recipe.epochs else None

    def _diverged(self, train_loss: float | None, validation_loss: float | None) -> bool:
        # A rising validation loss alone is overfitting, not divergence.
        if train_loss is None or validation_loss is None:
            return True
        return train_loss > DIVERGENCE_FACTOR * math.log(self.classes) and train_loss >= self._train_loss


@dataclass(frozen=True, kw_only=True)
class TrainingEnd:
    """What the losses of epochs say of their run's end.

    `stopped` is why it ends and `epochs` after which epoch; None and the last one if nothing ends it.
    """

    best_epoch: int | None
    stopped: StopReason | None
    epochs: int


def training_end(recipe: Recipe, classes: int, epochs: Sequence[Epoch]) -> TrainingEnd:
    """Follows the epochs, in order from the first, as training did."""
    stopping = EarlyStopping(recipe=recipe, classes=classes)
    for number, epoch in enumerate(epochs, 1):
        stopping.update_best(number, epoch.validation_loss)
        if reason := stopping.stop_reason(epoch):
            return TrainingEnd(best_epoch=stopping.best_epoch, stopped=reason, epochs=number)
    return TrainingEnd(best_epoch=stopping.best_epoch, stopped=None, epochs=len(epochs))


def converged_at(best_epoch: int | None, stopped: StopReason | None) -> int | None:
    """The best epoch if patience ended the run. One that ended otherwise may have gone on to improve."""
    return best_epoch if stopped == "patience" else None
