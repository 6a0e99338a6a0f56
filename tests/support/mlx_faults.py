"""What is planted in MLX's model for tests/support/gate_worker.py, before its functions are compiled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import mlx.core as mx
from mlx import nn

from alexnet.data import IMAGE_SHAPE
from alexnet.layers import Dropout
from tests.support.shared_faults import Plant, of_dropouts, preprocessed


def other_momentum(trainer: Any) -> Any:
    """0.8 where the recipe says 0.9."""
    trainer.model.momentum = 0.8
    return trainer


def aligned_corners(trainer: Any) -> Any:
    """Upsampled from corner to corner, and not with half-pixel centres."""
    pixels = trainer.model.preprocess
    scale, pixels.size = pixels.size / IMAGE_SHAPE[0], IMAGE_SHAPE[0]
    upsample: Any = vars(nn)["Upsample"]
    return preprocessed(trainer, upsample(scale_factor=scale, mode="linear", align_corners=True))


def replaced(trainer: Any, call: Callable[[Any, Any], Any], *, count: int = 99) -> Any:
    """`call(layer's own function, input)` in the place of the first dropouts, in training."""
    first, dropped = trainer.model.dropouts[:count], trainer.model.dropped

    def changed(layer: Dropout, x: Any, key: Any) -> Any:
        if layer.name not in first:
            return dropped(layer, x, key)
        return call(lambda y: dropped(layer, y, key), x)

    trainer.model.dropped = changed
    return trainer


def other_rate(trainer: Any) -> Any:
    """Dropout of 0.4 where the table says 0.5."""
    dropped = trainer.model.dropped
    trainer.model.dropped = lambda layer, x, key: dropped(replace(layer, rate=0.4), x, key)
    return trainer


def uncaptured(trainer: Any) -> Any:
    """The masks come from MLX's global random state, which the compiled step does not see change.

    So they are drawn once, when it is compiled, and are the same at every step.
    """

    def dropped(layer: Dropout, x: Any, key: Any) -> Any:
        kept = mx.random.bernoulli(1 - layer.rate, x.shape)
        return mx.where(kept, x / (1 - layer.rate), 0).astype(x.dtype)

    trainer.model.dropped = dropped
    return trainer


FAULTS: dict[str, Plant] = {
    **of_dropouts(replaced),
    "other momentum": other_momentum,
    "aligned corners": aligned_corners,
    "other dropout": other_rate,
    "uncaptured": uncaptured,
}
"""MLX does not report where an operation ran, so none can be planted as misplaced."""
