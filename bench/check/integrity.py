"""Rules on a run as a whole: its checksum, its verdict and its place in the file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from bench.records.mismatch import mismatch
from bench.records.read import LoadedRun, Problems
from bench.records.verdict import judge
from bench.records.words import reason_text, warning_text


def checksum_matches(run: LoadedRun) -> Problems:
    """The checksum that was saved is that of this run and this machine."""
    if run.checksum != run.computed_checksum:
        yield "checksum does not fit: this run or its machine was changed after it was saved"


def verdict_follows(run: LoadedRun) -> Problems:
    """The verdict follows from the run's records."""
    expected = judge(run, run.machine)
    yield from mismatch("verdict.validity", run.verdict.validity, expected.validity)
    fields: tuple[tuple[str, Callable[[Any], str]], ...] = (
        ("reasons", reason_text),
        ("warnings", warning_text),
    )
    for field, text in fields:
        saved, derived = Counter(getattr(run.verdict, field)), Counter(getattr(expected, field))
        yield from (f"verdict.{field} leaves out: {text(kind)}" for kind in derived - saved)
        yield from (f"verdict.{field} has no ground for: {text(kind)}" for kind in saved - derived)


def run_is_in_the_right_list(run: LoadedRun) -> Problems:
    """A run is among the benchmarks if it is valid and has a result, and else among the failures."""
    if run.benchmark is not None and not run.complete:
        yield "verdict.validity, result or failure say that it is no benchmark, and it stands among them"
    if run.benchmark is None and run.complete:
        yield "verdict.validity and result say that it is a benchmark, and it stands among the failures"
    if run.result is not None and run.failure is not None:
        yield "result and failure are both there, and a run has only one of them"
