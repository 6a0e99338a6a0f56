"""What logits are worth: one numpy scoring for every framework."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from alexnet.data import CLASSES, Labels

Logits = npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Score:
    """How well logits meet their labels.

    `confusion[i][j]` counts images of class i taken for class j; a network with more than ten
    outputs has one more column, for all answers beyond the ten. `loss` is the mean cross-entropy
    in nats, `accuracy` the share of right answers; a class without images has None.
    """

    images: int
    loss: float
    accuracy: float
    per_class_accuracy: tuple[float | None, ...]
    confusion: tuple[tuple[int, ...], ...]


def score(logits: Logits, labels: Labels) -> Score:
    """Scores float32 (n, classes) against int32 (n,). Cross-entropy is summed in float64."""
    known = len(CLASSES)
    columns = min(logits.shape[1], known + 1)
    answers = np.minimum(logits.argmax(axis=1), columns - 1)
    confusion = np.zeros((known, columns), np.int64)
    np.add.at(confusion, (labels, answers), 1)
    # The largest logit is taken off first: what is left neither overflows nor rounds the rest away.
    wide = logits.astype(np.float64)
    wide -= wide.max(axis=1, keepdims=True)
    losses = np.log(np.exp(wide).sum(axis=1)) - wide[np.arange(len(labels)), labels]
    right, of_class = confusion.diagonal(), confusion.sum(axis=1)
    return Score(
        images=len(labels),
        loss=float(losses.mean()),
        accuracy=float(right.sum() / len(labels)),
        per_class_accuracy=tuple(
            float(r / n) if n else None for r, n in zip(right, of_class, strict=True)
        ),
        confusion=tuple(tuple(int(n) for n in row) for row in confusion),
    )
