"""What one saved run began with: names, network, numbers of images, first weights."""

from __future__ import annotations

from functools import cache

from alexnet import weights
from alexnet.data import TEST_IMAGES, TRAINED_IMAGES
from alexnet.imagenet import TORCHVISION_SHA256_PREFIX
from alexnet.recipe import EXPERIMENTS
from alexnet.spec import network
from bench.check.compare import unlike
from bench.records.read import LoadedRun, Problems, as_text

MOST_DRAWN = 300_000_000
"""Parameters that are drawn again to check a run's first weights: 1.2 GB, half as much again as the
largest network at 224 px."""


def network_is_the_experiments(run: LoadedRun) -> Problems:
    """Variant, parameters, FLOPs, numbers of images and steps follow from cell and plan."""
    if (start := run.start) is None:
        return
    plan = run.plan
    due = {
        "variant": EXPERIMENTS[run.cell.experiment].variant,
        "parameters": run.net.parameters,
        "forward_flops": run.net.forward_flops,
        "train_images": TRAINED_IMAGES if plan.train_images is None else plan.train_images,
        "test_images": TEST_IMAGES if plan.test_images is None else plan.test_images,
        "steps_per_epoch": start.train_images // plan.batch_size,
    }
    for field, value in due.items():
        yield from unlike(f"start.{field}", getattr(start, field), value, by="by cell and plan it is")


def names_agree(run: LoadedRun) -> Problems:
    """The benchmark's name and param are the cell's; device and versions are the framework's own."""
    if run.benchmark is not None:
        yield from unlike("param", run.benchmark.get("param"), run.cell.id, by="the cell is")
        if not str(run.benchmark.get("name")).endswith(f"[{run.cell.id}]"):
            yield f"name is {as_text(run.benchmark.get('name'))}, and does not end with the cell's id"
    if (start := run.start) is None:
        return
    if not start.device_name or (start.device_name == "CPU") != (run.cell.device == "cpu"):
        yield f"start.device_name is {as_text(start.device_name)} on the device {run.cell.device}"
    if run.cell.framework not in start.versions:
        yield f"start.versions has no {run.cell.framework}"


@cache
def first_weights_sha256(variant: str, image_size: int, seed: int) -> str:
    """The fingerprint of the He-normal first weights, drawn anew: a second, for the largest four."""
    net = network(variant, image_size=image_size)
    return weights.fingerprint(weights.initialise(net, seed=seed))


def first_weights_are_the_seeds(run: LoadedRun) -> Problems:
    """He-normal weights are drawn again; carried-over ones name the file that they come from."""
    if (start := run.start) is None:
        return
    drawn = EXPERIMENTS[run.cell.experiment].weights == "he-normal"
    origins = ("he-normal",) if drawn else ("torchvision", "user file")
    source = start.weights_source_sha256
    if start.weights_origin not in origins:
        allowed = " or ".join(origins)
        yield f"start.weights_origin is {as_text(start.weights_origin)}, where it can be {allowed}"
    elif drawn != (source is None):
        yield f"start.weights_source_sha256 is {as_text(source)} of weights from {start.weights_origin}"
    elif start.weights_origin == "torchvision" and not (source or "").startswith(
        TORCHVISION_SHA256_PREFIX
    ):
        yield f"start.weights_source_sha256 is {as_text(source)}, which is not torchvision's file"
    if drawn and run.net.parameters <= MOST_DRAWN:
        due = first_weights_sha256(run.net.variant, run.plan.image_size, run.cell.seed)
        yield from unlike("start.weights_sha256", start.weights_sha256, due, by="its seed draws")
