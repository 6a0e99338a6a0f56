"""What is planted in MLX's model for tests/support/gate_worker.py, before its functions are compiled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import mlx.core as mx
from mlx import nn

from alexnet.data import IMAGE_SHAPE
from alexnet.layers import Dropout

Dropped = Callable[[Dropout, Any, Any], Any]
"""(layer, its input, a random key) -> its output in training."""


def other_momentum(trainer: Any) -> Any:
    """0.8 where the recipe says 0.9."""
    trainer.model.momentum = 0.8
    return trainer


def preprocessed(trainer: Any, change: Callable[[Any], Any]) -> Any:
    """What is made of the pixels on the device is changed."""
    own = trainer.model.preprocess
    trainer.model.preprocess = lambda images: change(own(images))
    return trainer


def blue_first(trainer: Any) -> Any:
    """BGR in the place of RGB."""
    return preprocessed(trainer, lambda x: x[..., ::-1])


def swapped_statistics(trainer: Any) -> Any:
    """Mean and standard deviation have changed places."""
    pixels = trainer.model.preprocess
    pixels._mean, pixels._std = pixels._std, pixels._mean
    return trainer


def aligned_corners(trainer: Any) -> Any:
    """Upsampled from corner to corner, and not with half-pixel centres."""
    pixels = trainer.model.preprocess
    scale, pixels.size = pixels.size / IMAGE_SHAPE[0], IMAGE_SHAPE[0]
    upsample: Any = vars(nn)["Upsample"]
    return preprocessed(trainer, upsample(scale_factor=scale, mode="linear", align_corners=True))


def dropping(trainer: Any, change: Callable[[Dropped], Dropped]) -> Any:
    """What the model's dropouts do in training is changed."""
    trainer.model.dropped = change(trainer.model.dropped)
    return trainer


def zero_dropout(trainer: Any) -> Any:
    """Dropout gives zeros."""
    return dropping(trainer, lambda own: lambda layer, x, key: x * 0)


def other_rate(trainer: Any) -> Any:
    """Dropout of 0.4 where the table says 0.5."""
    return dropping(trainer, lambda own: lambda layer, x, key: own(replace(layer, rate=0.4), x, key))


def unscaled(trainer: Any) -> Any:
    """What is kept is not scaled up."""
    return dropping(trainer, lambda own: lambda layer, x, key: own(layer, x, key) / 2)


def one_off(trainer: Any) -> Any:
    """One of two layers drops nothing."""
    first = trainer.model.dropouts[:1]
    return dropping(
        trainer, lambda own: lambda layer, x, key: x if layer.name in first else own(layer, x, key)
    )


def uncaptured(trainer: Any) -> Any:
    """The masks come from MLX's global random state, which the compiled step does not see change.

    So they are drawn once, when it is compiled, and are the same at every step.
    """

    def dropped(layer: Dropout, x: Any, key: Any) -> Any:
        kept = mx.random.bernoulli(1 - layer.rate, x.shape)
        return mx.where(kept, x / (1 - layer.rate), 0).astype(x.dtype)

    return dropping(trainer, lambda own: dropped)


FAULTS: dict[str, Callable[[Any], Any]] = {
    "zero dropout": zero_dropout,
    "other momentum": other_momentum,
    "blue first": blue_first,
    "swapped statistics": swapped_statistics,
    "aligned corners": aligned_corners,
    "other dropout": other_rate,
    "unscaled": unscaled,
    "one off": one_off,
    "uncaptured": uncaptured,
}
"""MLX does not report where an operation ran, so none can be planted as misplaced."""
