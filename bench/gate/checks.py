"""The correctness gate of one cell: its device held against the CPU in float64, before its epochs.

The cell's own network, weights and first batch are used. The gate runs in a process of its own, so
that nothing of it is in the memory that is measured afterwards.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter

import numpy as np

from alexnet import data
from alexnet import weights as canonical
from alexnet.frameworks import registry
from alexnet.frameworks.protocol import Backend, PlacementUnknown, Trainer
from alexnet.layers import Dropout
from alexnet.recipe import EXPERIMENTS, Recipe
from alexnet.spec import Network, network
from bench.gate import timing
from bench.gate.outputs import Batch, Outputs, collect
from bench.gate.tolerances import check_own_network, compare_to_reference, errors
from bench.ipc.child import ParentPipe
from bench.ipc.messages import Heartbeat, Job
from bench.ipc.scratch import outputs_file
from bench.meters.roofline import measure_roofline
from bench.records.codec import finite
from bench.records.limits import PLACEMENT_UNKNOWN
from bench.records.recipe import recipe_of
from bench.records.types import Check, Gate
from bench.worker.job import first_weights, load_data


def check_dropout(trainer: Trainer, batch: Batch) -> Check:
    """The same batch and weights twice: dropout that draws anew gives two losses."""
    placed, losses = trainer.to_device(batch.images, batch.labels), []
    for _ in range(2):
        trainer.step(placed, 0.0)
        losses.append(trainer.pop_metrics()[0])
    return Check(
        name="dropout",
        measured=finite(abs(losses[0] - losses[1]) / max(abs(losses[0]), 1e-30)),
        least=1e-6,
        most=1.0,
        says="how far two training losses of one batch are apart, each under a mask of its own",
    )


def check_placement(trainer: Trainer, batch: Batch, *, on: str) -> Check | str:
    """Nothing of a step runs elsewhere than on the device; a sentence where nobody can tell."""
    try:
        strays = trainer.ops_off_device(trainer.to_device(batch.images, batch.labels))
    except PlacementUnknown as error:
        return f"{PLACEMENT_UNKNOWN}: {error}"
    named = f": {', '.join(strays)}" if strays else ""
    says = f"operations of a training step that were not placed on {on}{named}"
    return Check(name="placement", measured=len(strays), least=0, most=0, says=says)


@dataclass(frozen=True, kw_only=True)
class DeviceChecks:
    """All checks of one cell's device, what could not be asked, its answers and the exact ones."""

    checks: tuple[Check, ...]
    not_checked: tuple[str, ...]
    device: Outputs
    exact: Outputs


def check_device(
    backend: Backend,
    net: Network,
    first: canonical.Weights,
    recipe: Recipe,
    batch: Batch,
    *,
    seed: int,
    alive: Callable[[], None] = lambda: None,
) -> DeviceChecks:
    """Asks everything of one cell's device; calls `alive` every few seconds.

    All layers move here, whatever the recipe's first stage moves. One network at a time is in memory,
    the float64 one first, since it is the largest; Keras's hold on to themselves until collected.
    """
    still, on = net.without_dropout(), backend.device
    exact = collect(backend.reference(still, first, recipe, precision="float64"), first, batch, alive)
    gc.collect()
    float32 = collect(backend.reference(still, first, recipe, precision="float32"), first, batch, alive)
    single = errors(float32, exact)
    del float32
    gc.collect()
    device = collect(backend.trainer(still, first, recipe, seed=seed), first, batch, alive)
    gc.collect()
    checks = compare_to_reference(errors(device, exact), single, exact, on=on)
    trainer = backend.trainer(net, first, recipe, seed=seed)
    checks.append(check_own_network(trainer, single, exact, batch, on=on))
    if any(isinstance(row.layer, Dropout) for row in net.rows):
        checks.append(check_dropout(trainer, batch))
    placed = check_placement(trainer, batch, on=on)
    checks += [placed] if isinstance(placed, Check) else []
    checks += timing.check_timing(backend, trainer, batch.images, batch.labels)
    return DeviceChecks(
        checks=tuple(checks),
        not_checked=() if isinstance(placed, Check) else (placed,),
        device=device,
        exact=exact,
    )


def run_gate(job: Job, link: ParentPipe) -> None:
    """Examines one cell, and sends the roofline if the job has none yet."""
    began = perf_counter()
    recipe, experiment = recipe_of(job.cell, job.plan), EXPERIMENTS[job.cell.experiment]
    net = network(experiment.variant, image_size=job.plan.image_size)
    backend = registry.backend(job.cell.framework, job.cell.device)
    if job.roofline is None:
        link.send(measure_roofline(backend))
    first, batch = first_weights(job, net).weights, first_batch(job, recipe)
    found = check_device(
        backend,
        net,
        first,
        recipe,
        batch,
        seed=job.cell.seed,
        alive=lambda: link.send(Heartbeat(epoch=0, step=0)),
    )
    np.savez(
        outputs_file(job),
        logits=found.device.logits,
        losses=found.device.losses,
        exact_logits=found.exact.logits,
    )
    link.send(
        Gate(
            checks=found.checks,
            not_checked=found.not_checked,
            weights_sha256=canonical.fingerprint(first),
            batch_sha256=batch.fingerprint(),
            seconds=perf_counter() - began,
        )
    )


def first_batch(job: Job, recipe: Recipe) -> Batch:
    """The batch that the cell's first step will see."""
    train = load_data(job).train
    batches = data.epoch_batches(
        train, batch_size=recipe.batch_size, seed=job.cell.seed, epoch=1, augment=recipe.augment
    )
    images, labels = next(batches)
    steps = len(train) // recipe.batch_size
    return Batch(images=images, labels=labels, rate=recipe.learning_rate(0, steps_per_epoch=steps))
