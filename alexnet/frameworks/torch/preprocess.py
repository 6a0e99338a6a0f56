"""From small uint8 pixels to the network's input: scaled, normalised, upsampled, on the device."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from alexnet import pixels
from alexnet.recipe import Recipe


class Preprocess:
    """uint8 (n, 32, 32, 3) -> normalised `dtype` (n, 3, size, size), on the device.

    In float64 the pixels come from `alexnet.pixels`, so that a reference checks the upsampling too.
    """

    def __init__(
        self,
        recipe: Recipe,
        *,
        size: int,
        device: torch.device,
        dtype: torch.dtype,
        memory_format: torch.memory_format,
    ) -> None:
        self.recipe, self.size = recipe, size
        self.dtype, self.memory_format = dtype, memory_format
        self._mean = torch.tensor(recipe.mean, device=device).view(1, 3, 1, 1)
        self._std = torch.tensor(recipe.std, device=device).view(1, 3, 1, 1)

    def __call__(self, images: Tensor) -> Tensor:
        if self.dtype == torch.float64:
            exact = pixels.prepare(images.numpy(), self.recipe, size=self.size)
            return torch.from_numpy(exact).permute(0, 3, 1, 2).contiguous()
        small = images.permute(0, 3, 1, 2).to(torch.float32)
        small = small.contiguous(memory_format=self.memory_format)
        small = small.div_(255).sub_(self._mean).div_(self._std)
        size = (self.size, self.size)
        large = F.interpolate(small, size=size, mode="bilinear", align_corners=False)
        return large.contiguous(memory_format=self.memory_format)
