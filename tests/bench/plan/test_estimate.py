"""The rough estimate of a cell's time."""

from __future__ import annotations

from bench.plan import estimate
from bench.records.types import Cell
from tests.bench.plan.test_grid import plan


def test_a_larger_network_is_expected_to_take_longer() -> None:
    cell = Cell(experiment="scratch", engine="torch", device="cpu", seed=0)
    small, large = (estimate.expected_seconds(cell, plan("scratch", name)) for name in ("quick", "full"))
    assert 0 < small < large
