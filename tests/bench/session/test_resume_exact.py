"""Interrupted after every epoch and gone on with, a run is to the bit what it is uninterrupted."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from alexnet import weights
from alexnet.frameworks.registry import FRAMEWORKS
from bench.ipc.messages import Heartbeat, Record
from bench.records.run import Run
from bench.records.types import Cell, Epoch
from bench.session.cell_history import read_history
from tests.support.narrow import narrow_network
from tests.support.real_worker import ONE_THREAD, carry, cell_of, plan_of
from tests.support.toy_worker import REAL_WIDTH_DIVISOR
from tests.torture import ENDED, LEARNT

pytestmark = pytest.mark.slow

EXACT = [
    sys.executable,
    "-m",
    "tests.support.toy_worker",
]  # the real worker, with a checkpoint after each epoch


class Interrupted(BaseException):
    """Somebody had enough."""


def whole(folder: Path, cell: Cell, epochs: int, carried: Path) -> Run:
    """The run in one process, to its end."""
    run = Run(cell=cell, plan=plan_of(train_images=160, batch_size=32, epochs=epochs))
    return carry(run, folder, weights_file=carried, command=EXACT)


def in_parts(folder: Path, cell: Cell, epochs: int, carried: Path) -> Run:
    """The same with a process for every epoch; each goes on from what is on disk.

    It is interrupted within the epoch after, by its first sign of life.
    """
    run, trained = Run(cell=cell, plan=plan_of(train_images=160, batch_size=32, epochs=epochs)), False

    def on_record(record: Record) -> None:
        nonlocal trained
        trained = trained or isinstance(record, Epoch)
        if trained and isinstance(record, Heartbeat):
            raise Interrupted

    for _ in range(epochs + 1):
        trained = False
        try:
            return carry(run, folder, weights_file=carried, command=EXACT, on_record=on_record)
        except Interrupted:
            run = read_history(folder / f"{cell.id}.jsonl", cell, run.plan).run
    raise AssertionError("it never ended")


@pytest.fixture(scope="module")
def carried(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights that `pretrained` starts from, as if they had been carried over."""
    file = tmp_path_factory.mktemp("weights") / "carried.safetensors"
    net = narrow_network("torchvision", REAL_WIDTH_DIVISOR, classes=1000)
    drawn = weights.initialise(net, seed=3)
    weights.save(file, drawn, about={"origin": "user file", "source_sha256": "0" * 64})
    return file


@pytest.mark.parametrize("framework", FRAMEWORKS)
@pytest.mark.parametrize(("experiment", "epochs"), [("scratch", 2), ("pretrained", 3)])
def test_a_run_interrupted_after_every_epoch_equals_one_never_interrupted(
    *,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    carried: Path,
    framework: str,
    experiment: str,
    epochs: int,
) -> None:
    """Dropout's masks and momentum are in between, and in `pretrained` the change from head to all."""
    for name, value in (ONE_THREAD | {"TOY": "real beat=0"}).items():
        monkeypatch.setenv(name, value)
    cell = cell_of(experiment, framework)
    one = whole(tmp_path / "whole", cell, epochs, carried)
    other = in_parts(tmp_path / "parts", cell, epochs, carried)
    assert one.result, one.failure
    assert other.result, other.failure
    for ours, theirs in zip(one.epochs, other.epochs, strict=True):
        assert [getattr(ours, name) for name in LEARNT] == [getattr(theirs, name) for name in LEARNT]
    for name in ENDED:
        assert getattr(one.result, name) == getattr(other.result, name), name
    assert [each.resumed_after for each in other.interruptions] == list(range(1, epochs))
    assert [epoch.warm_up for epoch in one.epochs] == [True] + [False] * (epochs - 1)
    assert all(epoch.warm_up for epoch in other.epochs), "each had a process of its own"
    assert not list(tmp_path.glob("*/*.safetensors*")), "checkpoints stay behind"
