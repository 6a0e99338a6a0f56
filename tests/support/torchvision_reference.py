"""torchvision's own AlexNet, asked without any of our code in between."""

from __future__ import annotations

from pathlib import Path

import torch
import torchvision
from torchvision.transforms import v2

from alexnet.data import Images
from alexnet.recipe import IMAGENET_MEAN, IMAGENET_STD
from alexnet.score import Logits


def write_state(file: Path) -> None:
    """A file like torchvision's, with weights drawn by torchvision."""
    torch.manual_seed(7)
    torch.save(torchvision.models.alexnet(weights=None).state_dict(), file)


@torch.inference_mode()
def logits(file: Path, images: Images) -> Logits:
    """Of uint8 (n, 32, 32, 3) images, brought to 224 px by torchvision's own transforms."""
    model = torchvision.models.alexnet(weights=None)
    model.load_state_dict(torch.load(file, weights_only=True))
    prepare = v2.Compose(
        [
            v2.ToDtype(torch.float32, scale=True),
            v2.Normalize(IMAGENET_MEAN, IMAGENET_STD),
            v2.Resize(224, antialias=False),
        ]
    )
    found: Logits = model.eval()(prepare(torch.from_numpy(images).permute(0, 3, 1, 2))).numpy()
    return found
