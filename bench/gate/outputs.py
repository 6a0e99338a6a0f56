"""What a device answers to one batch, how far that is from exact, and how far it may be."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from alexnet import weights as canonical
from alexnet.data import Images, Labels
from alexnet.frameworks.protocol import Trainer

STEPS = 3
LAYER_IMAGES = 8


Array = npt.NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class Batch:
    """The first batch that the cell will train on, and the rate of its first step."""

    images: Images
    labels: Labels
    rate: float

    def fingerprint(self) -> str:
        """sha256 (hex) over the images, then the labels as little-endian int32."""
        digest = hashlib.sha256(np.ascontiguousarray(self.images).data)
        digest.update(np.ascontiguousarray(self.labels, "<i4").data)
        return digest.hexdigest()


@dataclass(frozen=True, kw_only=True)
class Outputs:
    """What a trainer says of a batch: every layer's output, logits, three steps' losses and their way.

    `gradient` is the first step's, `moved` how far three steps take each tensor, and `update` how far
    off the first step was from minus the rate times that gradient, as a share of it, tensor by tensor.
    """

    layers: dict[str, Array]
    logits: Array
    losses: Array
    gradient: dict[str, Array]
    moved: dict[str, Array]
    update: dict[str, float]


def collect(
    trainer: Trainer,
    first: canonical.Weights,
    batch: Batch,
    alive: Callable[[], None] = lambda: None,
) -> Outputs:
    """Trains three steps on the one batch, from `first` on; calls `alive` after each."""
    outputs = trainer.activations(batch.images[:LAYER_IMAGES])
    logits = trainer.logits(batch.images)
    placed, losses = trainer.to_device(batch.images, batch.labels), []
    gradient: dict[str, Array] = {}
    update: dict[str, float] = {}
    for step in range(STEPS):
        trainer.step(placed, batch.rate)
        losses.append(trainer.pop_metrics()[0])
        if step == 0:
            gradient = {name: array.astype(np.float32) for name, array in trainer.momentum().items()}
            update = _updates(trainer.weights(), first, gradient, batch.rate)
        alive()
    moved = {name: (array - first[name]).astype(np.float32) for name, array in trainer.weights().items()}
    return Outputs(
        layers=outputs,
        logits=logits,
        losses=np.array(losses),
        gradient=gradient,
        moved=moved,
        update=update,
    )


def _updates(
    now: dict[str, Array], first: canonical.Weights, gradient: dict[str, Array], rate: float
) -> dict[str, float]:
    return {
        name: relative_norm_error(
            now[name].astype(np.float64) - first[name], -rate * g.astype(np.float64)
        )
        for name, g in gradient.items()
    }


def relative_max_error(ours: Array, exact: Array) -> float:
    """The largest difference as a share of the largest exact value; infinite where one is not finite."""
    error = float(np.abs(ours - exact).max() / np.abs(exact).max())
    return error if np.isfinite(error) else np.inf


def relative_norm_error(ours: Array | None, exact: Array) -> float:
    """The difference's norm as a share of the exact one's; infinite if not finite, or not there."""
    if ours is None:
        return np.inf
    error = float(np.linalg.norm(ours - exact) / max(float(np.linalg.norm(exact)), 1e-30))
    return error if np.isfinite(error) else np.inf
