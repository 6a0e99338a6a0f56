"""What one saved run says of itself: seal, verdict, ranges, times, rounds and checks."""

from __future__ import annotations

from collections import Counter

from alexnet.layers import IllegalNetwork
from alexnet.recipe import EXPERIMENTS
from bench.check.compare import unlike
from bench.records.read import LoadedRun, Problems, as_text
from bench.records.recipe import IllegalPlan, check_plan
from bench.records.verdict import judge


def checksum_fits(run: LoadedRun) -> Problems:
    """The seal is over this run and this machine."""
    if run.seal != run.computed_checksum:
        yield "seal does not fit: something in this run or in its machine was changed after it was saved"


def verdict_follows(run: LoadedRun) -> Problems:
    """The verdict is what the records give."""
    due = judge(
        machine=run.machine,
        gate=run.gate,
        before=run.before,
        start=run.start,
        result=run.result,
        after=run.after,
        interruptions=run.interruptions,
    )
    yield from unlike("verdict.validity", run.verdict.validity, due.validity)
    for field in ("reasons", "warnings"):
        said, true = Counter(getattr(run.verdict, field)), Counter(getattr(due, field))
        yield from (f"verdict.{field} leaves out: {each}" for each in true - said)
        yield from (f"verdict.{field} has no ground for: {each}" for each in said - true)


def stands_in_its_place(run: LoadedRun) -> Problems:
    """Benchmarks are valid and complete, failures are not both."""
    good = run.verdict.validity == "valid" and run.result is not None and run.failure is None
    if run.benchmark is not None and not good:
        yield "verdict.validity, result or failure say that it is no benchmark, and it stands among them"
    if run.benchmark is None and good:
        yield "verdict.validity and result say that it is a benchmark, and it stands among the failures"
    if run.result is not None and run.failure is not None:
        yield "result and failure are both there, and a run has only one of them"


def plan_makes_a_run(run: LoadedRun) -> Problems:
    """There is such an experiment, and its network and recipe take such a plan."""
    if run.cell.experiment not in EXPERIMENTS:
        known = ", ".join(EXPERIMENTS)
        yield f"cell.experiment is {as_text(run.cell.experiment)}, and there are {known}"
        return
    try:
        check_plan(run.cell, run.plan)
    except (IllegalPlan, IllegalNetwork) as error:
        yield f"plan makes no run: {error}"


def nothing_is_missing(run: LoadedRun) -> Problems:
    """Whoever has a result has all that comes before and after it."""
    if run.result is not None:
        for name in ("gate", "before", "start", "epochs", "after"):
            if not getattr(run, name):
                yield f"{name} is missing in a run that has a result"
    elif run.epochs and run.start is None:
        yield "start is missing in a run that has epochs"
