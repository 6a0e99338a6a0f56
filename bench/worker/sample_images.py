"""The few test images that a result keeps, so that a report can show what the network took them for."""

from __future__ import annotations

import base64

import numpy as np
import numpy.typing as npt

from alexnet.data import CLASSES, Labels, Split
from alexnet.score import Logits
from bench.records.limits import MAX_PICTURES
from bench.records.types import Pictures


def choose_samples(labels: Labels) -> npt.NDArray[np.intp]:
    """Which test images: each class's first in turn, then each one's second, up to 16.

    By the labels alone, so whether an answer is right has no part in it.
    """
    first, taken = np.arange(len(labels)), np.zeros(len(CLASSES), int)
    turns = np.empty(len(labels), int)
    for position, label in enumerate(labels):
        turns[position], taken[label] = taken[label], taken[label] + 1
    order: npt.NDArray[np.intp] = np.lexsort((first, labels, turns))
    return order[:MAX_PICTURES]


def sample_images(test: Split, logits: Logits) -> Pictures:
    """The chosen images of a split, with the answers that its logits, float32 (n, classes), give."""
    at = choose_samples(test.labels)
    wide = logits[at].astype(np.float64)
    shares = np.exp(wide - wide.max(axis=1, keepdims=True))
    answers = wide.argmax(axis=1)
    return Pictures(
        positions=tuple(int(position) for position in at),
        pixels=base64.b64encode(np.ascontiguousarray(test.images[at]).tobytes()).decode("ascii"),
        labels=tuple(int(label) for label in test.labels[at]),
        answers=tuple(int(min(answer, len(CLASSES))) for answer in answers),
        shares=tuple(float(share) for share in shares.max(axis=1) / shares.sum(axis=1)),
    )
