"""The correctness gate of one cell: its device is compared with the reference before it trains.

The gate uses the cell's own network, first weights and first batch. It runs in its own process, so
that the training process's memory, which is measured, holds nothing of it.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np

from alexnet import data
from alexnet import weights as canonical
from alexnet.frameworks import registry
from alexnet.frameworks.protocol import Backend, PlacementNotReported, Trainer
from alexnet.recipe import EXPERIMENTS, Recipe
from alexnet.spec import Network, network
from bench.gate import timing, training
from bench.gate.outputs import Batch, collect, watched
from bench.gate.precision import check_precision, measure_arithmetic
from bench.gate.reference import (
    ReferenceOutputs,
    compute_outputs,
    errors_when_rounded,
    shared_errors,
    shared_outputs,
)
from bench.gate.tolerances import (
    Allowed,
    allowed_in,
    check_own_network,
    compare_to_reference,
    errors,
)
from bench.ipc.cell_files import reference_folder
from bench.ipc.child import ParentPipe
from bench.ipc.messages import Heartbeat, Job
from bench.meters.roofline import measure_roofline
from bench.records.cell_recipe import recipe_of
from bench.records.codec import finite_or_none
from bench.records.limits import MAX_DROPOUT_DIFFERENCE, MIN_DROPOUT_DIFFERENCE
from bench.records.precision import precision_word
from bench.records.protocol import PROTOCOLS, deviations
from bench.records.types import Check, Gate, NotChecked, PlacementUnknown
from bench.worker.job import first_weights, load_data
from bench.worker.training_loop import HEARTBEAT_SECONDS

MIN_DIFFERENT, MAX_DIFFERENT = 4, 64
LARGE_IMAGE_SIZE, MAX_DIFFERENT_LARGE = 128, 16


def check_dropout(trainer: Trainer, first: canonical.Weights, batch: Batch) -> Check:
    """Two steps of one batch from the weights `first` give two losses if each draws a new mask."""
    trainer.load(first)
    device_batch, losses = trainer.to_device(batch.images, batch.labels), []
    for _ in range(2):
        trainer.step(device_batch, 0.0)
        losses.append(trainer.pop_metrics()[0])
    return Check(
        name="dropout",
        measured=finite_or_none(abs(losses[0] - losses[1]) / max(abs(losses[0]), 1e-30)),
        lower=MIN_DROPOUT_DIFFERENCE,
        upper=MAX_DROPOUT_DIFFERENCE,
        description="how far two training losses of one batch are apart, each under a mask of its own",
    )


def check_placement(trainer: Trainer, batch: Batch, *, on: str) -> Check | PlacementUnknown:
    """No operation of a step runs off the device, if the framework can tell."""
    try:
        operations = trainer.ops_off_device(trainer.to_device(batch.images, batch.labels))
    except PlacementNotReported as error:
        return PlacementUnknown(why=str(error))
    names = f": {', '.join(operations)}" if operations else ""
    description = f"operations of a training step that were not placed on {on}{names}"
    return Check(name="placement", measured=len(operations), lower=0, upper=0, description=description)


@dataclass(frozen=True, kw_only=True)
class DeviceChecks:
    """All checks of one cell's device, and what could not be checked."""

    checks: tuple[Check, ...]
    not_checked: tuple[NotChecked, ...]


def check_device(
    backend: Backend,
    net: Network,
    first: canonical.Weights,
    recipe: Recipe,
    batch: Batch,
    *,
    reference: ReferenceOutputs,
    allowed: Allowed,
    seed: int,
    rates: Sequence[float],
    compiles: bool,
    heartbeat: Callable[[], None] = lambda: None,
) -> DeviceChecks:
    """Runs all checks of one cell's device; calls `heartbeat` after each call of a trainer.

    `allowed` is what its engine may be off, and `compiles` says that it compiles a step. `rates` are
    those of the recipe's stages, as they are written down apart from it.
    All layers train here, whatever the recipe's first stage trains. One network at a time is in memory.
    Keras's models are reference cycles, which only gc.collect() frees.
    """
    plain, on = net.without_dropout(), backend.device
    exact = reference.exact
    trainer = watched(backend.trainer(plain, first, recipe, seed=seed), heartbeat)
    outputs = collect(trainer, first, batch)
    checks = compare_to_reference(errors(outputs, exact, heartbeat), allowed, exact, on=on)
    del outputs
    checks += training.check_optimizer(trainer, first, batch, recipe, head=net.head)
    checks += training.check_later_steps(
        trainer,
        first,
        batch,
        recipe,
        exact.gradient,
        gradient_tolerance=allowed.gradient,
        rates=rates,
    )
    del trainer
    gc.collect()
    trainer = watched(backend.trainer(net, first, recipe, seed=seed), heartbeat)
    checks.append(check_own_network(trainer, allowed, exact, batch, on=on))
    # Before any step: where a step must be compiled anew to tell, it has not been compiled yet.
    placement = check_placement(trainer, batch, on=on)
    if isinstance(placement, Check):
        checks.append(placement)
    if net.has_dropout:
        # A step for another length of a batch would be compiled anew, which takes longer than its work.
        images = len(batch.labels) if compiles else 1
        checks += training.check_dropout_masks(
            trainer, net, first, batch, recipe, precision=allowed.precision, images=images
        )
        checks.append(check_dropout(trainer, first, batch))
    checks += timing.check_timing(backend, trainer, batch.images, batch.labels)
    return DeviceChecks(
        checks=tuple(checks),
        not_checked=() if isinstance(placement, Check) else (placement,),
    )


def check_same_bytes(reference: ReferenceOutputs, first: canonical.Weights, batch: Batch) -> Check:
    """The first weights and the batch are those of the reference, and so of every other engine."""
    differences = (
        reference.weights_sha256 != canonical.fingerprint(first),
        reference.batch_sha256 != batch.fingerprint(),
    )
    return Check(
        name="same bytes",
        measured=sum(differences),
        lower=0,
        upper=0,
        description="of first weights and first batch, how many are not those of the reference",
    )


def check_protocol(experiment: str) -> Check:
    """The experiment's network and recipe are those of the protocol, which is written down apart."""
    differing = tuple(deviations(experiment, EXPERIMENTS[experiment]))
    names = f": {', '.join(differing)}" if differing else ""
    return Check(
        name="protocol",
        measured=len(differing),
        lower=0,
        upper=0,
        description=f"values of the network and the recipe that are not the protocol's{names}",
    )


def run_gate(job: Job, parent: ParentPipe) -> None:
    """Runs the gate of one cell and sends it; sends the roofline first if the job has none yet."""
    began = last_heartbeat = perf_counter()

    def heartbeat() -> None:
        nonlocal last_heartbeat
        if perf_counter() - last_heartbeat > HEARTBEAT_SECONDS:
            last_heartbeat = perf_counter()
            parent.send(Heartbeat(epoch=0, step=0))

    recipe, experiment = recipe_of(job.cell, job.plan), EXPERIMENTS[job.cell.experiment]
    net = network(experiment.variant, image_size=job.plan.image_size)
    backend = registry.backend(job.cell.engine, job.cell.device)
    if job.roofline is None:
        parent.send(measure_roofline(backend))
    arithmetic = measure_arithmetic(backend)
    heartbeat()
    engine = registry.ENGINES[job.cell.engine]
    promised = engine.precision
    first, batch = first_weights(job, net).weights, first_batch(job, recipe)
    heartbeat()
    plain = net.without_dropout()
    folder = reference_folder(Path(job.session_folder), job.cell)
    reference = shared_outputs(
        folder,
        lambda store: compute_outputs(plain, first, recipe, batch, heartbeat=heartbeat, store=store),
    )
    allowed = allowed_in(
        promised,
        reference.float32,
        lambda bits: shared_errors(
            folder,
            bits,
            lambda: errors_when_rounded(
                plain, first, recipe, batch, reference.exact, operand_bits=bits, heartbeat=heartbeat
            ),
        ),
    )
    device = check_device(
        backend,
        net,
        first,
        recipe,
        batch,
        reference=reference,
        allowed=allowed,
        seed=job.cell.seed,
        rates=PROTOCOLS[job.cell.experiment].learning_rates,
        compiles=engine.compiler is not None,
        heartbeat=heartbeat,
    )
    parent.send(
        Gate(
            checks=(
                check_protocol(job.cell.experiment),
                check_same_bytes(reference, first, batch),
                *check_precision(arithmetic, promised, on=job.cell.device),
                *device.checks,
            ),
            not_checked=device.not_checked,
            arithmetic=arithmetic,
            precision=precision_word(arithmetic),
            weights_sha256=canonical.fingerprint(first),
            batch_sha256=batch.fingerprint(),
            seconds=perf_counter() - began,
        )
    )


def first_batch(job: Job, recipe: Recipe) -> Batch:
    """The images of the cell's first step, as many as are different, repeated to fill its batch."""
    train = load_data(job).train
    batches = data.epoch_batches(
        train, batch_size=recipe.batch_size, seed=job.cell.seed, epoch=1, augment=recipe.augment
    )
    images, labels = next(batches)
    different = different_images(recipe.batch_size, job.plan.image_size)
    steps = len(train) // recipe.batch_size
    return Batch(
        images=np.resize(images[:different], images.shape),
        labels=np.resize(labels[:different], labels.shape),
        rate=recipe.learning_rate(0, steps_per_epoch=steps),
        different=different,
    )


def different_images(batch_size: int, image_size: int) -> int:
    """How many different images a gate's batch has: 64, or 16 from 128 px on, or a smaller divisor.

    The reference takes seconds for so many. Of fewer, one ReLU that flips by a rounding weighs too much:
    0.025 of a gradient was seen with 16 images at 64 px. A batch size without a divisor of 4 or more is
    taken whole.
    """
    most = MAX_DIFFERENT if image_size < LARGE_IMAGE_SIZE else MAX_DIFFERENT_LARGE
    largest = max(n for n in range(1, most + 1) if batch_size % n == 0)
    return largest if largest >= MIN_DIFFERENT else batch_size
