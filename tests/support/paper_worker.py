"""A fake worker and gate that send their records at once, for tests/support/paper_plugin.py."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from msgspec.structs import replace

from bench.ipc.messages import Job, Record, Resumed, Trial, job_from_json, to_line
from bench.records.types import Failure
from tests.support.samples import CHECK, EPOCH, GATE, RESULT, ROOFLINE, START


def gate(job: Job, behaviour: str) -> Iterator[Record]:
    if job.roofline is None:
        yield ROOFLINE
    if behaviour == "mute":
        raise SystemExit(5)
    names = ("logits", "loss", "three losses")
    check = replace(CHECK, measured=0.9 if behaviour == "wrong" else 1e-6)
    yield replace(GATE, checks=tuple(replace(check, name=name) for name in names))


def trial(job: Job, behaviour: str) -> Iterator[Record]:
    """A step takes TensorFlow twice as long."""
    if behaviour == "mute":
        yield Failure(reason="the device was lost", log_tail="")
    else:
        seconds = float(behaviour) * (2 if job.cell.engine == "tensorflow" else 1)
        yield Trial(steps=8, seconds=8 * seconds)


def records(job: Job, behaviour: str) -> Iterator[Record]:
    yield replace(START, parameters=1000 if job.cell.engine == "torch" else 2000)
    done = 0
    if job.saved_epochs is not None:
        done = len(job.saved_epochs)
        yield Resumed(after_epoch=done, went_back_because=None)
    for number in range(done + 1, job.plan.epochs + 1):
        warm_up = number == done + 1
        yield replace(EPOCH, epoch=number, warm_up=warm_up, train_seconds=float(number))
        if behaviour == "crash":
            print(f"the last words of {job.cell.id} in {Path.home()}/folder", flush=True)
            print(os.environ.get("LAST_WORDS", ""), end="", flush=True)
            os._exit(9)
        if behaviour == "hang":
            hang()
    if behaviour == "diverge":
        yield replace(RESULT, epochs=2, stopped="diverged", test_accuracy=None)
    else:
        yield replace(RESULT, epochs=job.plan.epochs)


def hang() -> None:
    """Waits until the parent is gone. Asked to stop, it writes the file `asked` in HELD_FOLDER."""
    for line in sys.stdin:
        if line == "stop\n":
            (Path(os.environ["HELD_FOLDER"]) / "asked").touch()


def main() -> None:
    job = job_from_json(sys.stdin.readline())
    behaviours = dict(pair.split("=") for pair in os.environ.get("PAPER", "").split())
    matching = [behaviour for part, behaviour in behaviours.items() if part in job.cell.id]
    answer = {"gate": gate, "trial": trial}.get(sys.argv[1], records)
    if answer is trial:
        matching = [behaviours.get("trial", "0.5")]
    with os.fdopen(int(sys.argv[-1]), "w", buffering=1) as pipe:
        for record in answer(job, matching[0] if matching else "good"):
            pipe.write(to_line(record))


if __name__ == "__main__":
    main()
