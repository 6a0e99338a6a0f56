"""The few test images that a result keeps, so that a report can show the network's answers."""

from __future__ import annotations

import base64

import numpy as np
import numpy.typing as npt

from alexnet.data import CLASSES, Labels, Split
from alexnet.score import Logits
from bench.records.limits import MAX_PICTURES
from bench.records.types import Pictures


def choose_samples(labels: Labels) -> npt.NDArray[np.intp]:
    """Indices of up to 16 test images: the first of each class, then the second of each, and so on.

    Only the labels decide, never whether an answer is right.
    """
    seen = np.zeros(len(CLASSES), int)
    rounds = np.empty(len(labels), int)
    for position, label in enumerate(labels):
        rounds[position], seen[label] = seen[label], seen[label] + 1
    order: npt.NDArray[np.intp] = np.lexsort((np.arange(len(labels)), labels, rounds))
    return order[:MAX_PICTURES]


def sample_images(test: Split, logits: Logits) -> Pictures:
    """The chosen images, and the answers and softmax shares by `logits`, float32 (n, classes)."""
    positions = choose_samples(test.labels)
    chosen = logits[positions].astype(np.float64)
    shares = np.exp(chosen - chosen.max(axis=1, keepdims=True))
    answers = chosen.argmax(axis=1)
    return Pictures(
        positions=tuple(int(position) for position in positions),
        pixels=base64.b64encode(np.ascontiguousarray(test.images[positions]).tobytes()).decode("ascii"),
        labels=tuple(int(label) for label in test.labels[positions]),
        answers=tuple(int(min(answer, len(CLASSES))) for answer in answers),
        shares=tuple(float(share) for share in shares.max(axis=1) / shares.sum(axis=1)),
    )
