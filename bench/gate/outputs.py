"""A trainer's outputs for one batch, and how far two outputs are apart."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, cast

import numpy as np
import numpy.typing as npt

from alexnet import weights as canonical
from alexnet.data import Images, Labels, sha256_of
from alexnet.frameworks.protocol import Trainer

STEPS = 3
LAYER_IMAGES = 8
BLOCK = 2**20
"""Elements that are compared at once, in float64: a tensor of `mistaken` has 150 million at 224 px."""

Array = npt.NDArray[Any]
Tensors = Iterable[tuple[str, Array]]
Store = Callable[[str, Tensors], Mapping[str, Array]]
"""Keeps named tensors in float32: the part of `Outputs` that they are, and the tensors."""


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
        return sha256_of((self.images, self.labels)).hex()


@dataclass(frozen=True, kw_only=True)
class Outputs:
    """A trainer's outputs for a batch: each layer's, the logits (n, classes), the losses of three steps.

    `later_logits` are those after the three steps.

    Tensor by tensor: `gradient` is the first step's; `displacement` is what three steps add to the
    weights; `update_error` is the norm of the first step's difference from minus the rate times that
    gradient, as a share of the latter's norm. The first two may lie in files, and are then read one
    tensor at a time.
    """

    layers: dict[str, Array]
    logits: Array
    later_logits: Array
    losses: Array
    gradient: Mapping[str, Array]
    displacement: Mapping[str, Array]
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


def watched(trainer: Trainer, heartbeat: Callable[[], None]) -> Trainer:
    """The trainer, calling `heartbeat` after each of its calls, with batches as an epoch has them.

    A parent that hears nothing for five minutes ends the gate, and a computer that swaps may take
    minutes for a step. In an epoch a batch is part of a chunk that lies on the device; here it is the
    second half, and the first has other pixels and labels: a step on it would fail the checks.
    """
    return cast("Trainer", _Watched(trainer, heartbeat))


class _Watched:
    def __init__(self, trainer: Any, heartbeat: Callable[[], None]) -> None:
        self._trainer, self._heartbeat = trainer, heartbeat

    def to_device(self, images: Images, labels: Labels) -> Any:
        chunk = np.concatenate([255 - images, images]), np.concatenate([(labels + 1) % 10, labels])
        on_device = self._trainer.to_device(*chunk)
        self._heartbeat()
        return self.part(on_device, len(labels), len(labels))

    def __getattr__(self, name: str) -> Any:
        member = getattr(self._trainer, name)
        if not callable(member):
            return member

        def call(*arguments: Any, **keywords: Any) -> Any:
            result = member(*arguments, **keywords)
            self._heartbeat()
            return result

        return call


def in_memory(part: str, tensors: Tensors) -> dict[str, Array]:
    """Copies in float32."""
    return {name: np.array(array, np.float32) for name, array in tensors}


def collect(trainer: Steps, first: canonical.Weights, batch: Batch, store: Store = in_memory) -> Outputs:
    """Trains three steps on one batch, from the weights `first`; `store` keeps the tensors."""
    layers = trainer.activations(batch.images[:LAYER_IMAGES])
    logits = trainer.logits(batch.images)
    device_batch, losses = trainer.to_device(batch.images, batch.labels), []
    gradient: Mapping[str, Array] = {}
    update_error: dict[str, float] = {}
    for step in range(STEPS):
        trainer.step(device_batch, batch.rate)
        losses.append(trainer.pop_metrics()[0])
        if step == 0:
            gradient = store("gradient", _each(trainer.momentum()))
            update_error = _update_errors(trainer.weights(), first, gradient, batch.rate)
    changes = ((name, _change(array, first[name])) for name, array in _each(trainer.weights()))
    displacement = store("displacement", changes)
    return Outputs(
        layers=layers,
        logits=logits,
        later_logits=trainer.logits(batch.images),
        losses=np.array(losses),
        gradient=gradient,
        displacement=displacement,
        update_error=update_error,
    )


def _each(tensors: dict[str, Array]) -> Tensors:
    """The tensors one by one. Each is let go of once the next one is asked for."""
    left = dict(tensors)
    del tensors
    for name in list(left):
        yield name, left.pop(name)


def _change(now: Array, before: Array) -> Array:
    """The difference in float32, without a copy in the precision of either."""
    change: Array = np.empty(now.shape, np.float32)
    return np.subtract(now, before, out=change, casting="same_kind")


def _update_errors(
    now: dict[str, Array], first: canonical.Weights, gradient: Mapping[str, Array], rate: float
) -> dict[str, float]:
    return {
        name: norm_error(
            (after - before, -rate * part)
            for after, before, part in blockwise(now[name], first[name], array)
        )
        for name, array in gradient.items()
    }


def blockwise(*arrays: Array) -> Iterator[tuple[Array, ...]]:
    """Blocks of the same elements of arrays of one size, flat and in float64."""
    flat = [array.reshape(-1) for array in arrays]
    if len({len(array) for array in flat}) > 1:
        raise ValueError(f"arrays of {[array.shape for array in arrays]} are not of one size")
    for start in range(0, len(flat[0]), BLOCK):
        yield tuple(array[start : start + BLOCK].astype(np.float64) for array in flat)


def relative_max_error(ours: Array, exact: Array) -> float:
    """The largest difference over the largest exact value; infinite if it is not finite."""
    error = float(np.abs(ours - exact).max() / np.abs(exact).max())
    return error if np.isfinite(error) else np.inf


def relative_norm_error(ours: Array | None, exact: Array) -> float:
    """The norm of the difference over the exact norm; infinite if it is not finite or `ours` is None."""
    if ours is None:
        return np.inf
    return norm_error(blockwise(ours, exact))


def norm_error(pairs: Iterable[tuple[Array, ...]]) -> float:
    """The norm of all differences over that of all exact values, from pairs of ours and the exact."""
    difference = norm = 0.0
    for ours, exact in pairs:
        difference += float(np.sum((ours - exact) ** 2))
        norm += float(np.sum(exact**2))
    error = math.sqrt(difference) / max(math.sqrt(norm), 1e-30)
    return error if math.isfinite(error) else math.inf
