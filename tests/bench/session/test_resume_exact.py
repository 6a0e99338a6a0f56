"""A run interrupted after every epoch and resumed equals an uninterrupted run to the bit."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from pathlib import Path

import pytest

from alexnet import weights
from bench.ipc import parent
from bench.ipc.messages import Heartbeat, Record
from bench.records.run import SessionRun
from bench.records.types import Cell, Epoch
from bench.session.cell_history import read_history
from tests.support.engines import engines
from tests.support.narrow import narrow_network
from tests.support.real_worker import (
    ONE_THREAD,
    compile_caches,
    cpu_cell,
    run_to_end,
    small_plan,
)
from tests.support.toy_worker import REAL_WIDTH_DIVISOR
from tests.torture import EPOCH_FIELDS, RESULT_FIELDS

pytestmark = pytest.mark.slow

EXACT = [
    sys.executable,
    "-m",
    "tests.support.toy_worker",
]  # the real worker, with a checkpoint after each epoch


class Interrupt(BaseException):
    """Stops a run, as a signal would."""


def run_uninterrupted(folder: Path, cell: Cell, epochs: int, pretrained_weights: Path) -> SessionRun:
    """Runs all epochs in one process."""
    run = SessionRun.of_cell(cell, small_plan(train_images=160, batch_size=32, epochs=epochs))
    return run_to_end(run, folder, weights_file=pretrained_weights, command=EXACT)


def run_with_interruptions(
    folder: Path, cell: Cell, epochs: int, pretrained_weights: Path
) -> SessionRun:
    """Runs each epoch in its own process, which resumes from what is on disk.

    The interrupt comes with the first heartbeat of the epoch after it. After the last there is none: a
    heartbeat of the test images would cut the run off once more.
    """
    run = SessionRun.of_cell(cell, small_plan(train_images=160, batch_size=32, epochs=epochs))
    trained = False

    def on_record(record: Record) -> None:
        nonlocal trained
        trained = trained or isinstance(record, Epoch)
        if trained and isinstance(record, Heartbeat) and len(run.epochs) < epochs:
            raise Interrupt

    for _ in range(epochs + 1):
        trained = False
        try:
            return run_to_end(
                run, folder, weights_file=pretrained_weights, command=EXACT, on_record=on_record
            )
        except Interrupt:
            run = read_history(folder / f"{cell.id}.jsonl", cell, run.plan).run
    raise AssertionError("the run never ended")


@pytest.fixture(scope="module")
def pretrained_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of random weights for `pretrained`, in the format of converted ImageNet weights."""
    file = tmp_path_factory.mktemp("weights") / "pretrained_weights.safetensors"
    net = narrow_network("torchvision", REAL_WIDTH_DIVISOR, classes=1000)
    drawn = weights.initialise(net, seed=3)
    weights.save(file, drawn, metadata={"origin": "user file", "source_sha256": "0" * 64})
    return file


@pytest.mark.parametrize("engine", engines())
@pytest.mark.parametrize(("experiment", "epochs"), [("scratch", 2), ("pretrained", 3)])
def test_a_run_interrupted_after_every_epoch_equals_one_never_interrupted(
    *,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    pretrained_weights: Path,
    engine: str,
    experiment: str,
    epochs: int,
) -> None:
    """Covers dropout's masks, momentum, and in `pretrained` the change from the head to all layers.

    What one process has compiled serves the next: each would else take MLX 15 seconds.
    """
    for name, value in (ONE_THREAD | {"TOY": "real beat=0"}).items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(parent, "child_folder", lambda engine: nullcontext(compile_caches()))
    cell = cpu_cell(experiment, engine)
    uninterrupted = run_uninterrupted(tmp_path / "whole", cell, epochs, pretrained_weights)
    interrupted = run_with_interruptions(tmp_path / "parts", cell, epochs, pretrained_weights)
    assert uninterrupted.result, uninterrupted.failure
    assert interrupted.result, interrupted.failure
    for ours, theirs in zip(uninterrupted.epochs, interrupted.epochs, strict=True):
        assert [getattr(ours, name) for name in EPOCH_FIELDS] == [
            getattr(theirs, name) for name in EPOCH_FIELDS
        ]
    for name in RESULT_FIELDS:
        assert getattr(uninterrupted.result, name) == getattr(interrupted.result, name), name
    assert [interruption.resumed_after for interruption in interrupted.interruptions] == list(
        range(1, epochs)
    )
    assert [epoch.warm_up for epoch in uninterrupted.epochs] == [True] + [False] * (epochs - 1)
    assert all(epoch.warm_up for epoch in interrupted.epochs), "each epoch had its own process"
    assert not list(tmp_path.glob("*/*.safetensors*")), "checkpoints are removed"
