"""Abacus trains the layer table in numpy on the CPU, forward and backward as in a textbook."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

from alexnet import pixels
from alexnet.data import Images, Labels
from alexnet.frameworks.info import Engine
from alexnet.frameworks.protocol import (
    Device,
    DeviceUnavailable,
    Precision,
    RandomState,
    check_same_shapes,
    operands,
)
from alexnet.frameworks.registry import environment
from alexnet.layers import Conv, Dense, Dropout, Flatten, Layer, MaxPool
from alexnet.recipe import Recipe
from alexnet.score import Logits
from alexnet.spec import FLOAT32_BYTES, Network
from alexnet.weights import Weights, check

VERSION = "1.0"

Array = npt.NDArray[Any]
Backward = Callable[[Array], Array]
"""The gradient of a layer's output -> that of its input; it also keeps the gradients of its weights."""


def usable_devices() -> tuple[Device, ...]:
    """Abacus knows the CPU alone."""
    return ("cpu",)


def why_unavailable(device: Device) -> str:
    """One sentence on why Abacus cannot use a device."""
    return f"Abacus computes on the CPU, and not on {device}."


class AbacusTrainer:
    """The `Trainer` of Abacus: arrays are (n, channels, rows, columns), in `precision`."""

    def __init__(
        self, net: Network, weights: Weights, recipe: Recipe, *, seed: int, precision: Precision
    ) -> None:
        self.net, self.recipe, self.dtype = net, recipe, np.dtype(precision)
        self.generator = np.random.Generator(np.random.PCG64(seed))
        self.load(weights)
        self._losses: list[float] = []
        self._correct: list[float] = []
        self.begin_stage("all")

    def begin_stage(self, train: Literal["all", "head"]) -> None:
        self.trained = [n for n in self._weights if train == "all" or n.split(".")[0] == self.net.head]
        self.velocity: dict[str, Array] = {}

    def to_device(self, images: Images, labels: Labels) -> tuple[Images, Labels]:
        return images.copy(), labels.copy()

    def step(self, batch: tuple[Images, Labels], learning_rate: float) -> None:
        images, labels = batch
        x, backwards = self._prepare(images), []
        self._gradients: dict[str, Array] = {}
        for row in self.net.rows:
            x, backward = self._forward(row.layer, x, training=True)
            backwards.append(backward)
        rows = np.arange(len(labels))
        shifted = x - x.max(axis=1, keepdims=True)
        log_shares = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
        self._losses.append(float(-log_shares[rows, labels].mean()))
        self._correct.append(float((x.argmax(axis=1) == labels).mean()))
        gradient = np.exp(log_shares)
        gradient[rows, labels] -= 1
        gradient /= len(labels)
        for backward in reversed(backwards):
            gradient = backward(gradient)
        for name in self.trained:
            momentum = self.recipe.momentum * self.velocity.get(name, self.dtype.type(0))
            self.velocity[name] = momentum + self._gradients[name]
            self._weights[name] -= self.dtype.type(learning_rate) * self.velocity[name]

    def pop_metrics(self) -> tuple[float, float]:
        metrics = float(np.mean(self._losses)), float(np.mean(self._correct))
        self._losses, self._correct = [], []
        return metrics

    def synchronize(self) -> None:
        """Numpy returns when it is done."""

    def logits(self, images: Images) -> Logits:
        *_, logits = self.activations(images).values()
        return np.asarray(logits)

    def activations(self, images: Images) -> dict[str, Any]:
        x, outputs = self._prepare(images), {}
        for row in self.net.rows:
            x, _ = self._forward(row.layer, x, training=False)
            outputs[row.layer.name] = x
        return outputs

    def weights(self) -> Weights:
        return {name: array.copy() for name, array in self._weights.items()}

    def momentum(self) -> Weights:
        return {name: array.copy() for name, array in self.velocity.items()}

    def ops_off_device(self, batch: Any) -> list[str]:
        return []

    def load(self, weights: Weights) -> None:
        check(weights, self.net)
        self._weights: dict[str, Array] = {n: a.astype(self.dtype) for n, a in weights.items()}

    def random_state(self) -> RandomState:
        state: Any = self.generator.bit_generator.state["state"]
        numbers = [state["state"] >> 64, state["state"] % 2**64, state["inc"] >> 64]
        return {"generator": np.array([*numbers, state["inc"] % 2**64], np.uint64)}

    def resume(self, weights: Weights, momentum: Weights, random_state: RandomState) -> None:
        check_same_shapes("momentum", momentum, {n: self._weights[n].shape for n in self.trained})
        check_same_shapes("random state", random_state, {"generator": (4,)})
        self.load(weights)
        self.velocity = {name: array.astype(self.dtype) for name, array in momentum.items()}
        high, low, inc_high, inc_low = (int(number) for number in random_state["generator"])
        state: Any = self.generator.bit_generator.state
        state["state"] = {"state": (high << 64) + low, "inc": (inc_high << 64) + inc_low}
        self.generator.bit_generator.state = state

    def _prepare(self, images: Images) -> Array:
        large = pixels.prepare(images, self.recipe, size=self.net.image_size)
        return np.ascontiguousarray(large.transpose(0, 3, 1, 2), self.dtype)

    def _forward(self, layer: Layer, x: Array, *, training: bool) -> tuple[Array, Backward]:
        match layer:
            case Conv():
                return self._convolve(layer, x)
            case MaxPool():
                return _max_pool(layer, x)
            case Flatten():
                return x.reshape(len(x), -1), lambda gradient: gradient.reshape(x.shape)
            case Dropout() if training:
                kept = self.generator.random(x.shape) >= layer.rate
                mask = (kept / (1 - layer.rate)).astype(self.dtype)
                return x * mask, lambda gradient: gradient * mask
            case Dropout():
                return x, lambda gradient: gradient
            case Dense():
                return self._multiply(layer.name, x, relu=layer.relu)
        raise NotImplementedError(f"Abacus has no {type(layer).__name__}")

    def _multiply(self, name: str, x: Array, *, relu: bool) -> tuple[Array, Backward]:
        """(n, inputs) -> (n, outputs)."""
        weight = self._weights[f"{name}.weight"].reshape(-1, x.shape[1])
        output = x @ weight.T + self._weights[f"{name}.bias"]
        if relu:
            output = np.maximum(output, 0)

        def backward(gradient: Array) -> Array:
            if relu:
                gradient = gradient * (output > 0)
            shape = self._weights[f"{name}.weight"].shape
            self._gradients[f"{name}.weight"] = (gradient.T @ x).reshape(shape)
            self._gradients[f"{name}.bias"] = gradient.sum(axis=0)
            into: Array = gradient @ weight
            return into

        return output, backward

    def _convolve(self, layer: Conv, x: Array) -> tuple[Array, Backward]:
        """Every window becomes a row of a matrix, and the kernels another one."""
        edge, size, stride = layer.padding, layer.kernel, layer.stride
        padded = np.pad(x, ((0, 0), (0, 0), (edge, edge), (edge, edge)))
        windows = _windows(padded, size, stride)
        n, channels, rows, columns = windows.shape[:4]
        matrix = windows.transpose(0, 2, 3, 1, 4, 5).reshape(n * rows * columns, -1)
        flat, backward_flat = self._multiply(layer.name, matrix, relu=True)

        def backward(gradient: Array) -> Array:
            into = backward_flat(gradient.transpose(0, 2, 3, 1).reshape(-1, layer.channels))
            parts = into.reshape(n, rows, columns, channels, size, size).transpose(0, 3, 4, 5, 1, 2)
            total = np.zeros_like(padded)
            for row in range(size):
                for column in range(size):
                    down, right = row + stride * rows, column + stride * columns
                    total[:, :, row:down:stride, column:right:stride] += parts[:, :, row, column]
            return total[:, :, edge : edge + x.shape[2], edge : edge + x.shape[3]]

        return flat.reshape(n, rows, columns, -1).transpose(0, 3, 1, 2), backward


def _windows(x: Array, size: int, stride: int) -> Array:
    """(n, c, rows, columns) -> (n, c, windows down, windows across, size, size)."""
    view: Any = sliding_window_view
    windows: Array = view(x, (size, size), (2, 3))[:, :, ::stride, ::stride]
    return windows


def _max_pool(layer: MaxPool, x: Array) -> tuple[Array, Backward]:
    size, stride = layer.kernel, layer.stride
    windows = _windows(x, size, stride)
    rows, columns = windows.shape[2:4]
    flat = windows.reshape(*windows.shape[:4], -1)
    winner = flat.argmax(axis=-1)

    def backward(gradient: Array) -> Array:
        total = np.zeros_like(x)
        for place in range(size * size):
            row, column = divmod(place, size)
            down, right = row + stride * rows, column + stride * columns
            total[:, :, row:down:stride, column:right:stride] += gradient * (winner == place)
        return total

    return flat.max(axis=-1), backward


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
        return AbacusTrainer(net, weights, recipe, seed=seed, precision="float32")

    def reference(
        self, net: Network, weights: Weights, recipe: Recipe, *, precision: Precision
    ) -> AbacusTrainer:
        return AbacusTrainer(net, weights, recipe, seed=0, precision=precision)

    def product(self, size: int, depth: int) -> Product:
        return Product(size, depth)

    def addition(self, elements: int) -> Addition:
        return Addition(elements)

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
    if (engine.precision, engine.compiled) != ("float32", False):
        raise DeviceUnavailable(f"{engine.name}: Abacus trains in float32, uncompiled")
    return AbacusBackend()
