"""The trainer of MLX."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import mlx.core as mx
import numpy as np

from alexnet.data import Images, Labels
from alexnet.frameworks.mlx.model import Model, Tensors
from alexnet.frameworks.outputs import channels_first
from alexnet.frameworks.protocol import (
    PlacementNotReported,
    RandomState,
    check_random_state,
    check_same_shapes,
)
from alexnet.recipe import Recipe
from alexnet.score import Logits
from alexnet.spec import Network
from alexnet.weights import Weights, channels_last_outputs_first, check, head_tensors


class Batch(NamedTuple):
    """The `size` images from `start` on of those that lie on the device, and their labels."""

    images: mx.array
    labels: mx.array
    start: Any
    size: int


class MlxTrainer:
    """The `Trainer` of MLX, on MLX's default device: a state, and a compiled step that replaces it."""

    def __init__(
        self, net: Network, weights: Weights, recipe: Recipe, *, seed: int, operands: mx.Dtype
    ) -> None:
        self.net = net
        self.conversions = channels_last_outputs_first(net)
        self.model = Model(net, recipe, operands=operands)
        self._key = mx.random.key(seed)
        self._tensors: Tensors = {}
        self._losses = self._correct = mx.array(0.0)
        self._steps = self._images = 0
        self.load(weights)
        self._logits: Any = mx.compile(self.model.logits)
        self.begin_stage("all")

    def begin_stage(self, train: Literal["all", "head"]) -> None:
        # The old momentum is freed before the new one is allocated, or peak memory would include both.
        self._velocities: Tensors = {}
        trained = self.net.tensors if train == "all" else head_tensors(self.net)
        self._velocities = {
            name: mx.zeros_like(tensor) for name, tensor in self._tensors.items() if name in trained
        }
        self._step: Any = mx.compile(self.model.step)

    def to_device(self, images: Images, labels: Labels) -> Batch:
        return Batch(mx.array(images), mx.array(labels), start=0, size=len(labels))

    def part(self, batch: Batch, start: int, size: int) -> Batch:
        return batch._replace(start=start, size=size)

    def step(self, batch: Batch, learning_rate: float) -> None:
        trained = {name: self._tensors[name] for name in self._velocities}
        frozen = {n: tensor for n, tensor in self._tensors.items() if n not in self._velocities}
        state = trained, self._velocities, self._key, self._losses, self._correct
        # Arrays: for each number the step would be compiled anew.
        part = batch._replace(start=mx.array([batch.start]))
        state = self._step(state, frozen, tuple(part), mx.array(learning_rate, mx.float32))
        trained, self._velocities, self._key, self._losses, self._correct = state
        self._tensors |= trained
        submit(state)
        self._steps += 1
        self._images += batch.size

    def pop_metrics(self) -> tuple[float, float]:
        losses: Any = self._losses.item()
        correct: Any = self._correct.item()
        metrics = losses / self._steps, correct / self._images
        self._losses = self._correct = mx.array(0.0)
        self._steps = self._images = 0
        return metrics

    def synchronize(self) -> None:
        synchronize()

    def logits(self, images: Images) -> Logits:
        return np.array(self._logits(self._tensors, mx.array(images)))

    def activations(self, images: Images) -> dict[str, Any]:
        outputs = self.model.outputs(self._tensors, mx.array(images))
        return channels_first(self.net, ((name, np.array(x.astype(mx.float32))) for name, x in outputs))

    def weights(self) -> Weights:
        return self._canonical(self._tensors)

    def layouts(self) -> dict[str, str]:
        return {name: conversion.description for name, conversion in self.conversions.items()}

    def momentum(self) -> Weights:
        return self._canonical(self._velocities)

    def _canonical(self, tensors: Tensors) -> Weights:
        return {
            name: np.array(self.conversions[name].to_canonical(np.asarray(tensor)), order="C")
            for name, tensor in tensors.items()
        }

    def _converted(self, weights: Weights) -> Tensors:
        return {
            name: mx.array(np.ascontiguousarray(self.conversions[name].to_framework(array)))
            for name, array in weights.items()
        }

    def ops_off_device(self, batch: Batch) -> list[str]:
        raise PlacementNotReported(
            "MLX runs every operation where its stream is, and raises an error for one that the device"
            " lacks; it does not report where it ran them"
        )

    def load(self, weights: Weights) -> None:
        check(weights, self.net)
        self._tensors = self._converted(weights)

    def random_state(self) -> RandomState:
        return {"key": np.array(self._key)}

    def resume(self, weights: Weights, momentum: Weights, random_state: RandomState) -> None:
        check(weights, self.net)
        check_same_shapes(
            "momentum", momentum, {name: self.net.tensors[name] for name in self._velocities}
        )
        check_random_state("MLX", random_state, self.random_state())
        self.load(weights)
        self._velocities = self._converted(momentum)
        self._key = mx.array(random_state["key"])


def submit(arrays: Any) -> None:
    """Lets the device compute a tree of arrays, and returns without waiting.

    MLX is lazy: without it a graph grows until something is read. MLX itself waits before more than ten
    tasks are under way (MAX_ACTIVE_TASKS in mlx/transforms.cpp), so neither steps nor batches pile up.
    On a CPU, steps of a narrow network took 28 ms with this and with mx.eval, which waits (AMD EPYC, 2
    cores, MLX 0.32.4, 2026-11-26); a GPU would stand still while Python builds the next step.
    """
    evaluate: Any = mx.async_eval
    evaluate(arrays)


def synchronize() -> None:
    """Waits until the default device has finished all of MLX's submitted work."""
    mx.synchronize()
