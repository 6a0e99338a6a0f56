"""The count of one engine: its parts, the epochs that they are parts of, and the pairs as a check."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from time import perf_counter

from msgspec.structs import replace
from rich.table import Table

from alexnet.data import TRAINED_IMAGES
from bench.overhead.meters import CountedMeters, OnlyTimeMeter
from bench.overhead.parts import ALONE, BETWEEN, COUNTED, WITHIN, Length, Part, parts_of, share
from bench.overhead.ratio import Ratio, ratio_to
from bench.overhead.training import PLAN
from bench.plan.profiles import PROFILES
from bench.records.cell_recipe import steps_of
from bench.records.types import SPEED, Plan, Reads
from bench.worker.training_loop import TrainingLoop

FULL = "full"
MAX_SHARE = 0.005
"""What measuring may take of an epoch of `speed` and of `full`, within the clock and between epochs
together."""


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """Seconds of the same epochs with all meters and with the time meter alone.

    `epochs` are those of the former by the time meter.
    """

    metered: list[float] = field(default_factory=list)
    bare: list[float] = field(default_factory=list)
    epochs: list[float] = field(default_factory=list)

    @property
    def ratio(self) -> Ratio:
        """What an epoch with all meters takes of one with none."""
        return ratio_to(self.metered, self.bare)


@dataclass(frozen=True, kw_only=True)
class Count:
    """What measuring takes. `reads` is what each meter reads, or why it cannot."""

    parts: list[Part]
    this: Length
    pairs: Pairs
    reads: dict[str, Reads]

    @property
    def full(self) -> Length:
        """An epoch of `full`, at this one's seconds a step."""
        steps = steps_of(PLAN, TRAINED_IMAGES)
        return Length(name=FULL, seconds=steps * self.this.seconds / self.this.steps, steps=steps)

    @property
    def speed(self) -> Length:
        """An epoch of `speed`, as short as it can be: of the fastest engine, and of `full` at most."""
        full, shortest = self.full, PROFILES[SPEED].epoch_seconds
        seconds = min(full.seconds, shortest or full.seconds)
        return Length(name=SPEED, seconds=seconds, steps=round(seconds / full.seconds * full.steps))

    def complaints(self) -> list[str]:
        """A sentence for each epoch of which measuring takes more than it may, and for the pairs."""
        sentences = []
        for epoch in (self.speed, self.full):
            if (taken := share(self.parts, epoch)) > MAX_SHARE:
                counted = [part for part in self.parts if part.place in COUNTED]
                dearest = max(counted, key=lambda part: part.seconds_in(epoch))
                sentences.append(
                    f"Measuring takes {taken:.2%} of an epoch of {epoch.name}, and {MAX_SHARE:.1%} is"
                    f" allowed. Its dearest part is {dearest.name}: {dearest.seconds_in(epoch):.3g} s."
                )
        if self.pairs.ratio.low > 1 + share(self.parts, self.this) + MAX_SHARE:
            sentences.append(
                "The pairs say more than was counted: something takes time that is in no line above."
            )
        return sentences


def plan_of(steps: int) -> Plan:
    """The plan of `speed` on synthetic images, with so many steps an epoch."""
    return replace(
        PLAN,
        profile=SPEED,
        image_size=PROFILES[SPEED].image_size,
        train_images=None,
        steps_per_epoch=steps,
    )


def count(run: TrainingLoop, pairs: int, folder: Path) -> Count:
    """Counts what measuring takes. The first epoch compiles, and is trained and scored as in a run.

    `folder` keeps its best weights, and the journal. Raises RecordsFailed.
    """
    meters = CountedMeters(run.backend, run.trainer.synchronize, run.meters.host)
    run.meters = meters
    record = next(run.epochs())
    timed = paired(run, meters, pairs)
    return Count(
        parts=parts_of(run, meters, record, folder),
        this=Length(name="this", seconds=median(timed.epochs), steps=run.steps_per_epoch),
        pairs=timed,
        reads={name: meter.reads for name, meter in meters.all().items()},
    )


def paired(run: TrainingLoop, metered: CountedMeters, pairs: int) -> Pairs:
    """Trains pairs of epochs that alternate which comes first; both have the same batches.

    The meters and the reference kernel count. The pause for the GPU's use by others does not.
    """
    bare = OnlyTimeMeter(run.backend, run.trainer.synchronize)
    timed = Pairs()
    for pair in range(pairs):
        for meters in (metered, bare) if pair % 2 else (bare, metered):
            run.meters = meters
            began = perf_counter()
            run.measure(2 + pair)
            if meters is bare:
                timed.bare.append(perf_counter() - began)
            else:
                run.kernel.measure_after(meters.time.seconds)
                timed.metered.append(perf_counter() - began - sum(metered.pauses()[-1:]))
                timed.epochs.append(meters.time.seconds)
    return timed


def table(counted: Count) -> Table:
    """A line for each part and each sum: seconds of this epoch, and shares of each epoch."""
    epochs = (counted.this, counted.speed, counted.full)
    shown = Table(box=None)
    shown.add_column("what", no_wrap=True)
    for heading in ("s/epoch", *(f"{epoch.name}, {epoch.seconds:,.1f} s" for epoch in epochs)):
        shown.add_column(heading, no_wrap=True, justify="right")

    def add(name: str, parts: list[Part]) -> None:
        seconds = sum(part.seconds_in(counted.this) for part in parts)
        shares = (sum(part.seconds_in(epoch) for part in parts) / epoch.seconds for epoch in epochs)
        shown.add_row(name, f"{seconds:.6f}", *(f"{taken:.3%}" for taken in shares))

    for place in (WITHIN, BETWEEN):
        here = [part for part in counted.parts if part.place == place]
        add(place, here)
        for part in here:
            add(f"  {part.name}", [part])
    add(f"both, {MAX_SHARE:.1%} allowed", [part for part in counted.parts if part.place in COUNTED])
    for part in counted.parts:
        if part.place == ALONE:
            add(part.name, [part])
    return shown
