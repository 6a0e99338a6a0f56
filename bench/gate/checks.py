"""The correctness gate of one cell: its device is compared with the CPU in float64 before it trains.

The gate uses the cell's own network, first weights and first batch. It runs in its own process, so
that the training process's memory, which is measured, holds nothing of it.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from time import perf_counter

import numpy as np

from alexnet import data
from alexnet import weights as canonical
from alexnet.frameworks import registry
from alexnet.frameworks.protocol import Backend, PlacementNotReported, Trainer
from alexnet.layers import Dropout
from alexnet.recipe import EXPERIMENTS, Recipe
from alexnet.spec import Network, network
from bench.gate import timing
from bench.gate.outputs import Batch, Outputs, collect
from bench.gate.tolerances import check_own_network, compare_to_reference, errors
from bench.ipc.cell_files import outputs_file
from bench.ipc.child import ParentPipe
from bench.ipc.messages import Heartbeat, Job
from bench.meters.roofline import measure_roofline
from bench.records.cell_recipe import recipe_of
from bench.records.codec import finite_or_none
from bench.records.limits import MAX_DROPOUT_DIFFERENCE, MIN_DROPOUT_DIFFERENCE
from bench.records.types import Check, Gate, NotChecked, PlacementUnknown
from bench.worker.job import first_weights, load_data


def check_dropout(trainer: Trainer, batch: Batch) -> Check:
    """Two steps with the same batch and weights give two losses if each draws a new dropout mask."""
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
    """All checks of one cell's device, what could not be checked, its outputs and the exact ones."""

    checks: tuple[Check, ...]
    not_checked: tuple[NotChecked, ...]
    outputs: Outputs
    exact: Outputs


def check_device(
    backend: Backend,
    net: Network,
    first: canonical.Weights,
    recipe: Recipe,
    batch: Batch,
    *,
    seed: int,
    heartbeat: Callable[[], None] = lambda: None,
) -> DeviceChecks:
    """Runs all checks of one cell's device; calls `heartbeat` every few seconds.

    All layers train here, whatever the recipe's first stage trains. One network at a time is in memory,
    the largest (float64) first. Keras's models are reference cycles, which only gc.collect() frees.
    """
    plain, on = net.without_dropout(), backend.device
    reference = partial(backend.reference, plain, first, recipe)
    exact = collect(reference(precision="float64"), first, batch, heartbeat)
    gc.collect()
    float32 = errors(collect(reference(precision="float32"), first, batch, heartbeat), exact)
    gc.collect()
    outputs = collect(backend.trainer(plain, first, recipe, seed=seed), first, batch, heartbeat)
    gc.collect()
    checks = compare_to_reference(errors(outputs, exact), float32, exact, on=on)
    trainer = backend.trainer(net, first, recipe, seed=seed)
    checks.append(check_own_network(trainer, float32, exact, batch, on=on))
    if any(isinstance(row.layer, Dropout) for row in net.rows):
        checks.append(check_dropout(trainer, batch))
    placement = check_placement(trainer, batch, on=on)
    if isinstance(placement, Check):
        checks.append(placement)
    checks += timing.check_timing(backend, trainer, batch.images, batch.labels)
    return DeviceChecks(
        checks=tuple(checks),
        not_checked=() if isinstance(placement, Check) else (placement,),
        outputs=outputs,
        exact=exact,
    )


def run_gate(job: Job, parent: ParentPipe) -> None:
    """Runs the gate of one cell and sends it; sends the roofline first if the job has none yet."""
    began = perf_counter()
    recipe, experiment = recipe_of(job.cell, job.plan), EXPERIMENTS[job.cell.experiment]
    net = network(experiment.variant, image_size=job.plan.image_size)
    backend = registry.backend(job.cell.engine, job.cell.device)
    if job.roofline is None:
        parent.send(measure_roofline(backend))
    first, batch = first_weights(job, net).weights, first_batch(job, recipe)
    device = check_device(
        backend,
        net,
        first,
        recipe,
        batch,
        seed=job.cell.seed,
        heartbeat=lambda: parent.send(Heartbeat(epoch=0, step=0)),
    )
    np.savez(
        outputs_file(job),
        logits=device.outputs.logits,
        losses=device.outputs.losses,
        exact_logits=device.exact.logits,
    )
    parent.send(
        Gate(
            checks=device.checks,
            not_checked=device.not_checked,
            weights_sha256=canonical.fingerprint(first),
            batch_sha256=batch.fingerprint(),
            seconds=perf_counter() - began,
        )
    )


def first_batch(job: Job, recipe: Recipe) -> Batch:
    """The batch of the cell's first step."""
    train = load_data(job).train
    batches = data.epoch_batches(
        train, batch_size=recipe.batch_size, seed=job.cell.seed, epoch=1, augment=recipe.augment
    )
    images, labels = next(batches)
    steps = len(train) // recipe.batch_size
    return Batch(images=images, labels=labels, rate=recipe.learning_rate(0, steps_per_epoch=steps))
