"""Rules on the start of a run: names and first weights."""

from __future__ import annotations

import re
from collections import Counter
from functools import cache

from alexnet import imagenet, weights
from alexnet.frameworks.registry import ENGINES
from alexnet.recipe import EXPERIMENTS
from alexnet.spec import network
from bench.records.mismatch import mismatch
from bench.records.read import LoadedRun, Problems, format_value
from bench.records.types import TransferredTensor

MAX_DRAWN_PARAMETERS = 300_000_000
"""Up to this size, first weights are drawn again to be checked: 1.2 GB, 1.5 times the largest network
at 224 px."""
TRANSFER_VERSION = 8
"""The first version of the schema whose runs have `weight_transfer`."""


def names_agree(run: LoadedRun) -> Problems:
    """The benchmark's name and param are the cell's id; device name and versions fit the cell."""
    if run.benchmark is not None:
        yield from mismatch("param", run.benchmark.get("param"), run.cell.id, by="the cell is")
        if not str(run.benchmark.get("name")).endswith(f"[{run.cell.id}]"):
            name = format_value(run.benchmark.get("name"))
            yield f"name is {name}, and does not end with the cell's id"
    if (start := run.start) is None:
        return
    if not start.device_name or (start.device_name == "CPU") != (run.cell.device == "cpu"):
        yield f"start.device_name is {format_value(start.device_name)} on the device {run.cell.device}"
    framework = ENGINES[run.cell.engine].framework
    if framework not in start.versions:
        yield f"start.versions has no {framework}"


SHA256 = re.compile("[0-9a-f]{64}")


@cache
def first_weights_sha256(origin: str, variant: str, image_size: int, seed: int) -> str:
    """Fingerprint of first weights, drawn again by the generator of their origin, one of GENERATORS.

    That takes 1 s, for the largest network 4 s.
    """
    net = network(variant, image_size=image_size)
    return weights.fingerprint(weights.GENERATORS[origin](net, seed=seed))


def every_tensor_was_transferred(run: LoadedRun) -> Problems:
    """Where weights were carried over, the record has each tensor of the network once, and its source.

    Its layout is one that a tensor of so many dimensions can have. Its hash is a sha256, and of the new
    head it is that of the tensor that the seed draws.
    """
    if (start := run.start) is None or run.file_version < TRANSFER_VERSION:
        return
    transfer = start.weight_transfer
    if not EXPERIMENTS[run.cell.experiment].pretrained:
        if transfer is not None:
            yield "start.weight_transfer is there, where the weights were drawn"
        return
    sources = imagenet.sources(run.net)
    expected = {name: (shape, sources.get(name)) for name, shape in run.net.tensors.items()}
    recorded = {tensor.name: (tensor.shape, tensor.source) for tensor in transfer or ()}
    times = Counter(tensor.name for tensor in transfer or ())
    for name, number in times.items():
        if number > 1:
            yield f"start.weight_transfer has {name} {number} times"
    for name in sorted({*expected, *recorded}):
        if expected.get(name) != recorded.get(name):
            yield (
                f"start.weight_transfer has {format_value(recorded.get(name))} of {name}, where the"
                f" network has {format_value(expected.get(name))}"
            )
    for tensor in transfer or ():
        if tensor.name in expected:
            yield from _layout_and_hash(run, tensor)


def _layout_and_hash(run: LoadedRun, tensor: TransferredTensor) -> Problems:
    """Whether both can be those of this tensor of the run's network."""
    shape = run.net.tensors[tensor.name]
    layouts = weights.LAYOUTS[len(shape)]
    if tensor.layout not in layouts:
        yield (
            f"start.weight_transfer has {tensor.name} in the layout {format_value(tensor.layout)}, where"
            f" it can be {' or '.join(layouts)}"
        )
    if not SHA256.fullmatch(tensor.sha256):
        yield (
            f"start.weight_transfer has the hash {format_value(tensor.sha256)} of {tensor.name}, which"
            " is no sha256"
        )
    elif tensor.name in weights.head_tensors(run.net):
        expected = drawn_sha256(tensor.name, shape, run.cell.seed)
        path = f"start.weight_transfer {tensor.name}.sha256"
        yield from mismatch(path, tensor.sha256, expected, by="its seed draws")


@cache
def drawn_sha256(name: str, shape: tuple[int, ...], seed: int) -> str:
    """Fingerprint of one tensor that was drawn again, such as a new head's."""
    return weights.fingerprint({name: weights.drawn(name, shape, seed=seed)})


def first_weights_match_the_seed(run: LoadedRun) -> Problems:
    """Drawn weights are those that the seed draws; pretrained ones name their source file.

    The origin says by which generator: `he-uniform` gives the same bits on every platform, `he-normal`,
    of files before it, may not. So a genuine file of `he-normal` that was made on another platform than
    this one can be named here: 31 of the 21.6 million weights of `standard` at 64 px came out a rounding
    apart with another maths library's `log1pf` (seed 0), and one is enough for another hash.
    """
    if (start := run.start) is None:
        return
    drawn = not EXPERIMENTS[run.cell.experiment].pretrained
    origins = tuple(weights.GENERATORS) if drawn else ("torchvision", "user file")
    source = start.weights_source_sha256
    if start.weights_origin not in origins:
        allowed = " or ".join(origins)
        yield f"start.weights_origin is {format_value(start.weights_origin)}, where it can be {allowed}"
    elif drawn != (source is None):
        yield (
            f"start.weights_source_sha256 is {format_value(source)} of weights from"
            f" {start.weights_origin}"
        )
    elif start.weights_origin == "torchvision" and not (source or "").startswith(
        imagenet.TORCHVISION_SHA256_PREFIX
    ):
        yield f"start.weights_source_sha256 is {format_value(source)}, which is not torchvision's file"
    known = drawn and start.weights_origin in weights.GENERATORS
    if known and run.net.parameters <= MAX_DRAWN_PARAMETERS:
        expected_sha256 = first_weights_sha256(
            start.weights_origin, run.net.variant, run.plan.image_size, run.cell.seed
        )
        yield from mismatch(
            "start.weights_sha256", start.weights_sha256, expected_sha256, by="its seed draws"
        )
