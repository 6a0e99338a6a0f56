"""When a run ends: patience, the cap, or a loss that has left all bounds."""

from __future__ import annotations

import math
from dataclasses import dataclass

from alexnet.recipe import Recipe
from bench.records.types import Epoch, Stop

DIVERGED = 10
"""Times what guessing costs, ln(classes), and no lower than the epoch before: nobody comes back from
there. A first epoch alone may cost as much, where large features meet a new head."""


@dataclass(kw_only=True)
class EarlyStopping:
    """Follows the epochs of one run: which was the best, and whether one was the last."""

    recipe: Recipe
    classes: int
    best_epoch: int | None = None
    best_loss: float = math.inf
    _train_loss: float = math.inf
    """The epoch before's."""

    def improves(self, number: int, validation_loss: float | None) -> bool:
        """Takes an epoch's validation loss, and says whether it is lower than all before."""
        if validation_loss is None or not validation_loss < self.best_loss:  # NaN is never lower
            return False
        self.best_epoch, self.best_loss = number, validation_loss
        return True

    def stop(self, epoch: Epoch) -> Stop | None:
        """What ends the run after this epoch, which `improves` has been told of; None if it goes on.

        To be asked of every epoch in its order.
        """
        diverged = self._diverged(epoch.train_loss, epoch.validation_loss)
        self._train_loss = math.inf if epoch.train_loss is None else epoch.train_loss
        if diverged:
            return "diverged"
        # Patience counts in the last stage alone: every stage before it has its own end.
        before_last_stage = self.recipe.epochs - self.recipe.stages[-1].epochs
        if epoch.epoch - max(self.best_epoch or 0, before_last_stage) >= self.recipe.patience:
            return "patience"
        return "cap" if epoch.epoch == self.recipe.epochs else None

    def _diverged(self, train_loss: float | None, validation_loss: float | None) -> bool:
        """A validation loss alone may rise as it likes: that is overfitting."""
        if train_loss is None or validation_loss is None:
            return True
        return train_loss > DIVERGED * math.log(self.classes) and train_loss >= self._train_loss
