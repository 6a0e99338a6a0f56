"""Canonical weights: one set of numbers that starts every framework from the same point."""

from __future__ import annotations

import hashlib
import json
import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import safetensors
import safetensors.numpy

from alexnet.spec import Network, network

Array = npt.NDArray[np.float32]
Weights = dict[str, Array]
"""Canonical name -> float32: convolutions OIHW; Dense (outputs, inputs), the first Dense's inputs
counted channel by channel, row by row; biases (outputs,). It is the layout of torch."""


class WeightsError(Exception):
    """Weights that are missing, damaged or of another network; the message says which and what to do."""


def initialise(net: Network, *, seed: int) -> Weights:
    """He-normal weights, N(0, 2 / inputs of a unit), and zero biases (He et al. 2015, eq. 10).

    Each tensor has a stream of its own, so a layer starts the same wherever its shape is the same.
    """
    weights: Weights = {}
    for name, shape in net.tensors.items():
        if name.endswith(".bias"):
            weights[name] = np.zeros(shape, np.float32)
            continue
        rng = np.random.default_rng([seed, zlib.crc32(name.encode())])
        deviation = np.float32(np.sqrt(2 / np.prod(shape[1:])))
        weights[name] = rng.standard_normal(shape, np.float32) * deviation
    return weights


def check(weights: Weights, net: Network) -> None:
    """Raises WeightsError unless names, shapes and types are the network's own."""
    if wrong := sorted(set(weights) ^ set(net.tensors)):
        raise WeightsError(f"{net.variant} has other tensors than these weights: {', '.join(wrong)}")
    for name, shape in net.tensors.items():
        array = weights[name]
        if array.shape != shape or array.dtype != np.float32:
            raise WeightsError(
                f"{net.variant} at {net.image_size} px with {net.classes} classes wants {name} as"
                f" float32 {shape}, not {array.dtype} {array.shape}"
            )


def fingerprint(weights: Weights) -> str:
    """sha256 (hex) over names, shapes and little-endian bytes, in the order of the names."""
    digest = hashlib.sha256()
    for name in sorted(weights):
        digest.update(f"{name} {weights[name].shape} ".encode())
        digest.update(np.ascontiguousarray(weights[name], "<f4").data)
    return digest.hexdigest()


@dataclass(frozen=True, kw_only=True)
class Move:
    """How one canonical tensor stands in a framework: a shape, and the way there and back."""

    what: str
    there: Callable[[Array], Array]
    back: Callable[[Array], Array]


def channels_last(net: Network) -> dict[str, Move]:
    """Tensor name -> its move into a framework that keeps channels last (TensorFlow) and back.

    Convolutions go OIHW -> HWIO and Dense matrices are transposed. The first Dense after Flatten
    also has its inputs reordered, since there a pixel's channels lie together.
    """
    first, chw = net.flattened
    moves = {}
    for name, shape in net.tensors.items():
        if len(shape) == 4:
            moves[name] = Move(
                what="OIHW -> HWIO",
                there=lambda a: a.transpose(2, 3, 1, 0),
                back=lambda a: a.transpose(3, 2, 0, 1),
            )
        elif name == f"{first}.weight":
            moves[name] = _flattened_move(shape[0], chw)
        elif len(shape) == 2:
            moves[name] = Move(what="transposed", there=lambda a: a.T, back=lambda a: a.T)
        else:
            moves[name] = Move(what="as it is", there=lambda a: a, back=lambda a: a)
    return moves


def _flattened_move(units: int, chw: tuple[int, ...]) -> Move:
    channels, rows, columns = chw
    return Move(
        what="inputs CHW -> HWC, transposed",
        there=lambda a: a.reshape(units, *chw).transpose(2, 3, 1, 0).reshape(-1, units),
        back=lambda a: (
            a.reshape(rows, columns, channels, units).transpose(3, 2, 0, 1).reshape(units, -1)
        ),
    )


def save(path: Path, weights: Weights, *, about: dict[str, str]) -> None:
    """Writes safetensors with `about` in its header; a reader never sees half a file."""
    partial = path.with_name(path.name + ".part")
    contiguous = {name: np.ascontiguousarray(array) for name, array in weights.items()}
    safetensors.numpy.save_file(contiguous, partial, metadata=about)
    partial.replace(path)


def load(path: Path, net: Network) -> Weights:
    """The weights of a safetensors file, checked against the network. Raises WeightsError."""
    try:
        weights = safetensors.numpy.load_file(path)
    except FileNotFoundError:
        raise WeightsError(f"there is no weights file {path}") from None
    except (OSError, safetensors.SafetensorError) as error:
        raise WeightsError(f"{path} is not a readable safetensors file: {error}") from error
    check(weights, net)
    return weights


def about(path: Path) -> dict[str, str]:
    """What a file written by `save` says of itself."""
    with safetensors.safe_open(path, "numpy") as file:
        return dict(file.metadata() or {})


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
    lines = tuple(
        Carried(
            source="He-normal" if target in new else source,
            target=target,
            shape=weights[target].shape,
            transformation=f"new, for {classes} classes" if target in new else "as it is",
        )
        for source, target in names.items()
    )
    official = sha256.startswith(TORCHVISION_SHA256_PREFIX)
    return CarryOver(weights=weights, lines=lines, sha256=sha256, is_torchvisions=official)


def with_new_head(weights: Weights, net: Network, *, seed: int) -> Weights:
    """The same weights with a He-normal last layer for the network's classes, drawn by `seed`."""
    head = {f"{net.head}.weight", f"{net.head}.bias"}
    fresh = initialise(net, seed=seed)
    return {name: fresh[name] if name in head else array for name, array in weights.items()}


def _torchvision_download() -> Path:
    from alexnet.torch_backend import download_torchvision

    try:
        return download_torchvision()
    except (OSError, RuntimeError) as error:
        raise WeightsError(
            f"torchvision could not fetch {TORCHVISION_FILE} ({error}); download it elsewhere and"
            f" name it with --weights PATH"
        ) from error


def _read_state(file: Path) -> Weights:
    from alexnet.torch_backend import read_state

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
        "lines": json.dumps([vars(line) for line in carry_over.lines]),
    }
