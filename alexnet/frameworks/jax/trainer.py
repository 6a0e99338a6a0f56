"""The trainer of JAX."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from alexnet.data import Images, Labels
from alexnet.frameworks.jax.layers import GENERATOR, function
from alexnet.frameworks.jax.preprocess import Preprocess
from alexnet.frameworks.outputs import channels_first
from alexnet.frameworks.protocol import RandomState, check_random_state, check_same_shapes
from alexnet.recipe import Recipe
from alexnet.score import Logits
from alexnet.spec import INPUT, Network
from alexnet.weights import Weights, channels_last, check, contiguous, head_tensors

Array = Any
Arrays = dict[str, Array]
State = tuple[Arrays, Arrays, Array, tuple[Array, Array]]
"""The weights that are trained, their velocities, the key, and the sums of losses and right answers."""


def put(array: Any, device: Any) -> Array:
    """A copy of a numpy array on the device, finished: JAX goes on reading an array after the call."""
    return jax.device_put(array, device, may_alias=False).block_until_ready()


class Batch(NamedTuple):
    """The `size` images from `start` on of those that lie on the device, and their labels."""

    images: Array
    labels: Array
    start: int
    size: int


class JaxTrainer:
    """The `Trainer` of JAX: a function of a layer for each row, and one compiled step.

    A step takes over the memory of the state that it replaces. `operands` is the dtype of what is
    multiplied; all else is float32.
    """

    def __init__(
        self, net: Network, weights: Weights, recipe: Recipe, *, device: Any, seed: int, operands: Any
    ) -> None:
        self.net, self.recipe, self.device = net, recipe, device
        self.conversions = channels_last(net)
        self.layers = {row.layer.name: function(row.layer, operands=operands) for row in net.rows}
        self.preprocess = Preprocess(recipe, size=net.image_size)
        self._key = put(_key(seed), device)
        self._sums = self._zeros()
        self._steps = self._images = 0
        self._rate: tuple[float | None, Array] = None, None
        self._starts: dict[int, Array] = {}
        self._weights: Arrays = {}
        self.load(weights)
        # Both are compiled anew for each length of a batch, and the step for each stage.
        self._step = jax.jit(self._train, donate_argnums=0, static_argnames="size")
        self._logits = jax.jit(self._evaluate)
        self.begin_stage("all")

    def begin_stage(self, train: Literal["all", "head"]) -> None:
        # The old momentum is freed before the new one is allocated.
        self._velocities: Arrays = {}
        trained = self.net.tensors if train == "all" else head_tensors(self.net)
        self._velocities = {
            name: put(np.zeros(tensor.shape, np.float32), self.device)
            for name, tensor in self._weights.items()
            if name in trained
        }

    def to_device(self, images: Images, labels: Labels) -> Batch:
        # Copied on the host first, since waiting for the device's copy could wait for the last step.
        own = np.array(images), np.array(labels)
        images, labels = (jax.device_put(array, self.device) for array in own)
        return Batch(images, labels, start=0, size=len(labels))

    def part(self, batch: Batch, start: int, size: int) -> Batch:
        return batch._replace(start=start, size=size)

    def step(self, batch: Batch, learning_rate: float) -> None:
        if learning_rate != self._rate[0]:  # or every step would copy it to the device
            self._rate = learning_rate, put(np.float32(learning_rate), self.device)
        if batch.start not in self._starts:
            self._starts[batch.start] = put(np.int32(batch.start), self.device)
        trained = {name: self._weights[name] for name in self._velocities}
        frozen = {n: array for n, array in self._weights.items() if n not in self._velocities}
        state = trained, self._velocities, self._key, self._sums
        part = batch.images, batch.labels, self._starts[batch.start]
        state = self._step(state, frozen, part, self._rate[1], size=batch.size)
        trained, self._velocities, self._key, self._sums = state
        self._weights |= trained
        self._steps += 1
        self._images += batch.size

    def _train(
        self,
        state: State,
        frozen: Arrays,
        part: tuple[Array, Array, Array],
        learning_rate: Array,
        *,
        size: int,
    ) -> State:
        """The state after one step. `part` has images, labels, and where the `size` of them begin."""
        trained, velocities, key, (loss_sum, correct) = state
        images, labels, start = part
        if size < len(labels):
            images, labels = (lax.dynamic_slice_in_dim(array, start, size) for array in (images, labels))
        key, masks = self.keys(key)
        prepared = self.preprocess(images)

        def loss_and_logits(trained: Arrays) -> tuple[Array, Array]:
            logits = self._forward(frozen | trained, prepared, masks)
            right = jax.nn.one_hot(labels, self.net.classes)
            return -(right * jax.nn.log_softmax(logits)).sum(1).mean(), logits

        differentiated = jax.value_and_grad(loss_and_logits, has_aux=True)
        (loss, logits), gradients = differentiated(trained)
        momentum = self.recipe.momentum
        velocities = {name: momentum * v + gradients[name] for name, v in velocities.items()}
        trained = {name: w - learning_rate * velocities[name] for name, w in trained.items()}
        right_answers = (logits.argmax(1) == labels).sum(dtype=jnp.float32)
        return trained, velocities, key, (loss_sum + loss, correct + right_answers)

    def keys(self, key: Array) -> tuple[Array, Array]:
        """The uint32 key of the next step, and the key from which this step's masks are drawn."""
        following, masks = jax.random.split(jax.random.wrap_key_data(key, impl=GENERATOR))
        return jax.random.key_data(following), masks

    def _forward(self, weights: Mapping[str, Array], x: Array, masks: Array | None) -> Array:
        for number, apply in enumerate(self.layers.values()):
            x = apply(weights, x, None if masks is None else jax.random.fold_in(masks, number))
        return x

    def _evaluate(self, weights: Mapping[str, Array], images: Array) -> Array:
        return self._forward(weights, self.preprocess(images), None)

    def _zeros(self) -> tuple[Array, Array]:
        return put(np.float32(0), self.device), put(np.float32(0), self.device)

    def pop_metrics(self) -> tuple[float, float]:
        loss_sum, correct = self._sums
        metrics = float(loss_sum) / self._steps, float(correct) / self._images
        self._sums = self._zeros()
        self._steps = self._images = 0
        return metrics

    def synchronize(self) -> None:
        # All arrays of this device's kind: JAX has no call that waits for a device, and on the CPU a
        # program does not wait for another whose results it does not need. Unless a platform is named,
        # `live_arrays` gives those of JAX's default one alone, which is a GPU wherever there is one.
        arrays = jax.live_arrays(self.device.platform)
        jax.block_until_ready([array for array in arrays if not array.is_deleted()])

    def logits(self, images: Images) -> Logits:
        logits: Logits = _numpy(self._logits(self._weights, put(images, self.device)))
        return logits

    def activations(self, images: Images) -> dict[str, Any]:
        return channels_first(self.net, self._outputs(images))

    def _outputs(self, images: Images) -> Iterator[tuple[str, Any]]:
        """INPUT and each layer's name -> its output, channels last.

        Operation by operation, so that what XLA makes of the whole network is held against it.
        """
        x = self.preprocess(put(images, self.device))
        yield INPUT, np.asarray(x)
        for name, apply in self.layers.items():
            x = apply(self._weights, x, None)
            yield name, np.asarray(x)

    def weights(self) -> Weights:
        return self._canonical(self._weights)

    def layouts(self) -> dict[str, str]:
        return {name: conversion.description for name, conversion in self.conversions.items()}

    def momentum(self) -> Weights:
        return self._canonical(self._velocities)

    def _canonical(self, arrays: Arrays) -> Weights:
        return {
            name: _numpy(contiguous(self.conversions[name].to_canonical(np.asarray(array))))
            for name, array in arrays.items()
        }

    def ops_off_device(self, batch: Batch) -> list[str]:
        # XLA compiles a step for one device, and runs the whole of it there: it has no other to fall
        # back to. So it is enough to check that all that goes in and comes out is on the device.
        self.step(batch, 0.0)
        arrays = self._weights | {f"{name} momentum": v for name, v in self._velocities.items()}
        arrays |= dict(zip(("losses", "right answers"), self._sums, strict=True))
        arrays |= {
            "key": self._key,
            "images": batch.images,
            "labels": batch.labels,
            "start": self._starts[batch.start],
            "learning rate": self._rate[1],
        }
        return [name for name, array in arrays.items() if array.devices() != {self.device}]

    def load(self, weights: Weights) -> None:
        check(weights, self.net)
        self._assign(self._weights, weights)

    def _assign(self, arrays: Arrays, canonical: Weights) -> None:
        """One by one, so that there is one tensor more in memory and not one network."""
        for name, array in canonical.items():
            converted = contiguous(self.conversions[name].to_framework(array))
            arrays[name] = put(converted, self.device)

    def random_state(self) -> RandomState:
        return {"key": _numpy(self._key)}

    def resume(self, weights: Weights, momentum: Weights, random_state: RandomState) -> None:
        check(weights, self.net)
        check_same_shapes("momentum", momentum, {n: self.net.tensors[n] for n in self._velocities})
        check_random_state("JAX", random_state, self.random_state())
        self._key = put(random_state["key"], self.device)
        self.load(weights)
        self._assign(self._velocities, momentum)


def _key(seed: int) -> Any:
    """The uint32 numbers of the first key."""
    return np.asarray(jax.random.key_data(jax.random.key(seed, impl=GENERATOR)))


def _numpy(array: Any) -> Any:
    """A copy of its own, row by row: what JAX gives on the CPU is a view of the device's memory."""
    return np.array(array, order="C")
