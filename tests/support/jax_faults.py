"""What `tests.support.gate_worker` plants in a trainer of JAX, which has functions for layers.

A fault is planted before the first step, which is when a step is compiled.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from alexnet.data import IMAGE_SHAPE
from alexnet.frameworks.jax.layers import dropout
from alexnet.layers import Dropout
from tests.support.shared_faults import Plant, of_dropouts, preprocessed


class Misplaced:
    """A trainer that claims to be on another device when its arrays are located."""

    def __init__(self, trainer: Any) -> None:
        self._trainer = trainer

    def __getattr__(self, name: str) -> Any:
        return getattr(self._trainer, name)

    def ops_off_device(self, batch: Any) -> Any:
        trainer = self._trainer
        trainer.step(batch, 0.0)  # brings the rate to the device
        device, trainer.device = trainer.device, "another"
        try:
            return trainer.ops_off_device(batch)
        finally:
            trainer.device = device


def other_momentum(trainer: Any) -> Any:
    """0.8 where the recipe says 0.9."""
    trainer.recipe = replace(trainer.recipe, momentum=0.8)
    return trainer


def aligned_corners(trainer: Any) -> Any:
    """Upsampled from corner to corner, and not with half-pixel centres."""
    small, size = IMAGE_SHAPE[0], trainer.preprocess.size
    trainer.preprocess.size = small
    places = np.linspace(0, small - 1, size)
    rows = [np.interp(places, range(small), unit) for unit in np.eye(small)]
    matrix = np.array(rows, np.float32)

    def large(x: Any) -> Any:
        wide = x.transpose(0, 1, 3, 2) @ matrix  # (n, rows, channels, columns)
        return (wide.transpose(0, 2, 3, 1) @ matrix).transpose(0, 3, 2, 1)

    return preprocessed(trainer, large)


def replaced(trainer: Any, call: Callable[[Any, Any], Any], *, count: int = 99) -> Any:
    """`call(layer's own function, input)` in the place of the first dropouts, in training."""
    for name in _dropouts(trainer)[:count]:

        def changed(weights: Any, x: Any, key: Any, own: Any = trainer.layers[name]) -> Any:
            return x if key is None else call(lambda y: own(weights, y, key), x)

        trainer.layers[name] = changed
    return trainer


def _dropouts(trainer: Any) -> list[str]:
    """The names of the Dropout layers, in their order."""
    return [row.layer.name for row in trainer.net.rows if isinstance(row.layer, Dropout)]


def other_rate(trainer: Any) -> Any:
    """Dropout of 0.4 where the table says 0.5."""
    for name in _dropouts(trainer):
        trainer.layers[name] = partial(dropout, 0.4)
    return trainer


def one_key(trainer: Any) -> Any:
    """The key is not advanced, so each step draws the masks of the first."""
    own = trainer.keys
    trainer.keys = lambda key: (key, own(key)[1])
    return trainer


FAULTS: dict[str, Plant] = {
    **of_dropouts(replaced),
    "misplaced": Misplaced,
    "other momentum": other_momentum,
    "aligned corners": aligned_corners,
    "other dropout": other_rate,
    "one key": one_key,
}
