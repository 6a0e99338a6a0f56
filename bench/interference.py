"""`python -m bench.interference ENGINE`: how much longer an epoch takes beside a competitor."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from statistics import median, quantiles
from time import perf_counter, sleep
from typing import get_args

from rich.console import Console
from rich.table import Table

from alexnet.frameworks import registry
from alexnet.frameworks.protocol import Device
from alexnet.terminal import accept_all_letters
from bench.overhead.training import measuring_alone, prepare_training
from bench.paths import ROOT
from bench.records import derive
from bench.records.limits import MAX_TAKEN_CPU_SHARE
from bench.records.words import reads_text
from bench.worker.training_loop import TrainingLoop

BUSY_PERCENTS = (1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0)
"""How much of one processor's time the competitor asks for."""
SLICE_SECONDS = 0.01
"""In each of them the competitor is busy first, and then asleep."""
MAX_SLOWDOWN = 0.02
"""By which share of itself a disturbed epoch is longer. What others took of the processors' time by then
is the limit in bench/records/limits.py."""
MAX_FITTED = 0.1
"""The longest that an epoch may become for a competitor to be in the fit."""
READY = "ready"


class ExperimentFailed(Exception):
    """The competitor was not at work, or the processors' times could not be read."""


@dataclass(frozen=True, kw_only=True)
class Timing:
    """One epoch: its seconds, and the share of all processors' time that others or the host took."""

    seconds: float
    taken_share: float


@dataclass(frozen=True, kw_only=True)
class Pair:
    """The same epoch with the suite alone and beside the competitor, in either order."""

    alone: Timing
    beside: Timing

    @property
    def slowdown(self) -> float:
        """By which share of itself the epoch became longer."""
        return self.beside.seconds / self.alone.seconds - 1


def compete(busy_share: float, parent: int) -> None:
    """Keeps one processor busy for this share of every slice, for as long as `parent` is the parent."""
    sys.stdout.write(f"{READY}\n")
    sys.stdout.flush()
    while os.getppid() == parent:
        began = perf_counter()
        while perf_counter() - began < busy_share * SLICE_SECONDS:
            pass
        if (left := began + SLICE_SECONDS - perf_counter()) > 0:
            sleep(left)


@contextmanager
def competitor(busy_share: float) -> Iterator[None]:
    """A process that competes within the context. Raises ExperimentFailed if it did not throughout."""
    code = f"from bench.interference import compete; compete({busy_share!r}, {os.getpid()})"
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout
    try:
        if process.stdout.readline().strip() != READY:
            raise ExperimentFailed("the competitor ended before it began")
        yield
        if process.poll() is not None:
            raise ExperimentFailed(f"the competitor ended early, with status {process.returncode}")
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def time_epoch(run: TrainingLoop, number: int) -> Timing:
    """Trains an epoch. Raises ExperimentFailed if the processors' times cannot be read."""
    run.measure(number)
    seconds = run.meters.time.seconds
    use = derive.processor_use(run.meters.interference(), seconds)
    if use is None:
        raise ExperimentFailed("the processors' times could not be read in an epoch")
    return Timing(seconds=seconds, taken_share=use.taken_share)


def measure_pairs(
    run: TrainingLoop, busy_percents: Sequence[float], pairs: int
) -> dict[float, list[Pair]]:
    """Competitor's percent of one processor -> its pairs of epochs.

    All percents take turns, so that what drifts meets all of them, and the pairs of each alternate which
    epoch comes first. Both epochs of a pair have the same batches.
    """
    measured: dict[float, list[Pair]] = {percent: [] for percent in busy_percents}
    run.measure(1)  # compiles
    number = 1
    for turn in range(pairs):
        for percent in busy_percents:
            number += 1
            timings = {}
            for beside in (False, True) if turn % 2 else (True, False):
                with competitor(percent / 100) if beside else nullcontext():
                    timings[beside] = time_epoch(run, number)
            measured[percent].append(Pair(alone=timings[False], beside=timings[True]))
    return measured


def share_at(slowdown: float, points: Sequence[tuple[float, float]]) -> float | None:
    """The share at which an epoch is longer by `slowdown`, from (share, slowdown) of each competitor.

    It lies on the line through nothing taken and nothing lost that fits best, by least squares, all
    competitors that made an epoch `MAX_FITTED` longer at most: more is no small disturbance, and no
    line. None if none of them made it longer by `slowdown`.
    """
    small = [(share, longer) for share, longer in points if longer <= MAX_FITTED]
    if max((longer for _, longer in small), default=0.0) < slowdown:
        return None
    slope = sum(share * longer for share, longer in small) / sum(share**2 for share, _ in small)
    return slowdown / slope


def share_alone(measured: dict[float, list[Pair]]) -> float:
    """The share that others took of the processors' time while there was no competitor: the median."""
    return median(pair.alone.taken_share for pairs in measured.values() for pair in pairs)


def limit(measured: dict[float, list[Pair]]) -> float | None:
    """The share at which an epoch is longer by `MAX_SLOWDOWN`."""
    points = [
        (median(pair.beside.taken_share for pair in pairs), median(pair.slowdown for pair in pairs))
        for pairs in measured.values()
    ]
    return share_at(MAX_SLOWDOWN, points)


def table(measured: dict[float, list[Pair]]) -> Table:
    """One row per competitor: medians, and the middle half of how much longer the epoch was."""
    rows = Table("competitor", "taken, alone", "taken, beside", "longer", "middle half", box=None)
    for percent, pairs in measured.items():
        slowdowns = [pair.slowdown for pair in pairs]
        low, _, high = quantiles(slowdowns, n=4)
        rows.add_row(
            f"{percent:g} %",
            f"{median(pair.alone.taken_share for pair in pairs):.2%}",
            f"{median(pair.beside.taken_share for pair in pairs):.2%}",
            f"{median(slowdowns):+.2%}",
            f"{low:+.2%} to {high:+.2%}",
        )
    return rows


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the table and the limit. Returns 1 if there is none, or the computer was not idle."""
    accept_all_letters()
    parser = argparse.ArgumentParser(prog="python -m bench.interference", description=__doc__)
    parser.add_argument("engine", choices=registry.ENGINES)
    parser.add_argument("--device", choices=get_args(Device), default="cpu")
    parser.add_argument(
        "--pairs",
        type=int,
        default=6,
        help="epochs alone, and as many beside each competitor; default: 6",
    )
    parser.add_argument(
        "--busy",
        type=float,
        nargs="+",
        default=BUSY_PERCENTS,
        metavar="PERCENT",
        help="how much of one processor's time each competitor asks for",
    )
    args = parser.parse_args(arguments)
    if args.pairs < 2:
        parser.error("--pairs: one pair of epochs tells nothing; take two or more")
    if not all(0 < percent <= 100 for percent in args.busy):
        parser.error("a competitor is busy for more than 0 and at most 100 percent of the time")
    with measuring_alone(parser):
        run = prepare_training(args.engine, args.device)
        if not run.meters.processors.reads.measured:
            parser.error(reads_text(run.meters.processors.reads))
        try:
            measured = measure_pairs(run, args.busy, args.pairs)
        except ExperimentFailed as error:
            sys.stderr.write(f"{error}\n")
            return 1
    console = Console(highlight=False)
    console.print(f"{args.engine} on {args.device}; taken: by others, of all processors' time; medians")
    console.print(table(measured))
    return int(not concluded(measured, console))


def concluded(measured: dict[float, list[Pair]], console: Console) -> bool:
    """Prints what follows from the table. Returns whether that is a limit."""
    alone, share = share_alone(measured), limit(measured)
    if alone > MAX_TAKEN_CPU_SHARE:
        console.print(
            f"Others took {alone:.2%} while there was no competitor: nothing follows. Repeat it on an"
            " idle computer."
        )
        return False
    if share is None:
        console.print(f"Beside none of them an epoch was {MAX_SLOWDOWN:.0%} longer.")
        return False
    console.print(f"An epoch is {MAX_SLOWDOWN:.0%} longer where others take {share:.2%} (fitted).")
    return True


if __name__ == "__main__":
    sys.exit(main())
