"""The backend of MLX."""

from __future__ import annotations

import os
from importlib import metadata
from shutil import which
from typing import Any

import numpy as np

# This variable would leave out the compiler that the engines' rows name.
os.environ.pop("MLX_DISABLE_COMPILE", None)

import mlx.core as mx

from alexnet.frameworks.info import Engine
from alexnet.frameworks.mlx.info import COMPILER, INFO
from alexnet.frameworks.mlx.layers import product
from alexnet.frameworks.mlx.trainer import MlxTrainer, submit, synchronize
from alexnet.frameworks.module import check_row
from alexnet.frameworks.packages import installed_versions
from alexnet.frameworks.protocol import Device, operands
from alexnet.frameworks.registry import environment
from alexnet.layers import Conv, Dense
from alexnet.recipe import Recipe
from alexnet.spec import FLOAT32_BYTES, Network, Row
from alexnet.weights import Weights

VERSION = metadata.version("mlx")


def usable_devices() -> tuple[Device, ...]:
    """The devices on which MLX is run here, best first."""
    return ("mps", "cpu") if mx.metal.is_available() else ("cpu",)


def why_unavailable(device: Device) -> str:
    """One sentence on why MLX cannot use a device."""
    return "Metal needs macOS 14 or newer on Apple silicon."


class Product:
    """The matrix product of `Backend.product`."""

    def __init__(self, size: int, depth: int, dtype: mx.Dtype) -> None:
        self.flops, self.bytes = 2 * size * size * depth, dtype.size * (2 * depth + size) * size
        self._left, self._right = (mx.array(array).astype(dtype) for array in operands(size, depth))
        mx.eval(self._left, self._right)
        self._out = mx.zeros((1, 1))

    def run(self) -> None:
        self._out = self._left @ self._right
        submit(self._out)

    def wait(self) -> None:
        synchronize()


class Addition:
    """The addition of `Backend.addition`. MLX adds in place what nothing else refers to."""

    def __init__(self, elements: int) -> None:
        self.flops, self.bytes = elements, 3 * FLOAT32_BYTES * elements
        self._sum, self._part = mx.ones(elements), mx.ones(elements)
        mx.eval(self._sum, self._part)

    def run(self) -> None:
        self._sum = self._sum + self._part
        submit(self._sum)

    def wait(self) -> None:
        synchronize()


class MlxBackend:
    """The `Backend` of MLX, which computes on the device of this process."""

    def __init__(self, device: Device, *, operands: mx.Dtype) -> None:
        self.device, self.operands = device, operands
        mx.set_default_device(mx.cpu if device == "cpu" else mx.gpu)

    def trainer(self, net: Network, weights: Weights, recipe: Recipe, *, seed: int) -> MlxTrainer:
        return MlxTrainer(net, weights, recipe, seed=seed, operands=self.operands)

    def product(self, size: int, depth: int) -> Product:
        return Product(size, depth, self.operands)

    def addition(self, elements: int) -> Addition:
        return Addition(elements)

    def forward_backward(
        self, row: Row, inputs: Any, weight: Any, output_gradient: Any, *, input_gradient: bool
    ) -> tuple[Any, Any, Any]:
        layer = row.layer
        assert isinstance(layer, Conv | Dense)

        def compute(kernel: mx.array, images: mx.array, gradient: mx.array) -> list[mx.array]:
            wanted = [kernel, images] if input_gradient else [kernel]

            def forward(weight: mx.array, x: mx.array = images) -> mx.array:
                return product(layer, x, weight, self.operands)

            outputs, gradients = mx.vjp(forward, wanted, [gradient.astype(self.operands)])
            return [array.astype(mx.float32) for array in (*outputs, *gradients)]

        arrays = (_channels_last(array) for array in (weight, inputs, output_gradient))
        output, *gradients = (_channels_first(array) for array in mx.compile(compute)(*arrays))
        return output, gradients[0], gradients[1] if input_gradient else None

    def sums(self, rows: Any) -> Any:
        return np.array(mx.array(rows).sum(axis=1))

    def device_name(self) -> str:
        return "CPU" if self.device == "cpu" else str(mx.device_info()["device_name"])

    def versions(self) -> dict[str, str]:
        # MLX has one package for macOS and another for Linux.
        return installed_versions(INFO.packages) | {"numpy": np.__version__}

    def settings(self) -> dict[str, str]:
        settings = {
            "compile": COMPILER,
            "operands": str(self.operands).removeprefix("mlx.core."),
            "upsampling": "two weighted pixels along each axis",
        }
        if self.device == "cpu":
            # Without it MLX runs one operation after the other (mlx/backend/cpu/jit_compiler.cpp).
            settings["operations fused"] = "by g++" if which("g++") else "none, as there is no g++"
        return settings | environment()

    def peak_device_bytes(self) -> int | None:
        # On the CPU it would count MLX's own allocations in the main memory, which is measured anyway.
        return None if self.device == "cpu" else int(mx.get_peak_memory()) or None

    def reset_peak_device_bytes(self) -> None:
        if self.device != "cpu":
            mx.reset_peak_memory()


def _channels_last(array: Any) -> mx.array:
    """OIHW as OHWI, and (n, c, h, w) as (n, h, w, c); a matrix stays."""
    return mx.array(np.ascontiguousarray(np.moveaxis(array, 1, -1)) if array.ndim == 4 else array)


def _channels_first(array: mx.array) -> Any:
    """The inverse of `_channels_last`."""
    return np.moveaxis(np.array(array), -1, 1) if array.ndim == 4 else np.array(array)


OPERANDS = {"float32": mx.float32, "TF32": mx.float32, "bfloat16": mx.bfloat16}


def build(engine: Engine, device: Device) -> MlxBackend:
    """The backend of an engine for a device from `usable_devices`.

    Raises DeviceUnavailable for an engine whose precision or compiler this backend does not have.
    """
    check_row(engine, OPERANDS, (COMPILER,))
    return MlxBackend(device, operands=OPERANDS[engine.precision])
