"""AlexNet in PyTorch."""

from __future__ import annotations

import os
import socket
from collections import OrderedDict
from pathlib import Path
from typing import Any, Literal

import numpy as np

# Set, it lets an operation that Apple's GPU lacks run on the CPU without a word, and be timed there.
os.environ.pop("PYTORCH_ENABLE_MPS_FALLBACK", None)

import torch
import torch.nn.functional as F
import torchvision
from torch import Tensor, nn

from alexnet import Device, Framework
from alexnet.data import Images, Labels
from alexnet.imagenet import TORCHVISION_FILE
from alexnet.layers import AdaptiveAvgPool, Conv, Dense, Dropout, Flatten, Layer, MaxPool
from alexnet.recipe import Recipe
from alexnet.score import Logits
from alexnet.spec import Network
from alexnet.weights import Weights, check

VERSION = torch.__version__
DOWNLOAD_SILENCE_SECONDS = 60.0

Batch = tuple[Tensor, ...]


def usable_devices() -> tuple[Device, ...]:
    """The devices that torch can use here, best first."""
    found: tuple[Device, ...] = ("cpu",)
    if torch.cuda.is_available():
        found = ("cuda", *found)
    if torch.backends.mps.is_available():
        found = ("mps", *found)
    return found


def why_unavailable(device: Device) -> str:
    """One sentence on what keeps torch from a device."""
    if device == "mps" and not torch.backends.mps.is_built():
        return "This build of torch has no MPS; it comes with torch for macOS on Apple silicon."
    if device == "mps":
        return "MPS needs macOS 14 or newer on Apple silicon."
    return "torch sees no NVIDIA GPU: see what `nvidia-smi` says."


def modules(layer: Layer, inputs: int) -> list[nn.Module]:
    """The torch modules of one row, `inputs` being its input channels or features."""
    match layer:
        case Conv(name=_, channels=channels, kernel=kernel, stride=stride, padding=padding):
            conv = nn.Conv2d(inputs, channels, kernel, stride=stride, padding=padding)
            return [conv, nn.ReLU(inplace=True)]
        case MaxPool(kernel=kernel, stride=stride):
            return [nn.MaxPool2d(kernel, stride=stride)]
        case AdaptiveAvgPool(size=size):
            return [nn.AdaptiveAvgPool2d(size)]
        case Flatten():
            return [nn.Flatten()]
        case Dropout(rate=rate):
            return [nn.Dropout(rate)]
        case Dense(units=units, relu=relu):
            assert units is not None, "a network's rows have their units filled in"
            return [nn.Linear(inputs, units), *([nn.ReLU(inplace=True)] if relu else [])]


class TorchTrainer:
    """The `Trainer` of torch; the model is an nn.Sequential with one named block per row."""

    def __init__(
        self, net: Network, weights: Weights, recipe: Recipe, *, device: Device, seed: int
    ) -> None:
        torch.manual_seed(seed)
        self.net, self.recipe, self.device = net, recipe, torch.device(device)
        self.memory_format = memory_format(device)
        blocks: OrderedDict[str, nn.Module] = OrderedDict(
            (row.layer.name, nn.Sequential(*modules(row.layer, row.input_shape[0]))) for row in net.rows
        )
        self.model = nn.Sequential(blocks)
        self.load(weights)
        self.model.to(self.device).to(memory_format=self.memory_format)
        self._mean = torch.tensor(recipe.mean, device=self.device).view(1, 3, 1, 1)
        self._std = torch.tensor(recipe.std, device=self.device).view(1, 3, 1, 1)
        self._loss_sum = torch.zeros((), device=self.device)
        self._right = torch.zeros((), device=self.device)
        self._steps = self._images = 0
        self.begin_stage("all")

    def begin_stage(self, train: Literal["all", "head"]) -> None:
        for name, parameter in self.model.named_parameters():
            parameter.requires_grad_(train == "all" or name.split(".")[0] == self.net.head)
        moving = [p for p in self.model.parameters() if p.requires_grad]
        self.optimizer = torch.optim.SGD(moving, lr=0.0, momentum=self.recipe.momentum, fused=True)

    def place(self, images: Images, labels: Labels) -> Batch:
        host = torch.from_numpy(images), torch.from_numpy(labels.astype(np.int64))
        # From pinned memory a copy does not wait for the step before. On MPS it may, and `fed` shows it.
        if self.device.type == "cuda":
            return tuple(part.pin_memory().to(self.device, non_blocking=True) for part in host)
        return tuple(part.to(self.device) for part in host)

    def _prepare(self, images: Tensor) -> Tensor:
        """uint8 (n, 32, 32, 3) -> normalised float32 (n, 3, size, size), on the device."""
        pixels = (
            images.permute(0, 3, 1, 2).to(torch.float32).contiguous(memory_format=self.memory_format)
        )
        pixels = pixels.div_(255).sub_(self._mean).div_(self._std)
        size = (self.net.image_size, self.net.image_size)
        pixels = F.interpolate(pixels, size=size, mode="bilinear", align_corners=False)
        return pixels.contiguous(memory_format=self.memory_format)

    def step(self, batch: Batch, learning_rate: float) -> None:
        images, labels = batch
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate
        logits = self.model(self._prepare(images))
        loss = F.cross_entropy(logits, labels)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        self._loss_sum += loss.detach()
        self._right += (logits.detach().argmax(1) == labels).sum()
        self._steps += 1
        self._images += len(labels)

    def take_totals(self) -> tuple[float, float]:
        totals = self._loss_sum.item() / self._steps, self._right.item() / self._images
        self._loss_sum.zero_()
        self._right.zero_()
        self._steps = self._images = 0
        return totals

    def synchronize(self) -> None:
        if self.device.type == "mps":
            torch.mps.synchronize()
        elif self.device.type == "cuda":
            torch.cuda.synchronize()

    @torch.inference_mode()
    def logits(self, images: Images) -> Logits:
        self.model.eval()
        out = self.model(self._prepare(torch.from_numpy(images).to(self.device)))
        self.model.train()
        return np.asarray(out.cpu().numpy(), np.float32)

    @torch.inference_mode()
    def activations(self, images: Images) -> dict[str, Any]:
        self.model.eval()
        x = self._prepare(torch.from_numpy(images).to(self.device))
        outputs = {}
        for name, block in self.model.named_children():
            x = block(x)
            outputs[name] = x.cpu().contiguous().numpy().copy()
        self.model.train()
        return outputs

    def _parameters(self) -> dict[str, nn.Parameter]:
        """Canonical name -> parameter: a block's layer with weights is always its first module."""
        return {name.replace(".0.", "."): p for name, p in self.model.named_parameters()}

    def weights(self) -> Weights:
        return {
            name: p.detach().cpu().contiguous().numpy().copy() for name, p in self._parameters().items()
        }

    @torch.no_grad()
    def load(self, weights: Weights) -> None:
        check(weights, self.net)
        for name, parameter in self._parameters().items():
            parameter.copy_(torch.from_numpy(weights[name]))


def memory_format(device: Device) -> torch.memory_format:
    """Channels last where it was measured faster: on the CPU, by 2 % at 224 px, and equal at 64 px.

    (Medians of interleaved steps; AMD EPYC, 2 cores, torch 2.14.1, 2026-11-24.)
    On Apple's GPU channels-last gradients are slow or wrong in places (pytorch#175189, #192551), and
    on CUDA it has not been measured.
    """
    return torch.channels_last if device == "cpu" else torch.contiguous_format


class TorchBackend:
    """The `Backend` of torch."""

    framework: Framework = "torch"

    def __init__(self, device: Device) -> None:
        self.device = device
        if device == "cuda":
            # Full float32 in both frameworks, and the fastest convolution found, as TensorFlow does.
            torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
            torch.backends.cudnn.benchmark = True

    def trainer(self, net: Network, weights: Weights, recipe: Recipe, *, seed: int) -> TorchTrainer:
        return TorchTrainer(net, weights, recipe, device=self.device, seed=seed)

    def device_name(self) -> str:
        if self.device == "cuda":
            return torch.cuda.get_device_name()
        return str(torch.backends.mps.get_name()) if self.device == "mps" else "CPU"

    def versions(self) -> dict[str, str]:
        found = {"torch": torch.__version__, "torchvision": torchvision.__version__}
        return found | ({"cuda": str(torch.version.cuda)} if self.device == "cuda" else {})

    def settings(self) -> dict[str, str]:
        found = {
            "memory_format": str(memory_format(self.device)).removeprefix("torch."),
            "threads": str(torch.get_num_threads()),
        }
        if self.device == "cuda":
            found["tf32"] = str(torch.backends.cudnn.allow_tf32 or torch.backends.cuda.matmul.allow_tf32)
            found["cudnn_benchmark"] = str(torch.backends.cudnn.benchmark)
        return found | {k: v for k, v in os.environ.items() if k.startswith("PYTORCH_MPS_")}

    def peak_device_bytes(self) -> int | None:
        return None if self.device == "cpu" else int(torch.accelerator.max_memory_allocated())

    def reset_peak_device_bytes(self) -> None:
        if self.device != "cpu":
            torch.accelerator.reset_peak_memory_stats()


def build(device: Device) -> TorchBackend:
    """The backend of a device that is among the usable ones."""
    return TorchBackend(device)


def download_torchvision() -> Path:
    """Torchvision's own AlexNet file, fetched by torchvision, its hash checked, into torch's cache."""
    weights = torchvision.models.AlexNet_Weights.IMAGENET1K_V1
    socket.setdefaulttimeout(DOWNLOAD_SILENCE_SECONDS)  # torch's own download would wait for ever
    weights.get_state_dict(progress=True, check_hash=True, weights_only=True)
    return Path(torch.hub.get_dir()) / "checkpoints" / TORCHVISION_FILE


def read_state(file: Path) -> Weights:
    """Tensor name -> float32 array of a .pth file; nothing but tensors is unpickled."""
    state = torch.load(file, map_location="cpu", weights_only=True)
    return {name: tensor.numpy() for name, tensor in state.items()}
