"""Downloads and reads torchvision's file of ImageNet weights."""

from __future__ import annotations

import socket
from pathlib import Path

import torch
import torchvision

from alexnet.weights import Weights

DOWNLOAD_TIMEOUT_SECONDS = 60.0


def download_torchvision() -> Path:
    """Downloads torchvision's AlexNet file into torch's cache, checks its hash, and returns its path."""
    weights = torchvision.models.AlexNet_Weights.IMAGENET1K_V1
    socket.setdefaulttimeout(DOWNLOAD_TIMEOUT_SECONDS)  # torch's own download has no timeout
    weights.get_state_dict(progress=True, check_hash=True, weights_only=True)
    return Path(torch.hub.get_dir()) / "checkpoints" / Path(weights.url).name


def read_state(file: Path) -> Weights:
    """Tensor name -> float32 array of a .pth file; only tensors are unpickled."""
    state = torch.load(file, map_location="cpu", weights_only=True)
    return {name: tensor.numpy() for name, tensor in state.items()}
