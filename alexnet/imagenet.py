"""torchvision's ImageNet weights, carried over into canonical weights tensor by tensor."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from alexnet.spec import network
from alexnet.weights import Array, Move, Weights, WeightsError, channels_last, check, with_new_head

TORCHVISION_SHA256_PREFIX = "7be5be79"
TORCHVISION_FILE = f"alexnet-owt-{TORCHVISION_SHA256_PREFIX}.pth"
"""Its name ends in the first digits of its sha256, the habit of torch's model hub."""

_TORCHVISION_NAMES = {
    "features.0": "conv1",
    "features.3": "conv2",
    "features.6": "conv3",
    "features.8": "conv4",
    "features.10": "conv5",
    "classifier.1": "fc6",
    "classifier.4": "fc7",
    "classifier.6": "fc8",
}


@dataclass(frozen=True, kw_only=True)
class Carried:
    """One line of the carry-over: a tensor of the file and what became of it."""

    source: str
    target: str
    shape: tuple[int, ...]
    transformation: str
    in_tensorflow: str


@dataclass(frozen=True, kw_only=True)
class CarryOver:
    """Canonical weights made from torchvision's file, with the way they came."""

    weights: Weights
    lines: tuple[Carried, ...]
    sha256: str
    is_torchvisions: bool


def load_torchvision(path: Path | None = None, *, classes: int = 10, seed: int = 0) -> CarryOver:
    """Torchvision's ImageNet weights as canonical weights of the `torchvision` variant at 224 px.

    Without a path, torchvision downloads its own file and checks its hash. A file whose name ends
    in a hash, as torchvision's does, must have it; another is taken as it is, and marked as not
    torchvision's. With other than 1000 classes the last layer is replaced by a He-normal one drawn
    by `seed`. Raises WeightsError for a file that is missing, damaged or of another network.
    """
    file = _torchvision_download() if path is None else path
    sha256 = _checked_sha256(file)
    state = _read_state(file)
    names = {
        f"{old}.{part}": f"{new}.{part}"
        for old, new in _TORCHVISION_NAMES.items()
        for part in ("weight", "bias")
    }
    if wrong := sorted(set(names) ^ set(state)):
        raise WeightsError(f"{file} is not torchvision's AlexNet: it differs in {', '.join(wrong)}")
    weights = {target: state[source] for source, target in names.items()}
    check(weights, network("torchvision", classes=1000))
    net = network("torchvision", classes=classes)
    new = set() if classes == 1000 else {f"{net.head}.weight", f"{net.head}.bias"}
    if new:
        weights = with_new_head(weights, net, seed=seed)
    moves = channels_last(net)
    lines = tuple(
        Carried(
            source="He-normal" if target in new else source,
            target=target,
            shape=weights[target].shape,
            transformation="new" if target in new else "as it is",
            in_tensorflow=_checked(moves[target], weights[target]),
        )
        for source, target in names.items()
    )
    official = sha256.startswith(TORCHVISION_SHA256_PREFIX)
    return CarryOver(weights=weights, lines=lines, sha256=sha256, is_torchvisions=official)


def _checked(move: Move, array: Array) -> str:
    """What TensorFlow's side does with a tensor, after trying it there and back."""
    if not np.array_equal(move.back(move.there(array)), array):
        raise WeightsError(f"the way to TensorFlow and back changes a tensor: {move.what}")
    return move.what


def _torchvision_download() -> Path:
    from alexnet.frameworks.torch.torchvision_file import download_torchvision

    try:
        return download_torchvision()
    except (OSError, RuntimeError) as error:
        raise WeightsError(
            f"torchvision could not fetch {TORCHVISION_FILE} ({error}); download it elsewhere and"
            f" name it with --weights PATH"
        ) from error


def _read_state(file: Path) -> Weights:
    from alexnet.frameworks.torch.torchvision_file import read_state

    try:
        return read_state(file)
    except Exception as error:  # torch raises whatever the bytes lead to
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise WeightsError(f"{file} cannot be read as a file of tensors: {reason}") from error


def _checked_sha256(file: Path) -> str:
    if not file.is_file():
        raise WeightsError(f"there is no weights file {file}")
    with file.open("rb") as stream:
        sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
    named = re.search(r"-([0-9a-f]{8,})\.", file.name)
    if named and not sha256.startswith(named[1]):
        raise WeightsError(
            f"{file} should have a sha256 that begins with {named[1]} and has {sha256[:8]}:"
            f" it is cut short or something else; delete it and download it again"
        )
    return sha256


def describe(carry_over: CarryOver) -> dict[str, str]:
    """What `save` writes into the header of carried-over weights."""
    return {
        "origin": "torchvision" if carry_over.is_torchvisions else "user file",
        "source_sha256": carry_over.sha256,
    }
