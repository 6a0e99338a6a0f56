"""A pytest plugin that gives `pytest bench` workers of paper: records in an instant, no framework.

PAPER names the cells, by a part of their id, that crash or hang after their first epoch, or diverge.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import bench.session
from bench.records import Job, Record, job_from_json, to_line
from bench.run import carry_out
from tests.samples import EPOCH, RESULT, START

COMMAND = [sys.executable, "-m", "tests.paper_worker"]
vars(bench.session)["carry_out"] = partial(carry_out, command=COMMAND)


def records(job: Job, behaviour: str) -> Iterator[Record]:
    yield replace(START, parameters=1000 if job.cell.framework == "torch" else 2000)
    for number in range(1, job.plan.epochs + 1):
        yield replace(EPOCH, epoch=number, train_seconds=float(number))
        if behaviour == "crash":
            print(f"the last words of {job.cell.id} in {Path.home()}/folder", flush=True)
            os._exit(9)
        if behaviour == "hang":
            time.sleep(60)
    if behaviour == "diverge":
        reasons = ("diverged at epoch 2: a loss is not finite",)
        yield replace(
            RESULT, validity="invalid", stopped="diverged", reasons=reasons, test_accuracy=None
        )
    else:
        yield replace(RESULT, epochs=job.plan.epochs)


def main() -> None:
    job = job_from_json(sys.stdin.read())
    behaviours = dict(pair.split("=") for pair in os.environ.get("PAPER", "").split())
    chosen = [how for part, how in behaviours.items() if part in job.cell.id]
    with os.fdopen(int(sys.argv[1]), "w", buffering=1) as pipe:
        for record in records(job, chosen[0] if chosen else "good"):
            pipe.write(to_line(record))


if __name__ == "__main__":
    main()
