"""So many runs of so many, in words."""

from __future__ import annotations

import pytest

from reports.write.parts import part_of


@pytest.mark.parametrize(
    ("own", "every", "start", "text"),
    [
        (2, 2, False, "both runs"),
        (2, 2, True, "Both runs"),
        (1, 2, False, "1 of 2 runs"),
        (3, 3, False, "all 3 runs"),
        (1, 1, True, "The one run"),
    ],
)
def test_so_many_runs_of_so_many(own: int, every: int, start: bool, text: str) -> None:
    names = [f"R{n + 1}" for n in range(every)]
    sentence = part_of(names[:own], names, "converged", start=start)
    assert sentence.text == text
    assert all(number.runs and set(number.runs) <= set(names) for number in sentence.numbers)
