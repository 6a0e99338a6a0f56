"""The word for a device's precision, and the bits that keep a promise."""

from __future__ import annotations

from typing import get_args

import pytest

from alexnet.frameworks.protocol import Precision
from alexnet.layers import Conv
from alexnet.spec import VARIANTS
from bench.records.precision import (
    LAYERS,
    MIN_BITS,
    WINOGRAD_BITS_OF,
    least_exact,
    max_lost_powers,
    precision_word,
)
from bench.records.types import Arithmetic, PrecisionWord

WINOGRAD = "convolution 3x3"


def arithmetic(bits: float, *lost_powers: int, **others: float) -> Arithmetic:
    """The same bits in every operation, but for `others`, whose names have _ for a space."""
    by_operation = dict.fromkeys(WINOGRAD_BITS_OF, bits)
    by_operation |= {name.replace("_", " "): value for name, value in others.items()}
    return Arithmetic(mantissa_bits=by_operation, lost_powers=lost_powers)


@pytest.mark.parametrize(
    ("bits", "lost_powers", "word"),
    [
        (23.0, (), "float32"),
        (17.0, (), "float32"),
        (16.4, (), "other"),  # two bfloat16 halves
        (12.0, (), "other"),
        (10.0, (), "TF32"),
        (8.6, (), "TF32"),  # cut off
        (7.0, (), "bfloat16"),
        (5.6, (), "bfloat16"),  # cut off
        (3.0, (), "other"),
        (0.0, (), "other"),
        (10.0, (-20, 20), "float16"),
        (10.0, (20,), "float16"),
        (4.8, (-20, 20), "float16"),  # 4,096 products summed in float16
        (3.0, (-20, 20), "other"),
        (23.0, (-20,), "other"),
    ],
)
def test_the_word_follows_from_bits_and_range(
    bits: float, lost_powers: tuple[int, ...], word: str
) -> None:
    assert precision_word(arithmetic(bits, *lost_powers)) == word


def test_the_least_exact_operation_decides() -> None:
    one_less = arithmetic(20.0, matrix_product=10.0)
    assert least_exact(one_less) == ("matrix product", 10.0)
    assert precision_word(one_less) == "TF32"
    assert precision_word(arithmetic(20.0, sum=7.0)) == "bfloat16"


def test_what_winograds_algorithm_takes_is_no_lack_of_precision() -> None:
    """Simulated bits of F(6x6): in float32 15.8, in TF32 5.4. A matrix product has no such excuse."""
    for kept, others, word in ((15.8, 19.0, "float32"), (5.4, 10.0, "TF32")):
        winograd = Arithmetic(
            mantissa_bits=dict.fromkeys(WINOGRAD_BITS_OF, others) | {WINOGRAD: kept}, lost_powers=()
        )
        assert precision_word(winograd) == word
    assert precision_word(arithmetic(19.0, matrix_product=15.8)) == "other"


@pytest.mark.parametrize(
    ("operation", "word"),
    [
        ("convolution 5x5, gradient of the weight", "float32"),
        ("convolution 5x5", "other"),
        ("convolution 5x5, gradient of the input", "other"),
        ("convolution 3x3, gradient of the weight", "other"),
    ],
)
def test_what_cudnn_takes_of_a_5x5s_weight_is_granted_there_alone(operation: str, word: str) -> None:
    """8.3 bits were seen on an H200, whose other operations kept 16.3 and more."""
    kept = dict.fromkeys(WINOGRAD_BITS_OF, 18.8) | {operation: 8.3}
    assert precision_word(Arithmetic(mantissa_bits=kept, lost_powers=())) == word
    of_bfloat16 = kept | {operation: 6.6}
    assert precision_word(Arithmetic(mantissa_bits=of_bfloat16, lost_powers=())) != "float32"


def test_nothing_measured_is_no_precision() -> None:
    nothing = Arithmetic(mantissa_bits={}, lost_powers=())
    assert least_exact(nothing) == ("nothing", 0.0)
    assert precision_word(nothing) == "other"


def test_every_kind_of_convolution_of_the_tables_is_measured() -> None:
    """By kernel, stride and padding; their names are different."""
    of_tables = {
        (layer.kernel, layer.stride, layer.padding)
        for variant in VARIANTS.values()
        for layer in variant.layers
        if isinstance(layer, Conv)
    }
    measured = [row.layer for row in LAYERS.values() if isinstance(row.layer, Conv)]
    assert {(layer.kernel, layer.stride, layer.padding) for layer in measured} == of_tables
    assert len(measured) == len(of_tables)
    assert set(LAYERS) == {
        *("matrix product", "convolution 11x11/4", "convolution 5x5", "convolution 3x3")
    }


def test_forward_and_both_gradients_are_measured_but_that_of_the_images() -> None:
    assert set(WINOGRAD_BITS_OF) == {
        "sum",
        *("convolution 11x11/4", "convolution 11x11/4, gradient of the weight"),
        *(
            name + part
            for name in ("matrix product", "convolution 5x5", "convolution 3x3")
            for part in ("", ", gradient of the weight", ", gradient of the input")
        ),
    }


def test_winograds_algorithm_computes_convolutions_of_stride_1() -> None:
    excused = {name for name, bits in WINOGRAD_BITS_OF.items() if bits}
    assert excused == {name for name in WINOGRAD_BITS_OF if "5x5" in name or "3x3" in name}


def test_every_promise_has_its_bits_and_no_word_keeps_a_better_one() -> None:
    assert set(MIN_BITS) == {*get_args(Precision)} == {*get_args(PrecisionWord)} - {"other"}
    assert MIN_BITS["float32"] > MIN_BITS["TF32"] > MIN_BITS["bfloat16"]
    for word in ("float32", "TF32", "bfloat16"):
        assert precision_word(arithmetic(MIN_BITS[word])) == word
    assert {word: max_lost_powers(word) for word in MIN_BITS if max_lost_powers(word)} == {"float16": 2}
