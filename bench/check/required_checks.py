"""The rule that a valid run has passed every check of the gate and of the result that it must pass."""

from __future__ import annotations

from collections.abc import Iterator

from alexnet.frameworks.registry import ENGINES
from alexnet.spec import Network
from bench.records import plausible
from bench.records.cell_recipe import images_of, scored_validation_images, steps_of
from bench.records.consistency import steps_were_disturbed, trained_in_last_process
from bench.records.limits import (
    MAX_CLOCK_ERROR,
    MAX_DROPOUT_DIFFERENCE,
    MAX_DROPOUT_SCALE_ERROR,
    MAX_DROPOUT_SIGMAS,
    MAX_MOMENTUM_ERROR,
    MAX_PIPELINE_RATIO,
    MAX_RATE_ERROR,
    MAX_SHARE_LEFT,
    MAX_WEIGHT_DECAY,
    MAX_WORK_RATIO,
    MIN_DROPOUT_DIFFERENCE,
    MIN_WORK_RATIO,
)
from bench.records.mismatch import mismatch
from bench.records.read import LoadedRun, Problems, format_value
from bench.records.types import Check, Gate, NoOtherEngine, PlacementUnknown, ReferenceDiffers, Result

GATE_CHECKS = (
    *("protocol", "same bytes", "precision", "range", "layers", "logits", "later logits", "loss"),
    *("gradient", "update", "three losses", "three steps", "momentum", "weight decay"),
    *("later gradient", "later rate", "own logits", "twice the work", "nothing left"),
)
DROPOUT_CHECKS = ("dropout share", "dropout scale", "dropout masks", "dropout")
"""Checks of the gate of a network with dropout."""
RESULT_CHECKS = ("finite", "images", "sets", "disjoint", "moved")
NOT_IN_VERSION: dict[int, set[str]] = {
    4: {
        *("later logits", "momentum", "weight decay", "dropout share", "dropout scale"),
        *("dropout masks", "images"),
    },
    5: {
        *("protocol", "precision", "range", "later gradient", "later rate"),
        *("sets", "clock", "pipeline", "same pixels", "validation"),
    },
}
"""Version of the schema -> the checks that came after it: a file of an earlier one has none of them."""

NO_FAULTS = (
    *("placement", "same bytes", "protocol", "finite", "images", "sets", "same pixels", "disjoint"),
    "moved",
)
LIMITS = {
    "dropout": (MIN_DROPOUT_DIFFERENCE, MAX_DROPOUT_DIFFERENCE),
    "twice the work": (MIN_WORK_RATIO, MAX_WORK_RATIO),
    "nothing left": (0.0, MAX_SHARE_LEFT),
    "momentum": (0.0, MAX_MOMENTUM_ERROR),
    "weight decay": (0.0, MAX_WEIGHT_DECAY),
    "later rate": (0.0, MAX_RATE_ERROR),
    "dropout share": (0.0, MAX_DROPOUT_SIGMAS),
    "dropout masks": (-MAX_DROPOUT_SIGMAS, MAX_DROPOUT_SIGMAS),
    "clock": (1 - MAX_CLOCK_ERROR, 1 + MAX_CLOCK_ERROR),
    "pipeline": (0.0, MAX_PIPELINE_RATIO),
    **dict.fromkeys(NO_FAULTS, (0, 0)),
}
"""Check -> lower and upper limit, of the checks whose limits are the same for every network."""
LIMITS_OF_PRECISIONS = {"dropout scale": MAX_DROPOUT_SCALE_ERROR}
"""Check -> the engine's precision -> upper limit; the lower one is 0."""
LIMITS_OF_VERSION_4 = {"one network": (0.0, 1e-9)}
"""The same, of checks that only the gates of version 4 had."""


def excused_checks(file_version: int, gate: Gate) -> set[str]:
    """The checks that a run in a file of this version need not have.

    The first files of version 5 have gates of version 4, which compared two frameworks or say why they
    did not: no other gate does.
    """
    if file_version > 5:
        return set()
    alone = any(isinstance(kind, NoOtherEngine | ReferenceDiffers) for kind in gate.not_checked)
    compared = any(check.name in LIMITS_OF_VERSION_4 for check in gate.checks)
    gate_version = 4 if alone or compared else file_version
    later = (names for version, names in NOT_IN_VERSION.items() if gate_version <= version)
    return set[str]().union(*later, {"same bytes"} if alone else ())


def required_gate_checks(net: Network, gate: Gate) -> tuple[str, ...]:
    """The checks that the gate of a network must have; placement only if its framework can tell."""
    placement_unknown = any(isinstance(kind, PlacementUnknown) for kind in gate.not_checked)
    return (
        *GATE_CHECKS,
        *(() if placement_unknown else ("placement",)),
        *(DROPOUT_CHECKS if net.has_dropout else ()),
    )


def required_result_checks(run: LoadedRun) -> Iterator[str]:
    """The checks that the result of a run must have: some only if its epochs can tell."""
    yield from RESULT_CHECKS
    if plausible.clock_ratio(run.epochs) is not None:
        yield "clock"
    if trained_in_last_process(run):
        yield "same pixels"
        if not steps_were_disturbed(run):
            yield "pipeline"
    if plausible.must_have_learnt(run.epochs):
        yield "learnt"
    if run.result and run.result.test_accuracy is not None:
        yield "validation"


def required_checks_are_present(run: LoadedRun) -> Problems:
    """A valid run has every check that it must have passed, with the limits that such a check has."""
    gate, result = run.gate, run.result
    if run.verdict.validity != "valid" or gate is None or result is None:
        return
    if not gate.weights_sha256 or not gate.batch_sha256:
        yield "gate does not say which weights or which batch it was asked of"
    required = {
        "gate": required_gate_checks(run.net, gate),
        "result": tuple(required_result_checks(run)),
    }
    excused = excused_checks(run.file_version, gate)
    precision = ENGINES[run.cell.engine].precision
    limits_of = (
        LIMITS
        | LIMITS_OF_VERSION_4
        | {name: (0.0, upper[precision]) for name, upper in LIMITS_OF_PRECISIONS.items()}
    )
    for part, checks in (("gate", gate.checks), ("result", result.checks)):
        names = {check.name for check in checks}
        missing = [name for name in required[part] if name not in names | excused]
        yield from (f"{part}.checks has no {format_value(name)}" for name in missing)
        for check in checks:
            limits = limits_of.get(check.name)
            if limits and (check.lower, check.upper) != limits:
                yield (
                    f"{part}.checks allows {check.lower:g} to {check.upper:g} in"
                    f" {format_value(check.name)}, where it is {limits[0]:g} to {limits[1]:g}"
                )
    hashed = "same pixels" in {*required["result"]} - excused
    if hashed != (result.batches_sha256 is not None):
        sha256, trained = format_value(result.batches_sha256), "an" if hashed else "no"
        yield (
            f"result.batches_sha256 is {sha256}, and the process that made the result trained {trained}"
            f" epoch"
        )
    if steps_were_disturbed(run) and any(check.name == "pipeline" for check in result.checks):
        yield 'result.checks has "pipeline", and by result.step_interference its steps were disturbed'
    for check in result.checks:
        yield from _result_check_follows(run, result, check)


def _result_check_follows(run: LoadedRun, result: Result, check: Check) -> Problems:
    """What a check measured, and limits that depend on the run, follow from the rest of it."""
    expected: dict[str, float | None] = {}
    match check.name:
        case "finite":
            losses = [loss for e in run.epochs for loss in (e.train_loss, e.validation_loss)]
            expected["measured"] = losses.count(None)
        case "images":
            steps = steps_of(run.plan, run.start.train_images) if run.start else 0
            planned_images = steps * run.plan.batch_size
            expected["measured"] = sum(epoch.images != planned_images for epoch in run.epochs)
        case "sets" if run.start:
            planned, start = images_of(run.plan), run.start
            sizes = {
                "train": start.train_images,
                "validation": start.validation_images,
                "test": result.test_images,
            }
            expected["measured"] = sum(abs(sizes[name] - planned[name]) for name in planned)
        case "clock":
            expected["measured"] = plausible.clock_ratio(run.epochs)
        case "pipeline":
            expected["measured"] = result.pipeline_ratio
        case "learnt":
            expected["measured"] = result.test_accuracy
            expected["lower"] = plausible.over_chance(result.test_images)
        case "validation" if run.start and result.test_accuracy is not None:
            best = [e.validation_accuracy for e in run.epochs if e.epoch == result.best_epoch]
            if best:
                expected["measured"] = abs(result.test_accuracy - best[0])
                expected["upper"] = plausible.max_accuracy_difference(
                    result.test_accuracy,
                    best[0],
                    test_images=result.test_images,
                    validation_images=scored_validation_images(run.plan, run.start.validation_images),
                )
    for field, value in expected.items():
        path = f"result.checks {check.name}.{field}"
        yield from mismatch(path, getattr(check, field), value)
