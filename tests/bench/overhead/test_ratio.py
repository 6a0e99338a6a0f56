"""The ratio of rows that were timed in turn."""

from __future__ import annotations

import math

import pytest

from bench.overhead.ratio import ratio_to


def test_the_interval_is_students_over_the_rounds() -> None:
    """Of logarithms -d, 0 and d it is 0 and 4.303 d / sqrt(3) on either side, t of 2 degrees."""
    ours = [1.0, 2.0, 4.0]  # what slows a round slows both
    usual = [2 * 1.0 * math.exp(0.1), 2 * 2.0, 2 * 4.0 * math.exp(-0.1)]
    found = ratio_to(ours, usual)
    half = 4.302653 * 0.1 / math.sqrt(3)
    assert found.ratio == pytest.approx(0.5)
    assert (found.low, found.high) == pytest.approx((0.5 * math.exp(-half), 0.5 * math.exp(half)))
