"""Loss and accuracy from logits: one numpy implementation for every framework."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from alexnet.data import CLASSES, Labels

Logits = npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Score:
    """Loss and accuracy of logits against labels.

    `loss` is the mean cross-entropy in nats, `accuracy` the share of correct predictions.
    `per_class_accuracy` is None for a class without images. `confusion[i][j]` counts images of class i
    predicted as class j; a network with more than ten outputs has one more column, for all predictions
    beyond the ten.
    """

    images: int
    loss: float
    accuracy: float
    per_class_accuracy: tuple[float | None, ...]
    confusion: tuple[tuple[int, ...], ...]


def score(logits: Logits, labels: Labels) -> Score:
    """Scores logits, float32 (n, classes), against labels, int32 (n,). The loss is summed in float64."""
    known = len(CLASSES)
    columns = min(logits.shape[1], known + 1)
    predictions = np.minimum(logits.argmax(axis=1), columns - 1)
    confusion = np.zeros((known, columns), np.int64)
    np.add.at(confusion, (labels, predictions), 1)
    # Subtracting the largest logit keeps exp from overflowing.
    shifted = logits.astype(np.float64)
    shifted -= shifted.max(axis=1, keepdims=True)
    losses = np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(len(labels)), labels]
    correct, class_images = confusion.diagonal(), confusion.sum(axis=1)
    return Score(
        images=len(labels),
        loss=float(losses.mean()),
        accuracy=float(correct.sum() / len(labels)),
        per_class_accuracy=tuple(
            float(c / n) if n else None for c, n in zip(correct, class_images, strict=True)
        ),
        confusion=tuple(tuple(int(n) for n in row) for row in confusion),
    )
