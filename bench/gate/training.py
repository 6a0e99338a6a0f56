"""What a training step does besides its gradient: momentum, weight decay, its rate, and dropout.

All of it is read from the velocity, which a trainer gives in the canonical layout; nothing here asks a
framework for its layers.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt

from alexnet import weights as canonical
from alexnet.frameworks.protocol import Precision, Trainer
from alexnet.layers import Dense, Dropout
from alexnet.recipe import Recipe
from alexnet.spec import Network
from bench.gate.outputs import LAYER_IMAGES, Array, Batch, blockwise, norm_error
from bench.records.codec import finite_or_none
from bench.records.limits import (
    MAX_DROPOUT_SCALE_ERROR,
    MAX_DROPOUT_SIGMAS,
    MAX_MOMENTUM_ERROR,
    MAX_RATE_ERROR,
    MAX_WEIGHT_DECAY,
)
from bench.records.types import Check

CERTAIN = 1000.0
"""A logit so far above all others that float32's softmax is exactly 1 and 0: e^-104 is 0 there. float16
holds it. The largest logit of first weights was 17 (`standard` at 64 px, ten seeds)."""
STILL_STEPS = 2
"""Steps at rate 0 before those at the recipe's rates: the last one is the tenth of its trainer."""
MASKS = 8
MIN_INPUT = 0.05
"""Smaller inputs, as shares of the largest, are left out: dividing by them would magnify roundings."""


def check_optimizer(
    trainer: Trainer, first: canonical.Weights, batch: Batch, recipe: Recipe, *, head: str
) -> list[Check]:
    """Momentum and weight decay of steps at rate 0 that begin without a velocity.

    Two steps from the weights `first` have the velocities v1 = g and v2 = m g + g. Then one step from
    weights whose `head` is certain of every image's label, and rightly so: each softmax is exactly 1 or
    0, the gradient is exactly 0 in every precision, and with weight decay d the velocity is d w alone.
    """
    trainer.load(first)
    trainer.begin_stage("all")
    device_batch = trainer.to_device(batch.images, batch.labels)
    trainer.step(device_batch, 0.0)
    velocity = trainer.momentum()
    trainer.step(device_batch, 0.0)
    momentum = _along(trainer.momentum(), velocity) - 1
    del velocity, device_batch
    certain = _become_certain(trainer, first, head)
    trainer.step(trainer.to_device(batch.images, np.zeros_like(batch.labels)), 0.0)
    velocity = trainer.momentum()
    trainer.pop_metrics()
    decays = {n: _decay(velocity.get(n), array) for n, array in certain.items() if array.any()}
    worst = max(decays, key=decays.__getitem__)
    return [
        Check(
            name="momentum",
            measured=finite_or_none(abs(momentum - recipe.momentum)),
            lower=0.0,
            upper=MAX_MOMENTUM_ERROR,
            description=f"how far the momentum of two steps at rate 0 is from {recipe.momentum:g}",
        ),
        Check(
            name="weight decay",
            measured=finite_or_none(decays[worst]),
            lower=0.0,
            upper=MAX_WEIGHT_DECAY,
            description=f"how much of {worst} is in its gradient where the loss is 0, and should not be",
        ),
    ]


def _become_certain(trainer: Trainer, first: canonical.Weights, head: str) -> canonical.Weights:
    """Takes the weights `first` with a `head` certain of class 0, and no velocity; returns them."""
    bias = np.zeros_like(first[f"{head}.bias"])
    bias[0] = CERTAIN
    certain = first | {f"{head}.bias": bias}
    still = {name: np.zeros(array.shape, np.float32) for name, array in first.items()}
    trainer.resume(certain, still, trainer.random_state())
    return certain


def _decay(velocity: Array | None, weight: Array) -> float:
    """How much of a tensor is in its velocity; infinite if it has none or one that is not finite."""
    decay = math.nan if velocity is None else abs(_projection(blockwise(velocity, weight)))
    return decay if math.isfinite(decay) else math.inf


def _along(arrays: Mapping[str, Array], direction: Mapping[str, Array]) -> float:
    """The component of some tensors along others, as a multiple of these; NaN if one is missing."""
    if not set(direction) <= set(arrays):
        return math.nan
    return _projection(
        pair for name, array in direction.items() for pair in blockwise(arrays[name], array)
    )


def _projection(pairs: Iterable[tuple[Array, ...]]) -> float:
    """The first of all pairs along the second, as a multiple of these; NaN if these are 0."""
    products = squares = 0.0
    for array, direction in pairs:
        products += float(array @ direction)
        squares += float(direction @ direction)
    return products / squares if squares else math.nan


def check_later_steps(
    trainer: Trainer,
    first: canonical.Weights,
    batch: Batch,
    recipe: Recipe,
    exact: Mapping[str, Array],
    *,
    gradient_tolerance: float,
    rates: Sequence[float],
) -> list[Check]:
    """The gradient and the rate of steps after the first few, where a scale or a rate may have changed.

    Steps at rate 0, one at the rate of the recipe's first stage and one at that of its last, each from
    the weights `first`. They must move the weights by minus the rate of `rates` times the velocity;
    these are not taken from the recipe. In the latter two v - m v_before must still be the reference's
    gradient `exact`.
    """
    device_batch = trainer.to_device(batch.images, batch.labels)
    for _ in range(STILL_STEPS):
        trainer.load(first)
        trainer.step(device_batch, 0.0)
    # Rate 0 too: a trainer that keeps the first rate it was ever given would move the weights.
    velocity = trainer.momentum()
    rate_errors = [_rate_error(trainer, first, velocity, 0.0, rates[-1])]
    gradient_errors = dict.fromkeys(exact, 0.0)
    for epoch, rate in ((0, rates[0]), (recipe.epochs - 1, rates[-1])):
        before = velocity
        trainer.load(first)
        trainer.step(device_batch, recipe.learning_rate(epoch, steps_per_epoch=1))
        velocity = trainer.momentum()
        for name, part in exact.items():
            error = _gradient_error(velocity.get(name), before.get(name), part, recipe.momentum)
            gradient_errors[name] = max(gradient_errors[name], error)
        del before
        rate_errors.append(_rate_error(trainer, first, velocity, rate, rate))
    trainer.pop_metrics()
    worst = max(gradient_errors, key=gradient_errors.__getitem__)
    rate_error, off = max(rate_errors)
    return [
        Check(
            name="later gradient",
            measured=finite_or_none(gradient_errors[worst]),
            lower=0.0,
            upper=gradient_tolerance,
            description=f"the gradient of {worst} in a later step, against the reference in float64",
        ),
        Check(
            name="later rate",
            measured=finite_or_none(rate_error),
            lower=0.0,
            upper=MAX_RATE_ERROR,
            description=f"how far a later step's rate is from {off:g}, as the protocol has it",
        ),
    ]


def _gradient_error(now: Array | None, before: Array | None, exact: Array, momentum: float) -> float:
    """The norm error of the gradient between two velocities; infinite if one is missing."""
    if now is None or before is None:
        return math.inf
    triples = blockwise(now, before, exact)
    return norm_error((later - momentum * earlier, part) for later, earlier, part in triples)


def _rate_error(
    trainer: Trainer,
    first: canonical.Weights,
    velocity: Mapping[str, Array],
    rate: float,
    unit: float,
) -> tuple[float, float]:
    """(how far the last step, which began with `first`, is from the rate, in units of `unit`; the rate).

    What it subtracted is a multiple of its velocity, over the whole network, where the weights'
    roundings average out. Infinite if a velocity is missing or something is not finite.
    """
    now, found = trainer.weights(), math.nan
    if set(first) <= set(velocity):
        found = _projection(
            (before - after, direction)
            for name in first
            for before, after, direction in blockwise(first[name], now[name], velocity[name])
        )
    error = abs(found - rate) / unit
    return error if math.isfinite(error) else math.inf, rate


@dataclass(frozen=True, kw_only=True)
class Mask:
    """What became of one Dense layer's inputs in one step, of those that were not 0.

    `places` are their indices, `factors` what each was multiplied by: 1 / (1 - rate), or 0 if dropped.
    """

    layer: str
    rate: float
    places: npt.NDArray[np.intp]
    factors: Array


def check_dropout_masks(
    trainer: Trainer,
    net: Network,
    first: canonical.Weights,
    batch: Batch,
    recipe: Recipe,
    *,
    precision: Precision,
    images: int,
) -> list[Check]:
    """Steps at rate 0: which of one image's inputs of each Dense are dropped, how others are scaled.

    A step's batch has the first `images` of `batch`. A layer that the table has no dropout before must
    pass on all of its inputs as they are.
    """
    masks = list(_masks(trainer, net, first, batch, recipe, images=images))
    complete = all(len(mask.places) for mask in masks)
    factors = [
        float(np.abs(mask.factors[_kept(mask)] * (1 - mask.rate) - 1).max(initial=0.0)) for mask in masks
    ]
    return [
        Check(
            name="dropout share",
            measured=finite_or_none(max(_share_sigmas(masks))) if complete else None,
            lower=0.0,
            upper=MAX_DROPOUT_SIGMAS,
            description="by how many standard errors the share of dropped inputs is off its rate",
        ),
        Check(
            name="dropout scale",
            measured=finite_or_none(max(factors)) if complete else None,
            lower=0.0,
            upper=MAX_DROPOUT_SCALE_ERROR[precision],
            description="how far what is kept is from being scaled by 1 / (1 - rate)",
        ),
        Check(
            name="dropout masks",
            measured=finite_or_none(max(_alike_sigmas(masks), default=0.0)) if complete else None,
            lower=-MAX_DROPOUT_SIGMAS,
            upper=MAX_DROPOUT_SIGMAS,
            description="by how many standard errors two steps drop the same inputs more than by chance",
        ),
    ]


def _masks(
    trainer: Trainer,
    net: Network,
    first: canonical.Weights,
    batch: Batch,
    recipe: Recipe,
    *,
    images: int,
) -> Iterator[Mask]:
    """The masks of each step and Dense layer, from the gradient g: g_weight = g_bias x (its inputs).

    The last layer is certain that every image is of class 0, and wrong about the first one alone. So the
    gradient is the first image's, exactly, however many are in the batch.
    """
    x = _input_of_first_dense(trainer, net, batch)
    dense = [row.layer.name for row in net.rows if isinstance(row.layer, Dense)]
    names = {f"{name}.{part}" for name in dense for part in ("weight", "bias")}
    certain = _become_certain(trainer, first, net.head)
    labels = np.zeros_like(batch.labels[:images])
    labels[0] = 1
    device_batch = trainer.to_device(batch.images[:images], labels)
    velocity: Mapping[str, Array] = {name: np.zeros_like(first[name]) for name in names}
    for _ in range(MASKS):
        trainer.step(device_batch, 0.0)
        now = trainer.momentum()
        if not names <= set(now):  # a trainer without velocities drops nothing that could be seen
            yield Mask(layer=dense[0], rate=0.0, places=np.zeros(0, np.intp), factors=np.zeros(0))
            return
        yield from _masks_of_step(net, certain, x, now=now, before=velocity, momentum=recipe.momentum)
        velocity = now
    trainer.pop_metrics()


def _masks_of_step(
    net: Network,
    certain: canonical.Weights,
    x: Array,
    *,
    now: Mapping[str, Array],
    before: Mapping[str, Array],
    momentum: float,
) -> Iterator[Mask]:
    """The masks of one step, from the velocities after and before it.

    `x` are the inputs of the first Dense layer, or of the Dropout before it. A mask that cannot be read
    has no places: the gradient of the layer's biases is 0 or not finite.
    """
    rate = 0.0
    for row in net.rows:
        match row.layer:
            case Dropout():
                rate = row.layer.rate
            case Dense():
                name = row.layer.name
                bias, weight = f"{name}.bias", f"{name}.weight"
                gradient = now[bias] - momentum * before[bias]
                unit = int(np.abs(gradient).argmax())
                places = np.flatnonzero(np.abs(x) > MIN_INPUT * np.abs(x).max(initial=0.0))
                inputs = np.zeros_like(x)
                if 0 < abs(gradient[unit]) < math.inf:
                    inputs = (now[weight][unit] - momentum * before[weight][unit]) / gradient[unit]
                else:
                    places = places[:0]
                yield Mask(layer=name, rate=rate, places=places, factors=inputs[places] / x[places])
                x = certain[weight] @ inputs + certain[bias]
                x = np.maximum(x, 0) if row.layer.relu else x
                rate = 0.0
            case _:
                pass


def _input_of_first_dense(trainer: Trainer, net: Network, batch: Batch) -> Array:
    """The flattened map of the first image, in the canonical order."""
    _, shape = net.flattened
    at = next(i for i, row in enumerate(net.rows) if row.layer.name == "flatten")
    # As many images as were asked for before, or an engine would compile each layer once more.
    outputs = trainer.activations(batch.images[:LAYER_IMAGES])[net.rows[at - 1].layer.name]
    flat: Array = outputs[0].reshape(math.prod(shape)).astype(np.float64)
    return flat


def _kept(mask: Mask) -> npt.NDArray[np.bool_]:
    return np.abs(mask.factors) > 0.5


def _share_sigmas(masks: Sequence[Mask]) -> Iterator[float]:
    """For each layer, how many standard errors the share dropped in all steps is from its rate."""
    for layer in {mask.layer for mask in masks}:
        own = [mask for mask in masks if mask.layer == layer]
        count, rate = sum(len(mask.places) for mask in own), own[0].rate
        dropped = sum(int((~_kept(mask)).sum()) for mask in own)
        if rate:
            yield abs(dropped / count - rate) / math.sqrt(rate * (1 - rate) / count)
        else:
            yield math.inf if dropped else 0.0


def _alike_sigmas(masks: Sequence[Mask]) -> Iterator[float]:
    """For each two steps of a layer with dropout, how much more often they agree than by chance."""
    for layer in {mask.layer for mask in masks if mask.rate}:
        own = [mask for mask in masks if mask.layer == layer]
        chance = own[0].rate ** 2 + (1 - own[0].rate) ** 2
        for one, other in combinations(own, 2):
            _, ours, theirs = np.intersect1d(one.places, other.places, return_indices=True)
            agreed = (_kept(one)[ours] == _kept(other)[theirs]).mean()
            yield float(agreed - chance) / math.sqrt(chance * (1 - chance) / len(ours))
