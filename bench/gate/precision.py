"""Measures how many mantissa bits a device keeps, and whether small and large numbers survive it."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from alexnet.frameworks.protocol import Backend, Precision
from alexnet.layers import Conv, Dense, Shape
from alexnet.reference import forward_backward
from alexnet.spec import Row
from bench.gate.outputs import relative_norm_error
from bench.records.limits import MANTISSA_BITS
from bench.records.precision import (
    LAYERS,
    MIN_BITS,
    POWERS,
    SUM,
    WINOGRAD_BITS_OF,
    MeasuredLayer,
    least_exact,
    max_lost_powers,
)
from bench.records.types import Arithmetic, Check

Array = npt.NDArray[Any]

BATCH, CHANNELS, SIDE = 16, 128, 16
"""Images, channels in and out and pixels a side of a convolution. They are the smallest with which MLX
takes Winograd's F(6x6) for 3x3 on Apple's GPU, as it does in training: 4,096 pixels in a batch, 256
channels in and out together, each a multiple of 32 (mlx/backend/metal/conv.cpp, read 2026-11-26)."""
IMAGE_CHANNELS, IMAGE_SIDE = 3, 48
"""The same of the layer that takes the images."""
ROWS, FEATURES = 256, 1024
"""Rows, and features in and out, of the matrix product."""
COMPARED_IMAGES, COMPARED_CHANNELS = 16, 32
"""One image of so many, and one input channel of so many, are computed in float64 too. All of them would
take a second."""
SUMS, TERMS = 64, 2048
TERM_BITS = 13
"""A term of a long sum has 13 bits. Partial sums of 2,048 of them, in any order and grouping, are whole
numbers of 24 bits at most times one power of two, so float32 makes no error. TF32 has 11 bits."""
_SUM_OF_SQUARES = 28.0
"""12 times 7/3. In root mean square, rounding to b bits is off by 2^-b / sqrt(12), and significands
between 1 and 2 are sqrt(7/3)."""


def measure_arithmetic(backend: Backend) -> Arithmetic:
    """Computes each kind of operation once with random numbers and holds it against float64."""
    rng = np.random.default_rng(0)
    bits: dict[str, float] = {}
    for name, layer in LAYERS.items():
        errors = _layer_errors(backend, layer, rng)
        for operation, error in zip(layer.operations(name), errors, strict=True):
            bits[operation] = mantissa_bits(error, operands=2)
    terms = _terms(rng)
    error = relative_norm_error(backend.sums(terms), terms.astype(np.float64).sum(axis=1))
    bits[SUM] = mantissa_bits(error, operands=1)
    return Arithmetic(mantissa_bits=bits, lost_powers=_lost_powers(backend))


def mantissa_bits(error: float, *, operands: int) -> float:
    """The bits to which rounding so many random operands gives a sum of products this relative error.

    The error is that of the norm. Between 0 and 23, and 0 for an error that is not finite.
    """
    if not math.isfinite(error):
        return 0.0
    if error == 0:
        return float(MANTISSA_BITS)
    bits = math.log2(math.sqrt(operands / _SUM_OF_SQUARES) / error)
    return min(max(bits, 0.0), float(MANTISSA_BITS))


def check_precision(arithmetic: Arithmetic, promised: Precision, *, on: str) -> list[Check]:
    """The device named `on` keeps as many bits and as wide a range as its engine promises."""
    operation, bits = least_exact(arithmetic)
    added = WINOGRAD_BITS_OF.get(operation)
    powers = " and ".join(f"2^{power}" for power in POWERS)
    lost = ", ".join(f"2^{power}" for power in arithmetic.lost_powers)
    return [
        Check(
            name="precision",
            measured=bits,
            lower=MIN_BITS[promised],
            upper=float(MANTISSA_BITS),
            description=(
                f"the fewest mantissa bits that an operation keeps on {on}, where {promised} is"
                f" promised: {operation}"
                f"{f', and {added:g} that Winograd may have taken' if added else ''}"
            ),
        ),
        Check(
            name="range",
            measured=len(arithmetic.lost_powers),
            lower=0,
            upper=max_lost_powers(promised),
            description=(
                f"numbers that do not come through a product on {on}, of {powers}"
                f"{': ' if lost else ''}{lost}"
            ),
        ),
    ]


def row_of(measured: MeasuredLayer) -> Row:
    """The layer between shapes for which a framework takes the kernels of training."""
    layer: Conv | Dense
    shape: Shape
    if isinstance(measured.layer, Dense):
        layer, shape = replace(measured.layer, units=FEATURES, relu=False), (FEATURES,)
    else:
        layer, shape = replace(measured.layer, channels=CHANNELS), (CHANNELS, SIDE, SIDE)
        if measured.takes_images:
            shape = (IMAGE_CHANNELS, IMAGE_SIDE, IMAGE_SIDE)
    return Row(layer=layer, input_shape=shape, output_shape=layer.output_shape(shape))


def _layer_errors(backend: Backend, measured: MeasuredLayer, rng: np.random.Generator) -> list[float]:
    """The relative norm errors of the layer's operations."""
    row = row_of(measured)
    layer: Any = row.layer
    count = ROWS if isinstance(layer, Dense) else BATCH
    inputs = _significands(rng, (count, *row.input_shape))
    weight = _significands(rng, row.tensors[f"{layer.name}.weight"])
    gradient = _significands(rng, (count, *row.output_shape))
    output, of_weight, of_inputs = backend.forward_backward(
        row, inputs, weight, gradient, input_gradient=not measured.takes_images
    )
    x, w, g = (array.astype(np.float64) for array in (inputs, weight, gradient))
    images = slice(max(1, count // COMPARED_IMAGES))
    channels = slice(max(1, row.input_shape[0] // COMPARED_CHANNELS))
    exact_output, _, exact_of_inputs = forward_backward(layer, x[images], w, g[images])
    _, exact_of_weight, _ = forward_backward(layer, x[:, channels], w[:, channels], g)
    errors = [
        relative_norm_error(output[images], exact_output),
        relative_norm_error(of_weight[:, channels], exact_of_weight),
    ]
    if not measured.takes_images:
        errors.append(relative_norm_error(of_inputs[images], exact_of_inputs))
    return errors


def _significands(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """float32 between 1 and 2 with all 23 bits random, and a random sign."""
    magnitudes = rng.integers(2**MANTISSA_BITS, 2 ** (MANTISSA_BITS + 1), shape)
    signs = rng.choice([-1, 1], shape)
    significands: Array = (magnitudes * signs / 2**MANTISSA_BITS).astype(np.float32)
    return significands


def _terms(rng: np.random.Generator) -> Array:
    """float32 (SUMS, TERMS): numbers of TERM_BITS bits between 1/2 and 1, with a random sign."""
    magnitudes = rng.integers(2 ** (TERM_BITS - 1), 2**TERM_BITS, (SUMS, TERMS))
    signs = rng.choice([-1, 1], magnitudes.shape)
    terms: Array = (magnitudes * signs / 2**TERM_BITS).astype(np.float32)
    return terms


def _lost_powers(backend: Backend) -> tuple[int, ...]:
    """Of POWERS, those for which 129/128 times 2^power does not come out of a product as it went in.

    Each row of the product has one number, and it is multiplied by ones and zeros. bfloat16 has the
    numbers exactly. float16 has no 2^20, and near 2^-20 it has four bits, where 129/128 needs seven.
    """
    row = row_of(MeasuredLayer(layer=Dense("dense", None), takes_images=False))
    values = np.array([math.ldexp(129 / 128, power) for power in POWERS], np.float32)
    inputs = np.repeat(values, ROWS // len(POWERS))[:, None] * np.ones(FEATURES, np.float32)
    output, _, _ = backend.forward_backward(
        row, inputs, np.eye(FEATURES, dtype=np.float32), np.zeros_like(inputs), input_gradient=False
    )
    unchanged = (output == inputs).reshape(len(POWERS), -1).all(axis=1)
    return tuple(power for power, kept in zip(POWERS, unchanged, strict=True) if not kept)
