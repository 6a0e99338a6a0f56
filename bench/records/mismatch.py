"""Comparison of a value in a file with the value that it should have."""

from __future__ import annotations

import math
from typing import Any

from bench.records.read import Problems, format_value


def equal(actual: Any, expected: Any, relative: float) -> bool:
    """Whether two values are equal, item by item; floats within the relative tolerance.

    A sum in another order rounds differently.
    """
    numbers = isinstance(actual, int | float) and isinstance(expected, int | float)
    if numbers and (isinstance(actual, float) or isinstance(expected, float)):
        return math.isclose(actual, expected, rel_tol=relative, abs_tol=1e-12)
    if isinstance(actual, list | tuple) and isinstance(expected, list | tuple):
        return len(actual) == len(expected) and all(
            equal(item, expected_item, relative)
            for item, expected_item in zip(actual, expected, strict=True)
        )
    return bool(actual == expected)


def mismatch(
    field: str, actual: Any, expected: Any, *, by: str = "the file itself gives", relative: float = 1e-9
) -> Problems:
    """A sentence if the field does not have the expected value; `by` says where that comes from."""
    if not equal(actual, expected, relative):
        yield f"{field} is {format_value(actual)}, and {by} {format_value(expected)}"
