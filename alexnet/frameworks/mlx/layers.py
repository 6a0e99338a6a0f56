"""The layers of MLX as functions: channels last, convolutions OHWI, Dense matrices (outputs, inputs)."""

from __future__ import annotations

import mlx.core as mx

from alexnet.layers import AdaptiveAvgPool, Conv, Dense, MaxPool


def product(layer: Conv | Dense, x: mx.array, weight: mx.array, operands: mx.Dtype) -> mx.array:
    """A convolution or Dense without bias and ReLU; both inputs and the output are in `operands`."""
    x, weight = x.astype(operands), weight.astype(operands)
    if isinstance(layer, Dense):
        return x @ weight.T
    return mx.conv2d(x, weight, stride=layer.stride, padding=layer.padding)


def biased(layer: Conv | Dense, x: mx.array, bias: mx.array) -> mx.array:
    """`x` with its bias and ReLU, in `x`'s dtype after a ReLU and in float32 without.

    The bias is added, and its gradient summed, in float32, as in the reference: it is no operand.
    """
    total = x.astype(mx.float32) + bias
    if isinstance(layer, Conv) or layer.relu:
        return mx.maximum(total, 0).astype(x.dtype)
    return total


def max_pool(layer: MaxPool, x: mx.array) -> mx.array:
    """The largest value of each window; of equal ones the first takes the gradient, as in torch.

    nn.MaxPool2d would divide it among them. Its gradient is a scatter, which took 0.89 s of a CPU where
    this takes 0.28 s (conv1's output of 16 images at 224 px; AMD EPYC, MLX 0.32.4, 2026-11-26).
    """
    for axis in (2, 1):  # the first of equal ones in a row, then the first row
        x = _max_along(axis, x, layer)
    return x


def _max_along(axis: int, x: mx.array, layer: MaxPool) -> mx.array:
    count = (x.shape[axis] - layer.kernel) // layer.stride + 1
    last = layer.stride * (count - 1) + 1
    parts = [
        x[(slice(None),) * axis + (slice(first, first + last, layer.stride),)]
        for first in range(layer.kernel)
    ]
    largest = parts[0]
    for part in parts[1:]:
        largest = mx.maximum(part, largest)  # of two equal ones, mx.maximum differentiates the second
    return largest


def average_pool(layer: AdaptiveAvgPool, x: mx.array) -> mx.array:
    """Averages (n, h, w, c) to (n, size, size, c), or repeats values if h < size, in float32.

    One size must divide the other, as the layer table requires; there the result equals torch's.
    """
    count, side, _, channels = x.shape
    x = x.astype(mx.float32)
    if side >= layer.size:
        window = side // layer.size
        parts = x.reshape(count, layer.size, window, layer.size, window, channels)
        return parts.mean(axis=(2, 4))
    times = layer.size // side
    return mx.repeat(mx.repeat(x, times, axis=1), times, axis=2)


def dropout(rate: float, x: mx.array, key: mx.array) -> mx.array:
    """Zeroes a share `rate` of `x` and scales up the others."""
    kept = mx.random.bernoulli(1 - rate, x.shape, key)
    return mx.where(kept, x / (1 - rate), 0).astype(x.dtype)
