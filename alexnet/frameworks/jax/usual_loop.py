"""The usual loop of JAX: numpy batches into a jitted step, with JAX's own gradients.

After https://docs.jax.dev/en/latest/notebooks/Neural_Network_and_Data_Loading.html. Its images come from
torch's DataLoader, which no process of JAX may import here, so numpy shuffles and batches them.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from alexnet.data import CROP_PADDING, Split, crop_and_flip
from alexnet.frameworks.jax.backend import JaxBackend
from alexnet.frameworks.jax.layers import function
from alexnet.layers import Conv, Dense
from alexnet.recipe import Recipe
from alexnet.spec import Network, Row
from alexnet.weights import Weights, channels_last

Arrays = dict[str, Any]


class JaxUsualLoop:
    """The `UsualLoop` of JAX. The example reads nothing in a step, and neither does this."""

    rows = ("usual",)
    ways = ("numpy",)

    def __init__(
        self,
        backend: JaxBackend,
        net: Network,
        weights: Weights,
        recipe: Recipe,
        train: Split,
        *,
        seed: int,
    ) -> None:
        self.net, self.recipe, self.images, self.dtype = net, recipe, train, backend.dtype
        self.random = np.random.default_rng(seed)
        # As ours, which rounds to no TF32: JAX's own default would on a GPU.
        exact = backend.dtype == jnp.float32
        self.precision = lax.Precision.HIGHEST if exact else lax.Precision.DEFAULT
        self.key = jax.random.key(seed)
        conversions = channels_last(net)
        self.weights = {
            name: jnp.array(conversions[name].to_framework(array)) for name, array in weights.items()
        }
        self.velocities = jax.tree.map(jnp.zeros_like, self.weights)
        self.parameters = sum(array.size for array in self.weights.values())
        self.update = jax.jit(self._update, donate_argnums=(0, 1))

    def use(self, way: str, steps: int) -> None:
        """There is one way alone."""

    def _batches(self) -> Iterator[tuple[Any, Any]]:
        """float32 pixels in [0, 1] and their labels, shuffled anew for each epoch."""
        size, split = self.recipe.batch_size, self.images
        order = self.random.permutation(len(split))
        for start in range(0, len(split) - size + 1, size):
            chosen = order[start : start + size]
            images = split.images[chosen]
            if self.recipe.augment:
                offsets = self.random.integers(0, 2 * CROP_PADDING + 1, (size, 2))
                images = crop_and_flip(images, offsets=offsets, flips=self.random.random(size) < 0.5)
            yield images.astype(np.float32) / 255, split.labels[chosen]

    def train(self, row: str, steps: int) -> tuple[int, float]:
        losses = []
        for images, labels in islice(self._batches(), steps):
            self.key, key = jax.random.split(self.key)
            self.weights, self.velocities, loss = self.update(
                self.weights, self.velocities, key, images, labels
            )
            losses.append(loss)
        return len(losses), float(jnp.stack(losses).mean())

    def _update(
        self, weights: Arrays, velocities: Arrays, key: Any, images: Any, labels: Any
    ) -> tuple[Arrays, Arrays, Any]:
        loss, gradients = jax.value_and_grad(self._loss)(weights, key, images, labels)
        momentum, rate = self.recipe.momentum, self.recipe.stages[0].learning_rate
        velocities = jax.tree.map(lambda v, g: momentum * v + g, velocities, gradients)
        weights = jax.tree.map(lambda w, v: w - rate * v, weights, velocities)
        return weights, velocities, loss

    def _loss(self, weights: Arrays, key: Any, images: Any, labels: Any) -> Any:
        size = self.net.image_size
        x = jax.image.resize(images, (len(images), size, size, images.shape[3]), "bilinear")
        for number, row in enumerate(self.net.rows):
            x = self._layer(row, weights, x, jax.random.fold_in(key, number))
        right = jax.nn.one_hot(labels, self.net.classes)
        return -(right * jax.nn.log_softmax(x.astype(jnp.float32))).sum(1).mean()

    def _layer(self, row: Row, weights: Arrays, x: Any, key: Any) -> Any:
        """The output of a row. Pools and dropout are the trainer's, which are plain JAX."""
        layer = row.layer
        if not isinstance(layer, Conv | Dense):
            return function(layer, operands=self.dtype)(weights, x, key)
        kernel, bias = (
            weights[f"{layer.name}.{part}"].astype(self.dtype) for part in ("weight", "bias")
        )
        x = x.astype(self.dtype)
        if isinstance(layer, Dense):
            x = jnp.dot(x, kernel, precision=self.precision) + bias
            return jax.nn.relu(x) if layer.relu else x
        x = lax.conv_general_dilated(
            x,
            kernel,
            (layer.stride, layer.stride),
            [(layer.padding, layer.padding)] * 2,
            dimension_numbers=("NHWC", "HWIO", "NHWC"),
            precision=self.precision,
        )
        return jax.nn.relu(x + bias)


def build(
    backend: JaxBackend, net: Network, weights: Weights, recipe: Recipe, train: Split, *, seed: int
) -> JaxUsualLoop:
    """The usual loop of one engine of JAX."""
    return JaxUsualLoop(backend, net, weights, recipe, train, seed=seed)
