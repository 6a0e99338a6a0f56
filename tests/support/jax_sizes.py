"""What tests/support/jax_worker.py and its test agree on: a test imports no framework."""

from alexnet.layers import Conv

NARROWER = 16
"""How many times narrower the networks are."""
RATES = (0.01, 0.01, 0.001)
"""Of three steps."""
CLASSES = 1000
"""Of ImageNet's weights."""
AVERAGED = (1, 3, 6, 12)
"""Pixels a side of the maps that are averaged or repeated to 6."""
SIDE = 24
"""Of an image for one convolution."""
CONVOLUTIONS = (
    Conv("uncovered", 8, kernel=11, stride=4, padding=2),  # a row and a column are in no window
    Conv("covered", 8, kernel=11, stride=5, padding=1),
    Conv("wide", 8, kernel=5, padding=2),
    Conv("narrow", 8, kernel=3, padding=1),
)
IGNORED = {
    "JAX_ENABLE_X64": "1",
    "JAX_DISABLE_JIT": "1",
    "JAX_DEFAULT_MATMUL_PRECISION": "bfloat16",
    "JAX_DEFAULT_PRNG_IMPL": "rbg",
    "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    "XLA_PYTHON_CLIENT_PREALLOCATE": "true",
}
"""Variables that a user may have set, and that must change nothing."""
