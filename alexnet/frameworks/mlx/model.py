"""The network in MLX as functions of its tensors, which `mx.compile` turns into programs."""

from __future__ import annotations

from collections.abc import Iterator

import mlx.core as mx

from alexnet.data import IMAGE_SHAPE
from alexnet.frameworks.mlx.layers import average_pool, biased, dropout, max_pool, product
from alexnet.frameworks.mlx.preprocess import Preprocess
from alexnet.layers import AdaptiveAvgPool, Conv, Dense, Dropout, Flatten, MaxPool
from alexnet.recipe import Recipe
from alexnet.spec import INPUT, Network

Tensors = dict[str, mx.array]
"""Canonical name -> tensor in MLX's layout, float32."""
State = tuple[Tensors, Tensors, mx.array, mx.array, mx.array]
"""What a step changes: the trained weights, their velocities, the random key (2,) of the next step's
dropout masks, and the sums of losses and of correct answers. All but the key, uint32, are float32."""


class Model:
    """A network whose products and convolutions have operands of the dtype `operands`.

    It holds no tensors. A state goes into `step` and another comes out, so that nothing is left for
    `mx.compile` to capture: a random key that it did not see change would draw the same dropout masks at
    every step.
    """

    def __init__(self, net: Network, recipe: Recipe, *, operands: mx.Dtype) -> None:
        self.net, self.operands, self.momentum = net, operands, recipe.momentum
        self.preprocess = Preprocess(recipe, size=net.image_size)
        self.dropouts = [row.layer.name for row in net.rows if isinstance(row.layer, Dropout)]

    def outputs(
        self, tensors: Tensors, images: mx.array, keys: mx.array | None = None
    ) -> Iterator[tuple[str, mx.array]]:
        """INPUT and each layer's name -> its output; with a key for each Dropout as in training."""
        x = self.preprocess(images)
        yield INPUT, x
        for row in self.net.rows:
            name = row.layer.name
            match row.layer:
                case Conv() | Dense() as layer:
                    x = product(layer, x, tensors[f"{name}.weight"], self.operands)
                    x = biased(layer, x, tensors[f"{name}.bias"])
                case MaxPool() as layer:
                    x = max_pool(layer, x)
                case AdaptiveAvgPool() as layer:
                    x = average_pool(layer, x)
                case Flatten():
                    x = x.reshape(len(x), -1)
                case Dropout() as layer:
                    if keys is not None:
                        x = self.dropped(layer, x, keys[self.dropouts.index(name)])
            yield name, x

    def dropped(self, layer: Dropout, x: mx.array, key: mx.array) -> mx.array:
        """The output of a Dropout in training."""
        return dropout(layer.rate, x, key)

    def logits(self, tensors: Tensors, images: mx.array, keys: mx.array | None = None) -> mx.array:
        """float32 (n, classes), with a key for each Dropout as in training."""
        for _, x in self.outputs(tensors, images, keys):
            logits = x
        return logits

    def step(
        self,
        state: State,
        frozen: Tensors,
        batch: tuple[mx.array, mx.array, mx.array, int],
        learning_rate: mx.array,
    ) -> State:
        """The state after a step of SGD; `frozen` are the weights that are not trained.

        `batch` has images, labels, and the part to train on: its start, int32 (1,), and its length.
        """
        trained, velocities, key, losses, correct = state
        images, labels, start, size = batch
        if size < len(labels):
            images = mx.slice(images, start, (0,), (size, *IMAGE_SHAPE))
            labels = mx.slice(labels, start, (0,), (size,))
        keys = mx.random.split(key, 1 + len(self.dropouts))

        def loss_and_logits(tensors: Tensors) -> tuple[mx.array, mx.array]:
            logits = self.logits(tensors | frozen, images, keys[1:])
            shares = mx.logsumexp(logits, axis=1, keepdims=True) - logits
            return mx.take_along_axis(shares, labels[:, None], axis=1).mean(), logits

        (loss, logits), gradients = mx.value_and_grad(loss_and_logits)(trained)
        # Torch's form: v = momentum v + g, w = w - rate v.
        velocities = {n: self.momentum * velocities[n] + g for n, g in gradients.items()}
        trained = {n: w - learning_rate * velocities[n] for n, w in trained.items()}
        correct = correct + (logits.argmax(axis=1) == labels).sum()
        return trained, velocities, keys[0], losses + loss, correct
