"""A worker's job: prepares, trains and measures one cell, and sends each record at once.

Prints and warnings go to stdout and stderr, which the parent writes to the cell's log.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from alexnet import data, imagenet
from alexnet import weights as canonical
from alexnet.data import Dataset
from alexnet.frameworks import registry
from alexnet.frameworks.protocol import Backend, DeviceUnavailable, Trainer
from alexnet.layers import IllegalNetwork
from alexnet.recipe import EXPERIMENTS, IllegalRecipe
from alexnet.spec import IMAGENET_CLASSES, Network, network
from bench.host.limits import Limits, current_limits
from bench.ipc.child import ORPHANED, ParentPipe
from bench.ipc.messages import Job, job_from_json
from bench.meters.memory import HostMemoryMeter
from bench.meters.meters import Meters
from bench.meters.reference_kernel import ReferenceKernel
from bench.records.cell_recipe import recipe_of, steps_of
from bench.records.clock import utc_now
from bench.records.types import Failure, Start, TransferredTensor
from bench.worker.checkpoint import UnusableCheckpoint
from bench.worker.result import build_result
from bench.worker.training_loop import Send, TrainingLoop

# What a user or a machine can cause: reported in a sentence, without a traceback.
EXPECTED_ERRORS = (
    data.DataError,
    canonical.WeightsError,
    IllegalNetwork,
    IllegalRecipe,
    DeviceUnavailable,
    UnusableCheckpoint,
)


def run_cell(job: Job, parent: ParentPipe) -> None:
    """Trains, measures and scores one cell, and sends each record at once."""
    training = prepare(job, parent.send)
    training.stop_requested = parent.stop_requested
    parent.send(training.start)
    if job.saved_epochs is not None:
        parent.send(training.resume(job.saved_epochs))
    for epoch in training.epochs():
        parent.send(epoch)
    if training.stopped:
        parent.send(build_result(training))


def prepare(job: Job, send: Send) -> TrainingLoop:
    """Loads and builds everything that a cell needs before its first epoch."""
    began = perf_counter()
    recipe, experiment = recipe_of(job.cell, job.plan), EXPERIMENTS[job.cell.experiment]
    net = network(experiment.variant, image_size=job.plan.image_size)
    limits = current_limits()  # before the framework, which may bind this thread to one processor
    backend = registry.backend(job.cell.engine, job.cell.device)
    # The memory baseline covers the framework and its device, but neither data nor network.
    kernel, host = ReferenceKernel(backend), HostMemoryMeter()
    baseline_host_bytes = host.baseline_bytes()
    dataset, first = load_data(job), first_weights(job, net)
    trainer = backend.trainer(net, first.weights, recipe, seed=job.cell.seed)
    fingerprints = {n: canonical.fingerprint({n: array}) for n, array in first.weights.items()}
    meters = Meters(backend, trainer.synchronize, host)
    training = TrainingLoop(
        job=job,
        net=net,
        recipe=recipe,
        backend=backend,
        trainer=trainer,
        dataset=dataset,
        send=send,
        meters=meters,
        kernel=kernel,
        start=build_start(
            job,
            net,
            backend=backend,
            dataset=dataset,
            first=first,
            transfer=weight_transfer(first, fingerprints, trainer),
            meters=meters,
            kernel=kernel,
            limits=limits,
            baseline_host_bytes=baseline_host_bytes,
        ),
        first_weights=fingerprints,
        began=began,
    )
    first.weights.clear()  # the trainer has them now, and the peak must not count them twice
    return training


def load_data(job: Job) -> Dataset:
    """The cell's images."""
    return data.load(
        job.plan.dataset,
        Path(job.data_folder) if job.data_folder else None,
        seed=job.cell.seed,
        train_images=job.plan.train_images,
        test_images=job.plan.test_images,
    )


def build_start(
    job: Job,
    net: Network,
    *,
    backend: Backend,
    dataset: Dataset,
    first: FirstWeights,
    transfer: tuple[TransferredTensor, ...] | None,
    meters: Meters,
    kernel: ReferenceKernel,
    limits: Limits,
    baseline_host_bytes: int | None,
) -> Start:
    """The start record: everything known before the first epoch. Times the reference kernel."""
    return Start(
        started_at=utc_now(),
        variant=net.variant,
        parameters=net.parameters,
        forward_flops=net.forward_flops,
        steps_per_epoch=steps_of(job.plan, len(dataset.train)),
        data_sha256=dataset.fingerprint(),
        train_images=len(dataset.train),
        validation_images=len(dataset.validation),
        test_images=len(dataset.test),
        weights_origin=first.origin,
        weights_source_sha256=first.source_sha256,
        weights_sha256=canonical.fingerprint(first.weights),
        weight_transfer=transfer,
        device_name=backend.device_name(),
        versions=backend.versions(),
        settings=backend.settings() | limits.settings(),
        meters={name: meter.reads for name, meter in meters.all().items()},
        baseline_host_bytes=baseline_host_bytes,
        idle_watts=job.idle_watts,
        roofline=job.roofline,
        probe_flops=kernel.flops,
        probe_seconds=kernel.measure_cold(),
    )


@dataclass(frozen=True, kw_only=True)
class FirstWeights:
    """The weights that a cell starts from, and their origin.

    `sources` has the name in torchvision's file of each tensor that came from there; None of weights
    that were drawn.
    """

    weights: canonical.Weights
    origin: str
    source_sha256: str | None
    sources: dict[str, str] | None


def first_weights(job: Job, net: Network) -> FirstWeights:
    """He-uniform weights drawn from the cell's seed, or ImageNet's with a new head drawn from it."""
    if not EXPERIMENTS[job.cell.experiment].pretrained:
        weights = canonical.initialise(net, seed=job.cell.seed)
        return FirstWeights(
            weights=weights, origin=canonical.DRAWN_ORIGIN, source_sha256=None, sources=None
        )
    if job.weights_file is None:
        raise canonical.WeightsError("a pretrained cell needs a weights file: name it with --weights")
    file = Path(job.weights_file)
    pretrained = canonical.load(file, network(net.variant, classes=IMAGENET_CLASSES))
    metadata = canonical.metadata(file)
    return FirstWeights(
        weights=canonical.with_new_head(pretrained, net, seed=job.cell.seed),
        origin=metadata["origin"],
        source_sha256=metadata["source_sha256"],
        sources=imagenet.sources(net),
    )


def weight_transfer(
    first: FirstWeights, fingerprints: dict[str, str], trainer: Trainer
) -> tuple[TransferredTensor, ...] | None:
    """How each tensor of carried-over weights came into the engine; None where all were drawn.

    `fingerprints` has the sha256 of each of the first weights. Raises WeightsError if the engine gives
    back another tensor than it was given.
    """
    if first.sources is None:
        return None
    given_back, layouts = trainer.weights(), trainer.layouts()
    tensors = []
    for name, array in first.weights.items():
        # Hashes, since NaN equals nothing and a zero equals another one of the other sign.
        if canonical.fingerprint({name: given_back[name]}) != fingerprints[name]:
            raise canonical.WeightsError(
                f"the engine was given the tensor {name} and holds another one: it was changed on the"
                f" way into the layout {layouts[name]!r}"
            )
        tensors.append(
            TransferredTensor(
                name=name,
                shape=array.shape,
                source=first.sources.get(name),
                layout=layouts[name],
                sha256=fingerprints[name],
            )
        )
    return tuple(tensors)


def serve(work: Callable[[Job, ParentPipe], None]) -> int:
    """Does the job on stdin, and returns the exit status.

    It is 0; 1 after a failure, which is sent as a record; ORPHANED if the parent has died.
    """
    parent = ParentPipe(int(sys.argv[-1]))
    try:
        job = job_from_json(parent.job())
        work(job, parent)
    except BrokenPipeError:
        return ORPHANED
    except EXPECTED_ERRORS as error:
        parent.send(Failure(reason=str(error), log_tail=""))
        return 1
    except Exception as error:
        traceback.print_exc()
        first_line = (str(error).strip() or "no message").splitlines()[0]
        parent.send(Failure(reason=f"{type(error).__name__}: {first_line}", log_tail=""))
        return 1
    return 0
