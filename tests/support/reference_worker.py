"""One engine's outputs for tests/alexnet/frameworks/test_against_reference.py, in its own process.

`python -m tests.support.reference_worker ENGINE OUT CANONICAL FOLDER`, on the CPU; the networks are a
sixteenth as wide as the real ones. The environment asks for all that the engine must ignore, such as a
cache of compiled programs in FOLDER. Nothing is asked but what the protocol promises, and an attribute
`preprocess` of trainer or model, which a step calls.
"""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from alexnet import spec, weights
from alexnet.frameworks import registry
from alexnet.frameworks.protocol import (
    Backend,
    Device,
    DeviceUnavailable,
    PlacementNotReported,
    ResumeError,
)
from alexnet.frameworks.registry import ENGINES, FRAMEWORKS
from alexnet.recipe import FINETUNE, SCRATCH
from alexnet.spec import Row, network
from tests.support import framework_worker
from tests.support.framework_worker import BATCH, IMAGE_SIZE, Arrays, images_and_labels
from tests.support.reference_sizes import (
    CLASSES,
    CONVOLUTIONS,
    RATES,
    SIDE,
    SMALL,
    VARIANTS,
    ignored,
    images_of_few_values,
    small_weights,
    variants,
)
from tests.support.shared_faults import preprocessed


def layers(backend: Backend) -> Arrays:
    """Every layer's output for every variant at 64 px, torchvision's also at 224, and the logits."""
    images, _ = images_and_labels(2)
    answers = {}
    for variant, size in [(name, IMAGE_SIZE) for name in VARIANTS] + [("torchvision", 224)]:
        net = network(variant, image_size=size)
        trainer = backend.trainer(net, weights.initialise(net, seed=1), FINETUNE, seed=0)
        for layer, output in trainer.activations(images).items():
            answers[f"layers {variant} {size} {layer}"] = output
        answers[f"layers {variant} {size} logits"] = trainer.logits(images)
    return answers


def counted(trainer: Any) -> Counter[str]:
    """Counts how often Python prepares pixels: once for each step that is compiled."""
    calls = Counter[str]()

    def count(prepared: Any) -> Any:
        calls["times"] += 1
        return prepared

    preprocessed(trainer, count)
    return calls


def steps(backend: Backend) -> Arrays:
    """Three losses and what became of every tensor, and how often the step was compiled.

    The arrays that were handed over are overwritten before the first step.
    """
    images, labels = images_and_labels(BATCH)
    answers: Arrays = {}
    for variant in VARIANTS:
        net = network(variant, image_size=IMAGE_SIZE).without_dropout()
        first = weights.initialise(net, seed=2)
        trainer = backend.trainer(net, first, SCRATCH, seed=0)
        compiled = counted(trainer)
        handed_over = images.copy(), labels.copy()
        batch, losses = trainer.to_device(*handed_over), []
        overwritten: list[Any] = [*handed_over, *first.values()]
        for array in overwritten:
            array[:] = 0
        for name, array in trainer.weights().items():
            answers[f"unused {variant} {name}"] = array
        for rate in RATES:
            trainer.step(batch, rate)
            losses.append(trainer.pop_metrics()[0])
        answers[f"losses {variant}"] = np.array(losses)
        answers[f"compiled {variant}"] = np.array(compiled["times"])
        for name, array in trainer.weights().items():
            answers[f"steps {variant} {name}"] = array
        for name, array in trainer.momentum().items():
            answers[f"velocity {variant} {name}"] = array
    return answers


def pools(backend: Backend) -> Arrays:
    """Layers and gradients of networks of a single pool."""
    images, (_, labels) = images_of_few_values(BATCH), images_and_labels(BATCH)
    answers: Arrays = {}
    for variant, size in SMALL.items():
        net = network(variant, image_size=size)
        trainer = backend.trainer(net, small_weights(net), SCRATCH, seed=0)
        answers |= {f"pools {variant} {n}": a for n, a in trainer.activations(images).items()}
        trainer.step(trainer.to_device(images, labels), 0.0)
        answers |= {f"pools {variant} {n}": a for n, a in trainer.momentum().items()}
    return answers


def single(backend: Backend) -> Arrays:
    """Each kind of convolution, forward and backward, with the gradient of its input."""
    answers, rng = {}, np.random.default_rng(0)
    for layer in CONVOLUTIONS:
        shape = (3, SIDE, SIDE)
        row = Row(layer=layer, input_shape=shape, output_shape=layer.output_shape(shape))
        x, w, g = (
            rng.standard_normal(size).astype(np.float32)
            for size in ((2, *shape), row.tensors[f"{layer.name}.weight"], (2, *row.output_shape))
        )
        results = backend.forward_backward(row, x, w, g, input_gradient=True)
        for name, array in zip(
            ("x", "w", "g", "output", "of w", "of x"), (x, w, g, *results), strict=True
        ):
            answers[f"single {layer.name} {name}"] = array
    return answers


def kernels(backend: Backend) -> Arrays:
    """The operands and the product of a kernel, with their bytes, and the sum after two additions."""
    product: Any = backend.product(48, 32)
    addition: Any = backend.addition(1000)
    for kernel in (product, addition):
        for _ in range(2):
            kernel.run()
        kernel.wait()
    answers: Arrays = {}
    parts = {"left": product._left, "right": product._right, "product": product._out}
    for name, array in (parts | {"sum": addition._sum}).items():
        answers[f"kernels {name}"] = np.array(array.tolist(), np.float32)
        answers[f"kernels {name}'s bytes"] = np.array(array.nbytes)
    for name, kernel in (("product", product), ("sum", addition)):
        answers[f"kernels {name}'s work"] = np.array([kernel.flops, kernel.bytes])
    return answers


def resumed(backend: Backend) -> Arrays:
    """Whether a resumed trainer goes on to the bit, in each stage, and what it says of other states."""
    images, labels = images_and_labels(BATCH)
    net = network("standard", image_size=IMAGE_SIZE)
    answers: Arrays = {}
    stages: tuple[Literal["head", "all"], ...] = ("head", "all")
    for stage in stages:
        pair = [backend.trainer(net, weights.initialise(net, seed=s), SCRATCH, seed=s) for s in (2, 3)]
        first, other = pair
        for trainer in pair:
            trainer.begin_stage(stage)
        batch = first.to_device(images, labels)
        first.step(batch, 0.01)
        now, momentum, state = first.weights(), first.momentum(), first.random_state()
        other.resume(now, momentum, state)
        for trainer in pair:
            for _ in range(2):
                trainer.step(batch, 0.01)
        answers[f"resumed {stage}"] = np.array(
            [
                np.array_equal(array, ours[name])
                for ours, theirs in (
                    (first.weights(), other.weights()),
                    (first.momentum(), other.momentum()),
                    (first.random_state(), other.random_state()),
                )
                for name, array in theirs.items()
            ]
        )
    before, sentences = other.weights(), []
    for wrong in (
        (now, momentum, {name: array.astype(np.int64) for name, array in state.items()}),
        (now, momentum, {name: array[:1] for name, array in state.items()}),
        (now, {"fc8.bias": momentum["fc8.bias"]}, state),
    ):
        try:
            other.resume(*wrong)
            sentences.append("")
        except ResumeError as error:
            sentences.append(str(error))
    unchanged = all(np.array_equal(array, before[name]) for name, array in other.weights().items())
    return answers | {
        "resume refusals": np.array(sentences),
        "resume unchanged": np.array(unchanged),
        "random state": np.array(list(state)),
    }


def seeds(backend: Backend) -> Arrays:
    """A loss under the dropout masks of seeds 0, 0 and 1."""
    images, labels = images_and_labels(BATCH)
    net, losses = network("standard", image_size=IMAGE_SIZE), []
    for seed in (0, 0, 1):
        trainer = backend.trainer(net, weights.initialise(net, seed=2), SCRATCH, seed=seed)
        trainer.step(trainer.to_device(images, labels), 0.0)
        losses.append(trainer.pop_metrics()[0])
    return {"seeds": np.array(losses)}


def carried_over(backend: Backend, file: Path) -> Arrays:
    """Logits and layouts of the torchvision variant from canonical weights of another process."""
    images, _ = images_and_labels(4)
    net = network("torchvision", image_size=IMAGE_SIZE, classes=CLASSES)
    trainer = backend.trainer(net, weights.load(file, net), FINETUNE, seed=0)
    answers = {f"carried {name}": array for name, array in trainer.weights().items()}
    layouts = json.dumps(trainer.layouts())
    return answers | {"carried logits": trainer.logits(images), "layouts": np.array(layouts)}


def placement(backend: Backend) -> Arrays:
    """What a step left off the CPU, or the sentence that it is not reported."""
    images, labels = images_and_labels(BATCH)
    net = network("standard", image_size=IMAGE_SIZE)
    trainer = backend.trainer(net, weights.initialise(net, seed=2), SCRATCH, seed=0)
    try:
        answer = json.dumps(trainer.ops_off_device(trainer.to_device(images, labels)))
    except PlacementNotReported as error:
        answer = str(error)
    return {"placement": np.array(answer)}


def unavailable(engine: str) -> Arrays:
    """What is said of the devices that its framework's rows exclude, and of those that it cannot use.

    It comes last, since the variables of the framework's other engines are set.
    """
    framework, sentences = FRAMEWORKS[ENGINES[engine].framework], {}
    others: tuple[Device, ...] = tuple(device for device in get_args(Device) if device != "cpu")
    asked = {(engine, device) for device in others}
    asked |= {(row.name, device) for row in framework.engines for device in row.not_on}
    for name, device in asked:
        try:
            registry.backend(name, device)
            sentences[f"{name} on {device}"] = ""
        except DeviceUnavailable as error:
            sentences[f"{name} on {device}"] = str(error)
    return {"unavailable": np.array(json.dumps(sentences))}


def main() -> None:
    engine, out, canonical, folder = sys.argv[1], *map(Path, sys.argv[2:5])
    os.environ |= ignored(ENGINES[engine].framework, folder)
    spec.VARIANTS.update(variants())
    backend = registry.backend(engine, "cpu")
    answers = carried_over(backend, canonical)
    for section in (
        layers,
        steps,
        pools,
        single,
        kernels,
        framework_worker.stages,
        framework_worker.parts,
        framework_worker.dropout,
        resumed,
        seeds,
        placement,
    ):
        answers |= section(backend)
    answers |= framework_worker.refusals(engine)
    np.savez(out, **answers, **unavailable(engine))


if __name__ == "__main__":
    main()
