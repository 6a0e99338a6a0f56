"""Canonical weights: one set of numbers that starts every framework from the same point."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import safetensors
import safetensors.numpy

from alexnet import durable
from alexnet.spec import Network

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


def unmoved(weights: Weights, before: dict[str, str]) -> list[str]:
    """The tensors whose own fingerprint is still the one that they had before."""
    return [name for name, array in weights.items() if fingerprint({name: array}) == before.get(name)]


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
        what="CHW -> HWC, transposed",
        there=lambda a: a.reshape(units, *chw).transpose(2, 3, 1, 0).reshape(-1, units),
        back=lambda a: (
            a.reshape(rows, columns, channels, units).transpose(3, 2, 0, 1).reshape(units, -1)
        ),
    )


def save(path: Path, weights: Weights, *, about: dict[str, str]) -> None:
    """Writes safetensors with `about` in its header; a reader never sees half a file.

    Raises WeightsError where that cannot be done.
    """
    contiguous = {name: np.ascontiguousarray(array) for name, array in weights.items()}
    try:
        with durable.replacing(path) as partial:
            safetensors.numpy.save_file(contiguous, partial, metadata=about)
    except (OSError, safetensors.SafetensorError) as error:
        raise WeightsError(f"{path} cannot be written: {error}") from error


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


def with_new_head(weights: Weights, net: Network, *, seed: int) -> Weights:
    """The same weights with a He-normal last layer for the network's classes, drawn by `seed`."""
    head = {f"{net.head}.weight", f"{net.head}.bias"}
    fresh = initialise(net, seed=seed)
    return {name: fresh[name] if name in head else array for name, array in weights.items()}
