"""The backend of JAX."""

from __future__ import annotations

import os
from functools import partial
from typing import Any

import numpy as np

# Else JAX takes three quarters of an NVIDIA GPU's memory as soon as it is used.
os.environ["XLA_PYTHON_CLIENT_PREALLOCATE"] = "false"

import jax
import jaxlib
from jax import lax

from alexnet.frameworks.info import Engine
from alexnet.frameworks.jax.info import COMPILER, CUDA_PACKAGES, CUDNN
from alexnet.frameworks.jax.layers import GENERATOR, convolution, product
from alexnet.frameworks.jax.trainer import JaxTrainer, put
from alexnet.frameworks.module import check_row
from alexnet.frameworks.packages import installed_versions
from alexnet.frameworks.protocol import Device, operands
from alexnet.frameworks.registry import environment
from alexnet.layers import Conv
from alexnet.recipe import Recipe
from alexnet.spec import FLOAT32_BYTES, Network, Row
from alexnet.weights import Weights

VERSION = jax.__version__

# The user may have set variables to the contrary. A cache on disk would hide the time of compilation.
jax.config.update("jax_enable_x64", False)
jax.config.update("jax_disable_jit", False)
jax.config.update("jax_enable_compilation_cache", False)
jax.config.update("jax_numpy_dtype_promotion", "standard")
jax.config.update("jax_numpy_rank_promotion", "allow")


def usable_devices() -> tuple[Device, ...]:
    """The devices that JAX can use here, best first."""
    devices: tuple[Device, ...] = ("cuda", "cpu")
    return tuple(device for device in devices if _first(device) is not None)


def _first(device: Device) -> Any:
    """JAX's first device of a kind, or None if it sees none."""
    try:
        return jax.devices(device)[0]
    except RuntimeError:
        return None


def why_unavailable(device: Device) -> str:
    """One sentence on why JAX cannot use a device."""
    if device == "cpu":
        return "JAX_PLATFORMS hides the CPU: unset it."
    return "JAX sees no NVIDIA GPU: it needs a driver, and a clone of its own with the extra jax-cuda."


class Product:
    """The matrix product of `Backend.product`: sums in float32, as in a step."""

    def __init__(self, device: Any, dtype: Any, size: int, depth: int) -> None:
        self._left, self._right = (put(array.astype(dtype), device) for array in operands(size, depth))
        self._out = put(np.zeros((size, size), np.float32), device)
        self.flops = 2 * size * size * depth
        self.bytes = self._left.nbytes + self._right.nbytes + self._out.nbytes
        # Each result takes the place of the last one, and so is computed after it.
        self._multiply = jax.jit(
            lambda out, left, right: product(left, right, dtype), donate_argnums=0, keep_unused=True
        )

    def run(self) -> None:
        self._out = self._multiply(self._out, self._left, self._right)

    def wait(self) -> None:
        self._out.block_until_ready()


class Addition:
    """The addition of `Backend.addition`."""

    def __init__(self, device: Any, elements: int) -> None:
        self.flops, self.bytes = elements, 3 * FLOAT32_BYTES * elements
        self._sum, self._part = (put(np.ones(elements, np.float32), device) for _ in range(2))
        self._add = jax.jit(lambda total, part: total + part, donate_argnums=0)

    def run(self) -> None:
        self._sum = self._add(self._sum, self._part)

    def wait(self) -> None:
        self._sum.block_until_ready()


class JaxBackend:
    """The `Backend` of JAX; `dtype` is that of what is multiplied."""

    def __init__(self, device: Device, dtype: Any) -> None:
        self.device, self.dtype = device, dtype
        self._device = _first(device)
        jax.config.update("jax_default_device", self._device)

    def trainer(self, net: Network, weights: Weights, recipe: Recipe, *, seed: int) -> JaxTrainer:
        return JaxTrainer(net, weights, recipe, device=self._device, seed=seed, operands=self.dtype)

    def product(self, size: int, depth: int) -> Product:
        return Product(self._device, self.dtype, size, depth)

    def addition(self, elements: int) -> Addition:
        return Addition(self._device, elements)

    def forward_backward(
        self, row: Row, inputs: Any, weight: Any, output_gradient: Any, *, input_gradient: bool
    ) -> tuple[Any, Any, Any]:
        layer = row.layer
        is_convolution = isinstance(layer, Conv)
        if is_convolution:
            inputs, output_gradient = (np.moveaxis(a, 1, -1) for a in (inputs, output_gradient))
        kernel = weight.transpose(2, 3, 1, 0) if is_convolution else weight.T

        def output(x: Any, kernel: Any) -> Any:
            if isinstance(layer, Conv):
                return convolution(x, kernel, layer, self.dtype)
            return product(x, kernel, self.dtype)

        def all_three(x: Any, kernel: Any, gradient: Any) -> list[Any]:
            result, gradients_for = jax.vjp(output, x, kernel)
            of_inputs, of_weight = gradients_for(gradient)
            return [result, of_weight, *([of_inputs] if input_gradient else [])]

        arrays = (put(np.ascontiguousarray(a), self._device) for a in (inputs, kernel, output_gradient))
        result, of_weight, *of_inputs = (np.array(a) for a in jax.jit(all_three)(*arrays))
        return (
            np.moveaxis(result, -1, 1),
            of_weight.transpose(3, 2, 0, 1) if is_convolution else of_weight.T,
            np.moveaxis(of_inputs[0], -1, 1) if of_inputs else None,
        )

    def sums(self, rows: Any) -> Any:
        return np.array(jax.jit(partial(lax.reduce_sum, axes=(1,)))(put(rows, self._device)))

    def device_name(self) -> str:
        return "CPU" if self.device == "cpu" else str(self._device.device_kind)

    def versions(self) -> dict[str, str]:
        versions = {"jax": jax.__version__, "jaxlib": jaxlib.__version__, "numpy": np.__version__}
        if self.device == "cuda":
            versions |= installed_versions((*CUDA_PACKAGES, CUDNN))
            versions["cuda"] = " ".join(self._device.client.platform_version.split())
        return versions

    def settings(self) -> dict[str, str]:
        return {
            "operands": np.dtype(self.dtype).name,
            "matmul_precision": "HIGHEST" if self.dtype == np.float32 else "DEFAULT",
            "donated": "weights, velocities, key, sums",
            "generator": GENERATOR,
            "x64": str(jax.config.jax_enable_x64),
            "compilation_cache": str(jax.config.jax_enable_compilation_cache),
            "processors": str(os.cpu_count()),
        } | environment()

    def peak_device_bytes(self) -> int | None:
        # JAX's `peak_bytes_in_use` is that of the whole process and cannot be reset: it is no epoch's.
        return None

    def reset_peak_device_bytes(self) -> None: ...


OPERANDS = {"float32": jax.numpy.float32, "bfloat16": jax.numpy.bfloat16}


def build(engine: Engine, device: Device) -> JaxBackend:
    """The backend of an engine for a device from `usable_devices`.

    Raises DeviceUnavailable for an engine whose precision or compiler this backend does not have.
    """
    check_row(engine, OPERANDS, (COMPILER,))
    return JaxBackend(device, OPERANDS[engine.precision])
