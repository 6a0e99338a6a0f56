"""The trainer of PyTorch."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from alexnet.data import Images, Labels
from alexnet.frameworks.protocol import Device, RandomState, ResumeError, check_same_shapes
from alexnet.frameworks.torch.layers import modules
from alexnet.frameworks.torch.preprocess import Preprocess
from alexnet.recipe import Recipe
from alexnet.score import Logits
from alexnet.spec import INPUT, Network
from alexnet.weights import AS_IT_IS, Weights, check

Batch = tuple[Tensor, ...]


def synchronize(device: str) -> None:
    """Waits until the device has finished all of torch's work."""
    if device == "mps":
        torch.mps.synchronize()
    elif device == "cuda":
        torch.cuda.synchronize()


@dataclass(frozen=True, kw_only=True)
class Form:
    """How an engine runs torch: the dtype of products and convolutions, None for that of the weights.

    The loss is multiplied by `loss_scale` before it is differentiated, and each gradient divided by it:
    the gradients of float16 would else be too small for its exponent.
    """

    autocast: torch.dtype | None = None
    loss_scale: float = 1.0
    compiles: bool = False


class TorchTrainer:
    """The `Trainer` of torch; its model is an nn.Sequential with one named block per row."""

    def __init__(
        self,
        net: Network,
        weights: Weights,
        recipe: Recipe,
        *,
        device: Device,
        seed: int,
        form: Form = Form(),
        dtype: Literal["float32", "float64"] = "float32",
    ) -> None:
        torch.manual_seed(seed)
        self.net, self.recipe, self.device = net, recipe, torch.device(device)
        self.dtype: torch.dtype = getattr(torch, dtype)
        self.form = form
        self.memory_format = memory_format(device)
        blocks: OrderedDict[str, nn.Module] = OrderedDict(
            (row.layer.name, nn.Sequential(*modules(row.layer, row.input_shape[0]))) for row in net.rows
        )
        self.model = nn.Sequential(blocks).to(self.dtype)
        self.load(weights)
        self.model.to(self.device).to(memory_format=self.memory_format)
        self.preprocess = Preprocess(
            recipe,
            size=net.image_size,
            device=self.device,
            dtype=self.dtype,
            memory_format=self.memory_format,
        )
        self._loss_sum = torch.zeros((), dtype=self.dtype, device=self.device)
        self._correct = torch.zeros((), device=self.device)
        self._steps = self._images = 0
        self._logits_and_loss = self._compiled() if form.compiles else self._forward
        self.begin_stage("all")

    def begin_stage(self, train: Literal["all", "head"]) -> None:
        for name, parameter in self.model.named_parameters():
            parameter.requires_grad_(train == "all" or name.split(".")[0] == self.net.head)
        trained = [p for p in self.model.parameters() if p.requires_grad]
        self.optimizer = torch.optim.SGD(trained, lr=0.0, momentum=self.recipe.momentum, fused=True)

    def to_device(self, images: Images, labels: Labels) -> Batch:
        host = torch.from_numpy(images), torch.from_numpy(labels.astype(np.int64))
        # A copy from pinned memory does not wait for the steps before it. On MPS it may; the column
        # `input %` shows the cost.
        if self.device.type == "cuda":
            return tuple(tensor.pin_memory().to(self.device, non_blocking=True) for tensor in host)
        return tuple(tensor.to(self.device, copy=True) for tensor in host)

    def part(self, batch: Batch, start: int, size: int) -> Batch:
        return tuple(tensor[start : start + size] for tensor in batch)

    def step(self, batch: Batch, learning_rate: float) -> None:
        images, labels = batch
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate
        logits, loss = self._logits_and_loss(images, labels)
        self.optimizer.zero_grad(set_to_none=True)
        scale = self.form.loss_scale
        (loss if scale == 1 else loss * scale).backward()  # type: ignore[no-untyped-call]
        if scale != 1:
            torch._foreach_div_([p.grad for p in self.model.parameters() if p.grad is not None], scale)
        self.optimizer.step()
        self._loss_sum += loss.detach()
        self._correct += (logits.detach().argmax(1) == labels).sum()
        self._steps += 1
        self._images += len(labels)

    def _compiled(self) -> Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]:
        """`_forward`, compiled anew for each stage and each length of a batch.

        A graph that breaks in two would not be what the engine's row says, and raises.
        """
        # What was compiled for another trainer would count against the limit of eight, and stay.
        torch.compiler.reset()
        return torch.compile(self._forward, fullgraph=True, dynamic=False)

    def _forward(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        logits = self._model(images)
        return logits, F.cross_entropy(logits, labels)

    def _model(self, images: Tensor) -> Tensor:
        """The logits in the dtype of the weights; products and convolutions as the engine has them."""
        prepared = self.preprocess(images)
        with self._autocast():
            output: Tensor = self.model(prepared)
        return output.to(self.dtype)

    def _autocast(self) -> torch.autocast:
        wanted = self.form.autocast
        return torch.autocast(self.device.type, dtype=wanted, enabled=wanted is not None)

    def pop_metrics(self) -> tuple[float, float]:
        metrics = self._loss_sum.item() / self._steps, self._correct.item() / self._images
        self._loss_sum.zero_()
        self._correct.zero_()
        self._steps = self._images = 0
        return metrics

    def synchronize(self) -> None:
        synchronize(self.device.type)

    @torch.inference_mode()
    def logits(self, images: Images) -> Logits:
        self.model.eval()
        output = self._model(torch.from_numpy(images).to(self.device))
        self.model.train()
        logits: Logits = output.cpu().numpy()
        return logits

    @torch.inference_mode()
    def activations(self, images: Images) -> dict[str, Any]:
        self.model.eval()
        x = self.preprocess(torch.from_numpy(images).to(self.device))
        outputs = {INPUT: x.cpu().contiguous().numpy().copy()}
        for name, block in self.model.named_children():
            with self._autocast():
                x = block(x)
            outputs[name] = x.to(self.dtype).cpu().contiguous().numpy().copy()
        self.model.train()
        return outputs

    def _parameters(self) -> dict[str, nn.Parameter]:
        """Canonical name -> parameter. A block's layer with weights is its first module, hence `.0.`."""
        return {name.replace(".0.", "."): p for name, p in self.model.named_parameters()}

    def weights(self) -> Weights:
        return {name: _canonical(parameter) for name, parameter in self._parameters().items()}

    def layouts(self) -> dict[str, str]:
        return dict.fromkeys(self.net.tensors, AS_IT_IS)

    def momentum(self) -> Weights:
        state = self.optimizer.state
        return {
            name: _canonical(state[parameter]["momentum_buffer"])
            for name, parameter in self._parameters().items()
            if parameter in state
        }

    def ops_off_device(self, batch: Batch) -> list[str]:
        # An operation that MPS lacks raises an error, since the CPU fallback is off. So it is enough to
        # check that all tensors of a step are on the device.
        self.step(batch, 0.0)
        tensors = dict(self._parameters()) | {"images": batch[0], "labels": batch[1]}
        trained = [(n, p) for n, p in self._parameters().items() if p in self.optimizer.state]
        tensors |= {f"{n} momentum": self.optimizer.state[p]["momentum_buffer"] for n, p in trained}
        tensors |= {f"{n} gradient": p.grad for n, p in trained if p.grad is not None}
        return [name for name, tensor in tensors.items() if tensor.device.type != self.device.type]

    @torch.no_grad()
    def load(self, weights: Weights) -> None:
        check(weights, self.net)
        for name, parameter in self._parameters().items():
            parameter.copy_(torch.from_numpy(weights[name]))

    def random_state(self) -> RandomState:
        return {"generator": _generator(self.device.type).get_rng_state().cpu().numpy().copy()}

    @torch.no_grad()
    def resume(self, weights: Weights, momentum: Weights, random_state: RandomState) -> None:
        trained = {name: p for name, p in self._parameters().items() if p.requires_grad}
        check(weights, self.net)
        check_same_shapes("momentum", momentum, {name: p.shape for name, p in trained.items()})
        check_same_shapes(
            "random state", random_state, {n: a.shape for n, a in self.random_state().items()}
        )
        try:
            _generator(self.device.type).set_rng_state(torch.from_numpy(random_state["generator"]))
        except (RuntimeError, TypeError) as error:
            raise ResumeError(f"torch does not take this random state: {error}") from error
        self.load(weights)
        for name, parameter in trained.items():
            velocity = torch.empty_like(parameter).copy_(torch.from_numpy(momentum[name]))
            self.optimizer.state[parameter]["momentum_buffer"] = velocity


def _generator(device: str) -> Any:
    """The module with the random generator that draws the dropout masks on a device."""
    return {"cpu": torch, "mps": torch.mps, "cuda": torch.cuda}[device]


def _canonical(tensor: Tensor) -> Any:
    """A numpy copy; torch's layout is the canonical one."""
    return tensor.detach().cpu().contiguous().numpy().copy()


def memory_format(device: Device) -> torch.memory_format:
    """Channels last on the CPU, where it was 2 % faster at 224 px and equal at 64 px.

    (Medians of interleaved steps; AMD EPYC, 2 cores, torch 2.14.1, 2026-11-24.)
    On Apple's GPU some channels-last gradients are slow or wrong (pytorch#175189, #192551). On CUDA it
    has not been measured.
    """
    return torch.channels_last if device == "cpu" else torch.contiguous_format
