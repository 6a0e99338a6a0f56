"""A cell ready to train, for what is timed outside of a session, with the lock of one."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from alexnet.frameworks.protocol import Device
from alexnet.recipe import EXPERIMENTS
from bench.host.lock import Busy, Lock
from bench.ipc.messages import Job
from bench.plan.profiles import PROFILES
from bench.records.types import Cell, Plan
from bench.worker.job import EXPECTED_ERRORS, prepare
from bench.worker.training_loop import TrainingLoop

IMAGES = 1280
"""Images per epoch: 20 batches of 64."""

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


@contextmanager
def measuring_alone(parser: ArgumentParser, *others: type[Exception]) -> Iterator[None]:
    """Holds the lock of `pytest bench` for the parser's command.

    What a user or a machine can cause, and `others`, ends the command in a sentence, with status 2.
    """
    lock = Lock()
    expected: tuple[type[Exception], ...] = (Busy, *EXPECTED_ERRORS, *others)
    try:
        lock.acquire(parser.prog)
        yield
    except expected as error:
        parser.error(str(error))
    finally:
        lock.release()


def prepare_training(
    engine: str,
    device: Device,
    *,
    experiment: str = "scratch",
    plan: Plan = PLAN,
    data_folder: Path | None = None,
    session_folder: Path | None = None,
) -> TrainingLoop:
    """A cell ready to train: by default `scratch` on synthetic images at the `quick` profile's size.

    `session_folder` is for the best weights, which no call of `measure` saves.
    """
    job = Job(
        cell=Cell(experiment=experiment, engine=engine, device=device, seed=0),
        plan=plan,
        data_folder=str(data_folder) if data_folder else None,
        weights_file=None,
        session_folder=str(session_folder) if session_folder else "",
        idle_watts=None,
        roofline=None,
        saved_epochs=None,
    )
    return prepare(job, lambda record: None)
