"""The correctness gate: device against CPU, framework against framework, before any cell trains."""

from __future__ import annotations

import pytest

from bench.records.types import Gate
from bench.records.verdict import failed


def test_gate(gate: Gate) -> None:
    """Every check of one cell's gate; the run of a cell that fails here will be invalid."""
    if wrong := [failed(check) for check in gate.checks if not check.passed]:
        pytest.fail("\n".join(wrong), pytrace=False)
