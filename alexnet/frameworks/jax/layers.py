"""The layers of JAX as functions of arrays, channels last.

The gradients of products and convolutions are written out. JAX's own would not round the gradient that
comes in to the operands' dtype, and would round the one that goes out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from alexnet.layers import AdaptiveAvgPool, Conv, Dense, Dropout, Flatten, Layer, MaxPool

Array = Any
Apply = Callable[[Mapping[str, Array], Array, Array | None], Array]
"""(canonical name -> weight, float32 input, key) -> float32 output. The key draws the mask of a dropout,
and is None in evaluation."""

GENERATOR = "threefry2x32"
"""The random generator: JAX's default, whatever JAX_DEFAULT_PRNG_IMPL says."""


def function(layer: Layer, *, operands: Any) -> Apply:
    """One row of the layer table; `operands` is the dtype of what is multiplied."""
    match layer:
        case Conv():
            return partial(_convolution, layer, operands)
        case MaxPool():
            return partial(_max_pool, layer)
        case AdaptiveAvgPool():
            return partial(_average_pool, layer)
        case Flatten():
            return lambda weights, x, key: x.reshape(len(x), -1)
        case Dropout():
            return partial(dropout, layer.rate)
        case Dense():
            return partial(_dense, layer, operands)


def _convolution(
    layer: Conv, operands: Any, weights: Mapping[str, Array], x: Array, key: Array | None
) -> Array:
    output = convolution(x, weights[f"{layer.name}.weight"], layer, operands)
    return jax.nn.relu(output + weights[f"{layer.name}.bias"])


def _dense(
    layer: Dense, operands: Any, weights: Mapping[str, Array], x: Array, key: Array | None
) -> Array:
    output = product(x, weights[f"{layer.name}.weight"], operands) + weights[f"{layer.name}.bias"]
    return jax.nn.relu(output) if layer.relu else output


def dropout(rate: float, weights: Mapping[str, Array], x: Array, key: Array | None) -> Array:
    """Zeroes a share `rate` of `x` and scales up the others; without a key `x` as it is."""
    if key is None:
        return x
    kept = jax.random.bernoulli(key, 1 - rate, x.shape)
    return jnp.where(kept, x / (1 - rate), 0.0)


def _max_pool(layer: MaxPool, weights: Mapping[str, Array], x: Array, key: Array | None) -> Array:
    """Its gradient goes to the first of equal values, as in torch."""
    window, strides = (1, layer.kernel, layer.kernel, 1), (1, layer.stride, layer.stride, 1)
    return lax.reduce_window(x, -jnp.inf, lax.max, window, strides, "VALID")


def _average_pool(
    layer: AdaptiveAvgPool, weights: Mapping[str, Array], x: Array, key: Array | None
) -> Array:
    n, side, _, channels = x.shape
    if side < layer.size:
        times = layer.size // side
        return jnp.repeat(jnp.repeat(x, times, axis=1), times, axis=2)
    window = side // layer.size
    return x.reshape(n, layer.size, window, layer.size, window, channels).mean((2, 4))


@partial(jax.custom_vjp, nondiff_argnums=(2,))
def product(x: Array, weight: Array, operands: Any) -> Array:
    """float32 (n, inputs) and (inputs, outputs) -> float32 (n, outputs)."""
    return _product_and_operands(x, weight, operands)[0]


def _product_and_operands(x: Array, weight: Array, operands: Any) -> tuple[Array, tuple[Array, Array]]:
    x, weight = x.astype(operands), weight.astype(operands)
    return _contract(x, weight, 1, 0), (x, weight)


def _product_gradients(operands: Any, kept: tuple[Array, Array], gradient: Array) -> tuple[Array, Array]:
    x, weight = kept
    gradient = gradient.astype(operands)
    return _contract(gradient, weight, 1, 1), _contract(x, gradient, 0, 0)


def _contract(left: Array, right: Array, left_axis: int, right_axis: int) -> Array:
    """The float32 sums of the products of two matrices along an axis of each."""
    return lax.dot_general(
        left,
        right,
        (((left_axis,), (right_axis,)), ((), ())),
        precision=_precision(left.dtype),
        preferred_element_type=jnp.float32,
    )


def _precision(operands: Any) -> lax.Precision:
    """All bits of the operands: by default a GPU would multiply float32 in TF32."""
    return lax.Precision.HIGHEST if operands == jnp.float32 else lax.Precision.DEFAULT


product.defvjp(_product_and_operands, _product_gradients)


@partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def convolution(x: Array, weight: Array, layer: Conv, operands: Any) -> Array:
    """float32 (n, h, w, inputs) and (kernel, kernel, inputs, outputs) -> float32 (n, h, w, outputs)."""
    return _convolution_and_operands(x, weight, layer, operands)[0]


def _convolution_and_operands(
    x: Array, weight: Array, layer: Conv, operands: Any
) -> tuple[Array, tuple[Array, Array]]:
    x, weight = x.astype(operands), weight.astype(operands)
    edges = (layer.padding, layer.padding)
    output = _convolve(x, weight, ("NHWC", "HWIO", "NHWC"), (edges, edges), stride=layer.stride)
    return output, (x, weight)


def _convolution_gradients(
    layer: Conv, operands: Any, kept: tuple[Array, Array], gradient: Array
) -> tuple[Array, Array]:
    """Both are convolutions: the weights slide over the gradient, and the gradient over the images.

    The gradient has `stride - 1` zeros between its values. What a window of the images never covered
    gets a gradient of 0, and is cut off the images by a negative edge.
    """
    x, weight = kept
    gradient = gradient.astype(operands)
    kernel, edge = layer.kernel, layer.padding
    spread = [(n - 1) * layer.stride + 1 for n in gradient.shape[1:3]]
    lengths = list(zip(x.shape[1:3], spread, strict=True))
    into = _convolve(
        gradient,
        lax.rev(weight, (0, 1)),
        ("NHWC", "HWOI", "NHWC"),
        tuple((kernel - 1 - edge, length - wide + edge) for length, wide in lengths),
        left_dilation=layer.stride,
    )
    of_weight = _convolve(
        x,
        gradient,
        ("CHWN", "IHWO", "HWNC"),
        tuple((edge, kernel - 1 - edge + wide - length) for length, wide in lengths),
        right_dilation=layer.stride,
    )
    return into, of_weight


def _convolve(
    left: Array,
    right: Array,
    layouts: tuple[str, str, str],
    edges: tuple[tuple[int, int], ...],
    *,
    stride: int = 1,
    left_dilation: int = 1,
    right_dilation: int = 1,
) -> Array:
    return lax.conv_general_dilated(
        left,
        right,
        (stride, stride),
        edges,
        lhs_dilation=(left_dilation, left_dilation),
        rhs_dilation=(right_dilation, right_dilation),
        dimension_numbers=layouts,
        precision=_precision(left.dtype),
        preferred_element_type=jnp.float32,
    )


convolution.defvjp(_convolution_and_operands, _convolution_gradients)
