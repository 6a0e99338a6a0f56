"""float32 arrays as a coarser format has them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
MANTISSA_BITS = 23


def _masked(array: Array, bits: int, add: int) -> Array:
    whole = np.ascontiguousarray(array, np.float32).view(np.uint32) + np.uint32(add)
    mask = np.uint32(2**32 - 2 ** (MANTISSA_BITS - bits))
    masked: Array = (whole & mask).view(np.float32)
    return masked


def rounded(bits: int) -> Callable[[Array], Array]:
    """Rounds to the nearest number with so many bits after the leading one; halves go up."""
    return lambda array: _masked(array, bits, 2 ** (MANTISSA_BITS - bits - 1))


def cut_off(bits: int) -> Callable[[Array], Array]:
    """Drops all but so many bits after the leading one."""
    return lambda array: _masked(array, bits, 0)


def to_float16(array: Array) -> Array:
    """What float16 makes of the numbers: ten bits, and its range."""
    return array.astype(np.float16).astype(np.float32)
