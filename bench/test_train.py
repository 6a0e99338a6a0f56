"""The training benchmark: one test over the grid of cells."""

from __future__ import annotations

from typing import Any

import pytest

from bench.records.run import SessionRun
from bench.records.write import extra_info, rejection_text


def test_train(run: SessionRun, benchmark: Any) -> None:
    """Each epoch except a process's first is a round, timed by the worker that trained it."""
    if not run.complete:
        pytest.fail(rejection_text(run), pytrace=False)
    benchmark.extra_info.update(extra_info(run))
    rounds = len(run.timed_epochs())
    benchmark.pedantic(run.replay, rounds=rounds, warmup_rounds=len(run.epochs) - rounds)
