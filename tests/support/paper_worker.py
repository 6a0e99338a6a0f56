"""A worker and a gate of paper, for tests/support/paper_plugin.py: records in an instant."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np

from bench.ipc.messages import Job, Record, Resumed, job_from_json, to_line
from bench.ipc.scratch import outputs_file
from tests.support.samples import CHECK, EPOCH, GATE, RESULT, ROOFLINE, START


def gate(job: Job, behaviour: str) -> Iterator[Record]:
    if job.roofline is None:
        yield ROOFLINE
    if behaviour == "mute":
        raise SystemExit(5)
    same = np.ones((2, 10))
    np.savez(outputs_file(job), logits=same, losses=same[0], exact_logits=same)
    names = ("logits", "loss", "three losses")
    wrong = replace(CHECK, measured=0.9 if behaviour == "wrong" else 1e-6)
    yield replace(GATE, checks=tuple(replace(wrong, name=name) for name in names))


def records(job: Job, behaviour: str) -> Iterator[Record]:
    yield replace(START, parameters=1000 if job.cell.framework == "torch" else 2000)
    done = 0
    if job.known is not None:
        done = len(job.known)
        yield Resumed(after_epoch=done, setback=None)
    for number in range(done + 1, job.plan.epochs + 1):
        warm_up = number == done + 1
        yield replace(EPOCH, epoch=number, warm_up=warm_up, train_seconds=float(number))
        if behaviour == "crash":
            print(f"the last words of {job.cell.id} in {Path.home()}/folder", flush=True)
            os._exit(9)
        if behaviour == "hang":
            hang()
    if behaviour == "diverge":
        yield replace(RESULT, epochs=2, stopped="diverged", test_accuracy=None)
    else:
        yield replace(RESULT, epochs=job.plan.epochs)


def hang() -> None:
    """Until the parent is gone; that it asked for no further epoch is noted in the file `asked`."""
    for line in sys.stdin:
        if line == "stop\n":
            (Path(tempfile.gettempdir()) / "asked").touch()


def main() -> None:
    job = job_from_json(sys.stdin.readline())
    behaviours = dict(pair.split("=") for pair in os.environ.get("PAPER", "").split())
    chosen = [how for part, how in behaviours.items() if part in job.cell.id]
    asked = gate if sys.argv[1] == "gate" else records
    with os.fdopen(int(sys.argv[-1]), "w", buffering=1) as pipe:
        for record in asked(job, chosen[0] if chosen else "good"):
            pipe.write(to_line(record))


if __name__ == "__main__":
    main()
