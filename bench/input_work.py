"""`python -m bench.input_work ENGINE`: what a step's input costs from a chunk on the device.

Steps that take their batches from a chunk are timed in turns with the same steps on one batch that lies
there by itself.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from itertools import cycle
from statistics import median, quantiles
from time import perf_counter
from typing import Any, get_args

from msgspec.structs import replace
from rich.console import Console

from alexnet.frameworks import registry
from alexnet.frameworks.protocol import Device, Trainer
from alexnet.terminal import accept_all_letters
from bench.overhead.training import PLAN, measuring_alone, prepare_training
from bench.worker.training_loop import TrainingLoop

MAX_SECONDS, MAX_SHARE = 50e-6, 0.01
"""What a step's slice may cost: so much, or this share of the bare step where that is more."""
BLOCK = 20
"""Steps between two readings of the clock, since reading it waits for the device."""
LEAST_BLOCKS = 4
"""Of fewer there are no quartiles."""


def timed(trainer: Trainer, work: Callable[[], Any]) -> float:
    """Seconds of `work`, until the device has done it."""
    trainer.synchronize()
    began = perf_counter()
    work()
    trainer.synchronize()
    return perf_counter() - began


def seconds_on_slices_and_on_one_batch(run: TrainingLoop, steps: int) -> list[tuple[float, float]]:
    """For each block of steps, the seconds of a step on slices of a chunk, and on a batch by itself."""
    trainer, size, train = run.trainer, run.recipe.batch_size, run.dataset.train
    chunk = trainer.to_device(train.images, train.labels)
    alone = trainer.to_device(train.images[:size], train.labels[:size])
    starts = cycle(range(0, len(train) - size + 1, size))

    def on_slices() -> None:
        for _ in range(BLOCK):
            trainer.step(trainer.part(chunk, next(starts), size), 0.0)

    def on_one() -> None:
        for _ in range(BLOCK):
            trainer.step(alone, 0.0)

    for warm_up in (on_slices, on_one):
        timed(trainer, warm_up)
    seconds = []
    for block in range(steps // BLOCK):
        pair = {}
        for work in (on_slices, on_one) if block % 2 else (on_one, on_slices):
            pair[work] = timed(trainer, work) / BLOCK
        seconds.append((pair[on_slices], pair[on_one]))
    return seconds


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the difference. Returns 1 if a step's slice cost more than it may."""
    accept_all_letters()
    parser = argparse.ArgumentParser(prog="python -m bench.input_work", description=__doc__)
    parser.add_argument("engine", choices=registry.ENGINES)
    parser.add_argument("--device", choices=get_args(Device), default="cpu")
    parser.add_argument("--image-size", type=int, default=PLAN.image_size, metavar="PX")
    parser.add_argument("--steps", type=int, default=1000, help="steps of each kind; default: 1000")
    args = parser.parse_args(arguments)
    if args.steps < LEAST_BLOCKS * BLOCK:
        parser.error(f"--steps {args.steps}: {LEAST_BLOCKS * BLOCK} or more are needed to say anything")
    with measuring_alone(parser):
        plan = replace(PLAN, image_size=args.image_size)
        run = prepare_training(args.engine, args.device, plan=plan)
        seconds = seconds_on_slices_and_on_one_batch(run, args.steps)
    bare = median(alone for _, alone in seconds)
    costs = [slices - alone for slices, alone in seconds]
    cost, (low, _, high) = median(costs), quantiles(costs, n=4)
    allowed = max(MAX_SECONDS, MAX_SHARE * bare)
    Console(highlight=False, soft_wrap=True).print(
        f"{args.engine} on {args.device} at {args.image_size} px: a step took {1e6 * cost:.0f} us longer"
        f" on a slice of a chunk than on a batch by itself, which took {1e6 * bare:.0f} us (median of"
        f" {len(costs)} blocks of {BLOCK} steps; the middle half lies from {1e6 * low:.0f} to"
        f" {1e6 * high:.0f} us). {1e6 * allowed:.0f} us are allowed."
    )
    return int(cost > allowed)


if __name__ == "__main__":
    sys.exit(main())
