"""Runs a real framework in its own process: one cell without session and gate, or one module."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from msgspec.structs import replace

from alexnet.frameworks.registry import FRAMEWORKS
from bench.ipc.messages import Job, Record
from bench.paths import ROOT
from bench.records.run import SessionRun
from bench.records.types import Cell, Plan
from bench.session.cell_runner import CellRunner
from tests.support.brief_worker import BRIEF_COMMAND
from tests.support.samples import PLAN

ONE_THREAD = {"OMP_NUM_THREADS": "1", "TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}
"""Environment of a framework's process on a busy machine. Threads that spin while they wait for one
another took 69 s of processor time for torch's gates, one thread 8 s (AMD EPYC, 2 cores, load 4)."""
EPOCH_SECONDS = 60.0
"""The expected seconds of an epoch. The timeout is three epochs, which suffices on a busy machine."""


def compile_caches() -> dict[str, str]:
    """Environment in which the frameworks keep what they compile in a folder of this process.

    So its children share it and compile once, for which MLX takes 15 seconds on a CPU. Two processes
    that write into one folder at once would read each other's unfinished files.
    """
    folder = _compiled().name
    return {name: folder for info in FRAMEWORKS.values() for name in info.cache_variables}


@cache
def _compiled() -> TemporaryDirectory[str]:
    """It goes when this process ends."""
    return TemporaryDirectory(prefix="compiled-", ignore_cleanup_errors=True)


def output_of(module: str, *arguments: str) -> str:
    """The stdout of a module run in its own process with one thread. Asserts that it exits with 0."""
    process = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **ONE_THREAD, **compile_caches()},
    )
    assert process.returncode == 0, process.stderr[-3000:]
    return process.stdout


def small_plan(*, train_images: int, batch_size: int, epochs: int) -> Plan:
    """A plan with few synthetic images at 64 px; `replace` the data set for another."""
    return replace(PLAN, train_images=train_images, batch_size=batch_size, epochs=epochs)


def run_to_end(
    run: SessionRun,
    folder: Path,
    *,
    data_folder: Path | None = None,
    weights_file: Path | None = None,
    command: Sequence[str] = BRIEF_COMMAND,
    on_record: Callable[[Record], None] = lambda record: None,
) -> SessionRun:
    """Runs a cell to its end, or until `on_record` raises, and returns the run."""
    job = Job(
        cell=run.cell,
        plan=run.plan,
        data_folder=str(data_folder) if data_folder else None,
        weights_file=str(weights_file) if weights_file else None,
        session_folder=str(folder),
        idle_watts=None,
        roofline=None,
        saved_epochs=None,
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


def cpu_cell(experiment: str, engine: str) -> Cell:
    """A cell on the CPU."""
    return Cell(experiment=experiment, engine=engine, device="cpu", seed=0)
