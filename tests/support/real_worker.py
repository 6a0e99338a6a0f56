"""Real frameworks in processes of their own: one cell without a session or gate, or one module."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from bench.ipc.messages import Job, Record
from bench.ipc.parent import WORKER_COMMAND
from bench.paths import ROOT
from bench.records.run import Run
from bench.records.types import Cell, Plan
from bench.session.cell_runner import CellRunner
from tests.support.samples import PLAN

ONE_THREAD = {"OMP_NUM_THREADS": "1", "TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}
"""The variables of a framework's process beside others. Threads that spin while they wait for one
another took 69 s of processor time for torch's gates, one thread 8 s (AMD EPYC, 2 cores, load 4)."""
EPOCH_SECONDS = 60.0
"""What an epoch is expected to take: three of them may pass in silence, on a busy machine too."""


def said_by(module: str, *arguments: str) -> str:
    """What a module prints in a process of its own, with one thread, where it ends without an error."""
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **ONE_THREAD},
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def plan_of(*, train_images: int, batch_size: int, epochs: int) -> Plan:
    """A few images at 64 px, the stand-in's unless another data set is put in."""
    return replace(PLAN, train_images=train_images, batch_size=batch_size, epochs=epochs)


def carry(
    run: Run,
    folder: Path,
    *,
    data_folder: Path | None = None,
    weights_file: Path | None = None,
    command: Sequence[str] = WORKER_COMMAND,
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
    CellRunner(
        run=run,
        job=job,
        folder=folder,
        expected_epoch_seconds=EPOCH_SECONDS,
        on_record=on_record,
        command=command,
    ).run_to_end()
    return run


def cell_of(experiment: str, framework: str) -> Cell:
    """A cell on the CPU."""
    return Cell(experiment=experiment, framework=framework, device="cpu", seed=0)  # type: ignore[arg-type]
