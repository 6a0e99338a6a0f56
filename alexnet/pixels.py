"""The reference for a device's pixel pipeline, in numpy."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from alexnet.data import Images
from alexnet.recipe import Recipe

Array = npt.NDArray[Any]


def prepare(images: Images, recipe: Recipe, *, size: int, dtype: npt.DTypeLike = np.float64) -> Array:
    """uint8 (n, 32, 32, 3) -> `dtype` (n, size, size, 3): scaled to [0, 1], normalised, upsampled.

    All of it is computed in `dtype`, the places of the new pixels too.
    """
    mean, std = np.array(recipe.mean, dtype), np.array(recipe.std, dtype)
    pixels = (images.astype(dtype) / 255 - mean) / std
    matrix = bilinear(images.shape[1], size, dtype=dtype)
    large: Array = np.einsum("yi,nijc,xj->nyxc", matrix, pixels, matrix, optimize=True)
    return large


def bilinear(old: int, new: int, *, dtype: npt.DTypeLike = np.float64) -> Array:
    """(new, old) matrix of bilinear weights along one axis, with half-pixel centres.

    The centre of pixel i lies at i + 0.5; the edge pixel is repeated beyond the outermost centres.
    """
    position = np.clip((np.arange(new, dtype=dtype) + 0.5) * old / new - 0.5, 0, old - 1)
    below = np.minimum(position.astype(np.intp), old - 2)
    matrix = np.zeros((new, old), dtype)
    rows = np.arange(new)
    matrix[rows, below + 1] = position - below
    matrix[rows, below] = 1 - (position - below)
    return matrix
