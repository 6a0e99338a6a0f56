"""What tests/support/reference_worker.py and its tests agree on: a test imports no framework."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from alexnet import spec, weights
from alexnet.data import IMAGE_SHAPE, Images
from alexnet.layers import AdaptiveAvgPool, Conv, Dense, Flatten, Layer, MaxPool
from alexnet.spec import Network, Variant
from alexnet.weights import Weights
from tests.support.narrow import narrow_variants

VARIANTS = tuple(spec.VARIANTS)
NARROWER = 16
"""How many times narrower the networks are."""
RATES = (0.01, 0.01, 0.001)
"""Of three steps."""
CLASSES = 1000
"""Of ImageNet's weights."""
SIDE = 24
"""Of an image for one convolution."""
CONVOLUTIONS = (
    Conv("uncovered", 8, kernel=11, stride=4, padding=2),  # a row and a column are in no window
    Conv("covered", 8, kernel=11, stride=5, padding=1),
    Conv("wide", 8, kernel=5, padding=2),
    Conv("narrow", 8, kernel=3, padding=1),
)
TIES = "ties"
AVERAGED = {f"{side} averaged": side for side in (1, 3, 6, 12)}
"""Pixels a side of the maps that are averaged or repeated to 6."""
SMALL = {TIES: IMAGE_SHAPE[0]} | dict.fromkeys(AVERAGED, 48)
"""Networks of a single pool -> pixels a side of their images."""
IGNORED = {
    "mlx": {"MLX_DISABLE_COMPILE": "1", "MLX_ENABLE_TF32": "1"},
    "jax": {
        "JAX_COMPILATION_CACHE_DIR": "{folder}",
        "JAX_DEFAULT_MATMUL_PRECISION": "bfloat16",
        "JAX_DEFAULT_PRNG_IMPL": "rbg",
        "JAX_DISABLE_JIT": "1",
        "JAX_ENABLE_X64": "1",
        "JAX_NUMPY_DTYPE_PROMOTION": "strict",
        "JAX_NUMPY_RANK_PROMOTION": "raise",
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "XLA_PYTHON_CLIENT_PREALLOCATE": "true",
    },
}
"""Framework -> variables that a user may have set, and that must change nothing."""


def ignored(framework: str, folder: Path) -> dict[str, str]:
    """IGNORED of a framework, with a folder for what it must not keep."""
    return {name: value.format(folder=folder) for name, value in IGNORED.get(framework, {}).items()}


def variants() -> dict[str, Variant]:
    """All networks narrow, and those of a single pool."""
    head = Flatten(), Dense("fc8", None, relu=False)
    small: dict[str, tuple[Layer, ...]] = {TIES: (Conv("conv1", 3, kernel=1), MaxPool("pool1"), *head)}
    for name, side in AVERAGED.items():
        width = SMALL[name] // side
        small[name] = Conv("conv1", 4, kernel=width, stride=width), AdaptiveAvgPool("avgpool", 6), *head
    return narrow_variants(NARROWER) | {
        name: Variant(layers=layers, classes=10, about=name) for name, layers in small.items()
    }


def small_weights(net: Network) -> Weights:
    """First weights of a network of a single pool; before the ties, pixels stay as they are."""
    first = weights.initialise(net, seed=4)
    if net.variant == TIES:
        first["conv1.weight"] = np.eye(3, dtype=np.float32).reshape(3, 3, 1, 1)
    return first


def images_of_few_values(count: int) -> Images:
    """So that most windows have several largest values."""
    values = np.array([40, 140, 240], np.uint8)
    return values[np.random.default_rng(0).integers(0, 3, (count, *IMAGE_SHAPE))]
