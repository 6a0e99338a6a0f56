"""What one of torch's or TensorFlow's engines computes on the CPU, in a process of its own.

`python -m tests.support.further_worker ENGINE` prints JSON. The network is a sixteenth as wide as the
real one. An engine whose row keeps it off the CPU is built for it all the same: float16 is too slow
there to train with, and its arithmetic is the same.
"""

from __future__ import annotations

import copy
import importlib
import json
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from typing import Any

import numpy as np

from alexnet import weights
from alexnet.frameworks import registry
from alexnet.frameworks.protocol import Backend, DeviceUnavailable
from alexnet.frameworks.registry import ENGINES
from alexnet.recipe import FINETUNE, SCRATCH
from alexnet.reference import Reference
from bench.gate.outputs import relative_norm_error
from bench.records.precision import OPERAND_BITS
from tests.support.framework_worker import images_and_labels, parts
from tests.support.narrow import narrow_network

NARROWER = 16
BATCH = 64
"""With 16 images one ReLU that flipped put a gradient 0.03 off in float16."""
RATE = 0.001
TOO_SMALL_A_SCALE = 2.0**-4
"""A loss scale that float16 loses gradients by."""


def made(backend: Backend, *, dropout: bool, seed: int = 0) -> Any:
    net = narrow_network("standard", NARROWER, image_size=64, classes=10)
    net = net if dropout else net.without_dropout()
    return backend.trainer(net, weights.initialise(net, seed=1), SCRATCH, seed=seed)


def against_reference(backend: Backend, engine: str) -> dict[str, Any]:
    """The largest error of a tensor's gradient, as the engine and as the rounded reference compute it.

    Besides the dtypes of all that a trainer gives, and how much of each tensor's gradient is 0.
    """
    images, labels = images_and_labels(BATCH)
    trainer = made(backend, dropout=False)
    layers = trainer.activations(images)
    trainer.step(trainer.to_device(images, labels), 0.0)
    loss, _ = trainer.pop_metrics()
    gradient, kept = trainer.momentum(), trainer.weights()

    def reference(**options: Any) -> tuple[float, Any]:
        computed = Reference(trainer.net, weights.initialise(trainer.net, seed=1), SCRATCH, **options)
        return computed.step(images, labels, 0.0)[0], computed.velocity

    exact_loss, exact = reference()
    _, rounded = reference(dtype="float32", operand_bits=OPERAND_BITS[ENGINES[engine].precision])

    def largest_error(velocity: Any) -> float:
        return max(relative_norm_error(velocity[name], array) for name, array in exact.items())

    arrays = [*layers.values(), *gradient.values(), *kept.values(), trainer.logits(images)]
    return {
        "dtypes": sorted({str(array.dtype) for array in arrays}),
        "error": largest_error(gradient),
        "error of the reference": largest_error(rounded),
        "loss": abs(loss / exact_loss - 1),
        "zeros": zeros(gradient),
        "zeros of the reference": zeros(exact),
    }


def zeros(gradient: dict[str, Any]) -> dict[str, float]:
    return {name: float((array == 0).mean()) for name, array in gradient.items()}


def zeros_of_too_small_a_scale(backend: Any) -> dict[str, float]:
    planted = copy.copy(backend)
    planted.form = replace(backend.form, loss_scale=TOO_SMALL_A_SCALE)
    trainer = made(planted, dropout=False)
    trainer.step(trainer.to_device(*images_and_labels(BATCH)), 0.0)
    return zeros(trainer.momentum())


def resumed(backend: Backend, empty_caches: AbstractContextManager[None]) -> list[bool]:
    """Of each tensor of a step with dropout, and of its loss: are they those of a resumed trainer.

    It steps with `empty_caches`, as the process does that resumes a run.
    """
    images, labels = images_and_labels(BATCH)
    first = made(backend, dropout=True)
    for _ in range(2):
        first.step(first.to_device(images, labels), RATE)
    first.pop_metrics()
    second = made(backend, dropout=True, seed=5)
    state = first.weights(), first.momentum(), first.random_state()
    ends = []
    for trainer, caches in ((first, nullcontext()), (second, empty_caches)):
        if trainer is second:
            second.resume(*state)
        with caches:
            trainer.step(trainer.to_device(images, labels), RATE)
            trainer.step(trainer.to_device(images[:7], labels[:7]), RATE)
        ends.append((trainer.weights(), trainer.momentum(), trainer.pop_metrics()[0]))
    ours, theirs = ends
    pairs = zip(ours[:2], theirs[:2], strict=True)
    return [
        *(bool(np.array_equal(a[name], b[name])) for a, b in pairs for name in a),
        ours[2] == theirs[2],
    ]


def masks(backend: Backend) -> list[float]:
    """Two losses of one batch at rate 0, each under a mask of its own."""
    images, labels = images_and_labels(BATCH)
    trainer, losses = made(backend, dropout=True), []
    for _ in range(2):
        trainer.step(trainer.to_device(images, labels), 0.0)
        losses.append(trainer.pop_metrics()[0])
    return losses


def stages(backend: Backend) -> dict[str, list[str]]:
    """The tensors that each of three stages moved."""
    images, labels = images_and_labels(BATCH)
    net = narrow_network("torchvision", NARROWER, image_size=64, classes=10).without_dropout()
    trainer = backend.trainer(net, weights.initialise(net, seed=5), FINETUNE, seed=0)
    batch, moved = trainer.to_device(images, labels), {}
    for number, stage in enumerate(("head", "all", "head")):
        before = trainer.weights()
        trainer.begin_stage(stage)  # type: ignore[arg-type]
        for _ in range(2):
            trainer.step(batch, RATE)
        after = trainer.weights()
        moved[f"{number} {stage}"] = [n for n in before if not np.array_equal(before[n], after[n])]
    return moved


def refusals(framework: str) -> dict[str, str]:
    """ "ENGINE on DEVICE" -> what is said, for every device that the rows of the framework exclude."""
    said = {}
    for name, row in ENGINES.items():
        for device in row.not_on if row.framework == framework else ():
            try:
                registry.backend(name, device)
                said[f"{name} on {device}"] = ""
            except DeviceUnavailable as error:
                said[f"{name} on {device}"] = str(error)
    return said


def graphs(backend: Backend) -> list[int]:
    """How many graphs torch has compiled after two steps, and after an evaluation besides."""
    counters: Any = sys.modules["torch"]._dynamo.utils.counters
    counters.clear()
    images, labels = images_and_labels(BATCH)
    trainer, counts = made(backend, dropout=True), []
    for _ in range(2):
        trainer.step(trainer.to_device(images, labels), RATE)
    counts.append(counters["stats"]["unique_graphs"])
    trainer.logits(images)
    trainer.activations(images)
    counts.append(counters["stats"]["unique_graphs"])
    return counts


def resumed_from_nothing(backend: Backend) -> dict[str, Any]:
    """`resumed` of torch's compiler, and how many graphs the resumed trainer compiled anew."""
    torch: Any = sys.modules["torch"]
    counts: Any = torch._dynamo.utils.counters["inductor"]
    anew: list[int] = []

    @contextmanager
    def empty_caches() -> Iterator[None]:
        before = counts["fxgraph_cache_miss"]
        torch.compiler.reset()  # or it would take what the first trainer has in memory
        with torch._inductor.utils.fresh_cache():
            yield
        anew.append(counts["fxgraph_cache_miss"] - before)

    return {"resumed": resumed(backend, empty_caches()), "compiled anew": sum(anew)}


def main() -> None:
    engine = sys.argv[1]
    row = ENGINES[engine]
    if "cpu" not in row.not_on:
        registry.backend(engine, "cpu")  # it sets the row's variables before the import
    module = importlib.import_module(f"alexnet.frameworks.{row.framework}.backend")
    backend = module.build(row, "cpu")
    answers = {
        **against_reference(backend, engine),
        "masks": masks(backend),
        "stages": stages(backend),
        "parts that differ": parts(backend)["parts that differ"].tolist(),
        "settings": backend.settings(),
        "product's bytes": backend.product(48, 32).bytes,
        "addition's bytes": backend.addition(48).bytes,
    }
    if row.precision == "float16":
        answers["zeros of too small a scale"] = zeros_of_too_small_a_scale(backend)
    if row.framework == "torch" and row.compiler:
        answers |= resumed_from_nothing(backend)
        answers["graphs"] = graphs(backend)
        config: Any = sys.modules["torch"]._inductor.config
        names = ("layout_optimization", "compile_threads")
        answers["inductor"] = {name: getattr(config, name) for name in names}
    else:
        answers["resumed"] = resumed(backend, nullcontext())
    answers["refusals"] = refusals(row.framework)
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main()
