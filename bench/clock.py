"""The proof that the clock waits for the device: work done late would be timed as work done fast."""

from __future__ import annotations

from time import perf_counter

from alexnet import Backend, Trainer
from alexnet.data import Images, Labels
from bench import probe
from bench.meters import TimeMeter
from bench.records import Check

LEAST_RATIO, MOST_RATIO = 1.6, 2.5
"""Where twice the work must lie. A clock that does not wait times the calls and finds 1. Seen where
it waits: 1.98 to 2.02 on an idle computer."""
TRIES = 4
"""On a computer that was busy with other things 2.57 was seen once; no number of tries makes 2 of 1."""
MOST_LEFT = 0.1
TIMED_SECONDS, MOST_STEPS = 0.5, 128


def proof(backend: Backend, trainer: Trainer, images: Images, labels: Labels) -> list[Check]:
    """Twice the work takes twice as long, and once the clock has stopped nothing is left to do."""
    return [
        Check(
            name="twice the work",
            measured=twice_the_work(backend, trainer),
            least=LEAST_RATIO,
            most=MOST_RATIO,
            says="how many times longer twice the work takes: 1 would be a clock that does not wait",
        ),
        Check(
            name="nothing left",
            measured=left_share(trainer, images, labels),
            least=0.0,
            most=MOST_LEFT,
            says="what one image's logits take once the clock has stopped, as a share of what it timed",
        ),
    ]


def twice_the_work(backend: Backend, trainer: Trainer) -> float:
    """The first ratio that lies where it must, else the last of a few, by the epochs' own wait."""
    for _ in range(TRIES):
        ratio = probe.doubled_work_ratio(backend, trainer.synchronize)
        if LEAST_RATIO <= ratio <= MOST_RATIO:
            break
    return ratio


def left_share(trainer: Trainer, images: Images, labels: Labels) -> float:
    """Seconds until one image's logits can be read once the clock has stopped, over those that it timed.

    They need every weight as the last step left it, so whoever reads them waits for all of it.
    """
    batch, steps = trainer.place(images, labels), 2
    trainer.logits(images[:1])  # compiles
    while True:
        with TimeMeter(trainer.synchronize) as time:
            for _ in range(steps):
                trainer.step(batch, 0.0)
        began = perf_counter()
        trainer.logits(images[:1])
        left = perf_counter() - began
        if time.seconds + left > TIMED_SECONDS or steps >= MOST_STEPS:
            trainer.take_totals()
            return left / time.seconds
        steps *= 2
