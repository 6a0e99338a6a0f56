"""The rule that a valid run has passed every check of the gate and of the result that it must pass."""

from __future__ import annotations

from alexnet.spec import Network
from bench.check.compare import mismatch
from bench.records.limits import (
    MAX_DROPOUT_DIFFERENCE,
    MAX_DROPOUT_SCALE_ERROR,
    MAX_DROPOUT_SIGMAS,
    MAX_MOMENTUM_ERROR,
    MAX_SHARE_LEFT,
    MAX_WEIGHT_DECAY,
    MAX_WORK_RATIO,
    MIN_DROPOUT_DIFFERENCE,
    MIN_IMAGES_TO_LEARN,
    MIN_WORK_RATIO,
)
from bench.records.read import LoadedRun, Problems, format_value
from bench.records.types import Gate, NoOtherEngine, PlacementUnknown, ReferenceDiffers

GATE_CHECKS = (
    *("same bytes", "layers", "logits", "later logits", "loss", "gradient", "update", "three losses"),
    *("three steps", "momentum", "weight decay", "own logits", "twice the work", "nothing left"),
)
DROPOUT_CHECKS = ("dropout share", "dropout scale", "dropout masks", "dropout")
"""Checks of the gate of a network with dropout."""
RESULT_CHECKS = ("finite", "images", "disjoint", "moved")
NOT_IN_VERSION_4 = {
    *("later logits", "momentum", "weight decay", "dropout share", "dropout scale", "dropout masks"),
    "images",
}

LIMITS = {
    "dropout": (MIN_DROPOUT_DIFFERENCE, MAX_DROPOUT_DIFFERENCE),
    "twice the work": (MIN_WORK_RATIO, MAX_WORK_RATIO),
    "nothing left": (0.0, MAX_SHARE_LEFT),
    "momentum": (0.0, MAX_MOMENTUM_ERROR),
    "weight decay": (0.0, MAX_WEIGHT_DECAY),
    "dropout share": (0.0, MAX_DROPOUT_SIGMAS),
    "dropout scale": (0.0, MAX_DROPOUT_SCALE_ERROR),
    "dropout masks": (-MAX_DROPOUT_SIGMAS, MAX_DROPOUT_SIGMAS),
    **dict.fromkeys(("placement", "same bytes", "finite", "images", "disjoint", "moved"), (0, 0)),
}
"""Check -> lower and upper limit, of the checks whose limits are the same for every network."""
LIMITS_OF_VERSION_4 = {"one network": (0.0, 1e-9)}
"""The same, of checks that only the gates of version 4 had."""


def excused_checks(gate: Gate) -> set[str]:
    """The checks that a gate of version 4 did not have.

    It compared two frameworks, which no later gate does, or says why it did not.
    """
    if any(isinstance(kind, NoOtherEngine | ReferenceDiffers) for kind in gate.not_checked):
        return {*NOT_IN_VERSION_4, "same bytes"}
    is_of_version_4 = any(check.name in LIMITS_OF_VERSION_4 for check in gate.checks)
    return NOT_IN_VERSION_4 if is_of_version_4 else set()


def required_gate_checks(net: Network, gate: Gate) -> tuple[str, ...]:
    """The checks that the gate of a network must have; placement only if its framework can tell."""
    placement_unknown = any(isinstance(kind, PlacementUnknown) for kind in gate.not_checked)
    return (
        *GATE_CHECKS,
        *(() if placement_unknown else ("placement",)),
        *(DROPOUT_CHECKS if net.has_dropout else ()),
    )


def required_checks_are_present(run: LoadedRun) -> Problems:
    """A valid run has every check that it must have passed, with the limits that such a check has."""
    gate, result = run.gate, run.result
    if run.verdict.validity != "valid" or gate is None or result is None:
        return
    if not gate.weights_sha256 or not gate.batch_sha256:
        yield "gate does not say which weights or which batch it was asked of"
    must_learn = sum(epoch.images for epoch in run.epochs) >= MIN_IMAGES_TO_LEARN
    required = {
        "gate": required_gate_checks(run.net, gate),
        "result": (*RESULT_CHECKS, *(("learnt",) if must_learn else ())),
    }
    excused = excused_checks(gate)
    for part, checks in (("gate", gate.checks), ("result", result.checks)):
        names = {check.name for check in checks}
        missing = [name for name in required[part] if name not in names | excused]
        yield from (f"{part}.checks has no {format_value(name)}" for name in missing)
        for check in checks:
            limits = (LIMITS | LIMITS_OF_VERSION_4).get(check.name)
            if limits and (check.lower, check.upper) != limits:
                yield (
                    f"{part}.checks allows {check.lower:g} to {check.upper:g} in"
                    f" {format_value(check.name)}, where it is {limits[0]:g} to {limits[1]:g}"
                )
    not_finite = [e for e in run.epochs if e.train_loss is None or e.validation_loss is None]
    measured = {"finite": len(not_finite), "learnt": result.test_accuracy}
    for check in result.checks:
        if check.name in measured:
            field = f"result.checks {check.name}.measured"
            yield from mismatch(field, check.measured, measured[check.name])
