"""Which cells there are and how much of the protocol each profile runs: axes and numbers as data."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import TYPE_CHECKING

from alexnet.data import TRAINED_IMAGES, DatasetName
from alexnet.frameworks.protocol import Device, Framework
from alexnet.recipe import EXPERIMENTS
from alexnet.spec import network
from bench.plan.profiles import PROFILES
from bench.records.types import Cell, Plan

if TYPE_CHECKING:
    from bench.plan.options import Options


def cells(options: Options, devices: Mapping[Framework, Device]) -> list[Cell]:
    """Seed by seed and experiment by experiment, so that the frameworks of each run side by side."""
    axes = product(range(options.seeds), options.experiment, options.framework)
    return [
        Cell(experiment=experiment, framework=framework, device=devices[framework], seed=seed)
        for seed, experiment, framework in axes
    ]


def plan(
    cell: Cell, options: Options, *, profile: str, dataset: DatasetName, data_provenance: str
) -> Plan:
    """Every number of one cell's run settled: options first, then the profile, then the recipe."""
    chosen, recipe = PROFILES[profile], EXPERIMENTS[cell.experiment].recipe
    amount = chosen.budgets.get(cell.experiment, chosen.budget)
    return Plan(
        profile=profile,
        dataset=dataset,
        data_provenance=data_provenance,
        image_size=options.image_size or chosen.image_size,
        train_images=options.train_images or amount.train_images,
        test_images=chosen.test_images,
        epochs=options.epochs or amount.epochs or recipe.epochs,
        patience=options.patience or recipe.patience,
        batch_size=options.batch_size or recipe.batch_size,
    )


# What a first run on an unknown machine is guessed from: (FLOP/s sustained, bytes/s to memory).
# Of the three only `cpu` was calibrated, on a 2-core AMD EPYC; the others are orders of magnitude.
_ROUGH_SPEED: dict[Device, tuple[float, float]] = {
    "cpu": (0.2e12, 10e9),
    "mps": (2e12, 100e9),
    "cuda": (15e12, 800e9),
}
# Two processes, each with a framework to import, and the gate's own proofs.
_START_SECONDS = 18.0
_GATE_STEPS = 30  # of float32: three in float64 take eight times as long, and then there are six


def expected_epoch_seconds(cell: Cell, plan: Plan) -> float:
    """A rough guess at one training epoch, from the network's FLOPs and the bytes of its updates.

    Three forward passes' FLOPs an image (forward, and backward twice as much), and five float32
    for each parameter a step (gradient, weight and momentum read, the last two written).
    """
    net = network(EXPERIMENTS[cell.experiment].variant, image_size=plan.image_size)
    flops, memory = _ROUGH_SPEED[cell.device]
    images = plan.train_images or TRAINED_IMAGES
    steps = images / plan.batch_size
    return images * 3 * net.forward_flops / flops + steps * net.parameters * 20 / memory


def expected_seconds(cell: Cell, plan: Plan) -> float:
    """A rough guess at a whole cell: gate, start-up and evaluation included."""
    epoch = expected_epoch_seconds(cell, plan)
    step = epoch * plan.batch_size / (plan.train_images or TRAINED_IMAGES)
    return _START_SECONDS + _GATE_STEPS * step + 1.1 * plan.epochs * epoch
