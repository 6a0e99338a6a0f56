"""From small uint8 pixels to the network's input: scaled, normalised, upsampled, on the device."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from alexnet import pixels
from alexnet.frameworks.protocol import Precision
from alexnet.recipe import Recipe


class Preprocess:
    """uint8 (n, 32, 32, 3) -> normalised `precision` (n, size, size, 3), on the device.

    In float64 the pixels come from `alexnet.pixels`, so that a reference checks the upsampling too;
    tf.image.resize computes in float32 only.
    """

    def __init__(self, recipe: Recipe, *, size: int, precision: Precision) -> None:
        self.recipe, self.size, self.precision = recipe, size, precision
        self._mean = tf.constant(recipe.mean, tf.float32)
        self._std = tf.constant(recipe.std, tf.float32)

    def __call__(self, images: Any) -> Any:
        if self.precision == "float64":
            return tf.constant(pixels.prepare(images.numpy(), self.recipe, size=self.size))
        small = (tf.cast(images, tf.float32) / 255.0 - self._mean) / self._std
        return tf.image.resize(small, (self.size, self.size), "bilinear")
