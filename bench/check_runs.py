"""What one saved run says of itself: seal, verdict, ranges, times, rounds and checks."""

from __future__ import annotations

import math
from collections import Counter
from datetime import datetime
from itertools import pairwise
from statistics import mean, median, stdev
from typing import Any

from alexnet.layers import Dropout, IllegalNetwork
from alexnet.recipe import EXPERIMENTS
from bench import afterwards, certificate, clock, grid, rates
from bench.answers import PLACEMENT_UNKNOWN
from bench.saved import LoadedRun, Problems, as_text
from bench.verdict import judge

CLOCK_SLACK_SECONDS = 2.0
"""Times of day are whole seconds, and two clocks are compared."""
GATE_CHECKS = (
    *("layers", "logits", "loss", "gradient", "update", "three losses", "three steps"),
    *("own logits", "twice the work", "nothing left"),
)
AGREEMENT_CHECKS = ("same bytes", "one network", "both logits", "both three losses")
LIMITS = {
    "dropout": (1e-6, 1.0),
    "twice the work": (clock.LEAST_RATIO, clock.MOST_RATIO),
    "nothing left": (0.0, clock.MOST_LEFT),
    "one network": (0.0, certificate.MOST_IN_FLOAT64),
    **dict.fromkeys(("placement", "same bytes", "finite", "disjoint", "moved"), (0, 0)),
}
"""Limits that are the same for every network, whatever a file says."""


def same(found: Any, due: Any, relative: float) -> bool:
    """Whether two figures are equal; floats but for what another order of a sum rounds differently."""
    numbers = isinstance(found, int | float) and isinstance(due, int | float)
    if numbers and (isinstance(found, float) or isinstance(due, float)):
        return math.isclose(found, due, rel_tol=relative, abs_tol=1e-12)
    if isinstance(found, list | tuple) and isinstance(due, list | tuple):
        return len(found) == len(due) and all(
            same(one, other, relative) for one, other in zip(found, due, strict=True)
        )
    return bool(found == due)


def unlike(
    field: str, found: Any, due: Any, *, by: str = "the file itself gives", relative: float = 1e-9
) -> Problems:
    """A sentence where a field is not what it must be."""
    if not same(found, due, relative):
        yield f"{field} is {as_text(found)}, and {by} {as_text(due)}"


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
        grid.check_plan(run.cell, run.plan)
    except (grid.IllegalPlan, IllegalNetwork) as error:
        yield f"plan makes no run: {error}"


def nothing_is_missing(run: LoadedRun) -> Problems:
    """Whoever has a result has all that comes before and after it."""
    if run.result is not None:
        for name in ("gate", "before", "start", "epochs", "after"):
            if not getattr(run, name):
                yield f"{name} is missing in a run that has a result"
    elif run.epochs and run.start is None:
        yield "start is missing in a run that has epochs"


def rounds_are_the_epochs(run: LoadedRun) -> Problems:
    """pytest-benchmark's statistics are those of all epochs but each process's first."""
    if run.benchmark is None:
        return
    if not isinstance(stats := run.benchmark.get("stats"), dict) or len(run.epochs) < 2:
        yield "stats is no object, or there is no second epoch that it could be of"
        return
    seconds = [epoch.train_seconds for epoch in rates.timed_epochs(run.epochs)]
    due: dict[str, Any] = {
        "rounds": len(seconds),
        "iterations": 1,
        "min": min(seconds),
        "max": max(seconds),
        "mean": mean(seconds),
        "median": median(seconds),
        "total": sum(seconds),
        "stddev": stdev(seconds) if len(seconds) > 1 else 0,
        "ops": len(seconds) / sum(seconds),
    }
    due |= {"data": seconds} if "data" in stats else {}
    for field, value in due.items():
        by = "by train_seconds it is"
        yield from unlike(f"stats.{field}", stats.get(field), value, by=by, relative=1e-6)


def time_went_on(run: LoadedRun) -> Problems:
    """Before, start and after come one after the other, with time enough between for what was done."""
    said = {
        "before.taken_at": run.before.taken_at if run.before else None,
        "start.started_at": run.start.started_at if run.start else None,
        "after.taken_at": run.after.taken_at if run.after else None,
    }
    times = {name: _time(text) for name, text in said.items() if text is not None}
    yield from (
        f"{name} is {as_text(said[name])}, no time with its zone" for name in times if not times[name]
    )
    known = [(name, time) for name, time in times.items() if time]
    for (name, time), (later, then) in pairwise(known):
        if (then - time).total_seconds() < -CLOCK_SLACK_SECONDS:
            yield f"{later} is {then.isoformat()}, before {name}, {time.isoformat()}"
    before, after = times.get("before.taken_at"), times.get("after.taken_at")
    if before and after:
        took, trained = (after - before).total_seconds(), sum(e.train_seconds for e in run.epochs)
        # A thousandth more: over hours two clocks drift apart by more than the slack.
        if took * 1.001 + CLOCK_SLACK_SECONDS < trained:
            yield f"after.taken_at is {took:.0f} s after before.taken_at, training was {trained:.0f} s"


def _time(text: str) -> datetime | None:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return time if time.tzinfo else None


def checks_were_asked(run: LoadedRun) -> Problems:
    """A valid run has every check that it must have passed, and none whose limit was moved."""
    gate, result = run.gate, run.result
    if run.verdict.validity != "valid" or gate is None or result is None:
        return
    asked = {"gate": gate.checks, "result": result.checks}
    dropout = ("dropout",) * any(isinstance(row.layer, Dropout) for row in run.net.rows)
    enough = sum(epoch.images for epoch in run.epochs) >= afterwards.ASKED_FROM_IMAGES
    if not gate.weights_sha256 or not gate.batch_sha256:
        yield "gate does not say which weights or which batch it was asked of"
    unknown = any(what.startswith(PLACEMENT_UNKNOWN) for what in gate.not_checked)
    asked_where = () if unknown else ("placement",)
    alone = any(" against " in what for what in gate.not_checked)  # no other framework answered
    certified = () if alone else AGREEMENT_CHECKS
    due = {
        "gate": (*GATE_CHECKS, *asked_where, *certified, *dropout),
        "result": ("finite", "disjoint", "moved", *(("learnt",) * enough)),
    }
    for part, checks in asked.items():
        names = {check.name for check in checks}
        yield from (f"{part}.checks has no {as_text(name)}" for name in due[part] if name not in names)
        for check in checks:
            due_limits = LIMITS.get(check.name)
            if due_limits and (check.least, check.most) != due_limits:
                yield (
                    f"{part}.checks allows {check.least:g} to {check.most:g} in {as_text(check.name)},"
                    f" where it is {due_limits[0]:g} to {due_limits[1]:g}"
                )
    not_finite = [e.epoch for e in run.epochs if e.train_loss is None or e.validation_loss is None]
    measured = {"finite": len(not_finite), "learnt": result.test_accuracy}
    for check in result.checks:
        if check.name in measured:
            field = f"result.checks {check.name}.measured"
            yield from unlike(field, check.measured, measured[check.name])
