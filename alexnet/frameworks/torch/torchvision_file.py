"""Downloads and reads torchvision's file of ImageNet weights."""

from __future__ import annotations

import pickle
import socket
from collections.abc import Mapping
from pathlib import Path

import torch
import torchvision

from alexnet.weights import Weights

DOWNLOAD_TIMEOUT_SECONDS = 60.0
WEIGHTS = torchvision.models.AlexNet_Weights.IMAGENET1K_V1
SAVE_THIS = "save model.state_dict() with torch.save"


def cached_file() -> Path:
    """Where torch keeps torchvision's AlexNet file, whether it is there or not."""
    return Path(torch.hub.get_dir()) / "checkpoints" / Path(WEIGHTS.url).name


def download_torchvision(file: Path) -> Path:
    """Downloads torchvision's AlexNet file to `file`, checks its hash, and returns `file`."""
    socket.setdefaulttimeout(DOWNLOAD_TIMEOUT_SECONDS)  # torch's own download has no timeout
    file.parent.mkdir(parents=True, exist_ok=True)
    torch.hub.download_url_to_file(WEIGHTS.url, str(file), file.stem.rpartition("-")[2])
    return file


def read_state(file: Path) -> Weights:
    """Tensor name -> float32 array of a .pth file; only tensors are unpickled.

    Raises ValueError for what is no state dict, and what torch raises for a damaged file.
    """
    try:
        state = torch.load(file, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, EOFError) as error:
        # torch's own text advises to unpickle whatever the file holds.
        raise ValueError(
            "it is cut short, of another kind, or holds more than tensors, such as a whole model:"
            f" {SAVE_THIS}"
        ) from error
    if not isinstance(state, Mapping):
        raise ValueError(f"it holds a {type(state).__name__} and no state dict: {SAVE_THIS}")
    if others := [str(name) for name, value in state.items() if not isinstance(value, torch.Tensor)]:
        raise ValueError(f"it holds more than tensors, such as {others[0]!r}: {SAVE_THIS} alone")
    # A parameter is a tensor too, and one that numpy does not take as it is.
    return {str(name): tensor.detach().numpy() for name, tensor in state.items()}
