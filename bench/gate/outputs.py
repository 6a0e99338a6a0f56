"""A trainer's outputs for one batch, and how far two outputs are apart."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from alexnet import weights as canonical
from alexnet.data import Images, Labels

STEPS = 3
LAYER_IMAGES = 8

Array = npt.NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class Batch:
    """A batch of the cell's own size, whose first `different` images are repeated to fill it.

    Its mean loss and gradient are those of these images, and a device still gets the shapes that it will
    train on, by which libraries choose their kernels. `rate` is the learning rate of the first step.
    """

    images: Images
    labels: Labels
    rate: float
    different: int

    def fingerprint(self) -> str:
        """sha256 (hex) over the images, then the labels as little-endian int32."""
        digest = hashlib.sha256(np.ascontiguousarray(self.images).data)
        digest.update(np.ascontiguousarray(self.labels, "<i4").data)
        return digest.hexdigest()


@dataclass(frozen=True, kw_only=True)
class Outputs:
    """A trainer's outputs for a batch: each layer's, the logits (n, classes), the losses of three steps.

    `later_logits` are those after the three steps.

    Tensor by tensor: `gradient` is the first step's; `displacement` is what three steps add to the
    weights; `update_error` is the norm of the first step's difference from minus the rate times that
    gradient, as a share of the latter's norm.
    """

    layers: dict[str, Array]
    logits: Array
    later_logits: Array
    losses: Array
    gradient: dict[str, Array]
    displacement: dict[str, Array]
    update_error: dict[str, float]


class Steps(Protocol):
    """What `collect` asks of a trainer, and of the reference."""

    def activations(self, images: Images) -> dict[str, Any]: ...
    def logits(self, images: Images) -> Array: ...
    def to_device(self, images: Images, labels: Labels) -> Any: ...
    def step(self, batch: Any, learning_rate: float) -> None: ...
    def pop_metrics(self) -> tuple[float, float]: ...
    def weights(self) -> dict[str, Array]: ...
    def momentum(self) -> dict[str, Array]: ...


def collect(
    trainer: Steps,
    first: canonical.Weights,
    batch: Batch,
    heartbeat: Callable[[], None] = lambda: None,
) -> Outputs:
    """Trains three steps on one batch, from the weights `first`; calls `heartbeat` after each part."""
    layers = trainer.activations(batch.images[:LAYER_IMAGES])
    heartbeat()
    logits = trainer.logits(batch.images)
    heartbeat()
    device_batch, losses = trainer.to_device(batch.images, batch.labels), []
    gradient: dict[str, Array] = {}
    update_error: dict[str, float] = {}
    for step in range(STEPS):
        trainer.step(device_batch, batch.rate)
        losses.append(trainer.pop_metrics()[0])
        if step == 0:
            gradient = {name: array.astype(np.float32) for name, array in trainer.momentum().items()}
            update_error = _update_errors(trainer.weights(), first, gradient, batch.rate)
        heartbeat()
    displacement = {
        name: (array - first[name]).astype(np.float32) for name, array in trainer.weights().items()
    }
    return Outputs(
        layers=layers,
        logits=logits,
        later_logits=trainer.logits(batch.images),
        losses=np.array(losses),
        gradient=gradient,
        displacement=displacement,
        update_error=update_error,
    )


def _update_errors(
    now: dict[str, Array], first: canonical.Weights, gradient: dict[str, Array], rate: float
) -> dict[str, float]:
    return {
        name: relative_norm_error(
            now[name].astype(np.float64) - first[name], -rate * array.astype(np.float64)
        )
        for name, array in gradient.items()
    }


def relative_max_error(ours: Array, exact: Array) -> float:
    """The largest difference over the largest exact value; infinite if it is not finite."""
    error = float(np.abs(ours - exact).max() / np.abs(exact).max())
    return error if np.isfinite(error) else np.inf


def relative_norm_error(ours: Array | None, exact: Array) -> float:
    """The norm of the difference over the exact norm; infinite if it is not finite or `ours` is None."""
    if ours is None:
        return np.inf
    error = float(np.linalg.norm(ours - exact) / max(float(np.linalg.norm(exact)), 1e-30))
    return error if np.isfinite(error) else np.inf
