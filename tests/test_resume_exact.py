"""Interrupted after every epoch and gone on with, a run is to the bit what it is uninterrupted."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from alexnet import Framework, weights
from alexnet.spec import network
from bench.history import recall
from bench.records import Cell, Epoch, Plan
from bench.run import Carrier, Run
from bench.wire import Beat, Job, Record
from tests.samples import PLAN
from tests.torture import ENDED, LEARNT

EXACT = [sys.executable, "-m", "tests.toy_worker"]  # the real worker, with a checkpoint after each epoch


class Interrupted(BaseException):
    """Somebody had enough."""


def plan(epochs: int) -> Plan:
    return replace(PLAN, epochs=epochs, train_images=640, test_images=500)


def job(folder: Path, cell: Cell, epochs: int) -> Job:
    """Of a cell on the stand-in, with weights carried over from nowhere where it needs some."""
    carried = folder.parent / "carried.safetensors"
    if cell.experiment == "pretrained" and not carried.exists():
        drawn = weights.initialise(network("torchvision", classes=1000), seed=3)
        weights.save(carried, drawn, about={"origin": "user file", "source_sha256": "0" * 64})
    return Job(
        cell=cell,
        plan=plan(epochs),
        data_folder=None,
        weights_file=str(carried),
        scratch_folder=str(folder),
        idle_watts=None,
        roofline=None,
        known=None,
    )


def carry(folder: Path, cell: Cell, epochs: int, *, interrupt_each: bool) -> Run:
    """To the end, in one process or in one for every epoch; each goes on from what is on disk.

    It is interrupted within the epoch after, by its first sign of life.
    """

    run, trained = Run(cell=cell, plan=plan(epochs)), False

    def on_record(record: Record) -> None:
        nonlocal trained
        trained = trained or isinstance(record, Epoch)
        if interrupt_each and trained and isinstance(record, Beat):
            raise Interrupted

    for _ in range(epochs + 1):
        trained = False
        try:
            Carrier(
                run=run,
                job=job(folder, cell, epochs),
                folder=folder,
                expected_epoch_seconds=60.0,
                on_record=on_record,
                command=EXACT,
            ).carry()
            return run
        except Interrupted:
            run = recall(folder / f"{cell.id}.jsonl", cell, plan(epochs)).run
    raise AssertionError("it never ended")


@pytest.mark.parametrize("framework", ["torch", "tensorflow"])
@pytest.mark.parametrize(("experiment", "epochs"), [("scratch", 3), ("pretrained", 2)])
def test_a_run_interrupted_after_every_epoch_equals_one_never_interrupted(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    framework: Framework,
    experiment: str,
    epochs: int,
) -> None:
    """Dropout's masks, momentum and, in `pretrained`, the change from head to all are in between."""
    monkeypatch.setenv("TOY", "real")
    cell = Cell(experiment=experiment, framework=framework, device="cpu", seed=0)
    whole = carry(tmp_path / "whole", cell, epochs, interrupt_each=False)
    parts = carry(tmp_path / "parts", cell, epochs, interrupt_each=True)
    assert whole.result, whole.failure
    assert parts.result, parts.failure
    for one, other in zip(whole.epochs, parts.epochs, strict=True):
        assert [getattr(one, name) for name in LEARNT] == [getattr(other, name) for name in LEARNT]
    for name in ENDED:
        assert getattr(whole.result, name) == getattr(parts.result, name), name
    assert [each.resumed_after for each in parts.interruptions] == list(range(1, epochs))
    assert [epoch.warm_up for epoch in whole.epochs] == [True] + [False] * (epochs - 1)
    assert all(epoch.warm_up for epoch in parts.epochs), "each had a process of its own"
    assert not list(tmp_path.glob("*/*.safetensors*")), "checkpoints stay behind"
