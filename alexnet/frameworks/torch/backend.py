"""The backend of PyTorch."""

from __future__ import annotations

import importlib
import os
from typing import Any

import numpy as np

from alexnet.frameworks.torch.info import COMPILER, OVERRIDDEN

# The first makes operations that Apple's GPU lacks run silently on the CPU, and be timed there.
for variable in ("PYTORCH_ENABLE_MPS_FALLBACK", *OVERRIDDEN):
    os.environ.pop(variable, None)

import torch

from alexnet.frameworks.info import Engine
from alexnet.frameworks.module import check_row
from alexnet.frameworks.packages import installed_versions
from alexnet.frameworks.protocol import Device, DeviceUnavailable, operands
from alexnet.frameworks.registry import environment
from alexnet.frameworks.torch.layers import modules
from alexnet.frameworks.torch.trainer import Form, TorchTrainer, memory_format, synchronize
from alexnet.recipe import Recipe
from alexnet.spec import FLOAT32_BYTES, Network, Row
from alexnet.weights import Weights

VERSION = torch.__version__


def usable_devices() -> tuple[Device, ...]:
    """The devices that torch can use here, best first."""
    devices: tuple[Device, ...] = ("cpu",)
    if torch.cuda.is_available():
        devices = ("cuda", *devices)
    if torch.backends.mps.is_available():
        devices = ("mps", *devices)
    return devices


def why_unavailable(device: Device) -> str:
    """One sentence on why torch cannot use a device."""
    if device == "mps" and not torch.backends.mps.is_built():
        return "This build of torch has no MPS; it comes with torch for macOS on Apple silicon."
    if device == "mps":
        return "MPS needs macOS 14 or newer on Apple silicon."
    return "torch sees no NVIDIA GPU: see what `nvidia-smi` says."


class Product:
    """The matrix product of `Backend.product`."""

    def __init__(self, device: Device, dtype: torch.dtype, size: int, depth: int) -> None:
        self.device = device
        left, right = operands(size, depth)
        self._left, self._right = (torch.from_numpy(a).to(device, dtype) for a in (left, right))
        self._out = torch.empty(size, size, device=device, dtype=dtype)
        self.flops, self.bytes = 2 * size * size * depth, dtype.itemsize * (2 * depth + size) * size

    def run(self) -> None:
        torch.mm(self._left, self._right, out=self._out)

    def wait(self) -> None:
        synchronize(self.device)


class Addition:
    """The addition of `Backend.addition`."""

    def __init__(self, device: Device, elements: int) -> None:
        self.device = device
        self.flops, self.bytes = elements, 3 * FLOAT32_BYTES * elements
        self._sum, self._part = (torch.ones(elements, device=device) for _ in range(2))

    def run(self) -> None:
        self._sum.add_(self._part)

    def wait(self) -> None:
        synchronize(self.device)


class TorchBackend:
    """The `Backend` of torch."""

    def __init__(self, device: Device, *, form: Form, tf32: bool) -> None:
        # The first optimizer imports it, 175 MB with what it needs. That is no memory of training, so it
        # has to be there before a run's memory is counted from.
        importlib.import_module("torch._dynamo")
        self.device, self.form = device, form
        if device == "cuda":
            # As in TensorFlow: full float32 unless TF32 was asked for, and cuDNN times convolutions to
            # pick the fastest.
            torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = tf32
            torch.backends.cudnn.benchmark = True

    def trainer(self, net: Network, weights: Weights, recipe: Recipe, *, seed: int) -> TorchTrainer:
        return TorchTrainer(net, weights, recipe, device=self.device, seed=seed, form=self.form)

    def product(self, size: int, depth: int) -> Product:
        return Product(self.device, self.form.autocast or torch.float32, size, depth)

    def addition(self, elements: int) -> Addition:
        return Addition(self.device, elements)

    def forward_backward(
        self, row: Row, inputs: Any, weight: Any, output_gradient: Any, *, input_gradient: bool
    ) -> tuple[Any, Any, Any]:
        module: Any = modules(row.layer, row.input_shape[0])[0]
        with torch.no_grad():
            module.weight.copy_(torch.from_numpy(weight))
            module.bias.zero_()
        module.to(self.device).to(memory_format=memory_format(self.device))
        x = self._tensor(inputs).requires_grad_(input_gradient)
        dtype = self.form.autocast
        call = torch.compile(module, dynamic=False) if self.form.compiles else module
        with torch.autocast(self.device, dtype=dtype, enabled=dtype is not None):
            output = call(x)
        wanted = (module.weight, x) if input_gradient else (module.weight,)
        gradients = torch.autograd.grad(output, wanted, self._tensor(output_gradient).to(output.dtype))
        found = [tensor.detach().float().cpu().contiguous().numpy() for tensor in (output, *gradients)]
        return found[0], found[1], found[2] if input_gradient else None

    def _tensor(self, array: Any) -> torch.Tensor:
        """The array on the device, in the layout of the trainer's tensors."""
        tensor = torch.from_numpy(array).to(self.device)
        images = tensor.ndim == 4
        return tensor.to(memory_format=memory_format(self.device)) if images else tensor

    def sums(self, rows: Any) -> Any:
        return torch.from_numpy(rows).to(self.device).sum(1).cpu().numpy()

    def device_name(self) -> str:
        if self.device == "cuda":
            return torch.cuda.get_device_name()
        return str(torch.backends.mps.get_name()) if self.device == "mps" else "CPU"

    def versions(self) -> dict[str, str]:
        versions = {
            "torch": torch.__version__,
            "numpy": np.__version__,
            # It is imported for the file of ImageNet's weights alone, since that takes a second.
            **installed_versions(("torchvision",)),
        }
        if self.device == "cuda":
            versions["cuda"] = str(torch.version.cuda)
        return versions

    def settings(self) -> dict[str, str]:
        settings = {
            "memory_format": str(memory_format(self.device)).removeprefix("torch."),
            "threads": str(torch.get_num_threads()),
            "autocast": str(self.form.autocast).removeprefix("torch."),
            "loss_scale": f"{self.form.loss_scale:g}",
            "compile": str(self.form.compiles),
        }
        if self.device == "cuda":
            settings["tf32"] = str(
                torch.backends.cudnn.allow_tf32 or torch.backends.cuda.matmul.allow_tf32
            )
            settings["cudnn_benchmark"] = str(torch.backends.cudnn.benchmark)
        return settings | environment()

    def peak_device_bytes(self) -> int | None:
        if self.device == "cpu":
            return None
        return int(torch.accelerator.max_memory_allocated()) or None  # 0 means not counted

    def reset_peak_device_bytes(self) -> None:
        if self.device != "cpu":
            torch.accelerator.reset_peak_memory_stats()


AUTOCAST = {"float32": None, "TF32": None, "bfloat16": torch.bfloat16, "float16": torch.float16}
FLOAT16_LOSS_SCALE = 2.0**8
"""A fixed one: GradScaler's gradients were 0 on MPS until 2026-05 (pytorch#184286).

From the first weights of `scratch` at 64 px the largest gradient of one image is 17, and 2^12 would put
it above 65504, where float16 ends. Of the gradients within the network 1 in 100 is below 2 to 20 x 10^-6
for a batch of 128; this scale keeps those, too, above 6 x 10^-5, where float16 begins to lose bits
(float32, synthetic images, 2026-11-27)."""


def build(engine: Engine, device: Device) -> TorchBackend:
    """The backend of an engine for a device from `usable_devices`.

    Raises DeviceUnavailable for an engine whose precision or compiler this backend does not have, and
    where that compiler lacks what it builds with.
    """
    check_row(engine, AUTOCAST, (None, COMPILER))
    if reason := engine.lacks(device):
        raise DeviceUnavailable(f"{engine.name} cannot run on {device}. {reason}.")
    form = Form(
        autocast=AUTOCAST[engine.precision],
        loss_scale=FLOAT16_LOSS_SCALE if engine.precision == "float16" else 1.0,
        compiles=engine.compiler is not None,
    )
    return TorchBackend(device, form=form, tf32=engine.precision == "TF32")
