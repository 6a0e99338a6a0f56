"""Checkpoints: everything that the next step of an interrupted run depends on.

A checkpoint is `CELL.checkpoint.safetensors` and the best weights that it names. Its header is JSON.
Only the run that wrote it may load it, and only if its hash is right and the journal has its epochs.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy
from msgspec import to_builtins

from alexnet import weights as canonical
from alexnet.frameworks.protocol import RandomState, Trainer
from alexnet.spec import Network
from alexnet.weights import Weights
from bench.ipc.messages import Job
from bench.records.codec import RecordError, parse
from bench.records.early_stopping import EarlyStopping
from bench.records.types import Epoch, Start

MAX_CHECKPOINT_SHARE = 0.02
"""The most that a checkpoint may cost, as a share of the training since the last one."""
HEADER = "alexnet-bench checkpoint"


class UnusableCheckpoint(Exception):
    """A checkpoint that a run cannot resume from, and why."""


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """The state of a run after `epoch`. `seconds` is how long the run had taken until then."""

    epoch: int
    best_epoch: int | None
    best_loss: float
    seconds: float
    weights: Weights
    momentum: Weights
    random_state: RandomState


@dataclass(kw_only=True)
class Checkpoints:
    """The files of one cell: the best weights and at most one checkpoint."""

    job: Job
    net: Network
    start: Start
    _checkpoint_seconds: float = math.inf
    _trained_seconds: float = 0.0
    _checkpoint_best_epoch: int | None = None
    """The best epoch that the checkpoint on disk names."""

    @property
    def file(self) -> Path:
        return Path(self.job.session_folder) / f"{self.job.cell.id}.checkpoint.safetensors"

    def best_file(self, epoch: int) -> Path:
        return Path(self.job.session_folder) / f"{self.job.cell.id}.best-{epoch:04}.safetensors"

    def save_best(self, trainer: Trainer, epoch: int) -> float:
        """Saves the weights as the best so far; returns the seconds it took. Raises WeightsError."""
        began = perf_counter()
        weights = trainer.weights()
        canonical.save(self.best_file(epoch), weights, metadata=_metadata(weights, {"epoch": epoch}))
        self._remove_unneeded(epoch)
        seconds = perf_counter() - began
        if self._checkpoint_seconds == math.inf:  # an estimate: a checkpoint has three times the bytes
            self._checkpoint_seconds = 3 * seconds
        return seconds

    def is_due(self, train_seconds: float) -> bool:
        """Whether a checkpoint is due after an epoch of `train_seconds`, by what the last one took."""
        self._trained_seconds += train_seconds
        return self._checkpoint_seconds <= MAX_CHECKPOINT_SHARE * self._trained_seconds

    def save(
        self, trainer: Trainer, epochs: Sequence[Epoch], stopping: EarlyStopping, *, seconds: float
    ) -> float:
        """Writes the checkpoint after the last of `epochs`; returns the seconds that this took.

        Raises WeightsError if it cannot be written. The previous checkpoint then remains.
        """
        began = perf_counter()
        arrays: dict[str, Any] = _with_prefix("weights", trainer.weights())
        arrays |= _with_prefix("momentum", trainer.momentum())
        arrays |= _with_prefix("random", trainer.random_state())
        header = {
            **self._identity(),
            "epoch": epochs[-1].epoch,
            "best_epoch": stopping.best_epoch,
            "best_loss": stopping.best_loss if stopping.best_epoch else None,
            "seconds": seconds,
            "history_sha256": _history_sha256(epochs),
        }
        canonical.save(self.file, arrays, metadata=_metadata(arrays, header))
        self._checkpoint_best_epoch = stopping.best_epoch
        self._remove_unneeded(stopping.best_epoch)
        self._checkpoint_seconds, self._trained_seconds = perf_counter() - began, 0.0
        return self._checkpoint_seconds

    def _identity(self) -> dict[str, Any]:
        """What a checkpoint must have in common with the run that resumes from it."""
        return {
            "cell": to_builtins(self.job.cell),
            "plan": to_builtins(self.job.plan),
            "data_sha256": self.start.data_sha256,
            "first_weights_sha256": self.start.weights_sha256,
        }

    def load(self, saved_epochs: Sequence[Epoch]) -> Checkpoint:
        """The checkpoint of a run whose journal has the `saved_epochs`. Raises UnusableCheckpoint."""
        if not self.file.exists():
            raise UnusableCheckpoint("no checkpoint had been taken yet")
        began = perf_counter()
        arrays, header = _read(self.file)
        for name, value in self._identity().items():
            if header.get(name) != value:
                raise UnusableCheckpoint(f"the checkpoint is of another {name.replace('_', ' ')}")
        epoch = header["epoch"]
        if epoch > len(saved_epochs) or header["history_sha256"] != _history_sha256(
            saved_epochs[:epoch]
        ):
            raise UnusableCheckpoint(
                f"the checkpoint is of epoch {epoch}, and the epochs on disk are of another run"
            )
        best_epoch = header["best_epoch"]
        if best_epoch is not None:
            self.load_best(best_epoch)
        self._checkpoint_best_epoch = best_epoch
        self._checkpoint_seconds = perf_counter() - began  # writing the next one takes about as long
        return Checkpoint(
            epoch=epoch,
            best_epoch=best_epoch,
            best_loss=math.inf if best_epoch is None else header["best_loss"],
            seconds=header["seconds"],
            weights=_without_prefix("weights", arrays),
            momentum=_without_prefix("momentum", arrays),
            random_state=_without_prefix("random", arrays),
        )

    def load_best(self, epoch: int) -> Weights:
        """The best weights, saved after `epoch`. Raises UnusableCheckpoint."""
        weights, header = _read(self.best_file(epoch))
        if header.get("epoch") != epoch:
            raise UnusableCheckpoint(f"{self.best_file(epoch).name} is of epoch {header.get('epoch')}")
        return weights

    def _remove_unneeded(self, best: int | None) -> None:
        """Removes best weights that neither the run nor its checkpoint needs."""
        needed = {self.best_file(epoch) for epoch in (best, self._checkpoint_best_epoch) if epoch}
        for file in self.file.parent.glob(f"{self.job.cell.id}.best-*"):
            if file not in needed:
                file.unlink(missing_ok=True)


def _with_prefix(prefix: str, arrays: dict[str, Any]) -> dict[str, Any]:
    return {f"{prefix}/{name}": array for name, array in arrays.items()}


def _without_prefix(prefix: str, arrays: dict[str, Any]) -> dict[str, Any]:
    start = f"{prefix}/"
    return {name[len(start) :]: array for name, array in arrays.items() if name.startswith(start)}


def _history_sha256(epochs: Sequence[Epoch]) -> str:
    """sha256 (hex) over the epochs' losses and accuracy, which may differ if a GPU repeats an epoch."""
    scores = [(e.epoch, e.train_loss, e.validation_loss, e.validation_accuracy) for e in epochs]
    return hashlib.sha256(json.dumps(scores).encode()).hexdigest()


def _metadata(arrays: dict[str, Any], header: dict[str, Any]) -> dict[str, str]:
    text = json.dumps(header, allow_nan=False)
    return {HEADER: text, "sha256": _sha256(arrays, text)}


def _sha256(arrays: dict[str, Any], text: str) -> str:
    digest = hashlib.sha256(text.encode())
    for name in sorted(arrays):
        digest.update(f"{name} {arrays[name].dtype} {arrays[name].shape} ".encode())
        digest.update(np.ascontiguousarray(arrays[name]).data)
    return digest.hexdigest()


def _read(file: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """(arrays, header) of a file whose hash is right. Raises UnusableCheckpoint for any other."""
    try:
        arrays = safetensors.numpy.load_file(file, backend=canonical.READ_BY)
        metadata = canonical.metadata(file)
    except (OSError, ValueError, safetensors.SafetensorError) as error:
        raise UnusableCheckpoint(f"{file.name} cannot be read: {error}") from error
    text = metadata.get(HEADER, "")
    if metadata.get("sha256") != _sha256(arrays, text):
        raise UnusableCheckpoint(f"{file.name} is damaged: its content has another hash")
    try:
        return arrays, parse(text)
    except RecordError as error:
        raise UnusableCheckpoint(f"{file.name} has another header: {error}") from error
