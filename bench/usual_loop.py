"""`python -m bench.usual_loop`: the training loop that most people write, timed beside ours."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles
from typing import Any, get_args

from msgspec import to_builtins
from msgspec.structs import replace
from rich.console import Console
from rich.table import Table

from alexnet.data import CLASSES, TRAINED_IMAGES
from alexnet.folders import expanded
from alexnet.frameworks import registry
from alexnet.frameworks.protocol import Device, UsualLoop, WayUnavailable
from alexnet.recipe import EXPERIMENTS
from alexnet.terminal import accept_all_letters
from bench.host import identity, machine
from bench.meters.time import TimeMeter
from bench.overhead.ratio import LEAST_ROUNDS, ratio_to
from bench.overhead.training import PLAN, measuring_alone, prepare_training
from bench.records.clock import utc_now
from bench.records.codec import finite_or_none
from bench.records.types import Plan
from bench.worker.training_loop import TrainingLoop

OURS, BARE = "ours", "bare step"
TRIAL_STEPS = 50
"""Of each way to load images, at most; an epoch may have fewer."""
TRIES = 2
"""Of each way, after a first one that starts what loads the images; the fastest counts."""
TRAINED = [name for name, experiment in EXPERIMENTS.items() if not experiment.pretrained]
"""Their recipes have one stage and leave the pixels in [0, 1]."""


class ComparisonFailed(Exception):
    """The loops did not do the same work; the message says what differs."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One loop: the seconds of its epoch in each round, and the epoch's mean training loss."""

    seconds: list[float] = field(default_factory=list)
    losses: list[float | None] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Our training loop and the usual one of the same framework, on one device."""

    ours: TrainingLoop
    usual: UsualLoop

    @property
    def steps(self) -> int:
        """The steps of every epoch, whichever loop takes them."""
        return self.ours.steps_per_epoch

    def check(self) -> None:
        """Raises ComparisonFailed if the two networks are not of one size."""
        if self.usual.parameters != self.ours.net.parameters:
            raise ComparisonFailed(
                f"the usual loop trains {self.usual.parameters:,} parameters and ours"
                f" {self.ours.net.parameters:,}: they are not the same network"
            )

    def fastest_way(self) -> tuple[str, dict[str, float | str]]:
        """Keeps the way to load images in which the usual loop is fastest.

        Returns it, and each way's images per second on a few steps, or why it cannot be had here.
        Raises ComparisonFailed if none can.
        """
        row, steps = self.usual.rows[0], min(self.steps, TRIAL_STEPS)
        rates, tried = {}, {}  # type: dict[str, float], dict[str, float | str]
        for way in self.usual.ways:
            self.usual.use(way, steps)
            try:
                _, *tries = (self.usual_epoch(row, steps)[0] for _ in range(1 + TRIES))
            except WayUnavailable as error:
                tried[way] = str(error)
            else:
                tried[way] = rates[way] = steps * self.ours.recipe.batch_size / min(tries)
        if not rates:
            raise ComparisonFailed(f"the usual loop cannot load its images: {tried}")
        best = max(rates, key=lambda way: rates[way])
        self.usual.use(best, self.steps)
        return best, tried

    def epoch(self, name: str, number: int) -> tuple[float, float | None]:
        """(seconds with the device finished, mean training loss) of one epoch of a row."""
        if name == OURS:
            return self.our_epoch(number)
        return self.bare_steps() if name == BARE else self.usual_epoch(name, self.steps)

    def usual_epoch(self, row: str, steps: int) -> tuple[float, float]:
        """(seconds, mean training loss). Raises ComparisonFailed if it took fewer steps."""
        with TimeMeter(self.ours.trainer.synchronize) as time:
            taken, loss = self.usual.train(row, steps)
        if taken != steps:
            raise ComparisonFailed(f"the usual loop took {taken} steps where ours takes {steps}")
        return time.seconds, loss

    def our_epoch(self, number: int) -> tuple[float, float]:
        """(seconds, mean training loss) of an epoch, measured as in every run."""
        images = self.ours.measure(number)
        assert images == self.steps * self.ours.recipe.batch_size
        return self.ours.meters.time.seconds, self.ours.trainer.pop_metrics()[0]

    def bare_steps(self) -> tuple[float, None]:
        """The seconds of an epoch's steps on one batch that is on the device already.

        The learning rate is 0: the work is the same and the weights stay.
        """
        trainer, size = self.ours.trainer, self.ours.recipe.batch_size
        train = self.ours.dataset.train
        batch = trainer.to_device(train.images[:size], train.labels[:size])
        with TimeMeter(trainer.synchronize) as time:
            for _ in range(self.steps):
                trainer.step(batch, 0.0)
        trainer.pop_metrics()
        return time.seconds, None

    def rows(self, rounds: int) -> dict[str, Row]:
        """Name -> what was measured. In each round every loop trains one epoch, in an order of its own.

        The first place moves on by one from round to round, so that what drifts meets all of them. A
        round before them is not counted: in it engines compile.
        """
        names = (*self.usual.rows, OURS, BARE)
        rows = {name: Row() for name in names}
        for number in range(1 + rounds):
            first = number % len(names)
            for name in (*names[first:], *names[:first]):
                seconds, loss = self.epoch(name, 1 + number)
                if number:
                    rows[name].seconds.append(seconds)
                    rows[name].losses.append(loss)
        return rows


def prepare(
    engine: str, device: Device, *, experiment: str, plan: Plan, data_folder: Path | None
) -> Comparison:
    """Both loops, ready to train on the same images; ours is made first, and imports the framework."""
    ours = prepare_training(engine, device, experiment=experiment, plan=plan, data_folder=data_folder)
    usual = registry.usual_loop(engine).build(
        ours.backend,
        ours.net,
        ours.trainer.weights(),
        ours.recipe,
        ours.dataset.train,
        seed=ours.job.cell.seed,
    )
    return Comparison(ours=ours, usual=usual)


def plan_of(experiment: str, *, steps: int, image_size: int, data_folder: Path | None) -> Plan:
    """The plan of epochs of so many steps. There are a few images more if ten classes share them so."""
    batch_size = EXPERIMENTS[experiment].recipe.batch_size
    images = -(-steps * batch_size // len(CLASSES)) * len(CLASSES)
    return replace(
        PLAN,
        dataset="cifar10" if data_folder else "synthetic",
        data_provenance="a folder that the user vouches for" if data_folder else PLAN.data_provenance,
        image_size=image_size,
        train_images=images,
        batch_size=batch_size,
    )


def loss_line(rows: Mapping[str, Row]) -> str:
    """What each loop has learnt: its mean training loss in the first round and in the last."""
    trained = [(name, row.losses) for name, row in rows.items() if row.losses[0] is not None]
    said = [f"{name} {losses[0]:.3f} and {losses[-1]:.3f}" for name, losses in trained]
    return f"training loss of the first and the last round: {'; '.join(said)}"


def table(rows: Mapping[str, Row], images: int) -> Table:
    """One line per loop: images per second, and how many times as fast as ours it is."""
    shown = Table("loop", "images/s", "middle half", "times ours", "95 % interval", box=None)
    for name, row in rows.items():
        rates = [images / seconds for seconds in row.seconds]
        low, _, high = quantiles(rates, n=4)
        to_ours = ratio_to(rows[OURS].seconds, row.seconds) if name != OURS else None
        shown.add_row(
            name,
            f"{median(rates):,.0f}",
            f"{low:,.0f} to {high:,.0f}",
            f"{to_ours.ratio:.3f}" if to_ours else "1",
            f"{to_ours.low:.3f} to {to_ours.high:.3f}" if to_ours else "–",
        )
    return shown


def record(
    comparison: Comparison, rows: Mapping[str, Row], way: str, tried: Mapping[str, float | str]
) -> dict[str, Any]:
    """What `--json` writes: raw seconds and losses, and all that they depend on."""
    ours = comparison.ours
    job = ours.job
    return {
        "date": utc_now(),
        "engine": job.cell.engine,
        "device": job.cell.device,
        "device_name": ours.start.device_name,
        "experiment": job.cell.experiment,
        "example": registry.USUAL_LOOPS[job.cell.engine],
        "images": {"dataset": job.plan.dataset, "sha256": ours.start.data_sha256},
        "image_size": job.plan.image_size,
        "batch_size": job.plan.batch_size,
        "steps": comparison.steps,
        "parameters": {"ours": ours.net.parameters, "usual": comparison.usual.parameters},
        "way": way,
        "images_per_second_of_each_way": dict(tried),
        "rows": {
            name: {"seconds": row.seconds, "losses": [*map(_for_json, row.losses)]}
            for name, row in rows.items()
        },
        "machine": to_builtins(machine.describe()),
        "versions": ours.start.versions,
        "settings": ours.start.settings,
    }


def _for_json(loss: float | None) -> float | None:
    return None if loss is None else finite_or_none(loss)


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the table. Returns 1 if the loops did not do the same work."""
    accept_all_letters()
    parser, args = _arguments(arguments)
    folder = args.data_dir or os.environ.get("ALEXNET_DATA")
    data_folder = expanded(folder) if folder else None
    plan = plan_of(
        args.experiment, steps=args.steps, image_size=args.image_size, data_folder=data_folder
    )
    most = TRAINED_IMAGES // plan.batch_size
    if not 1 <= args.steps <= most:
        parser.error(f"--steps {args.steps}: an epoch has 1 to {most} of {plan.batch_size} images")
    if args.rounds < LEAST_ROUNDS:
        parser.error(f"--rounds {args.rounds}: {LEAST_ROUNDS} or more are needed to say anything")
    if args.json and not args.json.parent.is_dir():
        parser.error(f"--json {args.json}: there is no folder {args.json.parent}")
    console = Console(highlight=False)
    with measuring_alone(parser):
        comparison = prepare(
            args.engine,
            args.device,
            experiment=args.experiment,
            plan=plan,
            data_folder=data_folder,
        )
        try:
            comparison.check()
            way, tried = comparison.fastest_way()
            for name, found in tried.items():
                said = found if isinstance(found, str) else f"{found:,.0f} images/s on a few steps"
                console.print(f"{name}: {said}{' (taken)' * (name == way)}")
            rows = comparison.rows(args.rounds)
        except ComparisonFailed as error:
            sys.stderr.write(f"{error}\n")
            return 1
    console.print(
        f"{args.engine} on {comparison.ours.start.device_name}: {args.experiment}, {args.image_size} px,"
        f" {args.rounds} epochs of {comparison.steps} steps of {plan.batch_size} {plan.dataset} images",
        soft_wrap=True,
    )
    console.print(f"usual: after {registry.USUAL_LOOPS[args.engine]}", soft_wrap=True)
    console.print(table(rows, comparison.steps * plan.batch_size))
    console.print(loss_line(rows), soft_wrap=True)
    if args.json:
        data = (args.data_dir, os.environ.get("ALEXNET_DATA"))
        content = identity.users_identity({"<data>": data}).hide(record(comparison, rows, way, tried))
        args.json.write_text(json.dumps(content, indent=1), encoding="utf8")
    return 0


def _arguments(
    arguments: Sequence[str] | None,
) -> tuple[argparse.ArgumentParser, argparse.Namespace]:
    parser = argparse.ArgumentParser(prog="python -m bench.usual_loop", description=__doc__)
    engines = list(registry.USUAL_LOOPS)
    parser.add_argument(
        "--engine", choices=engines, default=engines[0], help="two frameworks cannot share a process"
    )
    parser.add_argument("--device", choices=get_args(Device), default="cpu")
    parser.add_argument("--experiment", choices=TRAINED, default=TRAINED[0])
    parser.add_argument("--image-size", type=int, default=PLAN.image_size, metavar="PX")
    parser.add_argument("--steps", type=int, default=20, help="steps of an epoch; default: 20")
    parser.add_argument("--rounds", type=int, default=8, help="epochs of each loop; default: 8")
    parser.add_argument(
        "--data-dir",
        type=Path,
        metavar="DIR",
        help="a folder with cifar-10-batches-bin (also: ALEXNET_DATA); without it synthetic images",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the raw seconds to a file")
    return parser, parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
