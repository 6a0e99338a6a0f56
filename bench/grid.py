"""Which cells there are and how much of the protocol each profile runs: axes and numbers as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import product
from typing import TYPE_CHECKING

from alexnet import Device, Framework
from alexnet.data import CLASSES, TRAINED_IMAGES, DatasetName
from alexnet.recipe import EXPERIMENTS, IllegalRecipe, Recipe
from alexnet.spec import network
from bench.records import Cell, Plan

if TYPE_CHECKING:
    from bench.options import Options


class IllegalPlan(ValueError):
    """Options that make no run, and which to change."""


@dataclass(frozen=True, kw_only=True)
class Budget:
    """How long one cell trains. None means all of it: every image, the recipe's epochs."""

    train_images: int | None = None
    epochs: int | None = None


@dataclass(frozen=True, kw_only=True)
class Profile:
    """How much of the protocol runs; `amounts` are the experiments that differ from `amount`."""

    about: str
    image_size: int
    test_images: int | None = None
    budget: Budget = Budget()
    budgets: Mapping[str, Budget] = field(default_factory=dict)
    synthetic_allowed: bool = True


# Every train_images here is a whole number of batches, of 64 and of 128.
PROFILES: dict[str, Profile] = {
    "smoke": Profile(
        about="does everything run? well under a minute a cell, and no figure worth keeping",
        image_size=64,
        test_images=500,
        budget=Budget(train_images=640, epochs=2),
    ),
    # At 64 px `scratch` passes 30 % after some 18,000 images seen, so it alone gets 21,120. The others
    # show how fast they are: one epoch to warm up, two to time.
    "quick": Profile(
        about="minutes for all: does it learn, and about how fast?",
        image_size=64,
        test_images=2000,
        budget=Budget(train_images=1280, epochs=3),
        budgets={"scratch": Budget(train_images=1920, epochs=11)},
    ),
    "full": Profile(
        about="the protocol: every image at 224 px, to convergence",
        image_size=224,
        synthetic_allowed=False,
    ),
}


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


def recipe_of(cell: Cell, plan: Plan) -> Recipe:
    """The experiment's recipe as this plan runs it. Raises IllegalRecipe for too few epochs."""
    recipe = EXPERIMENTS[cell.experiment].recipe.with_epochs(plan.epochs)
    return replace(recipe, batch_size=plan.batch_size, patience=plan.patience)


def check_plan(cell: Cell, plan: Plan) -> None:
    """Raises IllegalPlan, or the network's own error, for numbers that make no run."""
    experiment = EXPERIMENTS[cell.experiment]
    network(experiment.variant, image_size=plan.image_size)
    try:
        experiment.recipe.with_epochs(plan.epochs)
    except IllegalRecipe as error:
        raise IllegalPlan(f"--epochs {plan.epochs}: {error}") from error
    images = TRAINED_IMAGES if plan.train_images is None else plan.train_images
    if images % len(CLASSES):
        raise IllegalPlan(
            f"--train-images {images}: the ten classes share them equally, so use a multiple of 10"
        )
    if images > TRAINED_IMAGES:
        raise IllegalPlan(f"--train-images {images:,}: after validation's share there are 45,000")
    if images < plan.batch_size:
        raise IllegalPlan(
            f"{images:,} training images do not fill one batch of {plan.batch_size}:"
            f" raise --train-images or lower --batch-size"
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
