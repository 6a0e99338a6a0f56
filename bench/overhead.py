"""`python -m bench.overhead FRAMEWORK`: the cost of measuring, from epochs with all meters and none."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from statistics import median, quantiles
from time import perf_counter
from typing import get_args

from rich.console import Console

from alexnet.frameworks import registry
from alexnet.frameworks.protocol import Device
from alexnet.recipe import EXPERIMENTS
from bench.host.lock import Busy, Lock
from bench.ipc.messages import Job
from bench.meters.meters import Meter, Meters
from bench.plan.profiles import PROFILES
from bench.records.types import Cell, Plan
from bench.worker.job import prepare
from bench.worker.training_loop import TrainingLoop

MAX_RATIO = 1.01
"""An epoch with all meters may take at most 1 % longer."""
IMAGES = 1280
"""Images per epoch: 20 batches of 64."""


class OnlyTimeMeter(Meters):
    """The time meter and no other."""

    def all(self) -> dict[str, Meter]:
        return {"time": self.time}


PLAN = Plan(
    profile="quick",
    dataset="synthetic",
    data_provenance="made by this suite, as asked for",
    image_size=PROFILES["quick"].image_size,
    train_images=IMAGES,
    test_images=500,
    epochs=1000,  # more than any number of pairs needs
    patience=5,
    batch_size=EXPERIMENTS["scratch"].recipe.batch_size,
    steps_per_epoch=None,
)


def prepare_training(
    engine: str,
    device: Device,
    *,
    experiment: str = "scratch",
    plan: Plan = PLAN,
    data_folder: Path | None = None,
) -> TrainingLoop:
    """A cell ready to train: by default `scratch` on synthetic images at the `quick` profile's size."""
    job = Job(
        cell=Cell(experiment=experiment, engine=engine, device=device, seed=0),
        plan=plan,
        data_folder=str(data_folder) if data_folder else None,
        weights_file=None,
        session_folder="",
        idle_watts=None,
        roofline=None,
        saved_epochs=None,
    )
    return prepare(job, lambda record: None)


def overhead_ratios(run: TrainingLoop, pairs: int) -> list[float]:
    """For each pair of epochs, the seconds with all meters over the seconds with none.

    Pairs alternate which epoch comes first. Everything counts, also the reference kernel and the
    work of the meters themselves.
    """
    metered, bare = run.meters, OnlyTimeMeter(run.backend, run.trainer.synchronize)
    ratios = []
    run.measure(1)  # compiles
    for pair in range(pairs):
        seconds = {}
        for meters in (metered, bare) if pair % 2 else (bare, metered):
            run.meters = meters
            began = perf_counter()
            run.measure(2 + pair)  # the same batches for both
            if meters is metered:
                run.kernel.measure_after(meters.time.seconds)
            seconds[meters is metered] = perf_counter() - began
        ratios.append(seconds[True] / seconds[False])
    return ratios


def main() -> int:
    """Prints the median ratio. Returns 1 if measuring made an epoch more than 1 % slower."""
    parser = argparse.ArgumentParser(prog="python -m bench.overhead", description=__doc__)
    parser.add_argument("engine", choices=registry.ENGINES)
    parser.add_argument("--device", choices=get_args(Device), default="cpu")
    parser.add_argument("--pairs", type=int, default=12, help="epochs of each kind; 12 by default")
    args = parser.parse_args()
    lock = Lock()
    try:
        lock.acquire(f"bench.overhead {args.engine}")
    except Busy as error:
        parser.error(str(error))
    run = prepare_training(args.engine, args.device)
    ratios = overhead_ratios(run, max(args.pairs, 2))
    lock.release()
    low, _, high = quantiles(ratios, n=4)
    Console(highlight=False).print(
        f"{args.engine} on {args.device}: an epoch with all meters took {median(ratios):.4f} of one"
        f" with none (median of {len(ratios)} pairs; the middle half lies from {low:.4f} to {high:.4f})."
    )
    return int(median(ratios) > MAX_RATIO)


if __name__ == "__main__":
    sys.exit(main())
