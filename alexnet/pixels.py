"""What a backend does to pixels on its device, once more in numpy and float64, to be held against."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from alexnet.data import Images
from alexnet.recipe import Recipe


def prepare(images: Images, recipe: Recipe, *, size: int) -> npt.NDArray[np.float64]:
    """uint8 (n, 32, 32, 3) -> float64 (n, size, size, 3): to [0, 1], normalised, upsampled."""
    pixels = (images / 255.0 - np.array(recipe.mean)) / np.array(recipe.std)
    matrix = bilinear(images.shape[1], size)
    large: npt.NDArray[np.float64] = np.einsum("yi,nijc,xj->nyxc", matrix, pixels, matrix, optimize=True)
    return large


def bilinear(old: int, new: int) -> npt.NDArray[np.float64]:
    """(new, old): each new pixel's shares of the old ones along one axis, half-pixel centres.

    The centre of pixel i lies at i + 0.5, and beyond the outermost centres the edge is repeated.
    """
    at = np.clip((np.arange(new) + 0.5) * old / new - 0.5, 0, old - 1)
    below = np.minimum(at.astype(np.intp), old - 2)
    matrix = np.zeros((new, old))
    rows = np.arange(new)
    matrix[rows, below + 1] = at - below
    matrix[rows, below] = 1 - (at - below)
    return matrix
