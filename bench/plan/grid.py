"""The cells of a session, and the plan of each: how much of the protocol it runs."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product

from alexnet.data import DatasetName
from alexnet.frameworks.protocol import Device
from alexnet.recipe import EXPERIMENTS
from bench.plan.options import Options
from bench.plan.profiles import PROFILES
from bench.records.types import Cell, Plan


def cells(
    options: Options, devices: Mapping[str, Device], *, last_engine_first: bool = False
) -> list[Cell]:
    """The cells in the order of their runs: by seed, then experiment, then repeat, then engine.

    The engines come last, so that the runs that are compared follow each other, and every other run of
    an experiment has them in reverse: A B, B A, A B. What drifts while a session lasts then meets all
    engines alike. `last_engine_first` begins with B A, as every other session should.
    """
    axes = product(range(options.seeds), options.experiment, range(options.repeats))
    return [
        Cell(experiment=experiment, engine=engine, device=devices[engine], seed=seed, repeat=repeat)
        for seed, experiment, repeat in axes
        for engine in (
            options.engine[::-1]
            if (seed * options.repeats + repeat + last_engine_first) % 2
            else options.engine
        )
    ]


STEPS = (10, 20, 40, 80, 160, 320)
"""How many steps a cut epoch may have."""


def steps_for(seconds: float, step_seconds: float, *, of: int) -> int | None:
    """The fewest of STEPS that take so long, of the steps of an epoch; None for all of these."""
    return next((steps for steps in STEPS if steps < of and steps * step_seconds >= seconds), None)


def plan_cell(
    cell: Cell,
    options: Options,
    *,
    profile: str,
    dataset: DatasetName,
    data_provenance: str,
    steps_per_epoch: int | None = None,
) -> Plan:
    """The plan of one cell. An option comes before the profile, and the profile before the recipe."""
    defaults, recipe = PROFILES[profile], EXPERIMENTS[cell.experiment].recipe
    budget = defaults.budgets.get(cell.experiment, defaults.budget)
    epochs = options.epochs or budget.epochs or recipe.epochs
    return Plan(
        profile=profile,
        dataset=dataset,
        data_provenance=data_provenance,
        image_size=options.image_size or defaults.image_size,
        train_images=options.train_images or budget.train_images,
        test_images=defaults.test_images,
        epochs=epochs,
        patience=options.patience or (recipe.patience if defaults.stops_early else epochs),
        batch_size=options.batch_size or recipe.batch_size,
        steps_per_epoch=options.steps or steps_per_epoch,
    )
