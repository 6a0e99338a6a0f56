"""The few test images that a result keeps, so that a report can show what the network took them for."""

from __future__ import annotations

import base64
import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from alexnet.data import CLASSES, IMAGE_SHAPE, Images, Labels, Split
from alexnet.score import Logits

MAX_PICTURES = 16


@dataclass(frozen=True, kw_only=True)
class Pictures:
    """Test images, the same for both frameworks, and the best epoch's answers to them.

    `pixels` are uint8 (n, 32, 32, 3), RGB, row by row in base64; `positions` say where each stands among
    the test images. `answers` are classes, 10 for one beyond the ten; `shares` is the softmax of each.
    """

    positions: tuple[int, ...]
    pixels: str
    labels: tuple[int, ...]
    answers: tuple[int, ...]
    shares: tuple[float, ...]

    def images(self) -> Images:
        """The pixels as an array. Raises ValueError where they are not one image for each label."""
        raw = base64.b64decode(self.pixels, validate=True)
        if len(raw) != len(self.labels) * math.prod(IMAGE_SHAPE):
            raise ValueError(f"{len(raw):,} bytes are not {len(self.labels)} images of 32x32 RGB")
        return np.frombuffer(raw, np.uint8).reshape(len(self.labels), *IMAGE_SHAPE)


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
