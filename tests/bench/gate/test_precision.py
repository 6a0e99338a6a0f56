"""The gate says how exactly a device computes: planted roundings, and the real frameworks."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from alexnet.frameworks.registry import ENGINES
from alexnet.layers import Conv
from alexnet.reference import forward_backward
from bench.gate import precision
from bench.gate.precision import check_precision, mantissa_bits, measure_arithmetic
from bench.records.limits import MIN_FLOAT32_BITS
from bench.records.precision import precision_word
from bench.records.types import Arithmetic
from tests.support.engines import YARDSTICKS
from tests.support.real_worker import output_of
from tests.support.rounding import cut_off, rounded, to_float16

Array = npt.NDArray[Any]
Rounding = Callable[[Array], Array]


def unchanged(array: Array) -> Array:
    return array


class NumpyBackend:
    """Computes in float32, after its operands, and before its results, were rounded.

    Only the layers whose name `chosen` accepts are rounded; `None` stands for the sum.
    """

    def __init__(
        self,
        operands: Rounding = unchanged,
        results: Rounding = unchanged,
        *,
        chosen: Callable[[Any], bool] = lambda layer: True,
    ) -> None:
        self.operands, self.results, self.chosen = operands, results, chosen

    def forward_backward(
        self, row: Any, inputs: Array, weight: Array, gradient: Array, *, input_gradient: bool
    ) -> Any:
        operands, results = self._roundings(row.layer)
        with np.errstate(over="ignore", invalid="ignore"):  # float16 has no 2^20
            arrays = (operands(array) for array in (inputs, weight, gradient))
            found = [results(array) for array in forward_backward(row.layer, *arrays)]
        return found[0], found[1], found[2] if input_gradient else None

    def sums(self, rows: Array) -> Array:
        operands, results = self._roundings(None)
        return results(operands(rows).sum(axis=1))

    def _roundings(self, layer: Any) -> tuple[Rounding, Rounding]:
        return (self.operands, self.results) if self.chosen(layer) else (unchanged, unchanged)


class HalfSums(NumpyBackend):
    """Sums products one after the other in float16, in the matrix product and in long sums."""

    def forward_backward(self, row: Any, inputs: Array, weight: Array, *rest: Any, **flags: Any) -> Any:
        found = super().forward_backward(row, inputs, weight, *rest, **flags)
        if isinstance(row.layer, Conv):
            return found
        total = np.zeros((len(inputs), len(weight)), np.float16)
        with np.errstate(over="ignore", invalid="ignore"):
            for column, other in zip(inputs.T, weight.T, strict=True):
                total += np.outer(column, other).astype(np.float16)
        return total.astype(np.float32), *found[1:]

    def sums(self, rows: Array) -> Array:
        total = np.zeros(len(rows), np.float16)
        for column in rows.T:
            total += column.astype(np.float16)
        return total.astype(np.float32)


SMALL = {"BATCH": 4, "CHANNELS": 32, "ROWS": 64, "FEATURES": 512}
"""Sizes for numpy, whose convolutions are slow."""


def measure(backend: Any) -> Arithmetic:
    with pytest.MonkeyPatch.context() as patch:
        for name, size in SMALL.items():
            patch.setattr(precision, name, size)
        return measure_arithmetic(backend)


PLANTED = {
    "float32": (NumpyBackend(), "float32"),
    "ten bits": (NumpyBackend(rounded(10)), "TF32"),
    "ten bits, cut off": (NumpyBackend(cut_off(10)), "TF32"),
    "seven bits": (NumpyBackend(rounded(7)), "bfloat16"),
    "seven bits, cut off": (NumpyBackend(cut_off(7)), "bfloat16"),
    "seven bits, results too": (NumpyBackend(rounded(7), rounded(7)), "bfloat16"),
    "float16": (NumpyBackend(to_float16, to_float16), "float16"),
    "sums in float16": (HalfSums(), "float16"),
}
"""Fault -> the device that has it, and the word for it."""


@pytest.fixture(scope="module")
def found() -> dict[str, Arithmetic]:
    return {fault: measure(backend) for fault, (backend, _) in PLANTED.items()}


@pytest.mark.parametrize("fault", PLANTED)
def test_a_planted_rounding_is_named(found: dict[str, Arithmetic], fault: str) -> None:
    assert precision_word(found[fault]) == PLANTED[fault][1]


@pytest.mark.parametrize("fault", [fault for fault in PLANTED if fault != "float32"])
def test_a_promise_of_float32_is_broken(found: dict[str, Arithmetic], fault: str) -> None:
    exact, _ = check_precision(found[fault], "float32", on="cpu")
    assert not exact.passed, exact


@pytest.mark.parametrize("bits", [10, 7])
def test_rounded_operands_are_measured_as_their_bits(found: dict[str, Arithmetic], bits: int) -> None:
    """In every operation, whatever it sums; 64 sums are known to a quarter of a bit."""
    measured = found[{10: "ten bits", 7: "seven bits"}[bits]].mantissa_bits
    for operation, value in measured.items():
        assert value == pytest.approx(bits, abs=0.3), operation


def test_float32_keeps_its_promise_in_every_operation(found: dict[str, Arithmetic]) -> None:
    assert min(found["float32"].mantissa_bits.values()) > MIN_FLOAT32_BITS
    assert found["float32"].mantissa_bits["sum"] == 23.0
    assert found["float32"].lost_powers == ()
    assert all(check.passed for check in check_precision(found["float32"], "float32", on="cpu"))


@pytest.mark.parametrize("fault", PLANTED)
def test_float16_loses_small_and_large_numbers_and_bfloat16_neither(
    found: dict[str, Arithmetic], fault: str
) -> None:
    lost = {"float16": (-20, 20), "sums in float16": (-20, 20)}.get(fault, ())
    assert found[fault].lost_powers == lost
    _, range_ = check_precision(found[fault], "bfloat16", on="cpu")
    assert range_.measured == len(lost)
    assert range_.passed == (not lost)


@pytest.mark.parametrize(
    ("promised", "fault", "kept"),
    [
        ("TF32", "ten bits", True),
        ("TF32", "seven bits", False),
        ("bfloat16", "seven bits, results too", True),
        ("bfloat16", "float16", False),  # its range
        ("float16", "float16", True),
    ],
)
def test_a_promise_is_held_against_what_is_given(
    found: dict[str, Arithmetic], promised: Any, fault: str, kept: bool
) -> None:
    checks = check_precision(found[fault], promised, on="cpu")
    assert all(check.passed for check in checks) == kept


def is_convolution(kernel: int) -> Callable[[Any], bool]:
    return lambda layer: isinstance(layer, Conv) and layer.kernel == kernel


@pytest.mark.parametrize(
    ("chosen", "operation"),
    [
        (is_convolution(11), "convolution 11x11/4"),
        (is_convolution(5), "convolution 5x5"),
        (is_convolution(3), "convolution 3x3"),
        (lambda layer: layer is not None and not isinstance(layer, Conv), "matrix product"),
        (lambda layer: layer is None, "sum"),
    ],
)
def test_one_rounded_operation_is_enough_and_is_named(
    chosen: Callable[[Any], bool], operation: str
) -> None:
    measured = measure(NumpyBackend(rounded(10), chosen=chosen))
    exact, _ = check_precision(measured, "float32", on="cpu")
    assert not exact.passed
    assert operation in exact.description
    assert precision_word(measured) != "float32"


def test_an_answer_that_is_not_a_number_keeps_nothing() -> None:
    broken = measure(NumpyBackend(results=lambda array: array * np.float32(np.nan)))
    assert set(broken.mantissa_bits.values()) == {0.0}
    assert broken.lost_powers == (-20, 20)


def test_a_range_that_is_lost_is_named() -> None:
    arithmetic = Arithmetic(mantissa_bits={"sum": 23.0}, lost_powers=(20,))
    _, range_ = check_precision(arithmetic, "float32", on="mps")
    assert range_.description.endswith("a product on mps, of 2^-20 and 2^20: 2^20")


def test_bits_stay_between_none_and_those_of_float32() -> None:
    errors = [0.0, 1e-30, 1.0, 1e30, np.inf, np.nan]
    assert [mantissa_bits(error, operands=2) for error in errors] == [23.0, 23.0, 0.0, 0.0, 0.0, 0.0]


def test_no_order_of_a_long_sum_rounds_in_float32_and_all_need_its_bits() -> None:
    """A partial sum is largest where all terms of one sign come first."""
    terms = precision._terms(np.random.default_rng(0))
    whole = terms.astype(np.float64) * 2**precision.TERM_BITS
    assert (whole == whole.round()).all()
    largest = np.maximum(whole.clip(0).sum(axis=1), -whole.clip(max=0).sum(axis=1))
    assert largest.max() < 2**24
    for order in (np.sort(terms, axis=1), terms, terms.reshape(len(terms), 2, -1).sum(axis=1)):
        totals = np.add.accumulate(order, axis=1, dtype=np.float32)[:, -1]
        np.testing.assert_array_equal(totals, terms.astype(np.float64).sum(axis=1))


@pytest.fixture(scope="module")
def real() -> dict[str, Any]:
    """Framework -> what `precision_worker` prints."""
    return {
        name: json.loads(output_of("tests.support.precision_worker", name).splitlines()[-1])
        for name in YARDSTICKS
    }


@pytest.mark.slow
@pytest.mark.parametrize("name", YARDSTICKS)
def test_the_frameworks_on_the_cpu_say_float32(real: dict[str, Any], name: str) -> None:
    assert real[name]["as it trains"]["word"] == ENGINES[name].precision == "float32"
    assert real[name]["as it trains"]["failed"] == []


@pytest.mark.slow
def test_a_real_framework_in_mixed_precision_is_named(real: dict[str, Any]) -> None:
    """torch's autocast on the CPU: products and convolutions in fewer bits, sums in float32."""
    for word in ("bfloat16", "float16"):
        answers = [each[word] for each in real.values() if word in each]
        assert answers, "no framework was asked"
        for answer in answers:
            assert answer["word"] == word
            assert "precision" in answer["failed"]
            assert answer["bits"]["sum"] == 23.0
            assert ("range" in answer["failed"]) == (word == "float16")


@pytest.mark.slow
@pytest.mark.parametrize("name", YARDSTICKS)
def test_a_real_framework_is_measured_in_every_operation(real: dict[str, Any], name: str) -> None:
    """A forward or backward pass that is not the layer's own would be far off."""
    assert min(real[name]["as it trains"]["bits"].values()) > MIN_FLOAT32_BITS
