"""The correctness gate, before any cell trains: device against CPU, engine against engine."""

from __future__ import annotations

import pytest

from bench.records.types import Gate
from bench.records.words import check_text


def test_gate(gate: Gate) -> None:
    """Every check of one cell's gate; the run of a cell that fails here will be invalid."""
    if failures := [check_text(check) for check in gate.checks if not check.passed]:
        pytest.fail("\n".join(failures), pytrace=False)
