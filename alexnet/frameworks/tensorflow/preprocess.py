"""From small uint8 pixels to the network's input: scaled, normalised, upsampled, on the device."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from alexnet.recipe import Recipe


class Preprocess:
    """Pixels (n, 32, 32, 3) of 0 to 255 -> normalised float32 (n, size, size, 3), on the device."""

    def __init__(self, recipe: Recipe, *, size: int) -> None:
        self.size = size
        self._mean = tf.constant(recipe.mean, tf.float32)
        self._std = tf.constant(recipe.std, tf.float32)

    def __call__(self, images: Any) -> Any:
        small = (tf.cast(images, tf.float32) / 255.0 - self._mean) / self._std
        return tf.image.resize(small, (self.size, self.size), "bilinear")
