"""What every engine is held against: the reference's outputs for a cell's first batch.

All gates of an experiment and a seed share them, through a file in the session's folder.
"""

from __future__ import annotations

import gc
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
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
from bench.gate.outputs import Array, Batch, Outputs, collect
from bench.gate.tolerances import Errors, errors


@dataclass(frozen=True, kw_only=True)
class ReferenceOutputs:
    """The outputs in float64, and the errors of the same computation in float32.

    The fingerprints are those of the first weights and of the batch.
    """

    exact: Outputs
    float32: Errors
    weights_sha256: str
    batch_sha256: str


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
    heartbeat: Callable[[], None] = lambda: None,
) -> ReferenceOutputs:
    """Trains the reference three steps, in float64 and in float32, one network at a time."""

    def outputs(dtype: str) -> Outputs:
        reference = Reference(net, first, recipe, dtype=dtype)
        return collect(_ReferenceTrainer(reference, batch), first, batch, heartbeat)

    exact = outputs("float64")
    gc.collect()
    return ReferenceOutputs(
        exact=exact,
        float32=errors(outputs("float32"), exact),
        weights_sha256=canonical.fingerprint(first),
        batch_sha256=batch.fingerprint(),
    )


def save(file: Path, outputs: ReferenceOutputs) -> None:
    """Writes the outputs, whole or not at all. Raises OSError."""
    exact = outputs.exact
    arrays = {name: getattr(exact, name) for name in ("logits", "later_logits", "losses")}
    for part in ("layers", "gradient", "displacement"):
        arrays |= {f"{part}/{name}": array for name, array in getattr(exact, part).items()}
    rest = {
        "update_error": exact.update_error,
        "float32": asdict(outputs.float32),
        "weights_sha256": outputs.weights_sha256,
        "batch_sha256": outputs.batch_sha256,
    }
    with durable.replacing(file) as partial, partial.open("wb") as stream:
        named: dict[str, Any] = {**arrays, "rest": np.array(json.dumps(rest))}
        np.savez(stream, **named)


def load(file: Path) -> ReferenceOutputs:
    """The outputs that `save` wrote. Raises what numpy and zipfile raise for any other file."""
    with file.open("rb") as stream, np.load(stream) as saved:
        rest = json.loads(str(saved["rest"]))
        exact = Outputs(
            layers=_part(saved, "layers"),
            logits=saved["logits"],
            later_logits=saved["later_logits"],
            losses=saved["losses"],
            gradient=_part(saved, "gradient"),
            displacement=_part(saved, "displacement"),
            update_error=rest["update_error"],
        )
    return ReferenceOutputs(
        exact=exact,
        float32=Errors(**rest["float32"]),
        weights_sha256=rest["weights_sha256"],
        batch_sha256=rest["batch_sha256"],
    )


def shared_outputs(file: Path, compute: Callable[[], ReferenceOutputs]) -> ReferenceOutputs:
    """The outputs in the file, or those that are computed now and left there for the next gate."""
    with suppress(OSError, ValueError, KeyError, EOFError, BadZipFile):
        return load(file)
    outputs = compute()
    with suppress(OSError):  # the next gate computes them once more
        save(file, outputs)
    return outputs


def _part(saved: Mapping[str, Array], part: str) -> dict[str, Array]:
    start = f"{part}/"
    return {name.removeprefix(start): saved[name] for name in saved if name.startswith(start)}
