"""What every engine is held against: the reference's outputs for a cell's first batch.

All gates of an experiment and a seed share them, through a folder in the session's folder. The tensors
are written as they are computed and read one at a time: those of `mistaken` at 224 px are 1.6 GB.
"""

from __future__ import annotations

import gc
import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from alexnet import durable
from alexnet import weights as canonical
from alexnet.data import Images, Labels
from alexnet.recipe import Recipe
from alexnet.reference import Reference
from alexnet.spec import Network
from bench.gate.outputs import Array, Batch, Outputs, Store, Tensors, collect, in_memory
from bench.gate.tolerances import Errors, errors
from bench.ipc.cell_files import partial_reference

ARRAYS, REST, ROUNDED = "outputs.npz", "rest.json", "rounded to {bits} bits.json"
"""The files of a folder, besides a folder of tensors for the gradient and one for the displacement."""


class NotSaved(Exception):
    """The outputs cannot be written, as on a full disk."""


@dataclass(frozen=True, kw_only=True)
class ReferenceOutputs:
    """The outputs in float64, and the errors of the same computation in float32.

    The fingerprints are those of the first weights and of the batch.
    """

    exact: Outputs
    float32: Errors
    weights_sha256: str
    batch_sha256: str


class SavedTensors(Mapping[str, Array]):
    """Tensors in a folder, each in a file of its own, which is mapped into memory when it is asked for.

    Where the folder's file system cannot map files, it is read. Raises OSError or ValueError if one of
    the files is missing or too short.
    """

    def __init__(self, folder: Path, names: tuple[str, ...]) -> None:
        self._folder, self._names = folder, names
        for name in names:
            self[name]

    def __getitem__(self, name: str) -> Array:
        if name not in self._names:
            raise KeyError(name)
        npy: Any = np.lib.format
        file = _tensor_file(self._folder, name)
        try:
            tensor: Array = npy.open_memmap(file, mode="r")
        except OSError:  # some network and shared folders cannot be mapped into memory
            tensor = np.load(file)
        return tensor

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


class _ReferenceTrainer:
    """The reference as `collect` trains it: on the different images of the batch, each once."""

    def __init__(self, reference: Reference, batch: Batch) -> None:
        self._reference, self._batch = reference, batch
        self._loss = 0.0

    def activations(self, images: Images) -> dict[str, Array]:
        return self._reference.activations(images)

    def logits(self, images: Images) -> Array:
        once = self._reference.logits(images[: self._batch.different])
        return np.tile(once, (len(images) // len(once), 1))

    def to_device(self, images: Images, labels: Labels) -> tuple[Images, Labels]:
        return images[: self._batch.different], labels[: self._batch.different]

    def step(self, batch: tuple[Images, Labels], learning_rate: float) -> None:
        self._loss, _ = self._reference.step(*batch, learning_rate)

    def pop_metrics(self) -> tuple[float, float]:
        return self._loss, 0.0

    def weights(self) -> dict[str, Array]:
        return self._reference.weights

    def momentum(self) -> dict[str, Array]:
        return self._reference.velocity


def compute_outputs(
    net: Network,
    first: canonical.Weights,
    recipe: Recipe,
    batch: Batch,
    *,
    heartbeat: Callable[[], None] = lambda: None,
    store: Store = in_memory,
) -> ReferenceOutputs:
    """Trains the reference three steps, in float64 and in float32, one network at a time.

    `heartbeat` is called after each layer and each tensor; `store` keeps the tensors of float64.
    """
    reference = Reference(net, first, recipe, progress=heartbeat)
    exact = collect(_ReferenceTrainer(reference, batch), first, batch, _with_heartbeat(store, heartbeat))
    del reference
    gc.collect()
    return ReferenceOutputs(
        exact=exact,
        float32=errors_when_rounded(net, first, recipe, batch, exact, heartbeat=heartbeat),
        weights_sha256=canonical.fingerprint(first),
        batch_sha256=batch.fingerprint(),
    )


def errors_when_rounded(
    net: Network,
    first: canonical.Weights,
    recipe: Recipe,
    batch: Batch,
    exact: Outputs,
    *,
    operand_bits: int | None = None,
    heartbeat: Callable[[], None] = lambda: None,
) -> Errors:
    """The errors of the reference in float32, with the operands of its products rounded if asked to."""
    reference = Reference(
        net, first, recipe, dtype="float32", operand_bits=operand_bits, progress=heartbeat
    )
    trainer = _ReferenceTrainer(reference, batch)
    outputs = collect(trainer, first, batch, _with_heartbeat(in_memory, heartbeat))
    return errors(outputs, exact, heartbeat)


def _with_heartbeat(store: Store, heartbeat: Callable[[], None]) -> Store:
    """The store, calling `heartbeat` after each tensor."""

    def each(tensors: Tensors) -> Tensors:
        for name, array in tensors:
            yield name, array
            heartbeat()

    return lambda part, tensors: store(part, each(tensors))


def shared_errors(folder: Path, operand_bits: int, compute: Callable[[], Errors]) -> Errors:
    """The errors of a rounded reference that lie in the folder, or those that are computed now.

    They are left there for the next gate, if the folder is there and can be written.
    """
    file = folder / ROUNDED.format(bits=operand_bits)
    with suppress(OSError, ValueError, TypeError):
        return Errors(**json.loads(file.read_text()))
    found = compute()
    partial = file.with_suffix(".partial")
    with suppress(OSError):
        partial.write_text(json.dumps(asdict(found)))
        partial.rename(file)
    return found


def shared_outputs(folder: Path, compute: Callable[[Store], ReferenceOutputs]) -> ReferenceOutputs:
    """The outputs in the folder, or those that are computed now and left there for the next gate.

    `compute` is given what is to keep the tensors. If they cannot be written, it is called once more and
    keeps them in memory, and the next gate computes its own.
    """
    with suppress(OSError, ValueError, KeyError, EOFError, BadZipFile):
        return load(folder)
    partial = partial_reference(folder)
    try:
        _remove(partial)
        outputs = compute(lambda part, tensors: _saved(partial / part, tensors))
        _save(partial, outputs)
        _move(partial, folder)
    except NotSaved:
        _remove(partial)  # it may be what has filled the disk
        return compute(in_memory)
    return load(folder)


def load(folder: Path) -> ReferenceOutputs:
    """The outputs that a gate has left. Raises what numpy, json and zipfile raise for anything else."""
    rest = json.loads((folder / REST).read_text())
    with (folder / ARRAYS).open("rb") as stream, np.load(stream) as saved:
        exact = Outputs(
            layers={name: saved[f"layers/{name}"] for name in rest["layers"]},
            logits=saved["logits"],
            later_logits=saved["later_logits"],
            losses=saved["losses"],
            gradient=SavedTensors(folder / "gradient", tuple(rest["gradient"])),
            displacement=SavedTensors(folder / "displacement", tuple(rest["displacement"])),
            update_error=rest["update_error"],
        )
    return ReferenceOutputs(
        exact=exact,
        float32=Errors(**rest["float32"]),
        weights_sha256=rest["weights_sha256"],
        batch_sha256=rest["batch_sha256"],
    )


def _saved(folder: Path, tensors: Tensors) -> SavedTensors:
    """Writes each tensor in float32 as it comes. Raises NotSaved."""
    names = []
    for name, array in tensors:
        with _writing():
            folder.mkdir(parents=True, exist_ok=True)
            with _tensor_file(folder, name).open("wb") as stream:
                np.save(stream, np.asarray(array, np.float32))
                durable.sync(stream.fileno())  # or the disk would write it later, while a check is timed
        names.append(name)
    return SavedTensors(folder, tuple(names))


def _save(folder: Path, outputs: ReferenceOutputs) -> None:
    """Writes all but the tensors. Raises NotSaved."""
    exact = outputs.exact
    arrays: dict[str, Any] = {
        name: getattr(exact, name) for name in ("logits", "later_logits", "losses")
    }
    arrays |= {f"layers/{name}": array for name, array in exact.layers.items()}
    rest = {
        **{part: list(getattr(exact, part)) for part in ("layers", "gradient", "displacement")},
        "update_error": exact.update_error,
        "float32": asdict(outputs.float32),
        "weights_sha256": outputs.weights_sha256,
        "batch_sha256": outputs.batch_sha256,
    }
    with _writing():
        with (folder / ARRAYS).open("wb") as stream:
            np.savez(stream, **arrays)
        (folder / REST).write_text(json.dumps(rest))


def _move(partial: Path, folder: Path) -> None:
    """Gives the folder its name, in the place of a damaged one. Raises NotSaved."""
    _remove(folder)
    with _writing():
        partial.rename(folder)


def _tensor_file(folder: Path, name: str) -> Path:
    return folder / f"{name}.npy"


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _writing() -> Iterator[None]:
    """Turns the disk's errors into NotSaved, and leaves those of the parent's pipe alone."""
    try:
        yield
    except OSError as error:
        raise NotSaved from error
