"""Rules on the checks that a run says it passed."""

from __future__ import annotations

from alexnet.layers import Dropout
from bench.check.compare import unlike
from bench.records.limits import (
    ASKED_FROM_IMAGES,
    LEAST_RATIO,
    MOST_IN_FLOAT64,
    MOST_LEFT,
    MOST_RATIO,
    PLACEMENT_UNKNOWN,
)
from bench.records.read import LoadedRun, Problems, as_text

GATE_CHECKS = (
    *("layers", "logits", "loss", "gradient", "update", "three losses", "three steps"),
    *("own logits", "twice the work", "nothing left"),
)


AGREEMENT_CHECKS = ("same bytes", "one network", "both logits", "both three losses")


LIMITS = {
    "dropout": (1e-6, 1.0),
    "twice the work": (LEAST_RATIO, MOST_RATIO),
    "nothing left": (0.0, MOST_LEFT),
    "one network": (0.0, MOST_IN_FLOAT64),
    **dict.fromkeys(("placement", "same bytes", "finite", "disjoint", "moved"), (0, 0)),
}
"""Limits that are the same for every network, whatever a file says."""


def checks_were_asked(run: LoadedRun) -> Problems:
    """A valid run has every check that it must have passed, and none whose limit was moved."""
    gate, result = run.gate, run.result
    if run.verdict.validity != "valid" or gate is None or result is None:
        return
    asked = {"gate": gate.checks, "result": result.checks}
    dropout = ("dropout",) * any(isinstance(row.layer, Dropout) for row in run.net.rows)
    enough = sum(epoch.images for epoch in run.epochs) >= ASKED_FROM_IMAGES
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
