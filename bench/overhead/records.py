"""What a record costs the worker that sends it: its line, the pipe, the journal and the progress file.

`python -m bench.overhead.records FD` is the worker's side, in a process of its own as in a session.
"""

from __future__ import annotations

import sys
from pathlib import Path
from time import perf_counter

from msgspec.structs import replace

from bench.ipc.child import ParentPipe
from bench.ipc.messages import Heartbeat, Job, Record, Trial
from bench.ipc.parent import (
    MIN_TIMEOUT_SECONDS,
    PYTHON,
    WorkerTimeout,
    exit_reason,
    read_records,
    worker_process,
)
from bench.records.codec import RecordError
from bench.records.journal import Journal
from bench.records.progress import Progress, write_progress
from bench.records.types import Epoch
from bench.worker.job import serve

COMMAND = (*PYTHON, "bench.overhead.records")
TIMES = 100
"""How often each record is sent."""


PROGRESS = Progress(
    cell="the cell's id",
    epoch=1,
    epochs=20,
    cells_done=0,
    cells=8,
    seconds_left=1e4,
    warnings=("a sentence of the usual length on a cell that has ended before this one",) * 8,
    saved=None,
    started_by=None,
)
"""What a session writes after each epoch."""


class RecordsFailed(Exception):
    """The records were not sent or not kept; the message says why."""


def send_records(job: Job, parent: ParentPipe) -> None:
    """Sends the job's epochs and as many heartbeats, each group followed by a Trial of its seconds."""
    epochs = job.saved_epochs or ()
    groups: tuple[tuple[Record, ...], ...] = (epochs, tuple(Heartbeat(epoch=1, step=1) for _ in epochs))
    for group in groups:
        began = perf_counter()
        for record in group:
            parent.send(record)
        parent.send(Trial(steps=len(group), seconds=perf_counter() - began))


def record_seconds(job: Job, epoch: Epoch, folder: Path) -> tuple[float, float]:
    """The seconds of the worker for an epoch's record, which it waits for, and for a heartbeat.

    The journal is written to `folder`, whose disk decides what a sync takes. Raises RecordsFailed.
    """
    journal, trials = Journal(folder / "records.jsonl"), []
    try:
        with (
            (folder / "records.log").open("w") as log,
            worker_process(replace(job, saved_epochs=TIMES * (epoch,)), COMMAND, log) as child,
        ):
            for record in read_records(child, MIN_TIMEOUT_SECONDS, MIN_TIMEOUT_SECONDS):
                match record:
                    case Epoch():
                        journal.add("epochs", record)
                        write_progress(folder, PROGRESS)
                    case Trial():
                        trials.append(record.step_seconds)
            ended = exit_reason(child.process, "before it had sent its records")
    except (WorkerTimeout, RecordError, OSError) as error:
        raise RecordsFailed(f"what a record costs could not be timed: {error}") from error
    if len(trials) < 2:
        raise RecordsFailed(f"what a record costs could not be timed: {ended}")
    return trials[0], trials[1]


if __name__ == "__main__":
    sys.exit(serve(send_records))
