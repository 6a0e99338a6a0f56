"""Canonical weights: one layout from which every framework starts with the same numbers."""

from __future__ import annotations

import hashlib
import math
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import safetensors
import safetensors.numpy

from alexnet import durable
from alexnet.spec import Network

Array = npt.NDArray[np.float32]
Weights = dict[str, Array]
"""Canonical name -> float32 array, in torch's layout: convolutions OIHW; Dense (outputs, inputs), the
first Dense's inputs in channel-row-column order; biases (outputs,)."""


READ_BY: Literal["mmap", "pread"] = "pread"
"""How safetensors reads files: some network and shared folders cannot be mapped into memory."""


class WeightsError(Exception):
    """Weights are missing, damaged or of another network; the message says which and what to do."""


DRAWN_WORDS = 2**20
"""How many 64-bit words `initialise` draws at once: 8 MB beside a tensor of up to 700 MB."""


def initialise(net: Network, *, seed: int) -> Weights:
    """He-uniform weights, within sqrt(6 / fan-in) of 0, and zero biases: the same bits everywhere.

    The standard deviation is that of He et al. 2015, eq. 10: sqrt(2 / fan-in). Each tensor has its own
    random stream, so layers of the same name and shape start the same in every network.

    No platform, numpy or maths library can round a weight differently. Seeding and stream are integer
    arithmetic, and numpy guarantees a seed's stream of integers. Each weight is an odd integer below
    2**24 in magnitude times the tensor's scale. float32 holds every integer up to 2**24, so the integer
    is exact. The product is rounded once. IEEE 754 leaves one result for that, as for the quotient, the
    square root and the rounding that give the scale. The integers lie symmetrically around 0.
    """
    return {name: drawn(name, shape, seed=seed) for name, shape in net.tensors.items()}


def drawn(name: str, shape: tuple[int, ...], *, seed: int) -> Array:
    """One tensor of `initialise`, by its canonical name and shape."""
    tensor = np.zeros(shape, np.float32)
    if name.endswith(".bias"):
        return tensor
    scale = np.float32(math.sqrt(6 / math.prod(shape[1:])) / 2**24)
    stream = np.random.PCG64(_stream_seed(name, seed))
    flat = tensor.reshape(-1)
    for first in range(0, flat.size, DRAWN_WORDS):
        part = flat[first : first + DRAWN_WORDS]
        top_bits = (stream.random_raw(part.size) >> np.uint64(40)).astype(np.int32)
        part[:] = 2 * top_bits + (1 - 2**24)
        part *= scale
    return tensor


def initialise_by_normals(net: Network, *, seed: int) -> Weights:
    """The weights of this suite's first generator, by which files of origin `he-normal` are checked.

    He-normal: N(0, 2 / fan-in), and zero biases. numpy's normals call the platform's own `log1p` and
    compare float sums. So another platform may round a few of them differently: with a correctly rounded
    `log1pf` in place of glibc 2.36's, 31 of the 21.6 million weights of `standard` at 64 px do (seed 0).
    """
    weights: Weights = {}
    for name, shape in net.tensors.items():
        if name.endswith(".bias"):
            weights[name] = np.zeros(shape, np.float32)
            continue
        rng = np.random.default_rng(_stream_seed(name, seed))
        deviation = np.float32(np.sqrt(2 / np.prod(shape[1:])))
        weights[name] = rng.standard_normal(shape, np.float32) * deviation
    return weights


def _stream_seed(name: str, seed: int) -> tuple[int, int]:
    return seed, zlib.crc32(name.encode())


DRAWN_ORIGIN = "he-uniform"
"""What records call the origin of `initialise`'s weights."""
GENERATORS: Mapping[str, Callable[..., Weights]] = {
    DRAWN_ORIGIN: initialise,
    "he-normal": initialise_by_normals,
}
"""Origin -> the function that draws such weights for a network and a seed; new runs use the first."""


def check(weights: Weights, net: Network) -> None:
    """Raises WeightsError unless names, shapes and dtypes are those of the network."""
    if wrong := sorted(set(weights) ^ set(net.tensors)):
        raise WeightsError(f"{net.variant} has other tensors than these weights: {', '.join(wrong)}")
    for name, shape in net.tensors.items():
        array = weights[name]
        if array.shape != shape or array.dtype != np.float32:
            raise WeightsError(
                f"{net.variant} at {net.image_size} px with {net.classes} classes wants {name} as"
                f" float32 {shape}, not {array.dtype} {array.shape}"
            )


def check_finite(weights: Weights) -> None:
    """Raises WeightsError if a value of a file's tensors is not finite."""
    for name, array in weights.items():
        with np.errstate(invalid="ignore"):
            total = array.sum(dtype=np.float64)  # it is finite if all are, and takes no array of flags
        if not np.isfinite(total):
            raise WeightsError(
                f"the tensor {name} of these weights has values that are not finite: the file is"
                f" damaged, or training diverged before it was saved"
            )


def fingerprint(weights: Weights) -> str:
    """sha256 (hex) over names, shapes and little-endian bytes, sorted by name."""
    digest = hashlib.sha256()
    for name in sorted(weights):
        digest.update(f"{name} {weights[name].shape} ".encode())
        digest.update(np.ascontiguousarray(weights[name], "<f4").data)
    return digest.hexdigest()


def unchanged(weights: Weights, fingerprints: dict[str, str]) -> list[str]:
    """Names of the tensors whose fingerprint is still the one in `fingerprints` (name -> hex)."""
    return [n for n, array in weights.items() if fingerprint({n: array}) == fingerprints.get(n)]


@dataclass(frozen=True, kw_only=True)
class Conversion:
    """How to convert one canonical tensor to a framework's layout and back."""

    description: str
    to_framework: Callable[[Array], Array]
    to_canonical: Callable[[Array], Array]


AS_IT_IS = "as it is"
"""The description of a layout that is the canonical one."""
CHANNELS_LAST, TRANSPOSED, REORDERED = "OIHW -> HWIO", "transposed", "CHW -> HWC, transposed"
OUTPUTS_FIRST, ONLY_REORDERED = "OIHW -> OHWI", "CHW -> HWC"
LAYOUTS: Mapping[int, tuple[str, ...]] = {
    4: (AS_IT_IS, CHANNELS_LAST, OUTPUTS_FIRST),
    2: (AS_IT_IS, TRANSPOSED, REORDERED, ONLY_REORDERED),
    1: (AS_IT_IS,),
}
"""A tensor's number of dimensions -> the layouts that a framework may make of it.

A framework that keeps a tensor in another one adds it here, or `bench.check` refuses its files.
"""


TILE = 128
"""Rows and columns of a matrix that are transposed at once: 64 kB of float32 fit a core's cache."""


def contiguous(array: Array) -> Array:
    """The array in C order; a copy unless it is so already.

    numpy copies a transposed matrix element by element across its rows: 16.8 million numbers in 109 ms,
    and tile by tile in 18 ms (AMD EPYC, 2026-11-27).
    """
    if array.ndim != 2 or array.flags.c_contiguous:
        return np.ascontiguousarray(array)
    copy: Array = np.empty(array.shape, array.dtype)
    for row in range(0, array.shape[0], TILE):
        for column in range(0, array.shape[1], TILE):
            at = slice(row, row + TILE), slice(column, column + TILE)
            copy[at] = np.array(array[at], order="F")
    return copy


def channels_last(net: Network) -> dict[str, Conversion]:
    """Tensor name -> its conversion to a framework that keeps channels last (TensorFlow).

    Convolutions go OIHW -> HWIO and Dense matrices are transposed. The first Dense after Flatten also
    has its inputs reordered, from channel-row-column to row-column-channel.
    """
    first_dense, chw = net.flattened
    conversions = {}
    for name, shape in net.tensors.items():
        if len(shape) == 4:
            conversions[name] = Conversion(
                description=CHANNELS_LAST,
                to_framework=lambda a: a.transpose(2, 3, 1, 0),
                to_canonical=lambda a: a.transpose(3, 2, 0, 1),
            )
        elif name == f"{first_dense}.weight":
            conversions[name] = _flattened(shape[0], chw)
        elif len(shape) == 2:
            conversions[name] = Conversion(
                description=TRANSPOSED, to_framework=lambda a: a.T, to_canonical=lambda a: a.T
            )
        else:
            conversions[name] = Conversion(
                description=AS_IT_IS, to_framework=lambda a: a, to_canonical=lambda a: a
            )
    return conversions


def _flattened(units: int, chw: tuple[int, ...]) -> Conversion:
    channels, rows, columns = chw
    return Conversion(
        description=REORDERED,
        to_framework=lambda a: a.reshape(units, *chw).transpose(0, 2, 3, 1).reshape(units, -1).T,
        to_canonical=lambda a: (
            contiguous(a.T).reshape(units, rows, columns, channels).transpose(0, 3, 1, 2)
        ).reshape(units, -1),
    )


def channels_last_outputs_first(net: Network) -> dict[str, Conversion]:
    """Tensor name -> its conversion to a framework that keeps channels last and outputs first (MLX).

    Convolutions go OIHW -> OHWI. The first Dense after Flatten has its inputs reordered, from
    channel-row-column to row-column-channel.
    """
    first_dense, (channels, rows, columns) = net.flattened
    conversions = {
        name: Conversion(description=AS_IT_IS, to_framework=lambda a: a, to_canonical=lambda a: a)
        for name in net.tensors
    }
    for name, shape in net.tensors.items():
        if len(shape) == 4:
            conversions[name] = Conversion(
                description=OUTPUTS_FIRST,
                to_framework=lambda a: a.transpose(0, 2, 3, 1),
                to_canonical=lambda a: a.transpose(0, 3, 1, 2),
            )
    conversions[f"{first_dense}.weight"] = Conversion(
        description=ONLY_REORDERED,
        to_framework=lambda a: (
            a.reshape(-1, channels, rows, columns).transpose(0, 2, 3, 1).reshape(len(a), -1)
        ),
        to_canonical=lambda a: (
            a.reshape(-1, rows, columns, channels).transpose(0, 3, 1, 2).reshape(len(a), -1)
        ),
    )
    return conversions


def save(path: Path, weights: Weights, *, metadata: dict[str, str]) -> None:
    """Writes a safetensors file atomically, with `metadata` in its header. Raises WeightsError."""
    contiguous = {name: np.ascontiguousarray(array) for name, array in weights.items()}
    try:
        with durable.replacing(path) as partial:
            safetensors.numpy.save_file(contiguous, partial, metadata=metadata)
    except (OSError, safetensors.SafetensorError) as error:
        raise WeightsError(f"{path} cannot be written: {error}") from error


def load(path: Path, net: Network) -> Weights:
    """Reads a safetensors file and checks it against the network. Raises WeightsError."""
    try:
        weights = safetensors.numpy.load_file(path, backend=READ_BY)
    except FileNotFoundError:
        raise WeightsError(f"there is no weights file {path}") from None
    except (OSError, safetensors.SafetensorError) as error:
        raise WeightsError(f"{path} is not a readable safetensors file: {error}") from error
    check(weights, net)
    check_finite(weights)
    return weights


def metadata(path: Path) -> dict[str, str]:
    """The `metadata` of a file that `save` wrote."""
    with safetensors.safe_open(path, "numpy", backend=READ_BY) as file:
        return dict(file.metadata() or {})


def with_new_head(weights: Weights, net: Network, *, seed: int) -> Weights:
    """The same weights with a new He-uniform last layer for the network's classes, drawn by `seed`."""
    head = {name: drawn(name, net.tensors[name], seed=seed) for name in head_tensors(net)}
    return {name: head.get(name, array) for name, array in weights.items()}


def head_tensors(net: Network) -> set[str]:
    """The names of the last layer's tensors."""
    return {f"{net.head}.weight", f"{net.head}.bias"}
