"""From small uint8 pixels to the network's input: scaled, normalised, upsampled, on the device."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from alexnet.recipe import Recipe


class Preprocess:
    """uint8 pixels (n, 32, 32, 3) -> normalised float32 (n, size, size, 3), on the device."""

    def __init__(self, recipe: Recipe, *, size: int) -> None:
        self.size = size
        self._mean, self._std = np.array(recipe.mean, np.float32), np.array(recipe.std, np.float32)

    def __call__(self, images: Any) -> Any:
        small = (images.astype(jnp.float32) / 255.0 - self._mean) / self._std
        shape = (len(images), self.size, self.size, images.shape[3])
        return jax.image.resize(
            small, shape, "bilinear", antialias=False, precision=lax.Precision.HIGHEST
        )
