"""torchvision's file of ImageNet weights: downloaded and read."""

from __future__ import annotations

import socket
from pathlib import Path

import torch
import torchvision

from alexnet.weights import Weights

DOWNLOAD_SILENCE_SECONDS = 60.0


def download_torchvision() -> Path:
    """Torchvision's own AlexNet file, fetched by torchvision, its hash checked, into torch's cache."""
    weights = torchvision.models.AlexNet_Weights.IMAGENET1K_V1
    socket.setdefaulttimeout(DOWNLOAD_SILENCE_SECONDS)  # torch's own download would wait for ever
    weights.get_state_dict(progress=True, check_hash=True, weights_only=True)
    return Path(torch.hub.get_dir()) / "checkpoints" / Path(weights.url).name


def read_state(file: Path) -> Weights:
    """Tensor name -> float32 array of a .pth file; nothing but tensors is unpickled."""
    state = torch.load(file, map_location="cpu", weights_only=True)
    return {name: tensor.numpy() for name, tensor in state.items()}
