"""The reference for a device's pixel pipeline, in numpy and float64."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from alexnet.data import Images
from alexnet.recipe import Recipe


def prepare(images: Images, recipe: Recipe, *, size: int) -> npt.NDArray[np.float64]:
    """uint8 (n, 32, 32, 3) -> float64 (n, size, size, 3): scaled to [0, 1], normalised, upsampled."""
    pixels = (images / 255.0 - np.array(recipe.mean)) / np.array(recipe.std)
    matrix = bilinear(images.shape[1], size)
    large: npt.NDArray[np.float64] = np.einsum("yi,nijc,xj->nyxc", matrix, pixels, matrix, optimize=True)
    return large


def bilinear(old: int, new: int) -> npt.NDArray[np.float64]:
    """(new, old) matrix of bilinear weights along one axis, with half-pixel centres.

    The centre of pixel i lies at i + 0.5; the edge pixel is repeated beyond the outermost centres.
    """
    position = np.clip((np.arange(new) + 0.5) * old / new - 0.5, 0, old - 1)
    below = np.minimum(position.astype(np.intp), old - 2)
    matrix = np.zeros((new, old))
    rows = np.arange(new)
    matrix[rows, below + 1] = position - below
    matrix[rows, below] = 1 - (position - below)
    return matrix
