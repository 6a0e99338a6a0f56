"""The usual loop of TensorFlow: Keras's `fit` on a tf.data pipeline.

After https://www.tensorflow.org/tutorials/load_data/images ("Using tf.data for finer control") and
https://www.tensorflow.org/tutorials/images/data_augmentation; lower precisions as in
https://www.tensorflow.org/guide/mixed_precision.
"""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from alexnet.data import CROP_PADDING, IMAGE_SHAPE, Split
from alexnet.frameworks.tensorflow.backend import TensorflowBackend
from alexnet.frameworks.tensorflow.layers import HOST, keras_layers
from alexnet.layers import Dropout
from alexnet.recipe import Recipe
from alexnet.spec import Network, Row
from alexnet.weights import Weights, channels_last, contiguous

BY_IMAGE, BY_BATCH = "image by image", "batch by batch"
STEPS = "steps"
"""The metric that counts them: the optimizer's own count stays 0 where Keras scales the loss."""


class Steps(keras.metrics.Metric):  # type: ignore[misc]
    """The number of steps of an epoch."""

    def __init__(self, name: str) -> None:
        super().__init__(name=name)
        self.count = self.add_variable((), "zeros")

    def update_state(self, *_: Any, **__: Any) -> None:
        self.count.assign_add(1.0)

    def result(self) -> Any:
        return self.count


def layers_of(row: Row) -> list[Any]:
    """The Keras layers of a row, with Keras's own Dropout, in the policy that is set."""
    if isinstance(row.layer, Dropout):
        return [keras.layers.Dropout(row.layer.rate, name=row.layer.name)]
    return keras_layers(row, seed=0, policy=keras.config.dtype_policy().name)


class TensorflowUsualLoop:
    """The `UsualLoop` of TensorFlow. A way is what `map` resizes at a time.

    `fit` reads its loss after every step, in another thread, so there is no row that does not.
    """

    rows = ("usual",)
    ways = (BY_IMAGE, BY_BATCH)

    def __init__(
        self,
        backend: TensorflowBackend,
        net: Network,
        weights: Weights,
        recipe: Recipe,
        train: Split,
        *,
        seed: int,
    ) -> None:
        keras.utils.set_random_seed(seed)
        keras.config.set_dtype_policy(backend.form.policy)
        size = net.image_size
        self.model = keras.Sequential(
            [
                keras.Input((size, size, IMAGE_SHAPE[2])),
                *(layer for row in net.rows for layer in layers_of(row)),
                keras.layers.Activation("linear", dtype="float32"),
            ]
        )
        conversions = channels_last(net)
        for variable, (name, array) in zip(self.model.trainable_weights, weights.items(), strict=True):
            variable.assign(contiguous(conversions[name].to_framework(array)))
        self.parameters = sum(int(np.prod(w.shape)) for w in self.model.trainable_weights)
        self.model.compile(
            optimizer=keras.optimizers.SGD(recipe.stages[0].learning_rate, momentum=recipe.momentum),
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
            metrics=["accuracy", Steps(name=STEPS)],
            jit_compile=backend.form.jit_compile,
        )
        self.size, self.recipe, self.images = size, recipe, train
        self.use(self.ways[0], len(train) // recipe.batch_size)

    def use(self, way: str, steps: int) -> None:
        batch_size, images = self.recipe.batch_size, self.images
        with tf.device(HOST):
            dataset = tf.data.Dataset.from_tensor_slices((images.images, images.labels))
            dataset = dataset.shuffle(len(images))
            if self.recipe.augment:
                dataset = dataset.map(self._augmented, num_parallel_calls=tf.data.AUTOTUNE)
            if way == BY_IMAGE:
                dataset = dataset.map(self._resized, num_parallel_calls=tf.data.AUTOTUNE)
            dataset = dataset.batch(batch_size, drop_remainder=True)
            if way == BY_BATCH:
                dataset = dataset.map(self._resized, num_parallel_calls=tf.data.AUTOTUNE)
            self.dataset = dataset.take(steps).prefetch(tf.data.AUTOTUNE)

    def _augmented(self, image: Any, label: Any) -> tuple[Any, Any]:
        height, width, channels = IMAGE_SHAPE
        pad = 2 * CROP_PADDING
        image = tf.image.resize_with_crop_or_pad(image, height + pad, width + pad)
        image = tf.image.random_crop(image, (height, width, channels))
        return tf.image.random_flip_left_right(image), label

    def _resized(self, images: Any, labels: Any) -> tuple[Any, Any]:
        """One image or a batch: float32 (…, size, size, 3), in [0, 1]."""
        return tf.image.resize(images, (self.size, self.size)) / 255.0, labels

    def train(self, row: str, steps: int) -> tuple[int, float]:
        history = self.model.fit(self.dataset.take(steps), verbose=0).history
        return round(history[STEPS][0]), float(history["loss"][0])


def build(
    backend: TensorflowBackend,
    net: Network,
    weights: Weights,
    recipe: Recipe,
    train: Split,
    *,
    seed: int,
) -> TensorflowUsualLoop:
    """The usual loop of one engine of TensorFlow."""
    return TensorflowUsualLoop(backend, net, weights, recipe, train, seed=seed)
