"""torchvision's ImageNet weights, converted to canonical weights."""

from __future__ import annotations

import hashlib
import os
import re
import ssl
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

import certifi
import numpy as np

from alexnet import weights as canonical
from alexnet.spec import IMAGENET_CLASSES, Network, network
from alexnet.weights import (
    AS_IT_IS,
    Array,
    Conversion,
    Weights,
    WeightsError,
    channels_last,
    check,
    check_finite,
    head_tensors,
    with_new_head,
)

TORCHVISION_SHA256_PREFIX = "7be5be79"
TORCHVISION_FILE = f"alexnet-owt-{TORCHVISION_SHA256_PREFIX}.pth"
"""torch's model hub ends a file's name in the first digits of its sha256."""

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
SOURCES = {
    f"{new}.{part}": f"{old}.{part}"
    for old, new in _TORCHVISION_NAMES.items()
    for part in ("weight", "bias")
}
"""Canonical name -> the tensor's name in torchvision's file."""


@dataclass(frozen=True, kw_only=True)
class CarriedTensor:
    """One tensor: its name in the file, its canonical name, and what was done to it."""

    source: str
    target: str
    shape: tuple[int, ...]
    transformation: str
    in_tensorflow: str


@dataclass(frozen=True, kw_only=True)
class CarryOver:
    """Canonical weights made from torchvision's file, and how each tensor was made."""

    weights: Weights
    tensors: tuple[CarriedTensor, ...]
    sha256: str
    is_official: bool


def load_torchvision(path: Path | None = None, *, classes: int = 10, seed: int = 0) -> CarryOver:
    """Torchvision's ImageNet weights as canonical weights of the `torchvision` variant at 224 px.

    Without a path, torchvision downloads its own file and checks its hash. If a file's name ends in a
    hash, as torchvision's does, its sha256 must match; other names are accepted. `is_official` says
    whether the sha256 is that of torchvision's file. Unless `classes` is 1000, the last layer is
    replaced by a He-uniform one drawn by `seed`. Raises WeightsError for a file that is missing, damaged
    or of another network.
    """
    file = _download() if path is None else path
    sha256 = _check_sha256(file)
    state = _read_state(file)
    if wrong := sorted({*SOURCES.values()} ^ set(state)):
        raise WeightsError(f"{file} is not torchvision's AlexNet: it differs in {', '.join(wrong)}")
    weights = {target: state[source] for target, source in SOURCES.items()}
    check(weights, network("torchvision", classes=IMAGENET_CLASSES))
    check_finite(weights)
    net = network("torchvision", classes=classes)
    carried = sources(net)
    if len(carried) < len(weights):
        weights = with_new_head(weights, net, seed=seed)
    conversions = channels_last(net)
    tensors = tuple(
        CarriedTensor(
            source=carried.get(target, "He-uniform"),
            target=target,
            shape=weights[target].shape,
            transformation=AS_IT_IS if target in carried else "new",
            in_tensorflow=_check_round_trip(conversions[target], weights[target]),
        )
        for target in SOURCES
    )
    is_official = sha256.startswith(TORCHVISION_SHA256_PREFIX)
    return CarryOver(weights=weights, tensors=tensors, sha256=sha256, is_official=is_official)


def sources(net: Network) -> dict[str, str]:
    """Canonical name -> name in torchvision's file, of each tensor that comes from there.

    The last layer's do only if the network has ImageNet's classes.
    """
    new = set() if net.classes == IMAGENET_CLASSES else head_tensors(net)
    return {target: source for target, source in SOURCES.items() if target not in new}


def _check_round_trip(conversion: Conversion, array: Array) -> str:
    """The conversion's description. Raises WeightsError if the way back does not restore the array."""
    if not np.array_equal(conversion.to_canonical(conversion.to_framework(array)), array):
        raise WeightsError(f"the way to TensorFlow and back changes a tensor: {conversion.description}")
    return conversion.description


def _download() -> Path:
    """The file of torchvision in torch's cache, downloaded if it is missing, and again if it is damaged.

    torch itself never looks at the hash of a file that is in its cache.
    """
    trust_certifi_where_nothing_is_trusted()
    from alexnet.connection import download_failure
    from alexnet.frameworks.torch.torchvision_file import cached_file, download_torchvision

    file = cached_file()
    try:
        _check_sha256(file)
    except WeightsError as error:
        damage = f"{error}; " if os.path.lexists(file) else ""
    else:
        return file
    try:
        return download_torchvision(file)
    except (OSError, RuntimeError, HTTPException) as error:
        failure = download_failure(error)
        remedy = f"{failure.remedy}; or " if failure.remedy else ""
        raise WeightsError(
            f"{damage}torchvision could not fetch {TORCHVISION_FILE} ({failure.reason}); {remedy}"
            f"download it elsewhere and name it with --weights PATH"
        ) from error


def trust_certifi_where_nothing_is_trusted() -> None:
    """Lets this process trust certifi's certificates where OpenSSL has no file of its own.

    torch.hub downloads with Python's urllib, which asks OpenSSL. python.org's Python for macOS has no
    such file until its "Install Certificates.command" is run, and until then every https address fails.
    What the user names in SSL_CERT_FILE or SSL_CERT_DIR, and a file that the system has, stay in use.
    """
    if ssl.get_default_verify_paths().cafile is None and "SSL_CERT_DIR" not in os.environ:
        os.environ.setdefault("SSL_CERT_FILE", certifi.where())


def _read_state(file: Path) -> Weights:
    from alexnet.frameworks.torch.torchvision_file import read_state

    try:
        return read_state(file)
    except Exception as error:  # torch raises many types, depending on the bytes
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise WeightsError(f"{file} cannot be read as a file of tensors: {reason}") from error


def _check_sha256(file: Path) -> str:
    """The file's sha256 (hex). Raises WeightsError if it cannot be read, or its name has another."""
    try:
        if not file.is_file():
            raise WeightsError(f"there is no weights file {file}")
        with file.open("rb") as stream:
            sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise WeightsError(f"{file} cannot be read ({error.strerror or error})") from error
    expected = re.search(r"-([0-9a-f]{8,})\.", file.name)
    if expected and not sha256.startswith(expected[1]):
        raise WeightsError(
            f"{file} should have a sha256 that begins with {expected[1]} and has {sha256[:8]}:"
            f" it is cut short or another file; delete it and download it again"
        )
    return sha256


def metadata(carry_over: CarryOver) -> dict[str, str]:
    """The `metadata` that `weights.save` writes with carried-over weights."""
    return {
        "origin": "torchvision" if carry_over.is_official else "user file",
        "source_sha256": carry_over.sha256,
        "weights_sha256": canonical.fingerprint(carry_over.weights),
    }


def check_carried_over(file: Path) -> None:
    """Raises WeightsError unless a file of ImageNet's 1000 classes holds the weights that were saved.

    Its format has no checksum: a byte that has changed would be trained on as torchvision's.
    """
    weights = canonical.load(file, network("torchvision", classes=IMAGENET_CLASSES))
    saved = canonical.metadata(file).get("weights_sha256")
    if saved is None:
        raise WeightsError(f"{file} is of an earlier version, without a hash to check it by")
    if saved != canonical.fingerprint(weights):
        raise WeightsError(f"{file} does not hold the weights that were written to it")
