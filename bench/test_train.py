"""The training benchmark: one test over the grid of cells."""

from __future__ import annotations

from typing import Any

from bench.run import Run
from bench.session import extra_info


def test_train(run: Run, benchmark: Any) -> None:
    """Every epoch after the first is a round, timed by the worker that trained it."""
    benchmark.extra_info.update(extra_info(run))
    benchmark.pedantic(run.replay, rounds=len(run.epochs) - 1, warmup_rounds=1)
    assert run.result is not None
    assert run.result.validity == "valid", run.result.reasons
