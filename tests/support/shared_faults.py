"""Faults that are planted in the trainers of any framework by the same code, for gate_worker.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Plant = Callable[[Any], Any]
"""A trainer -> the trainer with a fault."""
Replace = Callable[..., Any]
"""`replaced(trainer, call, count=99)`: `call(layer's own function, input)` takes the place of its first
dropouts, in training."""


def preparing(trainer: Any) -> Any:
    """Trainer or model: what has the attribute `preprocess`, which a step calls."""
    return trainer if hasattr(trainer, "preprocess") else trainer.model


def preprocessed(trainer: Any, change: Callable[[Any], Any]) -> Any:
    """What is made of the pixels on the device is changed."""
    owner = preparing(trainer)
    preprocess = owner.preprocess
    owner.preprocess = lambda images: change(preprocess(images))
    return trainer


def blue_first(trainer: Any) -> Any:
    """BGR in the place of RGB."""
    return preprocessed(trainer, lambda x: x.flip(1) if hasattr(x, "flip") else x[..., ::-1])


def swapped_statistics(trainer: Any) -> Any:
    """Mean and standard deviation have changed places."""
    pixels = preparing(trainer).preprocess
    pixels._mean, pixels._std = pixels._std, pixels._mean
    return trainer


def first_of_chunk(trainer: Any) -> Any:
    """A part is taken from the chunk's beginning, wherever it lies."""
    part = trainer.part
    trainer.part = lambda batch, start, size: part(batch, 0, size)
    return trainer


OF_PIXELS: dict[str, Plant] = {
    "blue first": blue_first,
    "swapped statistics": swapped_statistics,
    "first of the chunk": first_of_chunk,
}


def of_dropouts(replaced: Replace) -> dict[str, Plant]:
    """What a framework's own `replaced` plants."""
    return {
        "zero dropout": lambda trainer: replaced(trainer, lambda own, x: x * 0),
        "unscaled": lambda trainer: replaced(trainer, lambda own, x: own(x) / 2),
        "one off": lambda trainer: replaced(trainer, lambda own, x: x, count=1),
    }
