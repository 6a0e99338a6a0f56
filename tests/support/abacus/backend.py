"""Abacus trains on the CPU with the reference of this project, in numpy."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from alexnet.data import Images, Labels
from alexnet.frameworks.info import Engine
from alexnet.frameworks.module import check_row
from alexnet.frameworks.protocol import (
    Device,
    RandomState,
    check_same_shapes,
    operands,
)
from alexnet.frameworks.registry import environment
from alexnet.layers import Conv, Dense, Dropout
from alexnet.recipe import Recipe
from alexnet.reference import Reference, forward_backward
from alexnet.score import Logits
from alexnet.spec import FLOAT32_BYTES, Network, Row
from alexnet.weights import AS_IT_IS, Weights, check

VERSION = "1.0"

Array = npt.NDArray[Any]


def usable_devices() -> tuple[Device, ...]:
    """Abacus knows the CPU alone."""
    return ("cpu",)


def why_unavailable(device: Device) -> str:
    """One sentence on why Abacus cannot use a device."""
    return f"Abacus computes on the CPU, and not on {device}."


class AbacusTrainer:
    """The `Trainer` of Abacus: the reference in float32, with dropout."""

    def __init__(self, net: Network, weights: Weights, recipe: Recipe, *, seed: int) -> None:
        self.net = net
        self.generator = np.random.Generator(np.random.PCG64(seed))
        check(weights, net)
        self.network = Reference(net, weights, recipe, dtype=np.float32, mask=self._mask)
        self._losses: list[float] = []
        self._correct: list[float] = []

    def begin_stage(self, train: Literal["all", "head"]) -> None:
        if train != "all":
            raise NotImplementedError("Abacus trains all layers")
        for velocity in self.network.velocity.values():
            velocity[:] = 0

    def to_device(self, images: Images, labels: Labels) -> tuple[Images, Labels]:
        return images.copy(), labels.copy()

    def part(self, batch: tuple[Images, Labels], start: int, size: int) -> tuple[Images, Labels]:
        images, labels = batch
        return images[start : start + size], labels[start : start + size]

    def step(self, batch: tuple[Images, Labels], learning_rate: float) -> None:
        images, labels = batch
        loss, logits = self.network.step(images, labels, learning_rate)
        self._losses.append(loss)
        self._correct.append(float((logits.argmax(axis=1) == labels).mean()))

    def _mask(self, layer: Dropout, x: Array) -> Array:
        kept = self.generator.random(x.shape) >= layer.rate
        mask: Array = (kept / (1 - layer.rate)).astype(x.dtype)
        return mask

    def pop_metrics(self) -> tuple[float, float]:
        metrics = float(np.mean(self._losses)), float(np.mean(self._correct))
        self._losses, self._correct = [], []
        return metrics

    def synchronize(self) -> None:
        """Numpy returns when it is done."""

    def logits(self, images: Images) -> Logits:
        return self.network.logits(images)

    def activations(self, images: Images) -> dict[str, Any]:
        return self.network.activations(images)

    def weights(self) -> Weights:
        return {name: array.copy() for name, array in self.network.weights.items()}

    def layouts(self) -> dict[str, str]:
        return dict.fromkeys(self.net.tensors, AS_IT_IS)

    def momentum(self) -> Weights:
        return {name: array.copy() for name, array in self.network.velocity.items()}

    def ops_off_device(self, batch: Any) -> list[str]:
        return []

    def load(self, weights: Weights) -> None:
        check(weights, self.net)
        self.network.weights = {n: a.astype(self.network.dtype) for n, a in weights.items()}

    def random_state(self) -> RandomState:
        state: Any = self.generator.bit_generator.state["state"]
        numbers = [state["state"] >> 64, state["state"] % 2**64, state["inc"] >> 64]
        return {"generator": np.array([*numbers, state["inc"] % 2**64], np.uint64)}

    def resume(self, weights: Weights, momentum: Weights, random_state: RandomState) -> None:
        shapes = {name: array.shape for name, array in self.network.velocity.items()}
        check_same_shapes("momentum", momentum, shapes)
        check_same_shapes("random state", random_state, {"generator": (4,)})
        self.load(weights)
        self.network.velocity = {n: a.astype(self.network.dtype) for n, a in momentum.items()}
        high, low, inc_high, inc_low = (int(number) for number in random_state["generator"])
        state: Any = self.generator.bit_generator.state
        state["state"] = {"state": (high << 64) + low, "inc": (inc_high << 64) + inc_low}
        self.generator.bit_generator.state = state


class Product:
    """The matrix product of `Backend.product`."""

    def __init__(self, size: int, depth: int) -> None:
        self.flops, self.bytes = 2 * size * size * depth, FLOAT32_BYTES * (2 * depth + size) * size
        self._left, self._right = operands(size, depth)
        self._out = np.empty((size, size), np.float32)

    def run(self) -> None:
        np.matmul(self._left, self._right, out=self._out)

    def wait(self) -> None:
        """Numpy returns when it is done."""


class Addition:
    """The addition of `Backend.addition`."""

    def __init__(self, elements: int) -> None:
        self.flops, self.bytes = elements, 3 * FLOAT32_BYTES * elements
        self._sum, self._part = np.ones(elements, np.float32), np.ones(elements, np.float32)

    def run(self) -> None:
        self._sum += self._part

    def wait(self) -> None:
        """Numpy returns when it is done."""


class AbacusBackend:
    """The `Backend` of Abacus."""

    device: Device = "cpu"

    def trainer(self, net: Network, weights: Weights, recipe: Recipe, *, seed: int) -> AbacusTrainer:
        return AbacusTrainer(net, weights, recipe, seed=seed)

    def product(self, size: int, depth: int) -> Product:
        return Product(size, depth)

    def addition(self, elements: int) -> Addition:
        return Addition(elements)

    def forward_backward(
        self, row: Row, inputs: Any, weight: Any, output_gradient: Any, *, input_gradient: bool
    ) -> tuple[Any, Any, Any]:
        assert isinstance(row.layer, Conv | Dense)
        output, of_weight, of_inputs = forward_backward(row.layer, inputs, weight, output_gradient)
        return output, of_weight, of_inputs if input_gradient else None

    def sums(self, rows: Any) -> Any:
        return rows.sum(axis=1)

    def device_name(self) -> str:
        return "CPU"

    def versions(self) -> dict[str, str]:
        return {"abacus": VERSION, "numpy": np.__version__}

    def settings(self) -> dict[str, str]:
        return environment()

    def peak_device_bytes(self) -> int | None:
        return None

    def reset_peak_device_bytes(self) -> None:
        """Nothing counts it."""


def build(engine: Engine, device: Device) -> AbacusBackend:
    """The backend of Abacus's only engine."""
    check_row(engine, ("float32",), (None,))
    return AbacusBackend()
