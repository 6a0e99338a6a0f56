"""Figures as a reader sees them: no sign before a zero, no exponent, whatever a file holds."""

from __future__ import annotations

from math import nan
from typing import Any

import pytest

from reports.draw import house
from reports.write import parts, words


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (-0.0621, "−6.2 %"),
        (0.0004, "0.0 %"),
        (-0.0004, "0.0 %"),
        (-0.0, "0.0 %"),
        (0.05, "+5.0 %"),
        (nan, "–"),
    ],
)
def test_a_change_has_its_sign_and_a_zero_none(share: float, text: str) -> None:
    assert words.signed_percent(share) == text


def test_nothing_that_rounds_to_zero_has_a_sign() -> None:
    assert words.percent(-0.0004) == "0.0 %"
    assert words.percent(-0.0006) == "-0.1 %"
    assert words.points(-0.0004) == "0.0 points"
    assert words.points(-0.0126) == "−1.3 points"
    assert words.number(-0.0004, ".2f") == "0.00"
    assert words.number(-1e-9, ",.0f") == "0"
    assert words.number(-1234.5, ",.1f") == "-1,234.5"
    assert parts.decimal(-0.001, "", ()).text == "0.00"
    assert parts.points(-0.00001, "", ()).text == "0.00 points"


def test_an_axis_has_no_signed_zero() -> None:
    figure, [[axes]] = house.grid(1, 1, row_inches=1.0)
    house.percents(axes.yaxis)
    formatter: Any = axes.yaxis.get_major_formatter()
    assert [formatter(share, 0) for share in (-1e-9, -0.05, 0.05)] == ["0 %", "−5 %", "5 %"]
    figure.clear()


@pytest.mark.parametrize(
    ("memory_bytes", "text"),
    [
        (1, "0 GiB"),
        (2**34, "16 GiB"),
        (25_277_000_000, "23.54 GiB"),
        (3 * 2**29, "1.5 GiB"),
        (10**15, "931,322.57 GiB"),
        (nan, "–"),
    ],
)
def test_a_computers_memory_has_no_exponent(memory_bytes: float, text: str) -> None:
    assert words.gibibytes(memory_bytes) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(1e-9, "0.00000000100"), (1e12, "1,000,000,000,000"), (-0.0667, "-0.0667"), (-0.0, "0")],
)
def test_significant_digits_have_no_exponent(value: float, text: str) -> None:
    assert words.significant(value) == text
