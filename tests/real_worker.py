"""One cell carried out by a real worker without a session around it, and so without a gate."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from bench.process import WORKER
from bench.records import Cell, Plan
from bench.run import Carrier, Run
from bench.wire import Job, Record
from tests.samples import PLAN

ONE_THREAD = {"OMP_NUM_THREADS": "1", "TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}
"""The variables of a framework's process beside others. Threads that spin while they wait for one
another took 69 s of processor time for torch's gates, one thread 8 s (AMD EPYC, 2 cores, load 4)."""
EPOCH_SECONDS = 60.0
"""What an epoch is expected to take: three of them may pass in silence, on a busy machine too."""


def plan_of(*, train_images: int, batch_size: int, epochs: int) -> Plan:
    """A few images at 64 px, the stand-in's unless another data set is put in."""
    return replace(PLAN, train_images=train_images, batch_size=batch_size, epochs=epochs)


def carry(
    run: Run,
    folder: Path,
    *,
    data_folder: Path | None = None,
    weights_file: Path | None = None,
    command: Sequence[str] = WORKER,
    on_record: Callable[[Record], None] = lambda record: None,
) -> Run:
    """The run after it was carried to its end, or to where `on_record` ended it by an exception."""
    job = Job(
        cell=run.cell,
        plan=run.plan,
        data_folder=str(data_folder) if data_folder else None,
        weights_file=str(weights_file) if weights_file else None,
        scratch_folder=str(folder),
        idle_watts=None,
        roofline=None,
        known=None,
    )
    Carrier(
        run=run,
        job=job,
        folder=folder,
        expected_epoch_seconds=EPOCH_SECONDS,
        on_record=on_record,
        command=command,
    ).carry()
    return run


def cell_of(experiment: str, framework: str) -> Cell:
    """A cell on the CPU."""
    return Cell(experiment=experiment, framework=framework, device="cpu", seed=0)  # type: ignore[arg-type]
