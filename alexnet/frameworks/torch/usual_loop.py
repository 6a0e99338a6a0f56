"""The usual loop of PyTorch: a torchvision data set, a DataLoader and a step in eager torch.

After https://github.com/pytorch/examples/tree/main/imagenet and
https://docs.pytorch.org/tutorials/beginner/blitz/cifar10_tutorial.html; lower precisions as in
https://docs.pytorch.org/docs/stable/notes/amp_examples.html.
"""

from __future__ import annotations

import os
import sys
from itertools import islice
from typing import Any

import torch
from torch import nn
from torch.utils.data import DataLoader, RandomSampler
from torchvision import transforms
from torchvision.datasets import CIFAR10, VisionDataset
from torchvision.transforms import v2

from alexnet.data import CROP_PADDING, IMAGE_SHAPE, Split
from alexnet.frameworks.protocol import WayUnavailable
from alexnet.frameworks.torch.backend import TorchBackend
from alexnet.frameworks.torch.layers import modules
from alexnet.recipe import Recipe
from alexnet.spec import Network
from alexnet.weights import Weights

READING, NOT_READING = "usual", "usual, no .item()"


class Images(CIFAR10):  # type: ignore[misc]
    """torchvision's CIFAR-10 with the images of a split in place of those of its own archive."""

    def __init__(self, split: Split, transform: Any) -> None:
        VisionDataset.__init__(self, root="", transform=transform)
        self.data, self.targets = split.images, split.labels.tolist()


def prepare(size: int, *, augment: bool) -> Any:
    """The transforms of a PIL image to float32 (3, size, size), in [0, 1]."""
    random = [transforms.RandomCrop(IMAGE_SHAPE[0], CROP_PADDING), transforms.RandomHorizontalFlip()]
    return transforms.Compose(
        [*(random if augment else []), transforms.Resize(size), transforms.ToTensor()]
    )


def prepare_v2(size: int, *, augment: bool) -> Any:
    """The same with the second version of the transforms, which resizes tensors of uint8."""
    random = [v2.RandomCrop(IMAGE_SHAPE[0], CROP_PADDING), v2.RandomHorizontalFlip()]
    scaled = [v2.Resize(size), v2.ToDtype(torch.float32, scale=True)]
    return v2.Compose([v2.ToImage(), *(random if augment else []), *scaled])


def _processors() -> int:
    """How many processors this process may use, as DataLoader counts them before it warns."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


class TorchUsualLoop:
    """The `UsualLoop` of torch. A way is a version of the transforms and a number of workers."""

    rows = (READING, NOT_READING)

    def __init__(
        self,
        backend: TorchBackend,
        net: Network,
        weights: Weights,
        recipe: Recipe,
        train: Split,
        *,
        seed: int,
    ) -> None:
        torch.manual_seed(seed)
        self.device, self.form = torch.device(backend.device), backend.form
        layers = (m for row in net.rows for m in modules(row.layer, row.input_shape[0]))
        self.model: nn.Module = nn.Sequential(*layers)
        with torch.no_grad():
            for parameter, array in zip(self.model.parameters(), weights.values(), strict=True):
                parameter.copy_(torch.from_numpy(array))
        self.model.to(self.device)
        self.parameters = sum(p.numel() for p in self.model.parameters() if p.requires_grad)
        self.criterion = nn.CrossEntropyLoss()
        rate = recipe.stages[0].learning_rate
        self.optimizer = torch.optim.SGD(self.model.parameters(), lr=rate, momentum=recipe.momentum)
        self.scaler = torch.amp.GradScaler(self.device.type, enabled=self.form.autocast == torch.float16)
        self.called = torch.compile(self.model) if self.form.compiles else self.model
        self.batch_size = recipe.batch_size
        self._loaders = {
            f"{name}, {workers} workers": (
                Images(train, transform(net.image_size, augment=recipe.augment)),
                workers,
            )
            for name, transform in (("transforms", prepare), ("transforms.v2", prepare_v2))
            for workers in sorted({0, 2, _processors()})
        }
        self.ways = tuple(self._loaders)
        self.use(self.ways[0], len(train) // self.batch_size)

    def use(self, way: str, steps: int) -> None:
        images, workers = self._loaders[way]
        # Just so many, or persistent workers would go on with what nobody asks for.
        sampler = RandomSampler(images, num_samples=steps * self.batch_size)
        self.loader: DataLoader[Any] = DataLoader(
            images,
            batch_size=self.batch_size,
            sampler=sampler,
            drop_last=True,
            num_workers=workers,
            persistent_workers=workers > 0,
            pin_memory=self.device.type == "cuda",
        )

    def train(self, row: str, steps: int) -> tuple[int, float]:
        try:
            return self._train(row, steps)
        except RuntimeError as error:
            # Most often there is too little shared memory for the batches of all workers.
            if "DataLoader worker" not in str(error):
                raise
            raise WayUnavailable(str(error).splitlines()[0]) from error

    def _train(self, row: str, steps: int) -> tuple[int, float]:
        taken = 0
        running_loss: Any = 0.0
        correct: Any = 0
        for images, labels in islice(self.loader, steps):
            taken += 1
            loss, right = self._step(images, labels)
            running_loss += loss.item() if row == READING else loss.detach()
            # The examples show the accuracy too. Here it is counted for what that costs.
            correct += right.item() if row == READING else right
        return taken, float(running_loss) / taken

    def _step(self, images: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The loss of one step and the number of right answers, both on the device."""
        images = images.to(self.device, non_blocking=True)
        labels = labels.to(self.device, non_blocking=True)
        dtype = self.form.autocast
        with torch.autocast(self.device.type, dtype=dtype, enabled=dtype is not None):
            output = self.called(images)
            loss = self.criterion(output, labels)
        self.optimizer.zero_grad()
        self.scaler.scale(loss).backward()
        self.scaler.step(self.optimizer)
        self.scaler.update()
        return loss, (output.argmax(1) == labels).sum()


def build(
    backend: TorchBackend, net: Network, weights: Weights, recipe: Recipe, train: Split, *, seed: int
) -> TorchUsualLoop:
    """The usual loop of one engine of torch."""
    return TorchUsualLoop(backend, net, weights, recipe, train, seed=seed)
