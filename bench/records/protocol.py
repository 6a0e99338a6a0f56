"""The experiments' protocol, written down a second time: numbers that no recipe is read for.

The gate, the worker and `bench.check` all take a run's numbers from `alexnet/recipe.py`, so a wrong one
there would be right for all of them. What stands here is held against it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace

from alexnet.recipe import Experiment


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """One experiment's network and recipe; the first three tuples have a value for each stage."""

    variant: str
    first_weights: str
    epochs: tuple[int, ...]
    learning_rates: tuple[float, ...]
    trained_layers: tuple[str, ...]
    momentum: float
    batch_size: int
    patience: int
    augmented: bool
    mean: tuple[float, ...]
    std: tuple[float, ...]


SCRATCH = Protocol(
    variant="standard",
    first_weights="he-uniform",
    epochs=(20,),
    learning_rates=(0.001,),
    trained_layers=("all",),
    momentum=0.9,
    batch_size=64,
    patience=5,
    augmented=False,
    mean=(0.0, 0.0, 0.0),
    std=(1.0, 1.0, 1.0),
)
PROTOCOLS = {
    "scratch": SCRATCH,
    "mistaken": replace(SCRATCH, variant="mistaken"),
    "augmented": replace(SCRATCH, epochs=(15,), batch_size=128, augmented=True),
    "pretrained": replace(
        SCRATCH,
        variant="torchvision",
        first_weights="imagenet",
        epochs=(3, 10),
        learning_rates=(0.01, 0.001),
        trained_layers=("head", "all"),
        patience=3,
        mean=(0.485, 0.456, 0.406),
        std=(0.229, 0.224, 0.225),
    ),
}
"""Experiment -> its protocol: the report's of 2025, and torchvision's means and deviations of RGB pixels
in [0, 1]."""


def deviations(name: str, experiment: Experiment) -> Iterator[str]:
    """What an experiment's network and recipe have otherwise than its protocol says, in words."""
    protocol, recipe = PROTOCOLS[name], experiment.recipe
    actual = Protocol(
        variant=experiment.variant,
        first_weights=experiment.weights,
        epochs=tuple(stage.epochs for stage in recipe.stages),
        learning_rates=tuple(stage.learning_rate for stage in recipe.stages),
        trained_layers=tuple(stage.train for stage in recipe.stages),
        momentum=recipe.momentum,
        batch_size=recipe.batch_size,
        patience=recipe.patience,
        augmented=recipe.augment,
        mean=recipe.mean,
        std=recipe.std,
    )
    for field in fields(Protocol):
        found, written = getattr(actual, field.name), getattr(protocol, field.name)
        if found != written:
            yield f"{field.name.replace('_', ' ')} {_words(found)} for {_words(written)}"


def _words(value: object) -> str:
    return " and ".join(map(str, value)) if isinstance(value, tuple) else str(value)
