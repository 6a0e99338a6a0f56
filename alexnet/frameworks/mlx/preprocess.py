"""From small uint8 pixels to the network's input: scaled, normalised, upsampled, on the device."""

from __future__ import annotations

import mlx.core as mx
import numpy as np

from alexnet import pixels
from alexnet.data import IMAGE_SHAPE
from alexnet.recipe import Recipe


class Preprocess:
    """uint8 (n, 32, 32, 3) -> normalised float32 (n, size, size, 3), on the device.

    A new pixel is the weighted sum of two old ones along each axis. For 64 images that took 12 ms to
    64 px and 98 ms to 224 px on a CPU; two matrix products took 48 and 284, and nn.Upsample 18 and 252
    (AMD EPYC, 2 cores, MLX 0.32.4, 2026-11-26). Both sums are off by one rounding, nn.Upsample at 224 px
    by 60, since it computes the places in float32. And a product would be rounded to TF32 where MLX does
    that, which no other framework does to pixels.
    """

    def __init__(self, recipe: Recipe, *, size: int) -> None:
        self.size = size
        self._mean, self._std = mx.array(recipe.mean), mx.array(recipe.std)

    def __call__(self, images: mx.array) -> mx.array:
        small = (images.astype(mx.float32) / 255 - self._mean) / self._std
        matrix = pixels.bilinear(IMAGE_SHAPE[0], self.size)
        # Of each row the first place that is not 0, from which the second follows.
        below = np.minimum((matrix != 0).argmax(axis=1), IMAGE_SHAPE[0] - 2)
        rows = np.arange(self.size)
        first, second = (
            mx.array(matrix[rows, places].astype(np.float32)) for places in (below, below + 1)
        )
        lower = mx.array(below.astype(np.int32))
        upper = lower + 1
        wide = small[:, :, lower] * first[:, None] + small[:, :, upper] * second[:, None]
        return wide[:, lower] * first[:, None, None] + wide[:, upper] * second[:, None, None]
