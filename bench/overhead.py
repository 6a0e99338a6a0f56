"""`python -m bench.overhead FRAMEWORK`: what measuring costs, by epochs with all meters and none."""

from __future__ import annotations

import argparse
import sys
from statistics import median, quantiles
from time import perf_counter
from typing import get_args

from rich.console import Console

from alexnet.frameworks import registry
from alexnet.frameworks.protocol import Device, Framework
from alexnet.recipe import EXPERIMENTS
from bench.host.lock import Busy, Lock
from bench.ipc.messages import Job
from bench.meters.meters import Meter, Meters
from bench.plan.profiles import PROFILES
from bench.records.types import Cell, Plan
from bench.worker.job import prepare
from bench.worker.training_loop import TrainingLoop

MAX_RATIO = 1.01
IMAGES = 1280


class OnlyTimeMeter(Meters):
    """The clock, without which there is nothing to compare, and no other meter."""

    def all(self) -> dict[str, Meter]:
        return {"time": self.time}


PLAN = Plan(
    profile="quick",
    dataset="synthetic",
    data_provenance="made by this suite, as asked for",
    image_size=PROFILES["quick"].image_size,
    train_images=IMAGES,
    test_images=500,
    epochs=1000,  # more than anybody will ask for
    patience=5,
    batch_size=EXPERIMENTS["scratch"].recipe.batch_size,
)


def training(framework: Framework, device: Device) -> TrainingLoop:
    """`scratch` on the synthetic stand-in at the `quick` profile's size, ready to train."""
    job = Job(
        cell=Cell(experiment="scratch", framework=framework, device=device, seed=0),
        plan=PLAN,
        data_folder=None,
        weights_file=None,
        scratch_folder="",
        idle_watts=None,
        roofline=None,
        known=None,
    )
    return prepare(job, lambda record: None)


def ratios(run: TrainingLoop, pairs: int) -> list[float]:
    """For each pair the metered epoch's seconds over the bare one's, whichever came first in turn.

    All of it is counted, the probe and what lies outside the time meter as well.
    """
    metered, bare = run.meters, OnlyTimeMeter(run.backend, run.trainer.synchronize)
    found = []
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
        found.append(seconds[True] / seconds[False])
    return found


def main() -> int:
    """Prints the figure; 1 where measuring made an epoch more than 1 % slower."""
    parser = argparse.ArgumentParser(prog="python -m bench.overhead", description=__doc__)
    parser.add_argument("framework", choices=registry.FRAMEWORKS)
    parser.add_argument("--device", choices=get_args(Device), default="cpu")
    parser.add_argument("--pairs", type=int, default=12, help="epochs of each kind; 12 by default")
    given = parser.parse_args()
    lock = Lock()
    try:
        lock.take(f"bench.overhead {given.framework}")
    except Busy as error:
        parser.error(str(error))
    run = training(given.framework, given.device)
    found = ratios(run, max(given.pairs, 2))
    lock.release()
    low, _, high = quantiles(found, n=4)
    Console(highlight=False).print(
        f"{given.framework} on {given.device}: an epoch with all meters took {median(found):.4f} of one"
        f" with none (median of {len(found)} pairs; the middle half lies from {low:.4f} to {high:.4f})."
    )
    return int(median(found) > MAX_RATIO)


if __name__ == "__main__":
    sys.exit(main())
