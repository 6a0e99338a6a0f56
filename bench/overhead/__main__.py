"""`python -m bench.overhead ENGINE` counts what measuring adds to an epoch, and prints a table."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import get_args

from rich.console import Console

from alexnet.data import TRAINED_IMAGES
from alexnet.frameworks import registry
from alexnet.frameworks.protocol import Device
from alexnet.terminal import accept_all_letters
from bench.overhead.count import count, plan_of, table
from bench.overhead.ratio import LEAST_ROUNDS
from bench.overhead.records import RecordsFailed
from bench.overhead.training import measuring_alone, prepare_training
from bench.paths import ROOT
from bench.records.words import reads_text


def main(arguments: Sequence[str] | None = None, results: Path = ROOT / "results") -> int:
    """Prints the table. Returns 1 if measuring takes more of an epoch than it may.

    `results` is the folder of sessions: the records are timed on its disk.
    """
    accept_all_letters()
    parser, args = _arguments(arguments)
    plan = plan_of(args.steps)
    most = TRAINED_IMAGES // plan.batch_size
    if not 1 <= args.steps <= most:
        parser.error(f"--steps {args.steps}: an epoch has 1 to {most} of {plan.batch_size} images")
    if args.pairs < LEAST_ROUNDS:
        parser.error(f"--pairs {args.pairs}: {LEAST_ROUNDS} or more are needed to say anything")
    with measuring_alone(parser, RecordsFailed, OSError):
        results.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix="overhead-", dir=results) as name:
            folder = Path(name)
            run = prepare_training(args.engine, args.device, plan=plan, session_folder=folder)
            counted = count(run, args.pairs, folder)
    console = Console(highlight=False, soft_wrap=True)
    console.print(
        f"{args.engine} on {run.start.device_name}: epochs of {args.steps} steps of {plan.batch_size}"
        f" images at {plan.image_size} px"
    )
    console.print(table(counted))
    for meter, reads in counted.reads.items():
        if not reads.measured:
            console.print(f"{meter} reads nothing here: {reads_text(reads)}")
    ratio = counted.pairs.ratio
    console.print(
        f"An epoch with all meters and the reference kernel took {ratio.ratio:.4f} of one with none:"
        f" mean of {args.pairs} pairs, 95 % interval {ratio.low:.4f} to {ratio.high:.4f}."
    )
    complaints = counted.complaints()
    for sentence in complaints:
        console.print(sentence)
    return int(bool(complaints))


def _arguments(
    arguments: Sequence[str] | None,
) -> tuple[argparse.ArgumentParser, argparse.Namespace]:
    parser = argparse.ArgumentParser(prog="python -m bench.overhead", description=__doc__)
    parser.add_argument("engine", choices=registry.ENGINES)
    parser.add_argument("--device", choices=get_args(Device), default="cpu")
    parser.add_argument("--pairs", type=int, default=12, help="pairs of epochs; default: 12")
    parser.add_argument("--steps", type=int, default=10, help="steps of an epoch; default: 10")
    return parser, parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
