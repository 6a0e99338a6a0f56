"""How long cells take: as earlier runs on this machine did, or by a rough guess."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from alexnet.frameworks.protocol import Device
from alexnet.frameworks.registry import ENGINES
from alexnet.recipe import EXPERIMENTS
from alexnet.spec import FLOAT32_BYTES, network
from bench.records.cell_recipe import images_of, scored_validation_images, steps_of
from bench.records.consistency import first_contradiction
from bench.records.derive import recorded_seconds, timed_epochs
from bench.records.flops import training_flops
from bench.records.read import UnreadableFile, load, read
from bench.records.types import Cell, Plan, Run

# Sustained FLOP/s and bytes/s to memory. Only `cpu` was calibrated, on a 2-core AMD EPYC; the other
# two are orders of magnitude.
_ROUGH_SPEED: dict[Device, tuple[float, float]] = {
    "cpu": (0.2e12, 10e9),
    "mps": (2e12, 100e9),
    "cuda": (15e12, 800e9),
}
# Two processes that each import a framework, and what a result takes besides scoring.
_START_SECONDS = 10.0
# In float32 steps: three steps in float64, which take eight times as long, and six in float32.
_GATE_STEPS = 30
_PASSES = 3
"""Training costs three forward passes' FLOPs: one forward, and a backward pass that costs two."""
MAX_FILES = 20
"""How many of a machine's files are read, the newest: those of months ago are of other versions."""

Kind = tuple[str, str, Device, int, int]
"""What seconds depend on: experiment, engine (and so its precision), device, image size, batch size."""


@dataclass(frozen=True, kw_only=True)
class Pace:
    """What a cell takes: seconds an image in training and in scoring, and the rest of a run.

    `gate_seconds` are the gate's; `rest_seconds` are the start of a process, what is written, and the
    steps that are timed on their own.
    """

    train_seconds: float
    score_seconds: float
    gate_seconds: float
    rest_seconds: float


Paces = dict[Kind, Pace]
"""The paces that were measured."""


def kind_of(cell: Cell, plan: Plan) -> Kind:
    """The kind of a cell: cells of one kind have one pace."""
    return cell.experiment, cell.engine, cell.device, plan.image_size, plan.batch_size


def epoch_images(plan: Plan) -> int:
    """The training images of an epoch."""
    return steps_of(plan, images_of(plan)["train"]) * plan.batch_size


def expected_epoch_seconds(cell: Cell, plan: Plan) -> float:
    """A rough guess at one training epoch, from the network's FLOPs and the bytes of its updates.

    A step moves five float32 per parameter: gradient, weight and momentum are read, weight and
    momentum are written.
    """
    net = network(EXPERIMENTS[cell.experiment].variant, image_size=plan.image_size)
    flops_per_second, bytes_per_second = _ROUGH_SPEED[cell.device]
    images = epoch_images(plan)
    steps = images / plan.batch_size
    compute_seconds = images * training_flops(net) / flops_per_second
    return compute_seconds + steps * net.parameters * 5 * FLOAT32_BYTES / bytes_per_second


def guessed_pace(cell: Cell, plan: Plan, train_seconds: float | None = None) -> Pace:
    """A rough guess, but for the seconds of an image in training where these are known."""
    if train_seconds is None:
        train_seconds = expected_epoch_seconds(cell, plan) / epoch_images(plan)
    return Pace(
        train_seconds=train_seconds,
        score_seconds=train_seconds / _PASSES,
        gate_seconds=_GATE_STEPS * train_seconds * plan.batch_size,
        rest_seconds=_START_SECONDS,
    )


def expected_seconds(cell: Cell, plan: Plan, pace: Pace | None = None, *, gate: bool = True) -> float:
    """A whole cell at this pace, or else at a guessed one: its gate, if it has one, and its run."""
    pace = pace or guessed_pace(cell, plan)
    images = images_of(plan)
    scored = plan.epochs * scored_validation_images(plan, images["validation"]) + images["test"]
    trained = plan.epochs * epoch_images(plan)
    run_seconds = trained * pace.train_seconds + scored * pace.score_seconds + pace.rest_seconds
    return run_seconds + (pace.gate_seconds if gate else 0.0)


def pace_of(run: Run) -> Pace | None:
    """The pace of a run with a result; None where its device computed in another precision."""
    gate, start, result = run.gate, run.start, run.result
    if gate is None or start is None or result is None or not run.epochs:
        return None
    if gate.precision not in (None, ENGINES[run.cell.engine].precision):
        return None
    validation = scored_validation_images(run.plan, start.validation_images)
    score_seconds = median(epoch.evaluate_seconds for epoch in run.epochs) / validation
    beyond_epochs = result.total_seconds - recorded_seconds(run.epochs)
    saving = sum((e.best_weights_seconds or 0) + (e.checkpoint_seconds or 0) for e in run.epochs)
    return Pace(
        train_seconds=median(e.train_seconds / e.images for e in timed_epochs(run.epochs)),
        score_seconds=score_seconds,
        gate_seconds=gate.seconds or 0.0,
        rest_seconds=max(beyond_epochs + saving - result.test_images * score_seconds, 0.0),
    )


def measured_paces(folder: Path) -> Paces:
    """The paces of a machine's folder of result files, each of the newest run of its kind."""
    paces: Paces = {}
    for file in sorted(folder.glob("*.json"))[-MAX_FILES:]:
        try:
            runs = load(read(file)).runs
        except UnreadableFile:
            continue  # bench.check and the report name it; here it only means a rougher guess
        for run in runs:
            if first_contradiction(run) is None and (pace := pace_of(run)):
                paces[kind_of(run.cell, run.plan)] = pace
    return paces


def pace_for(cell: Cell, plan: Plan, paces: Paces, step_seconds: Mapping[Kind, float]) -> Pace | None:
    """The measured pace of a cell; else a guess from its trial's seconds a step; None without either."""
    kind = kind_of(cell, plan)
    if kind in paces:
        return paces[kind]
    if kind in step_seconds:
        return guessed_pace(cell, plan, step_seconds[kind] / plan.batch_size)
    return None
